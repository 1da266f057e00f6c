"""How the demo's page is laid out, in Chromium: what stands beside what, and as high as what."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from demo_screens import ACROSS, DESKTOP, MARKS, PHONE, TABLET, TABS, come_to_rest, drop

pytest_plugins = ["demo_pages"]
pytestmark = MARKS

SCREENS = {"desktop": DESKTOP, "tablet": TABLET, "phone": PHONE, "across": ACROSS}
HEIGHTS = """() => [...document.querySelectorAll(".vs-buttons, vs-webcam .buttons")].map((row) =>
    [...row.querySelectorAll("button")].filter((one) => one.getClientRects().length).map((one) => {
      const box = one.getBoundingClientRect(); return [box.top, box.height]; })).filter((row) => row.length > 1)"""
"""Top and height of each button that shows, by rows."""


@pytest.fixture(params=SCREENS)
def screen(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What the page is looked at with."""
    return SCREENS[request.param]


def test_buttons_beside_each_other_are_as_high(
    visit: Callable[..., Any], demo_material: Path, screen: dict[str, Any]
) -> None:
    page = visit("", screen)
    for tab in TABS:
        page.get_by_role("tab", name=tab).click()
        if tab == "Picture":
            drop(page, demo_material / "small.png")
            page.locator("#picture-paint:enabled").wait_for()
        come_to_rest(page)
        rows = page.evaluate(HEIGHTS)
        assert len(rows) == (tab != "By hand"), "there is a row of them, By hand only once there is a video"
        for row in rows:
            assert row == [row[0]] * len(row), tab


def test_the_form_to_train_a_style_is_as_wide_as_the_page(
    visit: Callable[..., Any], demo_material: Path, screen: dict[str, Any]
) -> None:
    page = visit("Styles", screen)
    page.locator("#panel-styles vs-drop[kind=picture] input").set_input_files(demo_material / "dots.png")
    page.wait_for_selector("#training-painting img[alt='dots.png']")
    come_to_rest(page)
    box = {
        name: page.locator(selector).bounding_box()
        for name, selector in {
            "page": "vs-cards",
            "drop": "#panel-styles vs-drop[kind=picture]",
            "painting": "#training-painting img",
            "minutes": "#training-minutes",
        }.items()
    }
    box |= {name: page.get_by_label(name, exact=True).bounding_box() for name in ("Title", "Artist")}
    right = {name: one["x"] + one["width"] for name, one in box.items()}
    assert box["drop"]["x"] == pytest.approx(box["page"]["x"], abs=5)
    assert right["Artist"] == pytest.approx(right["page"], abs=5)
    assert right["minutes"] == pytest.approx(right["Artist"], abs=5)
    assert box["Artist"]["y"] == box["Title"]["y"]
    assert box["Artist"]["width"] == pytest.approx(box["Title"]["width"], abs=1)
    assert 8 <= box["Artist"]["x"] - right["Title"] <= 24, "they do not touch"
    assert box["painting"]["width"] / box["painting"]["height"] == pytest.approx(96 / 80, rel=0.02)
    if screen in (DESKTOP, ACROSS):
        assert box["minutes"]["width"] == pytest.approx(box["drop"]["width"], abs=1), "two halves"
        assert box["minutes"]["x"] > right["drop"]
    else:
        assert box["minutes"]["width"] == pytest.approx(box["drop"]["width"], abs=1), "one below the other"
        assert box["minutes"]["x"] == pytest.approx(box["drop"]["x"], abs=1)


@pytest.mark.parametrize("height", [900, 800, 640])
def test_all_that_decides_can_be_reached_in_windows_of_any_height(
    visit: Callable[..., Any], demo_material: Path, height: int
) -> None:
    page = visit("Video", {"viewport": {"width": 1280, "height": height}})
    assert page.evaluate("document.documentElement.scrollHeight") <= max(height, 800), (
        "nothing is longer than it has to be"
    )
    drop(page, demo_material / "holiday.mp4")
    more = page.get_by_role("button", name="Fade into another style")
    for _ in range(3):
        more.click()
    come_to_rest(page)
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    come_to_rest(page)
    box = more.bounding_box()
    assert box["y"] + box["height"] <= height


def test_what_one_card_tells_does_not_push_the_buttons_of_others_down(visit: Callable[..., Any]) -> None:
    page = visit("Styles")
    cards = page.locator("vs-cards article")
    come_to_rest(page)
    before = cards.nth(1).get_by_role("button", name="Use").bounding_box()
    cards.nth(0).get_by_text("Measurements").click()
    come_to_rest(page)
    assert cards.nth(0).bounding_box()["height"] > cards.nth(1).bounding_box()["height"] + 50
    assert cards.nth(1).get_by_role("button", name="Use").bounding_box() == before
