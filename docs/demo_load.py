"""The demo under load, for docs/demo-server.md: `python docs/demo_load.py [SECONDS] [WEBCAMS] [UPLOADS]`.

Webcams and visitors who have pictures and videos painted come at the same time, with others beside them who do what no
browser should: requests that never end, uploads that break off, websockets that are closed within a message.  Printed
are the frames a second of each webcam, what was answered, the server's memory, and the files that are left.

A fair share is what each webcam would get if all got the same: the mean of what they get, in each tenth of the time.
"""

import contextlib
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import cv2
import httpx
import numpy as np
from gradio_client import Client
from websockets.sync.client import connect

ROOT = Path(__file__).parents[1]
CLIP = ROOT / "examples" / "harbour.mp4"
IN_FLIGHT = 2
FRAME_SECONDS = 1 / 15
PARTS = 10
"""Of the time, each with figures of its own."""
LAST_SECONDS = 60
"""For what is still being painted when the time is over."""
STYLES = ("starry_night", "great_wave", "the_scream")


class Load:
    """What visitors do until it is over.

    Args:
        url: of the demo.
        frames: JPEG files.
        material: files to send, a video and a picture.
    """

    def __init__(self, url: str, frames: list[bytes], material: dict[str, bytes]) -> None:
        self.url, self._frames, self._material = url, frames, material
        self.over = threading.Event()
        self.shown: Counter[int] = Counter()
        self.answers: Counter[str] = Counter()
        self.port = int(url.rpartition(":")[2])

    @contextlib.contextmanager
    def _visit(self) -> Iterator[httpx.Client]:
        """A browser that has opened the page."""
        with httpx.Client(base_url=self.url, timeout=120) as browser:
            browser.get("/").raise_for_status()
            yield browser

    def webcam(self, number: int) -> None:
        """Sends frames, two on the way, as page/webcam.js does."""
        with self._visit() as browser, connect(self._socket("live"), additional_headers=cookie(browser)) as live:
            look = {"style": STYLES[number % len(STYLES)], "strength": 1, "keep_colors": False, "split": False}
            live.send(json.dumps(look))
            sent, waiting, due = 0, set[int](), time.monotonic()
            while not self.over.is_set():
                if len(waiting) < IN_FLIGHT and time.monotonic() >= due:
                    sent += 1
                    due = time.monotonic() + FRAME_SECONDS
                    waiting.add(sent)
                    live.send(struct.pack("<I", sent) + self._frames[sent % len(self._frames)])
                try:
                    answer = live.recv(timeout=0.01)
                except TimeoutError:
                    continue
                if isinstance(answer, str):
                    self.answers[f"webcam: {json.loads(answer)['error']}"] += 1
                    continue
                done = struct.unpack_from("<I", answer)[0]
                waiting = {one for one in waiting if one > done}
                self.shown[number] += 1

    def upload(self, number: int) -> None:
        """Has a picture or a short part of a video painted, again and again, and takes it home."""
        kind = "video" if number % 3 == 0 else "picture"
        with self._visit() as browser, connect(self._socket("here"), additional_headers=cookie(browser)):
            program = Client(self.url, headers=cookie(browser), verbose=False, httpx_kwargs={"timeout": 120})
            while not self.over.is_set():
                file = browser.put(
                    f"/vidstyle/upload/{kind}",
                    params={"name": "mine"},
                    content=self._material[kind],
                    headers={"origin": self.url},
                ).json()
                asked = [file["id"], STYLES[number % len(STYLES)], 1.0, False]
                more = [0.0, 0.5] if kind == "video" else []
                place = program.predict(*asked, *more, api_name="/restyle" if kind == "video" else "/picture")
                browser.get(place).raise_for_status()
                self.answers[f"{kind} painted"] += 1

    def slow(self, _: int) -> None:
        """A request that comes a byte at a time."""
        while not self.over.is_set():
            with socket.create_connection(("127.0.0.1", self.port)) as line:
                line.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
                while not self.over.wait(1):
                    try:
                        line.sendall(b"a")
                    except OSError:
                        self.answers["slow request ended by the server"] += 1
                        break

    def half(self, _: int) -> None:
        """Uploads that break off."""
        while not self.over.wait(0.5):
            with socket.create_connection(("127.0.0.1", self.port)) as line:
                line.sendall(
                    b"PUT /vidstyle/upload/video?name=half HTTP/1.1\r\nHost: localhost\r\n"
                    b"Content-Length: 900000\r\n\r\n" + self._material["video"][:300_000]
                )
            self.answers["uploads broken off"] += 1

    def torn(self, number: int) -> None:
        """Websockets that are closed after each possible part of a message."""
        with self._visit() as browser:
            message = (
                b"\x82\xfe" + struct.pack(">H", 4000) + b"\0\0\0\0" + struct.pack("<I", 1) + self._frames[0][:3996]
            )
            while not self.over.wait(0.2):
                number = (number * 7 + 3) % len(message)
                with socket.create_connection(("127.0.0.1", self.port)) as line:
                    line.sendall(
                        b"GET /vidstyle/live HTTP/1.1\r\nHost: localhost\r\n"
                        b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
                        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OTAxMjM0NQ==\r\n"
                        + f"Cookie: {cookie(browser)['Cookie']}\r\n\r\n".encode()
                    )
                    line.recv(500)
                    line.sendall(message[:number])
                self.answers["websockets torn"] += 1

    def _socket(self, name: str) -> str:
        return f"{self.url.replace('http', 'ws')}/vidstyle/{name}"

    def run(self, act: Callable[[int], None], number: int) -> threading.Thread:
        """Do one of these in a thread, and count what goes wrong."""

        def body() -> None:
            try:
                act(number)
            except Exception as error:
                self.answers[f"ERROR {act.__name__}: {type(error).__name__}: {str(error)[:150]}"] += 1

        thread = threading.Thread(target=body, daemon=True)
        thread.start()
        return thread


def cookie(browser: httpx.Client) -> dict[str, str]:
    """As a header."""
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in browser.cookies.items())}


def resident(process: int) -> float:
    """Megabytes."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def cpu_seconds(process: int) -> float:
    """That a process has taken so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def material() -> tuple[list[bytes], dict[str, bytes]]:
    """Frames of a camera, and what is uploaded."""
    with av.open(str(CLIP)) as container:
        pictures = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    frames = [cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes() for picture in pictures]
    large = cv2.resize(pictures[0], (1600, 900))
    return frames, {"video": CLIP.read_bytes(), "picture": cv2.imencode(".jpg", large)[1].tobytes()}


def written(figures: np.ndarray) -> str:
    """In a line."""
    return " ".join(f"{figure:.2f}" for figure in figures)


def main() -> None:
    """Measure and print."""
    given = [float(argument) for argument in sys.argv[1:]]
    seconds, webcams, uploads = [*given, *(300.0, 5.0, 15.0)[len(given) :]]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "vidstyle", "demo", "--port", "0", "--queue", str(int(uploads) + 1)]
        environment = {**os.environ, "TMPDIR": folder}
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as server:
            assert server.stderr is not None
            url = server.stderr.readline().split()[-1]
            said: list[str] = []
            threading.Thread(target=lambda: said.extend(server.stderr), daemon=True).start()  # type: ignore[arg-type]
            load = Load(url, *material())
            began, memory, shown = time.monotonic(), list[float](), [Counter[int]()]
            cores, own = cpu_seconds(server.pid), time.process_time()
            acts = [(load.webcam, webcams), (load.upload, uploads), (load.slow, 1), (load.half, 1), (load.torn, 1)]
            threads = [load.run(act, number) for act, count in acts for number in range(int(count))]
            for part in range(1, PARTS + 1):
                load.over.wait(max(0.0, began + seconds * part / PARTS - time.monotonic()))
                memory.append(resident(server.pid))
                shown.append(load.shown.copy())
            cores, own = cpu_seconds(server.pid) - cores, time.process_time() - own
            load.over.set()
            print(f"cores taken by the server {cores / seconds:.2f}, by all visitors together {own / seconds:.2f}")
            tell_rates(shown, int(webcams), seconds)
            parts = " ".join(f"{one:.0f}" for one in memory)
            print(f"resident memory, MB, in {len(memory)} parts of {seconds:.0f} s: {parts}", flush=True)
            latest = time.monotonic() + LAST_SECONDS
            for thread in threads:
                thread.join(max(0.0, latest - time.monotonic()))
            for words, count in sorted(load.answers.copy().items()):
                print(f"{count:6} {words}")
            print(f"resident memory afterwards {resident(server.pid):.0f} MB", flush=True)
            alive = httpx.get(url, timeout=20).status_code == 200
            server.terminate()
            server.wait(20)
        print(f"the server answered at the end: {alive}; it has said {len(said)} lines; {said[:3]}")
        print(f"files left: {sum(1 for path in Path(folder).rglob('*') if path.is_file())}")


def tell_rates(shown: list[Counter[int]], webcams: int, seconds: float) -> None:
    """Print the frames a second of each webcam, from what was shown of each by the end of each part."""
    # (parts, webcams)
    frames = np.array([[count[number] for number in range(webcams)] for count in shown])
    rates = np.diff(frames, axis=0) * PARTS / seconds
    print(f"webcams, frames a second: {written(frames[-1] / seconds)}; fair share {frames[-1].mean() / seconds:.2f}")
    print(f"the fair share in each part: {written(rates.mean(axis=1))}")
    lowest = (rates / np.maximum(rates.mean(axis=1, keepdims=True), 1e-9)).min(axis=1)
    print(f"the slowest webcam in each part, as a share of that: {written(lowest)}")


if __name__ == "__main__":
    main()
