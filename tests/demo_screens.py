"""How the tests of the demo's page look at it, and what they do to it."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
MARKS = [
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (apt-get install chromium)"),
    pytest.mark.slow,
    pytest.mark.usefixtures("few_steps"),
]
"""Of every test that visits the page."""
PATIENCE = 100_000
"""Milliseconds for what happens by itself; the machine may be busy."""
DESKTOP = {"viewport": {"width": 1280, "height": 800}}
TABLET = {"viewport": {"width": 768, "height": 1024}, "is_mobile": True, "has_touch": True}
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
ACROSS = {"viewport": {"width": 844, "height": 390}, "is_mobile": True, "has_touch": True}
"""A phone, held across."""
TABS = ("Webcam", "Video", "Picture", "By hand", "Slowly", "Styles")


def drop(page: Any, path: Path, zone: int = 0) -> None:
    """Drop a file on a zone of the panel that shows."""
    page.locator(".vs-panel:visible vs-drop input").nth(zone).set_input_files(path)


def set_number(page: Any, label: str, value: str) -> None:
    """Write a number into a control of the panel that shows."""
    box = page.locator(".vs-panel:visible").get_by_label(f"number input for {label}")
    box.fill(value)
    box.press("Enter")


IN_SIGHT = """selector => {
    const all = [...document.querySelectorAll(selector)].filter(e => e.getClientRects().length);
    if (!all.length) return false; const r = all[0].getBoundingClientRect();
    return r.width > 0 && r.height > 0 && r.top >= -1 && r.left >= -1 &&
      r.bottom <= innerHeight + 1 && r.right <= innerWidth + 1; }"""


def in_sight(page: Any, selector: str) -> bool:
    """Whether all of what is first with a selector, in the panel that shows, is within the window."""
    return bool(page.evaluate(IN_SIGHT, selector))


def come_into_sight(page: Any, selectors: Sequence[str]) -> None:
    """Wait until all of these are in sight at once; see `in_sight`."""
    page.wait_for_function(f"selectors => selectors.every({IN_SIGHT})", arg=list(selectors))


def come_to_rest(page: Any) -> None:
    """Wait until nothing has moved and no colour has changed for a while."""
    page.evaluate(
        """async () => {
        for (let still = 0, before = ""; still < 3;) {
          await new Promise((done) => setTimeout(() => requestAnimationFrame(done), 100));
          const changes = document.getAnimations().filter((one) => isFinite(one.effect.getComputedTiming().endTime));
          const boxes = [...document.querySelectorAll("main *")].map((one) => one.getBoundingClientRect());
          const now = JSON.stringify([changes.map((one) => one.playState), scrollY, boxes]);
          still = now === before && !now.includes("running") ? still + 1 : 0;
          before = now;
        } }"""
    )


def slid(side: Any, label: str) -> None:
    """Move a slider by a key, as it is let go of."""
    slider = side.get_by_role("slider", name=label)
    box = slider.bounding_box()
    slider.click(position={"x": 0.4 * box["width"], "y": box["height"] / 2})


def until_remembered(page: Any, tab: str, what: str) -> None:
    """Wait until the browser keeps these choices of a tab."""
    page.wait_for_function(
        f"""() => {{ const kept = JSON.parse(localStorage.getItem("vidstyle") ?? "{{}}").{tab}?.controls;
        return kept && Object.entries({{ {what} }}).every(([name, value]) => kept[name] === value); }}"""
    )
