"""Frames a second in Chromium, for docs/export.md: `python docs/web_figures.py PAGE`, a folder that an export has made.

Its first two styles are painted by WebAssembly at 320x180 and 640x360, on one thread and on all; then the server's own
webcam, with a camera that plays a clip.
"""

import functools
import http.server
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from helper_demo_camera import write_camera

FRAMES = 15
ISOLATED = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}


class Plain(http.server.SimpleHTTPRequestHandler):
    """Serves files, and says nothing."""

    def log_message(self, *_: object) -> None:
        pass


class Isolated(Plain):
    """The same with what threads need."""

    def end_headers(self) -> None:
        for name, value in ISOLATED.items():
            self.send_header(name, value)
        super().end_headers()


def main(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        camera = Path(place) / "camera.mjpeg"
        write_camera(camera)
        flags = ["--no-sandbox", "--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={camera}"]
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        for kind in (Plain, Isolated):
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(kind, directory=str(folder)))
            threading.Thread(target=server.serve_forever, daemon=True).start()
            page = browser.new_context(service_workers="block").new_page()
            page.goto(f"http://127.0.0.1:{server.server_port}/")
            page.wait_for_function("window.vidstyle")
            names = page.evaluate("[...document.querySelectorAll('#styles button')].map(b => b.dataset.name)")[:2]
            for name in names:
                for width, height in ((320, 180), (640, 360)):
                    done = page.evaluate(
                        "([name, w, h, n]) => vidstyle.measure(w, h, n, `models/${name}.onnx`)",
                        [name, width, height, FRAMES],
                    )
                    print(f"{name}, {width}x{height}, {done['threads']} threads: {done['fps']:.1f} fps", flush=True)
            page.close()
            server.shutdown()
        command = [sys.executable, "-m", "vidstyle", "demo", "--port", "0", "--device", "cpu"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as demo:
            assert demo.stderr is not None
            url = demo.stderr.readline().split()[-1]
            threading.Thread(target=demo.stderr.read, daemon=True).start()
            page = browser.new_context(permissions=["camera"]).new_page()
            page.goto(url)
            page.click("[data-do=start]")
            page.wait_for_timeout(25_000)
            print("the server's webcam:", page.inner_text("vs-webcam output"))
            demo.terminate()
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
