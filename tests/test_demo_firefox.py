"""The page in Firefox, where what a browser does by itself may differ: every tab, a picture, the webcam, a phone."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import pytest
from demo_pages import Served
from firefox_driver import FIREFOX, PATIENCE, Firefox, firefox
from PIL import Image

pytest.importorskip("gradio", reason="gradio is not installed")

pytest_plugins = ["demo_pages"]
pytestmark = [
    pytest.mark.skipif(FIREFOX is None, reason="firefox is not installed (apt-get install firefox-esr)"),
    pytest.mark.slow,
    pytest.mark.usefixtures("few_steps"),
]
DESKTOP, PHONE = (1280, 800), (390, 844)
RIGHT = "\ue014"
"""The arrow key."""
HERE = "document.querySelectorAll('vs-picker button').length > 3"
COMPARED = "#panel-picture vs-compare"
PREVIEWED = f"document.querySelector('{COMPARED} img.after')?.naturalWidth"
BOX = f"""(() => {{ const it = document.querySelector('{COMPARED}').getBoundingClientRect();
    return [it.x, it.y, it.width, it.height]; }})()"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Firefox]:
    """Firefox."""
    with firefox() as opened:
        yield opened


@pytest.fixture
def page(browser: Firefox, served: Served) -> Iterator[Callable[..., Firefox]]:
    """Opens the page at an address, and takes care that no script has failed in it at the end."""

    def opened(at: str = "", size: tuple[int, int] = DESKTOP) -> Firefox:
        # From one address to another of the same page nothing would be loaded.
        browser.open("about:blank", size)
        browser.open(served.url() + at, size)
        browser.wait_for(HERE)
        return browser

    yield opened
    assert not browser.complaints


def arrived(folder: Path, suffix: str) -> Path:
    """A file that is downloaded, whole."""
    deadline = time.monotonic() + PATIENCE
    while not (found := [path for path in folder.glob(f"*{suffix}") if path.stat().st_size]) or any(
        folder.glob("*.part")
    ):
        assert time.monotonic() < deadline, f"no {suffix} has come"
        time.sleep(0.1)
    return found[0]


def test_a_link_opens_a_tab_and_keys_and_back_lead_to_others(page: Callable[..., Firefox]) -> None:
    here = page("#picture/great_wave")
    chosen = "document.querySelector('#panel-picture [aria-checked=true]')?.dataset.key"
    here.wait_for(f"{chosen} === 'great_wave'")
    for tab in ("video", "keys", "slow", "styles", "webcam"):
        here.click(f"#tab-{tab}")
        assert here.wait_for(f"document.querySelector('#panel-{tab}').getClientRects().length")
        assert here.value("[...document.querySelectorAll('.vs-panel')].filter((one) => one.clientHeight).length") == 1
    here.value("document.querySelector('#tab-webcam').focus()")
    here.press(RIGHT)
    here.wait_for("location.hash.startsWith('#video')")
    here.value("history.go(-6)")
    here.wait_for("location.hash === '#picture/great_wave'")
    here.wait_for("document.querySelector('#panel-picture').clientHeight")


def test_a_picture_is_compared_changed_painted_and_taken_home(
    page: Callable[..., Firefox], demo_material: Path
) -> None:
    here = page("#picture")
    here.choose_file("#panel-picture vs-drop[kind=picture] input", demo_material / "small.png")
    here.wait_for(PREVIEWED)
    x, y, width, height = here.value(BOX)
    here.drag((x + width / 2, y + height / 2), (x + width / 5, y + height / 2))
    split = here.value(f"document.querySelector('{COMPARED}').style.getPropertyValue('--split')")
    assert float(split.rstrip("%")) == pytest.approx(20, abs=3)
    shown = here.value(f"document.querySelector('{COMPARED} img.after').src")
    here.click("#panel-picture [data-key=the_scream]")
    here.wait_for(f"document.querySelector('{COMPARED} img.after')?.src !== '{shown}'")
    assert here.value(f"document.querySelector('{COMPARED}').childNodes.length") == 4
    here.click("#picture-paint:enabled")
    here.wait_for("document.querySelector('#picture-result .vs-download')")
    here.click("#picture-result .vs-download")
    painted = arrived(here.downloads, ".png")
    assert "The Scream" in painted.name
    with Image.open(painted) as picture:
        assert picture.size == (240, 160)


def test_the_webcam_is_painted_and_kept(page: Callable[..., Firefox]) -> None:
    here = page()
    here.value(
        "void (window.numbers = [], addEventListener('vs-shown', ({ detail }) => window.numbers.push(detail.number)))"
    )
    here.click("[data-do=start]")
    # Loops may have to be compiled for the first frame of all.
    here.wait_for("window.numbers.length > 5", 2 * PATIENCE)
    numbers = here.value("window.numbers")
    assert numbers == sorted(numbers)
    assert "fps" in here.value("document.querySelector('vs-webcam output').textContent")
    before = set(here.downloads.iterdir())
    here.click("[data-do=snapshot]")
    while not set(here.downloads.glob("vidstyle*.png")) - before:
        here.wait_for("window.numbers.length > 6")
    with Image.open(arrived(here.downloads, "[0-9].png")) as picture:
        assert picture.size == (640, 360)
    here.click("[data-do=record]")
    here.value("void (window.numbers = [])")
    here.wait_for("window.numbers.length > 8")
    here.click("[data-do=record]")
    with av.open(str(arrived(here.downloads, ".webm"))) as container:
        assert sum(1 for _ in container.decode(video=0)) > 2
    here.click("[data-do=start]")
    here.wait_for("document.querySelector('[data-do=snapshot]').disabled")


def test_nothing_is_wider_than_a_phone(page: Callable[..., Firefox]) -> None:
    here = page("", PHONE)
    for tab in ("webcam", "video", "picture", "keys", "slow", "styles"):
        here.click(f"#tab-{tab}")
        here.wait_for(f"document.querySelector('#panel-{tab}').getClientRects().length")
        assert here.value("document.documentElement.scrollWidth") <= PHONE[0], tab
