"""The demo served, and Chromium to visit it with: fixtures for the tests of its page, as a plugin of pytest."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from demo_screens import CHROMIUM, DESKTOP
from helper_demo_camera import write_camera
from media_files import Sound, colorful_picture, make_video
from PIL import Image
from training_material import make_material
from web_runtime import find_runtime

PATIENCE = 60_000
"""Milliseconds; the machine may be busy."""


@pytest.fixture(scope="module")
def demo_material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a style can be made of, clips and pictures, and the camera."""
    folder = make_material(tmp_path_factory.mktemp("material"))
    pictures = [colorful_picture(n, 160, 96) for n in range(50)]
    make_video(folder / "holiday.mp4", pictures=pictures, times=tuple(range(50)), sounds=[Sound(seconds=2)])
    pictures = [colorful_picture(n, 96, 160) for n in range(10)]
    make_video(folder / "upright.mp4", pictures=pictures, times=tuple(range(10)))
    pictures = 60 * [colorful_picture(n, 640, 360) for n in range(10)]
    make_video(
        folder / "long.mp4", pictures=pictures, times=tuple(range(600)), options={"crf": "40", "preset": "ultrafast"}
    )
    (folder / "words.mp4").write_text("just some words\n" * 99)
    (folder / "words.jpg").write_text("just some words\n" * 99)
    (folder / "large.mp4").write_bytes(b"\0" * 3_000_000)
    Image.fromarray(colorful_picture(0, 240, 160)).save(folder / "small.png")
    Image.fromarray(colorful_picture(0, 2400, 1600)).save(folder / "large.png", compress_level=1)
    write_camera(folder / "camera.mjpeg")
    return folder


@pytest.fixture(scope="module")
def demo_url(demo_material: Path) -> Iterator[str]:
    """Where a demo is served."""
    command = [sys.executable, "-m", "vidstyle", "demo", "--port", "0", "--max-upload", "2", "--device", "cpu"]
    command += ["--photos", str(demo_material / "photos"), "--perceptual-weights", str(demo_material)]
    if (runtime := find_runtime()) is not None:
        command += ["--runtime", str(runtime)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        line = server.stderr.readline()
        threading.Thread(target=server.stderr.read, daemon=True).start()
        yield line.split()[-1]
        server.terminate()


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


@pytest.fixture
def visit(chromium: Any, demo_url: str) -> Iterator[Callable[..., Any]]:
    """Opens a tab of the page, and takes care that nothing went wrong in it at the end."""
    contexts, failures = [], []

    def opened(tab: str, screen: dict[str, Any] = DESKTOP, *, camera: bool = True, at: str = "", **more: Any) -> Any:
        context = chromium.new_context(**screen, **more, permissions=["camera"] if camera else [])
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.on("response", lambda answer: answer.status in {404, 500} and failures.append(answer.url))
        page.goto(demo_url + at)
        page.wait_for_selector("vs-picker button", state="attached")
        if tab:
            page.get_by_role("tab", name=tab).click()
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not failures
