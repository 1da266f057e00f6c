"""Programs that talk to a running demo, and the page for the visitor's own device."""

import io
import json
import os
import runpy
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from media_files import colorful_picture, make_video, read_times
from PIL import Image
from waiting import PATIENCE
from web_runtime import make_package

pytest.importorskip("gradio", reason="gradio is not installed")
pytest.importorskip("gradio_client", reason="gradio_client is not installed")
pytestmark = pytest.mark.slow
EXAMPLES = Path(__file__).parents[1] / "examples"


def started(command: list[str], said: list[str] | None = None, **settings: object) -> Iterator[str]:
    """Where a server answers that a command starts; what it says later goes into a list."""
    said = [] if said is None else said
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **settings) as server:  # type: ignore[call-overload]
        assert server.stderr is not None
        for line in server.stderr:
            if line.startswith("vidstyle: http"):
                break
        threading.Thread(target=said.extend, args=(server.stderr,), daemon=True).start()
        yield line.split()[-1]
        server.terminate()


@pytest.fixture(scope="module")
def said() -> list[str]:
    """By the demo, after its address."""
    return []


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the demo keeps what is only for a while."""
    return tmp_path_factory.mktemp("kept")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, kept: Path, said: list[str]) -> Iterator[str]:
    """A demo that has what the page for the visitor's own device takes."""
    package = make_package(tmp_path_factory.mktemp("package") / "onnxruntime-web")
    command = [sys.executable, "-m", "vidstyle", "demo", "--port", "0", "--device", "cpu", "--runtime", str(package)]
    yield from started(command, said, env={**os.environ, "TMPDIR": str(kept)})


@pytest.fixture
def run_example(monkeypatch: pytest.MonkeyPatch) -> Callable[..., object]:
    """Run the example in this process, which has loaded what it takes; what it gives up with, if it does."""

    def run(*arguments: object) -> object:
        monkeypatch.setattr(sys, "argv", ["demo_client.py", *map(str, arguments)])
        try:
            runpy.run_path(str(EXAMPLES / "demo_client.py"), run_name="__main__")
        except SystemExit as end:
            return end.code
        return None

    return run


def test_the_example_paints_a_picture_and_a_video(url: str, run_example: Callable[..., object], tmp_path: Path) -> None:
    Image.fromarray(colorful_picture(0, 96, 64)).save(tmp_path / "in.png")
    command = [sys.executable, EXAMPLES / "demo_client.py", url, tmp_path / "in.png", tmp_path / "out.png"]
    done = subprocess.run(list(map(str, [*command, "great_wave"])), capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    painted = np.asarray(Image.open(tmp_path / "out.png").convert("RGB"))
    assert painted.shape == (64, 96, 3)
    assert np.abs(painted.astype(int) - colorful_picture(0, 96, 64)).mean() > 10
    clip = make_video(tmp_path / "in.mp4", pictures=[colorful_picture(n) for n in range(5)], times=range(5))
    assert run_example(url, clip, tmp_path / "out.mp4") is None
    assert len(read_times(tmp_path / "out.mp4")) == 5


def test_what_is_no_style_or_no_file_is_said(url: str, run_example: Callable[..., object], tmp_path: Path) -> None:
    Image.fromarray(colorful_picture()).save(tmp_path / "in.png")
    assert "there are" in str(run_example(url, tmp_path / "in.png", tmp_path / "out.png", "no_such_style"))
    (tmp_path / "words.png").write_text("just words")
    assert "not a picture" in str(run_example(url, tmp_path / "words.png", tmp_path / "out.png"))


def test_who_breaks_off_in_the_middle_of_anything_leaves_nothing_behind(url: str, kept: Path, said: list[str]) -> None:
    with urllib.request.urlopen(url, timeout=120) as answer:
        cookie = answer.headers["Set-Cookie"].partition(";")[0]
    asked = f"Host: {url.rpartition('/')[2]}\r\nOrigin: {url}\r\nCookie: {cookie}\r\n"
    look = json.dumps({"style": "the_scream", "strength": 1, "keep_colors": False, "split": False}).encode()
    picture = io.BytesIO()
    Image.fromarray(colorful_picture(0, 32, 32)).save(picture, "JPEG")
    frame = struct.pack("<I", 1) + picture.getvalue()
    upload = f"PUT /vidstyle/upload/picture?name=a HTTP/1.1\r\n{asked}Content-Length: {len(frame) - 4}\r\n\r\n"
    open_socket = (
        f"GET /vidstyle/live HTTP/1.1\r\n{asked}Upgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OTAxMjM0NQ==\r\n\r\n"
    )

    def broken_off(beginning: str, rest: bytes, *, answered: bool) -> None:
        """After every few bytes."""
        for length in range(0, len(rest), 1 + len(rest) // 25):
            with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), 60) as line:
                line.sendall(beginning.encode())
                if answered:
                    assert line.recv(1000).startswith(b"HTTP/1.1 101")
                line.sendall(rest[:length])

    broken_off("", open_socket.encode(), answered=False)
    broken_off(open_socket, masked(look, text=True), answered=True)
    broken_off(open_socket, masked(look, text=True) + masked(frame, text=False), answered=True)
    broken_off(upload, frame[4:], answered=False)
    with urllib.request.urlopen(f"{url}/vidstyle/styles", timeout=120) as answer:
        assert answer.status == 200
    deadline = time.monotonic() + 20
    while list(kept.rglob("*.upload")):
        assert time.monotonic() < deadline, "half an upload is left"
        time.sleep(0.1)
    # Libraries may say what they prepare.
    assert not [line for line in said if "Traceback" in line or "error" in line.lower()]


def masked(message: bytes, *, text: bool) -> bytes:
    """As a browser sends it (RFC 6455, section 5.2), with a mask that changes nothing."""
    length = struct.pack(">BH", 0xFE, len(message)) if len(message) > 125 else bytes([0x80 | len(message)])
    return (b"\x81" if text else b"\x82") + length + b"\0\0\0\0" + message


def test_the_page_for_ones_own_device_is_served_with_what_threads_need(url: str) -> None:
    with urllib.request.urlopen(f"{url}/vidstyle/device/", timeout=PATIENCE) as answer:
        assert answer.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert b"main.js" in answer.read()
    for path in ("../styles.json", "%2e%2e/%2e%2e/etc/passwd", "nothing"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{url}/vidstyle/device/{path}", timeout=PATIENCE)
        assert refused.value.code == 404
    with urllib.request.urlopen(f"{url}/config", timeout=PATIENCE) as answer:
        assert b"/vidstyle/device/" in answer.read()


def test_the_space_runs_in_a_folder_of_its_own(tmp_path: Path) -> None:
    space = Path(shutil.copytree(EXAMPLES / "space", tmp_path / "space"))
    environment = os.environ | {"GRADIO_SERVER_PORT": "0", "SPACE_HOST": "somebody-vidstyle.hf.space"}
    for url in started([sys.executable, "app.py"], cwd=space, env=environment):
        request = urllib.request.Request(
            url, headers={"Host": "somebody-vidstyle.hf.space", "X-Forwarded-Proto": "https"}
        )
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            # In the frame of their page, over https, the cookie must come back.
            assert "SameSite=None; Secure; Partitioned" in answer.headers["Set-Cookie"]
            assert "https://huggingface.co" in answer.headers["Content-Security-Policy"]
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(urllib.request.Request(url, headers={"Host": "evil.example"}), timeout=PATIENCE)
        assert refused.value.code == 421
