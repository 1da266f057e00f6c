"""Take the pictures of docs/demo.md: `python docs/demo_pictures.py`.  The sample clip plays the camera."""

import subprocess
import sys
import tempfile
import threading
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

import av
import cv2
from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[1]
CLIP = ROOT / "examples" / "harbour.mp4"
PICTURES = ROOT / "docs" / "images"
CAMERA_FRAMES = 12
"""Few enough that what shows is far from what the camera sees only once it is painted."""
PATIENCE = 120_000
"""Milliseconds."""
SIDE = 960
"""Pixels of a picture, the longer side."""
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "device_scale_factor": 1.5}


ALL_HERE = """() => [...document.querySelectorAll("vs-picker img")].every((image) => {
    const place = image.getBoundingClientRect();
    return !place.width || place.left > innerWidth || place.top > innerHeight || image.complete; })"""
PAINTED = """() => { const webcam = document.querySelector("vs-webcam");
    const small = (picture) => { const pen = new OffscreenCanvas(64, 36).getContext("2d");
      pen.drawImage(picture, 0, 0, 64, 36); return pen.getImageData(0, 0, 64, 36).data; };
    const [filmed, shown] = [small(webcam.video), small(webcam.screen)];
    return filmed.reduce((sum, one, i) => sum + Math.abs(one - shown[i]), 0) / filmed.length > 18; }"""
"""Whether what shows is far from what the camera sees."""


def write_camera(path: Path) -> Path:
    """The beginning of the sample clip as Motion JPEG, which Chromium plays as a camera, again and again."""
    with av.open(str(CLIP)) as container, path.open("wb") as file:
        for frame in islice(container.decode(video=0), CAMERA_FRAMES):
            file.write(cv2.imencode(".jpg", frame.to_ndarray(format="bgr24"))[1].tobytes())
    return path


def take(page: Page, name: str, folder: Path, **options: Any) -> None:
    """A picture of the page in docs/images."""
    path = folder / "page.png"
    page.screenshot(path=path, **options)
    with Image.open(path) as picture:
        small = picture.convert("RGB")
        small.thumbnail((SIDE, SIDE))
        small.save(PICTURES / f"demo-{name}.jpg", quality=85, optimize=True)


def main() -> None:
    """Take all pictures."""
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        folder = Path(temporary)
        flags = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
        flags.append(f"--use-file-for-fake-video-capture={write_camera(folder / 'camera.mjpeg')}")
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=flags)
        command = [sys.executable, "-m", "vidstyle", "demo", "--port", "0"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server, ExitStack() as stack:
            assert server.stderr is not None
            url = server.stderr.readline().split()[-1]
            threading.Thread(target=server.stderr.read, daemon=True).start()
            stack.callback(server.terminate)
            for name, screen in (("webcam", DESKTOP), ("phone", PHONE), ("dark", DESKTOP | {"color_scheme": "dark"})):
                page = browser.new_context(**screen).new_page()
                page.set_default_timeout(PATIENCE)
                page.goto(url)
                page.wait_for_selector("vs-picker button")
                page.wait_for_timeout(2000)
                page.wait_for_function(ALL_HERE)
                page.click("[data-do=start]")
                page.wait_for_function(PAINTED)
                page.wait_for_timeout(2000)
                take(page, name, folder)
                page.close()
            page = browser.new_context(**DESKTOP).new_page()
            page.goto(url)
            page.get_by_role("tab", name="Video").click()
            page.get_by_role("button", name="a harbour").first.click()
            page.wait_for_selector("#video-preview vs-compare img.after")
            page.wait_for_timeout(2000)
            take(page, "video", folder)
            page.get_by_role("tab", name="Styles").click()
            page.wait_for_timeout(4000)
            take(page, "styles", folder)
        browser.close()


if __name__ == "__main__":
    main()
