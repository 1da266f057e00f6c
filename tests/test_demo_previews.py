"""What the page shows beforehand, in Chromium: the latest that was asked for, at once, and only then in fine."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import numpy as np
import pytest
from demo_screens import MARKS, drop
from PIL import Image

pytest_plugins = ["demo_pages"]
pytestmark = MARKS

WATCH = """() => { window.looks = [];
    const look = () => { const shown = document.querySelector("#picture-preview vs-compare");
      const now = shown && { width: shown.getAttribute("width"), after: shown.getAttribute("after") };
      if (now && now.after !== window.looks.at(-1)?.after) window.looks.push(now); };
    new MutationObserver(look).observe(document.querySelector("#picture-preview"),
      { subtree: true, childList: true, attributes: true });
    look(); }"""
"""Notes what previews show."""


def seen(page: Any, look: dict[str, str]) -> np.ndarray:
    """The painting in a preview."""
    file = page.request.get(urljoin(page.url, look["after"])).body()
    return np.asarray(Image.open(io.BytesIO(file)), np.float32)


@pytest.fixture
def page(visit: Callable[..., Any], demo_material: Path) -> Any:
    """That of a picture whose fine preview is being painted, for as long as twenty steps take."""
    page = visit("Picture")
    page.evaluate(WATCH)
    drop(page, demo_material / "large.png")
    page.wait_for_function("window.looks.length >= 1")
    # What is done just when an event has ended may come to nothing, see paint_tab.py.
    page.wait_for_timeout(1000)
    page.locator(".vs-panel:visible").get_by_text("Fine", exact=True).click()
    page.wait_for_function("window.looks.length >= 2")
    return page


def choose(page: Any, style: str) -> None:
    page.locator(".vs-panel:visible vs-picker button", has_text=style).click()


def test_another_style_shows_at_once_while_a_fine_preview_is_painted(page: Any) -> None:
    choose(page, "The Scream")
    page.wait_for_function("window.looks.length >= 3")
    choose(page, "Under the Wave")
    page.wait_for_function("window.looks.length >= 5")
    first, second, third, fine = (seen(page, look) for look in page.evaluate("window.looks")[1:5])
    moved = [np.abs(later - sooner).mean() for sooner, later in ((first, second), (second, third), (third, fine))]
    assert moved[2] < 0.6 * min(moved[:2]), f"nothing more in the first two styles: {moved}"


def test_another_picture_shows_at_once_while_a_fine_preview_is_painted(page: Any, demo_material: Path) -> None:
    drop(page, demo_material / "small.png")
    page.wait_for_function("window.looks.length >= 4")
    page.wait_for_timeout(1000)
    assert [look["width"] for look in page.evaluate("window.looks")] == ["960", "960", "240", "240"]
