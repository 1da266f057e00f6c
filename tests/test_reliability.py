"""What happens to files, to runs that are ended, and to a demo in which everybody breaks off: see docs/reliability.md.

Seeded, so that what fails fails again; all on this machine.
"""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import Result, contents
from hostile_inputs import KINDS
from media_files import colorful_picture, make_video, read_times
from PIL import Image
from small_disks import file_system
from waiting import PATIENCE

from vidstyle.errors import InputError, lacks_memory

SEED = 23
ROUNDS = 3
"""That each visitor of the demo goes through all kinds of messages."""
TESTS = str(Path(__file__).parent)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits and signals are others there"),
]


# --- files


def test_of_a_hundred_hostile_files_each_is_painted_or_refused_in_a_line(tmp_path: Path) -> None:
    command = [sys.executable, f"{TESTS}/hostile_inputs.py", str(tmp_path), str(SEED * 1000), "10"]
    tried = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert tried.returncode == 0, tried.stderr[-1500:]
    codes = json.loads(tried.stdout)
    assert codes.keys() == set(KINDS)
    outcomes = []
    for kind, code in codes.items():
        lines = [json.loads(line) for line in (tmp_path / f"{kind}.json").read_text().splitlines()]
        assert code == 0, (kind, code, lines[-1:], tried.stderr[-1500:])
        outcomes += [line["outcome"] for line in lines if "outcome" in line]
    assert len(outcomes) == 10 * len(KINDS) >= 100
    assert any(outcome == "painted" for outcome in outcomes)
    assert any(outcome.startswith("refused") for outcome in outcomes)


MEMORY = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from media_files import repaint
from PIL import Image
from vidstyle import InputError
folder = Path(sys.argv[2])
Image.new("RGB", (64, 48)).save(folder / "small.png")
Image.new("RGB", (6000, 4000)).save(folder / "large.png")
repaint(folder / "small.png", folder / "warm.png")
taken = 1024 * int(Path("/proc/self/status").read_text().split("VmSize:")[1].split()[0])
resource.setrlimit(resource.RLIMIT_AS, 2 * (taken + int(sys.argv[3]) * 1_000_000,))
try:
    repaint(folder / "large.png", folder / "painted.png")
except InputError as error:
    print(error)
"""


def test_a_picture_for_which_there_is_no_memory_is_an_error_of_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, TESTS, str(tmp_path), "120"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    assert "not enough memory" in done.stdout
    assert not (tmp_path / "painted.png").exists()


@pytest.mark.parametrize(
    ("error", "lacks"),
    [
        (MemoryError(), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"), True),
        (cv2.error("(-4:Insufficient memory) Failed to allocate 100000000 bytes"), True),
        (cv2.error("(-215:Assertion failed) !empty()"), False),
        (RuntimeError("shapes do not match"), False),
        (InputError("not enough memory"), False),
    ],
)
def test_what_libraries_say_of_missing_memory_is_understood(error: Exception, lacks: bool) -> None:
    assert lacks_memory(error) == lacks


# --- kills

UNTIL_KILLED = """
import os, signal, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import torch
from media_files import repaint
from vidstyle import interruption
clip, out = Path(sys.argv[2]), Path(sys.argv[3])
for line in sys.stdin:
    # Everything is loaded, so each takes no longer than painting does.
    child = os.fork()
    if child == 0:
        code = 1
        try:
            interruption.catch_signals()
            def work(check):
                check()
                return repaint(clip, out, overwrite=True, on_progress=lambda *_: check())
            interruption.interruptible(work)
            code = 0
        except KeyboardInterrupt:
            code = interruption.exit_code()
        finally:
            os._exit(code)
    seconds, number = line.split()
    time.sleep(float(seconds))
    os.kill(child, int(number))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def test_twenty_runs_that_are_ended_at_any_moment_leave_the_old_file_or_a_whole_one(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    clip = make_video(
        tmp_path / "clip.mp4", pictures=[colorful_picture(n, 320, 180) for n in range(10)] * 6, times=range(60)
    )
    folder = tmp_path / "out"
    folder.mkdir()
    out = folder / "out.mp4"
    command = [sys.executable, "-c", UNTIL_KILLED, TESTS, str(clip), str(out)]
    pipe = subprocess.PIPE
    codes = []
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as runner:
        assert runner.stdin is not None
        assert runner.stdout is not None
        for number in range(20):
            kind = chance.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
            old = b"old" if number % 2 else out.read_bytes() if out.exists() else b"old"
            out.write_bytes(old)
            runner.stdin.write(f"{chance.uniform(0, 0.8)} {int(kind)}\n")
            runner.stdin.flush()
            codes.append(code := int(runner.stdout.readline()))
            assert code in {0, -signal.SIGKILL, 128 + kind, -kind}, (number, kind, code)
            assert out.read_bytes() == old or len(read_times(out)) == 60, (number, kind)
            visible = {name for name in contents(folder) if not name.startswith(".")}
            assert visible == {"out.mp4"}
            if kind != signal.SIGKILL and code >= 0:
                assert len([name for name in contents(folder) if name.startswith(".")]) <= 1
        runner.stdin.write("60 9\n")
        runner.stdin.close()
        deadline = time.monotonic() + PATIENCE
        while len(contents(folder)) > 1 or out.read_bytes() == b"old" or len(read_times(out)) < 60:
            assert time.monotonic() < deadline, contents(folder).keys()
            time.sleep(0.2)
        runner.kill()
    assert len(set(codes)) > 1
    assert list(contents(folder)) == ["out.mp4"], "the next run has tidied up after all of them"


# --- full disks


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with 48 KiB, of which some are taken."""
    with file_system(tmp_path / "full", 48) as folder:
        (folder / "kept.txt").write_bytes(b"\0" * 20_000)
        yield folder


def test_a_full_disk_is_a_line_and_leaves_nothing_whatever_is_written(
    run_cli: Callable[..., Result], full_disk: Path, style_file: Path, tmp_path: Path
) -> None:
    random.seed(SEED)
    noise = [Image.frombytes("RGB", (160, 96), random.randbytes(160 * 96 * 3)) for _ in range(12)]
    noise[0].save(tmp_path / "in.png")
    clip = make_video(tmp_path / "in.mp4", pictures=[np.asarray(image) for image in noise], times=range(12))
    before = contents(full_disk)
    for name, source in (("out.mp4", clip), ("out.mkv", clip), ("out.gif", clip), ("out.png", tmp_path / "in.png")):
        result = run_cli("restyle", source, full_disk / name, "--style", style_file, "--device", "cpu", "--strength", 0)
        assert (result.code, result.err.count("\n")) == (2, 1), (name, result)
        assert "No space left" in result.err or "no space left" in result.err
        assert contents(full_disk) == before
    result = run_cli("style-from", tmp_path / "in.png", full_disk / "out.safetensors")
    assert (result.code, result.err.count("\n")) == (2, 1), result
    assert contents(full_disk) == before


# --- the demo, and twenty who visit it


class Visit:
    """One browser without a window: asks again and again, and breaks off where it is told to."""

    def __init__(self, port: int, breaks_off: str | None) -> None:
        self.port, self.breaks_off = port, breaks_off
        self.answers: list[int] = []

    def request(self, method: str, path: str, body: bytes = b"", kind: str = "", headers: str = "") -> bytes:
        """Send a request; of the kind that is broken off, the first half."""
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: localhost:{self.port}\r\nConnection: close\r\n"
            f"Content-Length: {len(body)}\r\n{headers}\r\n"
        )
        whole = head.encode() + body
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as connection:
            if kind == self.breaks_off:
                connection.sendall(whole[: len(whole) * 2 // 3])
                # With a reset, not a goodbye.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                return b""
            connection.sendall(whole)
            answer = b""
            while part := connection.recv(1 << 16):
                answer += part
                if kind == f"answer to {self.breaks_off}":
                    return b""
            self.answers.append(int(answer.split(b" ", 2)[1]))
            return answer

    def webcam(self, frames: int, jpeg: bytes, page: bytes) -> None:
        """Send frames and take paintings; a broken-off one ends in the middle of a message.

        page: what was answered for it, which says as whom.
        """
        from websockets.sync.client import connect

        headers = {"Cookie": cookie_in(page)} if page else {}
        address = f"ws://localhost:{self.port}/vidstyle/live"
        with connect(address, open_timeout=PATIENCE, close_timeout=1, additional_headers=headers) as live:
            for number in range(frames):
                if self.breaks_off == "webcam":
                    live.socket.sendall(b"\x82\xfe\xff\xff\0\0\0\0" + jpeg[:100])
                    live.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    live.socket.close()
                    return
                live.send(number.to_bytes(4, "little") + jpeg)
                live.recv(timeout=PATIENCE)

    def go_round(self, jpeg: bytes) -> None:
        """All kinds of messages, ROUNDS times."""
        join = json.dumps({"data": [], "fn_index": 0, "session_hash": "a"}).encode()
        for _ in range(ROUNDS):
            page = self.request("GET", "/", kind="page")
            self.request("GET", "/vidstyle/page/main.js", kind="script")
            answer = self.request("PUT", "/vidstyle/upload/picture?name=a.jpg", jpeg, kind="upload")
            if self.breaks_off == "event":
                said = "Content-Type: application/json\r\n"
                self.request("POST", "/gradio_api/queue/join", join, kind="event", headers=said)
            self.request("GET", "/gradio_api/startup-events")
            if answer:
                cookie = cookie_in(answer)
                identity = json.loads(answer.rsplit(b"\r\n\r\n", 1)[1])["id"]
                self.request("GET", f"/vidstyle/file/{identity}", kind="file", headers=f"Cookie: {cookie}\r\n")
            if self.breaks_off is not None:
                self.webcam(2, jpeg, page)


def cookie_in(answer: bytes) -> str:
    """That an answer sets."""
    return answer.split(b"set-cookie: ", 1)[1].split(b";", 1)[0].decode()


MESSAGES = ("page", "script", "upload", "event", "file", "webcam", "answer to page", "answer to file")


def test_twenty_visitors_of_whom_many_break_off_in_every_kind_of_message(tmp_path: Path) -> None:
    pytest.importorskip("gradio", reason="the demo is not installed")
    Image.fromarray(colorful_picture(0, 320, 180)).save(tmp_path / "frame.jpg")
    jpeg = (tmp_path / "frame.jpg").read_bytes()
    command = [sys.executable, "-m", "vidstyle", "demo", "--port", "0", "--device", "cpu"]
    with (
        (tmp_path / "log").open("w+") as log,
        subprocess.Popen(command, stderr=log, stdout=log, env=os.environ | {"OMP_NUM_THREADS": "1"}) as server,
    ):
        try:
            deadline = time.monotonic() + PATIENCE
            while "http://" not in (said := (tmp_path / "log").read_text()):
                assert time.monotonic() < deadline
                assert server.poll() is None, said
                time.sleep(0.1)
            port = int(said.split()[-1].rpartition(":")[2])
            visits = [Visit(port, MESSAGES[n] if n < len(MESSAGES) else None) for n in range(20)]
            failures: list[BaseException] = []

            def visit(one: Visit) -> None:
                try:
                    one.go_round(jpeg)
                except BaseException as error:
                    failures.append(error)

            threads = [threading.Thread(target=visit, args=(one,)) for one in visits]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(PATIENCE)
            assert not any(thread.is_alive() for thread in threads)
            assert not failures
            assert all(set(one.answers) <= {200, 422, 503} for one in visits), [set(one.answers) for one in visits]
            assert all(one.answers.count(200) >= 3 * ROUNDS for one in visits if one.breaks_off is None)
            last = Visit(port, None)
            last.request("GET", "/")
            assert last.answers == [200]
            with (Path("/proc") / str(server.pid) / "status").open() as status:
                peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
            assert peak < 3_000_000, f"{peak} kB"
        finally:
            server.terminate()
            server.wait(PATIENCE)
        said = (tmp_path / "log").read_text()
        assert "Traceback" not in said, said[-3000:]
