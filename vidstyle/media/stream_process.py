"""A connection in a process of its own.

PyAV holds Python's lock while FFmpeg connects to a server, and lets it wait without end for one that takes nothing any
more: window, recording and all else would stand still meanwhile.  Another process can be waited for, and ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import struct
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import av
import numpy as np

import vidstyle
from vidstyle.errors import InputError, VidstyleError, parameter, reason
from vidstyle.media.containers import MICROSECOND
from vidstyle.media.frame import Color, Frame
from vidstyle.media.sounds import CHANNELS, LiveSound, SoundQueue
from vidstyle.media.stream_connections import CONNECT_SECONDS, StreamConnection, StreamTarget

PROGRAM = "import sys; sys.path.append(sys.argv[1]); from vidstyle.media.stream_process import main; main()"
RECORD = struct.Struct("<cdI")
"""What comes before the bytes of a frame or a piece of sound: its kind, its time in seconds, and how many they are."""
PLANES, RGB, SOUND = b"p", b"r", b"s"
STALL_SECONDS = 5.0
"""For which nothing may go through before the other side counts as gone."""
LOOK_SECONDS = 0.25
GOODBYE_SECONDS = 1.0
"""For what is still under way at the end."""


class StreamProcess:
    """A StreamConnection in a process of its own.

    Raises:
        InputError: if nobody answers there within CONNECT_SECONDS.
    """

    def __init__(self, target: StreamTarget) -> None:
        # Not from the folder that one happens to be in: Python would look for modules there.
        command = [sys.executable, "-P", "-c", PROGRAM, str(Path(vidstyle.__file__).parent.parent)]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)
        self._said: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._busy_since: float | None = None
        self._sound: SoundQueue | None = None
        size = [target.width, target.height]
        asked = {"url": target.url, "size": size, "rate": target.rate, "sound": target.sound is not None}
        asked["color"] = None if target.color is None else asdict(target.color)
        threading.Thread(target=self._listen, name="vidstyle-stream-answers", daemon=True).start()
        try:
            self._put(json.dumps(asked).encode() + b"\n")
            answer = self._said.get(timeout=CONNECT_SECONDS)
        except (OSError, queue.Empty):
            answer = {"error": f"no answer within {CONNECT_SECONDS:g} s"}
        if answer != {}:
            self._end()
            why = (answer or {}).get("error", "the process that streams has ended")
            raise InputError(f"{parameter('to', target.url)}: cannot stream there ({why})")
        if target.sound is not None:
            self._sound = target.sound.listen()
        threading.Thread(target=self._watch, name="vidstyle-stream-watch", daemon=True).start()

    def write(self, frame: Frame) -> None:
        """Send one frame, and the sound that was heard until now.

        Raises:
            OSError: when the other side has gone, or takes nothing any more.
        """
        while self._sound is not None and self._sound.chunks:
            began, samples = self._sound.chunks.popleft()
            self._send(SOUND, began, samples.astype(np.float32))
        self._send(PLANES if frame.pixels.ndim == 2 else RGB, frame.time, frame.pixels)

    def close(self) -> None:
        """Say goodbye, if anyone still listens."""
        with contextlib.suppress(OSError):
            assert self._process.stdin is not None
            self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(GOODBYE_SECONDS)
        self._end()

    def _send(self, kind: bytes, at: float, values: np.ndarray) -> None:
        data = np.ascontiguousarray(values)
        try:
            self._put(RECORD.pack(kind, at, data.nbytes))
            self._put(data.data.cast("B"))
        except (OSError, ValueError) as error:
            said = None
            with contextlib.suppress(queue.Empty):
                said = self._said.get(timeout=LOOK_SECONDS)
            raise OSError((said or {}).get("error") or reason(error)) from error

    def _put(self, data: bytes | memoryview) -> None:
        """Write to the process, which is ended should it not read."""
        assert self._process.stdin is not None
        self._busy_since = time.monotonic()
        try:
            self._process.stdin.write(data)
            self._process.stdin.flush()
        finally:
            self._busy_since = None

    def _watch(self) -> None:
        while self._process.poll() is None:
            since = self._busy_since
            if since is not None and time.monotonic() - since > STALL_SECONDS:
                self._said.put({"error": f"takes nothing for {STALL_SECONDS:g} s"})
                self._process.kill()
            time.sleep(LOOK_SECONDS)

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with contextlib.suppress(ValueError, OSError):
            for line in self._process.stdout:
                self._said.put(json.loads(line))
        self._said.put(None)

    def _end(self) -> None:
        if self._sound is not None:
            self._sound.close()
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError, ValueError):
                if stream is not None:
                    stream.close()


def main() -> None:
    """Stream what comes on standard input until that ends."""
    # Ctrl-C is for whoever started this, who then ends what comes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    source, answers = sys.stdin.buffer, os.dup(1)
    # Whatever a library may print belongs elsewhere.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    asked = json.loads(source.readline())

    def answer(said: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):
            os.write(answers, json.dumps(said).encode() + b"\n")

    sound = LiveSound() if asked["sound"] else None
    color = None if asked["color"] is None else Color(**asked["color"])
    width, height = asked["size"]
    try:
        connection = StreamConnection(StreamTarget(asked["url"], width, height, asked["rate"], color, sound))
    except VidstyleError as error:
        answer({"error": str(error).rpartition("cannot stream there (")[2].removesuffix(")")})
        return
    answer({})
    try:
        _send_on(source, connection, sound, (width, height))
    except (av.error.FFmpegError, OSError) as error:
        answer({"error": reason(error)})
        # Without a goodbye, for which some servers would be waited for.
        os._exit(1)
    connection.close()


def _send_on(source: BinaryIO, connection: StreamConnection, sound: LiveSound | None, size: tuple[int, int]) -> None:
    width, height = size
    while len(head := source.read(RECORD.size)) == RECORD.size:
        kind, at, length = RECORD.unpack(head)
        data = source.read(length)
        if len(data) < length:
            return
        if kind == SOUND:
            if sound is not None:
                sound.hear((at, np.frombuffer(data, np.float32).reshape(CHANNELS, -1)))
            continue
        shape = (height * 3 // 2, width) if kind == PLANES else (height, width, 3)
        connection.write(Frame(np.frombuffer(data, np.uint8).reshape(shape), round(at / MICROSECOND), MICROSECOND))
