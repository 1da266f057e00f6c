"""The demo's page as people use it: what stays in sight, what is remembered, what keys do, and what axe-core finds."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from demo_screens import (
    ACROSS,
    DESKTOP,
    MARKS,
    PHONE,
    TABS,
    come_into_sight,
    come_to_rest,
    drop,
    in_sight,
    set_number,
    slid,
    until_remembered,
)
from PIL import Image

pytest_plugins = ["demo_pages"]
pytestmark = MARKS

CHECKOUT = Path(__file__).parents[1]
AXE = Path(os.environ.get("VIDSTYLE_AXE") or CHECKOUT / "node_modules" / "axe-core") / "axe.js"
"""Where the npm package is, which tests do not fetch: `npm install` in a checkout puts it there."""


# --- the picture stays


@pytest.mark.parametrize(("tab", "file"), [("Video", "holiday.mp4"), ("Picture", "small.png")])
def test_the_preview_stays_whatever_is_changed(
    visit: Callable[..., Any], demo_material: Path, tab: str, file: str
) -> None:
    page = visit(tab)
    kind = tab.lower()
    drop(page, demo_material / file)
    after = page.locator(f"#{kind}-preview vs-compare img.after")
    after.wait_for()
    side = page.locator(f"#panel-{kind} .vs-side")

    def changes(act: Callable[[], object]) -> None:
        before = after.get_attribute("src")
        act()
        page.wait_for_function(
            "([of, before]) => { const seen = document.querySelector(of); "
            "return seen && seen.getAttribute('src') !== before && seen.complete && seen.naturalWidth > 0; }",
            arg=[f"#{kind}-preview vs-compare img.after", before],
        )
        for part in ("img.before", "img.after", "input"):
            assert page.locator(f"#{kind}-preview vs-compare {part}").count() == 1
        assert after.bounding_box()["height"] > 100

    page.locator(f"#{kind}-preview vs-compare input").fill("20")
    changes(lambda: side.get_by_role("radio", name="The Scream").click())
    changes(lambda: side.get_by_label("Second style", exact=True).select_option("great_wave"))
    changes(lambda: side.get_by_label("Share of the second style").fill("70"))
    changes(lambda: slid(side, "Strength"))
    changes(lambda: slid(side, "Stroke size"))
    changes(lambda: side.get_by_label("Keep the original colours").check())
    if kind == "video":
        changes(lambda: slid(side, "From"))
        slid(side, "To")
        # What comes later does not show in the first frame, and takes nothing away.
        side.get_by_role("button", name="Fade into another style").click()
        page.wait_for_timeout(500)
        assert page.locator(f"#{kind}-preview vs-compare img.after").bounding_box()["height"] > 100
    split = f"getComputedStyle(document.querySelector('#{kind}-preview vs-compare')).getPropertyValue('--split')"
    assert page.evaluate(split).strip() == "20%", "the line is where it was drawn to"
    drop(page, demo_material / "upright.mp4" if kind == "video" else demo_material / "large.png")
    page.wait_for_function(
        f"Number(document.querySelector('#{kind}-preview vs-compare').getAttribute('width')) !== "
        f"{160 if kind == 'video' else 240}"
    )


@pytest.mark.parametrize("screen", [DESKTOP, PHONE, ACROSS], ids=["desktop", "phone", "across"])
def test_stage_start_styles_and_controls_are_in_sight(visit: Callable[..., Any], screen: dict[str, Any]) -> None:
    page = visit("Webcam", screen)
    sights = ("vs-webcam .frame", "[data-do=start]", "#panel-webcam vs-picker button[aria-checked=true]")
    sliders = [f"#panel-webcam input[aria-label*='{name}']" for name in ("Strength", "Stroke size")]
    come_into_sight(page, [*sights, *sliders])
    come_to_rest(page)
    for selector in (*sights, *sliders):
        assert in_sight(page, selector), selector
    frame = page.locator("vs-webcam .frame").bounding_box()
    width, height = screen["viewport"]["width"], screen["viewport"]["height"]
    assert frame["width"] > 0.9 * width or frame["height"] > 0.55 * height, "the picture is as large as it can be"


def test_a_webcam_on_a_phone_held_across_shows_all_of_itself_and_what_stops_it(visit: Callable[..., Any]) -> None:
    page = visit("Webcam", ACROSS)
    page.click("[data-do=start]")
    page.wait_for_function("document.querySelector('vs-webcam output').textContent")
    sights = ["vs-webcam canvas", "vs-webcam output", "#panel-webcam vs-picker button[aria-checked=true]"]
    sights += [f"[data-do={name}]" for name in ("start", "snapshot", "record")]
    sights += [f"#panel-webcam input[aria-label*='{name}']" for name in ("Strength", "Stroke size")]
    come_into_sight(page, sights)
    assert page.inner_text("[data-do=start]") == "Stop"
    canvas = page.locator("vs-webcam canvas").bounding_box()
    assert canvas["width"] / canvas["height"] == pytest.approx(16 / 9, rel=0.02)
    assert page.evaluate("scrollY") == 0


@pytest.mark.parametrize(
    ("screen", "file"),
    [(DESKTOP, "holiday.mp4"), (DESKTOP, "upright.mp4"), (PHONE, "upright.mp4"), (ACROSS, "upright.mp4")],
)
def test_a_video_stays_in_sight_while_it_is_decided_how_to_paint_it(
    visit: Callable[..., Any], demo_material: Path, screen: dict[str, Any], file: str
) -> None:
    page = visit("Video", screen)
    drop(page, demo_material / file)
    page.wait_for_selector("#video-preview vs-compare img.after")
    page.locator("#video-paint:enabled").wait_for()
    stage = "#video-preview vs-compare"
    sliders = [f"#panel-video input[aria-label*='{name}']" for name in ("Strength", "Stroke size")]
    sights = (stage, "#video-paint", "#panel-video vs-picker button[aria-checked=true]", *sliders)
    come_into_sight(page, sights)
    come_to_rest(page)
    for selector in sights:
        assert in_sight(page, selector), selector
    before = page.evaluate("scrollY")
    page.locator("#panel-video").get_by_role("radio", name="The Scream").click()
    slid(page.locator("#panel-video"), "Strength")
    come_to_rest(page)
    assert page.evaluate("scrollY") == before
    assert in_sight(page, stage)
    if file == "holiday.mp4":
        return
    page.click("#video-paint")
    page.wait_for_selector("#video-result video")
    come_into_sight(page, ["#video-result video"])
    come_to_rest(page)
    assert in_sight(page, "#video-result video"), "what has been made is brought into sight"


def test_the_idle_picture_is_as_sharp_as_the_screen(visit: Callable[..., Any]) -> None:
    page = visit("Webcam")
    size = page.evaluate(
        """async () => { const image = new Image();
        image.src = getComputedStyle(document.querySelector('vs-webcam .invitation')).backgroundImage.split('"')[1];
        await image.decode(); return [image.naturalWidth, image.naturalHeight]; }"""
    )
    shown = page.locator("vs-webcam canvas").bounding_box()
    assert size[0] >= shown["width"]
    assert size[1] >= shown["height"]


# --- the first minute


def test_an_example_is_tried_by_one_click(visit: Callable[..., Any]) -> None:
    page = visit("Picture")
    page.get_by_role("button", name="a cat").click()
    page.wait_for_selector("#picture-preview vs-compare img.after")
    page.get_by_role("tab", name="Video").click()
    assert page.locator("#panel-video [data-example=harbour]").is_visible()


def test_any_picture_becomes_a_style_where_it_says_so(visit: Callable[..., Any], demo_material: Path) -> None:
    page = visit("Picture")
    zone = page.locator("#panel-picture vs-picker vs-drop")
    assert "Drop any picture: it becomes a style" in zone.inner_text()
    zone.locator("input").set_input_files(demo_material / "dots.png")
    page.locator("#panel-picture vs-picker button[aria-checked=true]", has_text="dots").wait_for()


def test_what_is_written_is_as_the_camera_sees_it(visit: Callable[..., Any], tmp_path: Path) -> None:
    page = visit("Webcam")
    set_number(page, "Strength", "0")
    assert page.get_by_label("Mirror").is_checked()
    page.click("[data-do=start]")
    page.wait_for_function("document.querySelector('vs-webcam output').textContent")
    transform = page.evaluate("getComputedStyle(document.querySelector('vs-webcam canvas')).transform")
    assert transform.startswith("matrix(-1")
    with page.expect_download() as snapshot:
        page.click("[data-do=snapshot]")
    snapshot.value.save_as(tmp_path / "snapshot.png")
    with Image.open(tmp_path / "snapshot.png") as picture:
        left = [sum(picture.getpixel((8, y))[:3]) for y in range(0, 360, 4)]
    # The bar code of the camera is at the left, black and white.
    assert all(level < 150 or level > 615 for level in left)
    assert min(left) < 150


def test_a_camera_is_chosen(visit: Callable[..., Any]) -> None:
    page = visit("Webcam")
    page.evaluate(
        """() => { const all = navigator.mediaDevices.enumerateDevices.bind(navigator.mediaDevices);
        navigator.mediaDevices.enumerateDevices = async () => [...(await all()).filter(d => d.kind === 'videoinput'),
          { kind: 'videoinput', deviceId: 'other', label: 'The other one' }];
        const get = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        navigator.mediaDevices.getUserMedia = (wanted) => {
          window.wanted = wanted.video;
          return get({ video: true });
        };
        }"""
    )
    page.click("[data-do=start]")
    page.wait_for_selector("vs-webcam select:visible")
    page.get_by_label("Camera", exact=True).select_option("other")
    page.wait_for_function("window.wanted.deviceId === 'other'")


# --- where one is, and what is remembered


def test_a_link_opens_a_tab_with_a_style_and_back_stays_on_the_site(visit: Callable[..., Any]) -> None:
    page = visit("", at="#picture/great_wave")
    chosen = page.locator(".vs-panel:visible vs-picker button[aria-checked=true]")
    chosen.get_by_text("Under the Wave off Kanagawa").wait_for()
    assert page.get_by_role("tab", selected=True).inner_text() == "Picture"
    page.get_by_role("tab", name="Styles").click()
    page.get_by_role("tab", name="Webcam").click()
    assert page.url.endswith("#webcam/starry_night")
    page.go_back()
    page.get_by_role("tab", name="Styles", selected=True).wait_for()
    page.go_back()
    page.get_by_role("tab", name="Picture", selected=True).wait_for()
    assert page.url.endswith("#picture/great_wave")


def test_settings_survive_a_reload(visit: Callable[..., Any]) -> None:
    page = visit("Picture")
    page.locator("#panel-picture").get_by_role("radio", name="The Scream").click()
    set_number(page, "Strength", "40")
    page.locator("#panel-picture").get_by_label("Keep the original colours").check()
    until_remembered(page, "picture", "strength: 40, keep_colors: true")
    page.reload()
    page.get_by_role("tab", name="Picture", selected=True).wait_for()
    page.locator("#panel-picture vs-picker button[aria-checked=true]", has_text="The Scream").wait_for()
    page.wait_for_function(
        "document.querySelector('#panel-picture input[aria-label=\"number input for Strength, %\"]').value === '40'"
    )
    assert page.locator("#panel-picture").get_by_label("Keep the original colours").is_checked()
    page.get_by_role("tab", name="Webcam").click()
    page.get_by_label("Mirror").uncheck()
    until_remembered(page, "webcam", "mirror: false")
    page.reload()
    page.wait_for_function("document.querySelector('vs-webcam')?.look?.mirror === false")


def test_a_style_of_the_gallery_is_used_where_one_was_painting(visit: Callable[..., Any]) -> None:
    page = visit("Picture")
    page.locator("#panel-picture").get_by_role("radio", name="The Scream").click()
    page.get_by_role("tab", name="Styles").click()
    card = page.locator("vs-cards article", has_text="Water Lilies")
    assert "public domain" in card.inner_text()
    assert "Parameters" not in card.inner_text()
    card.get_by_text("Measurements").click()
    assert "Parameters" in card.inner_text()
    assert "less is nearer" in card.inner_text(), "it is said what the figures are"
    card.get_by_role("button", name="Use").click()
    page.locator("#panel-picture vs-picker button[aria-checked=true]", has_text="Water Lilies").wait_for()
    assert page.url.endswith("#picture/water_lilies")


def test_of_a_style_that_nobody_has_measured_it_is_said_how_large_it_is(
    visit: Callable[..., Any], demo_material: Path
) -> None:
    page = visit("Styles")
    drop(page, demo_material / "dots.png")
    card = page.locator("vs-cards article", has_text="dots")
    card.get_by_text("Measurements").click()
    assert "How large it is." in card.inner_text()
    assert "less is nearer" not in card.inner_text()


def test_bringing_a_style_comes_first_on_a_phone(visit: Callable[..., Any]) -> None:
    page = visit("Styles", PHONE)
    assert in_sight(page, "#panel-styles vs-drop[kind=style]")


@pytest.mark.parametrize("screen", [PHONE, ACROSS], ids=["phone", "across"])
def test_what_a_style_was_made_of_stands_beside_what_it_paints(
    visit: Callable[..., Any], demo_material: Path, screen: dict[str, Any]
) -> None:
    page = visit("Styles", screen)
    drop(page, demo_material / "dots.png")
    card = page.locator("vs-cards article", has_text="dots")
    card.locator("img + img").wait_for()
    come_to_rest(page)
    boxes = [card.locator("img").nth(number).bounding_box() for number in (0, 1)]
    assert boxes[0]["width"] == pytest.approx(boxes[1]["width"], abs=1)
    assert boxes[0]["height"] == pytest.approx(boxes[1]["height"], abs=1)
    if screen is PHONE:
        assert boxes[0]["x"] == boxes[1]["x"], "one above the other"
        assert boxes[0]["width"] / boxes[0]["height"] == pytest.approx(3 / 2, rel=0.02)
    else:
        assert boxes[0]["y"] == boxes[1]["y"], "beside each other"
        together = page.locator("vs-cards .pictures").evaluate_all("all => all.map(one => one.clientHeight)")
        assert len(set(together)) == 1, "cards with one picture are as high as those with two"
        assert (boxes[0]["width"] + boxes[1]["width"]) / boxes[0]["height"] == pytest.approx(2, rel=0.03)


# --- what the page does besides


def test_two_styles_are_mixed_and_a_link_says_so(visit: Callable[..., Any], demo_material: Path) -> None:
    page = visit("", at="#picture/great_wave+the_scream:30")
    page.locator("#panel-picture vs-picker button[aria-checked=true]", has_text="Kanagawa").wait_for()
    assert page.locator("#panel-picture").get_by_label("Share of the second style").input_value() == "30"
    drop(page, demo_material / "small.png")
    page.locator("#picture-paint:enabled").click()
    with page.expect_download() as download:
        page.click("#picture-result .vs-download")
    assert "(70%)" in download.value.suggested_filename
    assert "(30%)" in download.value.suggested_filename


def test_a_video_changes_its_style(visit: Callable[..., Any], demo_material: Path) -> None:
    page = visit("Video")
    drop(page, demo_material / "holiday.mp4")
    page.locator("#video-paint:enabled").wait_for()
    page.get_by_role("button", name="Fade into another style").click()
    page.get_by_label("At this second").fill("0")
    page.get_by_label("At this second").press("Tab")
    page.get_by_label("Style at that second").select_option("the_scream")
    page.click("#video-paint")
    page.get_by_text("Each change of style has a time of its own").wait_for()
    page.get_by_label("At this second").fill("1")
    page.get_by_label("At this second").press("Tab")
    page.click("#video-paint")
    with page.expect_download() as download:
        page.click("#video-result .vs-download")
    assert download.value.suggested_filename == "holiday - The Starry Night, The Scream.mp4"


# --- words


@pytest.mark.parametrize(("tab", "file"), [("Video", "words.mp4"), ("Picture", "words.jpg"), ("Styles", "words.jpg")])
def test_what_cannot_be_read_is_said_in_words(
    visit: Callable[..., Any], demo_material: Path, tab: str, file: str
) -> None:
    page = visit(tab)
    drop(page, demo_material / file)
    message = page.locator(".vs-panel:visible vs-drop .vs-message:visible")
    message.wait_for()
    words = page.inner_text("body")
    for raw in ("Error", "cannot identify", "Traceback", "/tmp", "Errno", "None"):
        assert raw not in words


# --- keys, and people who see or move differently


def test_tabs_and_galleries_are_one_stop_each_and_arrows_move_within(visit: Callable[..., Any]) -> None:
    page = visit("Webcam")
    focus = "document.activeElement.getAttribute('role') + ' ' + document.activeElement.innerText.split('\\n')[0]"
    page.get_by_role("tab", name="Webcam").focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate(focus) == "tab Video"
    assert page.locator("#panel-video").is_visible()
    page.keyboard.press("End")
    assert page.evaluate(focus) == "tab Styles"
    page.keyboard.press("ArrowRight")
    assert page.evaluate(focus) == "tab Webcam"
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid", "one sees where one is"
    stops = []
    for _ in range(8):
        page.keyboard.press("Tab")
        stops.append(page.evaluate(focus))
    assert sum(stop.startswith("radio ") for stop in stops) == 1
    assert not any(stop.startswith("tab ") for stop in stops)
    page.locator("#panel-webcam vs-picker button[aria-checked=true]").focus()
    page.keyboard.press("Home")
    first = page.evaluate(focus)
    page.keyboard.press("ArrowDown")
    assert page.evaluate(focus) != first
    assert page.evaluate("document.activeElement.getAttribute('aria-checked')") == "true"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_as_the_system_has_it(visit: Callable[..., Any], scheme: str) -> None:
    page = visit("Webcam", scheme=scheme)
    red, green, blue = (int(part) for part in page.evaluate(BACKGROUND).split("(")[1].split(")")[0].split(",")[:3])
    assert (red + green + blue > 600) == (scheme == "light")


BACKGROUND = "getComputedStyle(document.body).backgroundColor"


LOOK = "axe.run({ resultTypes: ['violations'] }).then(result => result.violations)"


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not here (npm install)")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", [DESKTOP, PHONE, ACROSS], ids=["desktop", "phone", "across"])
def test_axe_finds_nothing_serious(
    visit: Callable[..., Any], demo_material: Path, screen: dict[str, Any], scheme: str
) -> None:
    page = visit("Webcam", screen, scheme=scheme)
    page.add_script_tag(content=AXE.read_text())
    found = []
    for tab in TABS:
        page.get_by_role("tab", name=tab).click()
        if tab == "Picture":
            drop(page, demo_material / "small.png")
            page.locator("#picture-paint:enabled").wait_for()
        if tab == "Video":
            drop(page, demo_material / "words.mp4")
            page.wait_for_selector("#panel-video vs-drop .vs-message:visible")
        come_to_rest(page)
        for violation in page.evaluate(LOOK):
            if violation["impact"] in {"serious", "critical"}:
                nodes = [(node["html"][:120], node["failureSummary"][:200]) for node in violation["nodes"][:3]]
                found.append((tab, violation["id"], nodes))
    assert not found
    page.evaluate(
        "document.body.insertAdjacentHTML('afterbegin', '<p style=\"color: #999; background: #bbb\">faint</p>')"
    )
    assert "color-contrast" in {violation["id"] for violation in page.evaluate(LOOK)}, "it would have found something"
