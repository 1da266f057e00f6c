"""Frames a second and delay of the webcam, in Chromium: `python docs/demo_figures.py [SECONDS]`.

The websocket of the demo, one browser and two; and Gradio's own streaming image around the same painter.
"""

import statistics
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from helper_demo_camera import PROBE, WATCH_WEBCAM, write_camera

WARM_UP = 5.0


def figures(page: Page, seconds: float) -> str:
    """What the page has shown from now on, in words; the first and the last tenth tell whether delay grows."""
    page.evaluate("window.shown.length = 0")
    page.wait_for_timeout(1000 * seconds)
    return described(page.evaluate("window.shown"))


def described(shown: list[dict[str, float]]) -> str:
    """Of frames with time and delay in milliseconds."""
    if len(shown) < 2:
        return "nothing shown"
    delays = [frame["delay"] for frame in shown]
    tenth = max(1, len(delays) // 10)
    fps = 1000 * (len(shown) - 1) / (shown[-1]["time"] - shown[0]["time"])
    first, last = statistics.median(delays[:tenth]), statistics.median(delays[-tenth:])
    return f"{fps:.1f} fps, median {statistics.median(delays):.0f} ms, at first {first:.0f}, at last {last:.0f} ms"


def start_webcam(page: Page, url: str) -> None:
    """Start the camera of the demo with the bar code left as it is."""
    page.goto(url)
    page.wait_for_selector("vs-picker button")
    page.wait_for_timeout(1000)
    page.get_by_label("Mirror").uncheck()
    page.get_by_label("Split").check()
    page.click("[data-do=start]")
    page.wait_for_function("document.querySelector('vs-webcam output').textContent", timeout=60000)
    page.evaluate(WATCH_WEBCAM)


def serve_streaming(port: int) -> Any:
    """Gradio's streaming image around the painter of the demo."""
    import gradio as gr

    from vidstyle import Painter

    painter = Painter("starry_night", engine="torch")

    def paint(pixels: Any) -> Any:
        painted = painter(pixels)
        painted[:, : pixels.shape[1] // 2] = pixels[:, : pixels.shape[1] // 2]
        return painted

    with gr.Blocks(analytics_enabled=False) as page:
        constraints = {"video": {"width": 640, "height": 360}}
        camera = gr.Image(sources=["webcam"], streaming=True, webcam_options=gr.WebcamOptions(False, constraints))
        screen = gr.Image(streaming=True, format="jpeg", elem_id="screen")
        camera.stream(paint, camera, screen, stream_every=0.03, time_limit=600, concurrency_limit=4)
    page.launch(server_port=port, prevent_thread_lock=True, quiet=True, ssr_mode=False)
    return page


WATCH_STREAMING = f"""
() => {{
  const screen = document.querySelector("#screen img");
  ({PROBE})(document.querySelector("video"), screen, (call) => screen.addEventListener("load", call));
}}
"""


def main() -> None:
    """Measure and print."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        camera = Path(folder) / "camera.mjpeg"
        write_camera(camera)
        flags = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=[*flags, f"--use-file-for-fake-video-capture={camera}"]
        )
        command = [sys.executable, "-m", "vidstyle", "demo", "--port", "0"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
            assert server.stderr is not None
            url = server.stderr.readline().split()[-1]
            threading.Thread(target=server.stderr.read, daemon=True).start()
            one, other = (browser.new_context().new_page() for _ in range(2))
            start_webcam(one, url)
            one.wait_for_timeout(1000 * WARM_UP)
            print("websocket, one browser: ", figures(one, seconds), flush=True)
            start_webcam(other, url)
            other.evaluate("window.shown.length = 0")
            print("websocket, two, first:  ", figures(one, seconds / 2), flush=True)
            print("websocket, two, second: ", described(other.evaluate("window.shown")), flush=True)
            one.close()
            other.close()
            server.terminate()
        streaming = serve_streaming(7899)
        page = browser.new_page()
        page.goto("http://127.0.0.1:7899")
        page.get_by_text("Click to Access Webcam").click()
        page.wait_for_timeout(2000)
        page.get_by_role("button", name="capture photo").click()
        page.wait_for_selector("#screen img", timeout=60000)
        page.evaluate(WATCH_STREAMING)
        page.wait_for_timeout(1000 * WARM_UP)
        print("Gradio's streaming image:", figures(page, seconds), flush=True)
        streaming.close()
        browser.close()


if __name__ == "__main__":
    main()
