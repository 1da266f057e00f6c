"""The demo served, and Chromium to visit it with: fixtures for the tests of its page, as a plugin of pytest."""

import contextlib
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import FAILED
from demo_screens import CHROMIUM, DESKTOP, PATIENCE
from helper_demo_camera import write_camera
from media_files import Sound, colorful_picture, make_video
from PIL import Image
from training_material import make_material
from web_runtime import find_runtime


@pytest.fixture(scope="module")
def demo_material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a style can be made of, clips and pictures, and the camera."""
    folder = make_material(tmp_path_factory.mktemp("material"))
    pictures = [colorful_picture(n, 160, 96) for n in range(50)]
    make_video(folder / "holiday.mp4", pictures=pictures, times=tuple(range(50)), sounds=[Sound(seconds=2)])
    pictures = [colorful_picture(n, 96, 160) for n in range(10)]
    make_video(folder / "upright.mp4", pictures=pictures, times=tuple(range(10)))
    (folder / "words.mp4").write_text("just some words\n" * 99)
    (folder / "words.jpg").write_text("just some words\n" * 99)
    (folder / "large.mp4").write_bytes(b"\0" * 3_000_000)
    Image.fromarray(colorful_picture(0, 240, 160)).save(folder / "small.png")
    Image.fromarray(colorful_picture(0, 2400, 1600)).save(folder / "large.png", compress_level=1)
    write_camera(folder / "camera.mjpeg")
    return folder


class Served:
    """A demo in a process of its own; another one after that has ended."""

    def __init__(self, command: list[str]) -> None:
        self._command, self._url = command, ""
        self._process: subprocess.Popen[str] | None = None

    def url(self) -> str:
        """Where it answers."""
        if self._process is None or self.has_ended():
            self._process = subprocess.Popen(self._command, stderr=subprocess.PIPE, text=True)
            assert self._process.stderr is not None
            self._url = self._process.stderr.readline().split()[-1]
            threading.Thread(target=self._process.stderr.read, daemon=True).start()
        return self._url

    def has_ended(self) -> bool:
        """Whether it does not answer any more, though nobody has ended it."""
        return self._process is not None and self._process.poll() is not None

    def close(self) -> None:
        """End it."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


@pytest.fixture(scope="module")
def served(demo_material: Path) -> Iterator[Served]:
    """The demo that the tests of a module visit."""
    command = [sys.executable, "-m", "vidstyle", "demo", "--port", "0", "--max-upload", "2", "--device", "cpu"]
    command += ["--photos", str(demo_material / "photos"), "--perceptual-weights", str(demo_material)]
    if (runtime := find_runtime()) is not None:
        command += ["--runtime", str(runtime)]
    with contextlib.closing(Served(command)) as demo:
        yield demo


@pytest.fixture(scope="module")
def chromium(demo_material: Path) -> Iterator[Any]:
    """A browser with a camera."""
    playwright_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    pytest.importorskip("gradio", reason="gradio is not installed")
    flags = [
        "--no-sandbox",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={demo_material / 'camera.mjpeg'}",
    ]
    with playwright_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def profiles(chromium: Any) -> Iterator[Callable[..., Any]]:
    """Gives a profile of the browser for each kind of screen: one that has been here before loads in half the time."""
    made: dict[str, Any] = {}

    def profile(**options: Any) -> Any:
        if str(options) not in made:
            made[str(options)] = chromium.new_context(**options)
            made[str(options)].set_default_timeout(PATIENCE)
        return made[str(options)]

    yield profile
    for context in made.values():
        context.close()


@pytest.fixture
def visit(request: pytest.FixtureRequest, profiles: Callable[..., Any], served: Served) -> Iterator[Callable[..., Any]]:
    """Opens a tab of the page, once in a test, for a visitor who is new to it; takes care that nothing went wrong in it
    at the end."""
    contexts, failures = [], []

    def opened(
        tab: str, screen: dict[str, Any] = DESKTOP, *, camera: bool = True, at: str = "", scheme: str = "light"
    ) -> Any:
        context = profiles(**screen, permissions=["camera"] if camera else [])
        contexts.append(context)
        page = context.new_page()
        # Nobody knows them: no cookie, nothing remembered.  Only what is the same for everybody is in the cache.
        url = served.url()
        forget = {"origin": url, "storageTypes": "all"}
        context.clear_cookies()
        context.new_cdp_session(page).send("Storage.clearDataForOrigin", forget)
        page.emulate_media(color_scheme=scheme)
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.on("response", lambda answer: answer.status in {404, 500} and failures.append(answer.url))
        page.goto(url + at)
        page.wait_for_selector("vs-picker button", state="attached")
        if tab:
            page.get_by_role("tab", name=tab).click()
        return page

    yield opened
    ended = served.has_ended()
    if request.node.stash.get(FAILED, False):
        served.close()
    for context in contexts:
        for page in context.pages:
            page.close()
    assert not failures
    assert not ended, "the demo has gone"
