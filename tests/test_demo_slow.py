"""The tab that paints by optimisation, in Chromium: what was dropped is seen, and so is what comes of it."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import numpy as np
import pytest
from demo_screens import ACROSS, DESKTOP, MARKS, PHONE, TABLET, come_to_rest, drop, set_number
from PIL import Image

from vidstyle.demo.slow_tab import STYLE_EXAMPLES

pytest_plugins = ["demo_pages"]
pytestmark = MARKS

LOADED = "of => { const seen = document.querySelector(of); return seen?.complete && seen.naturalWidth > 0; }"


def picture_at(page: Any, address: str) -> np.ndarray:
    """RGB (H, W, 3) of a picture that shows."""
    file = page.request.get(urljoin(page.url, address)).body()
    return np.asarray(Image.open(io.BytesIO(file)).convert("RGB"), np.float32)


def difference(page: Any, selector: str, attribute: str, file: Path) -> float:
    """Mean over the pixels of what an element shows and a file of the same size; the element is waited for."""
    page.wait_for_selector(selector)
    with Image.open(file) as picture:
        return float(np.abs(picture_at(page, page.get_attribute(selector, attribute)) - picture.convert("RGB")).mean())


def test_what_was_dropped_shows_as_pictures(visit: Callable[..., Any], demo_material: Path) -> None:
    page = visit("Slowly")
    assert page.locator("#panel-slow img.before").count() == 0
    drop(page, demo_material / "small.png")
    assert difference(page, "#slow-result img.before", "src", demo_material / "small.png") < 6
    drop(page, demo_material / "dots.png", 1)
    assert difference(page, "#slow-style img.before", "src", demo_material / "dots.png") < 6
    page.wait_for_function(LOADED, arg="#slow-style img")
    stage, style = (page.locator(f"#slow-{name} img").bounding_box() for name in ("result", "style"))
    assert stage["width"] / stage["height"] == pytest.approx(240 / 160, rel=0.02)
    assert style["width"] / style["height"] == pytest.approx(96 / 80, rel=0.02)
    drop(page, demo_material / "large.png")
    page.wait_for_function("document.querySelector('#slow-result img').getAttribute('alt') === 'large.png'")
    assert picture_at(page, page.get_attribute("#slow-result img", "src")).shape == (640, 960, 3), (
        "no larger than shown"
    )


def test_of_two_that_are_dropped_at_once_the_last_one_shows(visit: Callable[..., Any], demo_material: Path) -> None:
    page = visit("Slowly")
    drop(page, demo_material / "large.png")
    page.locator("#panel-slow vs-drop.full").wait_for()
    drop(page, demo_material / "small.png")
    page.wait_for_selector("#slow-result img[alt='small.png']")
    page.wait_for_timeout(1000)
    assert page.locator("#slow-result img[alt='small.png']").count() == 1


@pytest.mark.parametrize("screen", [DESKTOP, TABLET, PHONE, ACROSS], ids=["desktop", "tablet", "phone", "across"])
def test_all_pictures_fit_in_the_window_by_themselves(
    visit: Callable[..., Any], demo_material: Path, screen: dict[str, Any]
) -> None:
    page = visit("Slowly", screen)
    drop(page, demo_material / "small.png")
    drop(page, demo_material / "dots.png", 1)
    for name in ("result", "style"):
        page.wait_for_function(LOADED, arg=f"#slow-{name} img")
    come_to_rest(page)
    for name in ("result", "style"):
        box = page.locator(f"#slow-{name} img").bounding_box()
        assert 40 < box["height"] < screen["viewport"]["height"], name
        assert 0 <= box["x"] <= screen["viewport"]["width"] - box["width"], name


def test_pictures_to_paint_like_are_chosen_from_a_gallery_that_stays(
    visit: Callable[..., Any], demo_material: Path
) -> None:
    page = visit("Slowly")
    gallery = page.locator("#panel-slow vs-drop[gallery] [data-example]")
    assert gallery.all_inner_texts() == [words for _, words in STYLE_EXAMPLES]

    def chosen() -> list[str]:
        return [one.inner_text() for one in gallery.all() if one.get_attribute("aria-pressed") == "true"]

    assert chosen() == []
    gallery.get_by_text("stars").click()
    page.wait_for_selector("#slow-style img[alt='deep_field.jpg']")
    assert chosen() == ["stars"]
    gallery.get_by_text("a woodcut").click()
    page.wait_for_selector("#slow-style img[alt='great_wave.jpg']")
    assert chosen() == ["a woodcut"]
    drop(page, demo_material / "dots.png", 1)
    page.wait_for_selector("#slow-style img[alt='dots.png']")
    assert chosen() == []
    assert all(one.is_visible() for one in gallery.all())


def test_a_picture_is_painted_stroke_by_stroke_while_one_looks_on(
    visit: Callable[..., Any], demo_material: Path, tmp_path: Path
) -> None:
    page = visit("Slowly")
    assert page.is_disabled("#slow-paint")
    drop(page, demo_material / "small.png")
    page.wait_for_selector("#slow-result img.before")
    assert page.is_disabled("#slow-paint"), "nothing to paint like"
    drop(page, demo_material / "dots.png", 1)
    set_number(page, "Size", "192")
    page.locator("#slow-paint:enabled").click()
    # One looks on beside the picture as it was.
    assert difference(page, "#slow-result vs-compare", "before", demo_material / "small.png") < 6
    first = page.get_attribute("#slow-result vs-compare", "after")
    page.wait_for_function(
        "first => document.querySelector('#slow-result vs-compare')?.getAttribute('after') !== first", arg=first
    )
    assert "step" in page.inner_text("#slow-progress")
    page.click("#slow-enough")
    with page.expect_download() as download:
        page.click("#slow-result .vs-download")
    download.value.save_as(tmp_path / "painted.png")
    with Image.open(tmp_path / "painted.png") as picture:
        assert max(picture.size) == 192
    page.click("#slow-paint")
    page.locator("#slow-cancel:enabled").click()
    page.locator("#slow-progress", has_text="Cancelled.").wait_for()
    page.locator("#slow-paint:enabled").wait_for()
    page.wait_for_selector("#slow-result vs-compare:not([after])")
    assert page.locator("#slow-result vs-compare > *").count() == 1, "the picture as it was is there again"
