"""The sound of live recordings: a microphone, and the track that it becomes."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType

import av
import av.device
import numpy as np
from av.audio.resampler import AudioResampler

from vidstyle.errors import InputError, parameter, reason
from vidstyle.media.cameras import OPEN_SECONDS, PROBE, READ_SECONDS, Address, ArrivalClock
from vidstyle.media.codecs import codecs_taken
from vidstyle.media.copies import AudioEncoder
from vidstyle.media.tracks import AUDIO_ENCODERS

RATE, LAYOUT, CHANNELS = 48_000, "stereo", 2
DEFAULT = "default"
DEVICES = MappingProxyType(
    {
        # The second one asks the card itself, where a sound server's plug-in is out of FFmpeg's reach.
        "linux": ("alsa", ("default", "sysdefault")),
        "darwin": ("avfoundation", (":default",)),
    }
)
"""FFmpeg's format for microphones, and its names for the usual one; Windows has no such name."""
ALSA_FOLDER = Path("/usr/share/alsa")
KEPT_CHUNKS = 2000
"""That wait for a recording at most, about 40 s."""
TOLERANCE = 0.05
"""Seconds by which sound may be away from its time before silence is put in, or sound left out."""

Chunk = tuple[float, np.ndarray]
"""When it began, seconds of `time.monotonic`, and its samples, float32 (CHANNELS, N) in [-1, 1] at RATE."""


class SoundQueue:
    """What a microphone has heard and nobody has taken yet, from when it was made until it is closed."""

    def __init__(self, microphone: Microphone) -> None:
        self._microphone = microphone
        self.chunks: deque[Chunk] = deque(maxlen=KEPT_CHUNKS)

    def close(self) -> None:
        """Hear nothing more."""
        self._microphone.queues.discard(self)


class Microphone:
    """Reads a microphone in a thread of its own.

    Args:
        address: what to open.
        paced: whether it is a file, which would otherwise be read at once.

    Attributes:
        queues: who listens.
        notice: what a viewer should know, such as that it is gone; empty if all is well.

    Raises:
        InputError: if it cannot be opened, or has no sound.
    """

    def __init__(self, address: Address, *, paced: bool = False) -> None:
        self.name, self.notice = address.name, ""
        self.queues: set[SoundQueue] = set()
        self._paced = paced
        self._closed = threading.Event()
        options, timeout = dict(address.options), (OPEN_SECONDS, READ_SECONDS)
        try:
            with _quiet() if address.format == "alsa" else contextlib.nullcontext():
                self._container = av.open(address.file, format=address.format, options=options, timeout=timeout)
        except (av.error.FFmpegError, OSError) as error:
            raise InputError(
                f"{parameter('microphone', address.name)}: cannot be opened ({reason(error)}); name another one with "
                f"{parameter('microphone_name')}"
            ) from error
        if not self._container.streams.audio:
            self._container.close()
            raise InputError(f"{parameter('microphone', address.name)}: has no sound")
        threading.Thread(target=self._listen, name="vidstyle-microphone", daemon=True).start()

    def listen(self) -> SoundQueue:
        """A queue of everything that is heard from now on."""
        queue = SoundQueue(self)
        self.queues.add(queue)
        return queue

    def close(self) -> None:
        """Stop with the next sound that comes."""
        self._closed.set()

    def _listen(self) -> None:
        try:
            for chunk in self._chunks():
                for queue in tuple(self.queues):
                    queue.chunks.append(chunk)
                if self._closed.is_set():
                    return
        except (av.error.FFmpegError, OSError):
            self.notice = f"microphone {self.name} is gone"
        finally:
            self._container.close()

    def _chunks(self) -> Iterator[Chunk]:
        resampler, clock, begun = AudioResampler("fltp", LAYOUT, RATE), ArrivalClock(), time.monotonic()
        for frame in self._container.decode(audio=0):
            end = None if frame.time is None else frame.time + frame.samples / frame.sample_rate
            if self._paced and end is not None and self._closed.wait(max(0.0, begun + end - time.monotonic())):
                return
            captured = clock.captured(end, time.monotonic())
            for part in resampler.resample(frame):
                yield captured - part.samples / RATE, part.to_ndarray()


class MicrophoneTrack:
    """A recording's track of sound, in time with its pictures; see FileSink.

    Args:
        output: the container to write into.
        queue: where the sound comes from.

    Raises:
        InputError: if the container takes no sound.
    """

    def __init__(self, output: av.container.OutputContainer, queue: SoundQueue) -> None:
        self.notes: list[str] = []
        encoder = AUDIO_ENCODERS.get(output.format.name, "aac")
        if encoder not in codecs_taken(output):
            raise InputError(
                f"{parameter('microphone')}: {output.format.name} has no sound; record to .mp4, .mkv, .webm or .mov"
            )
        self._encoder = AudioEncoder(output, encoder, RATE, LAYOUT)
        self._queue = queue
        self._origin: float | None = None
        self._samples = 0  # written so far

    def begin(self, origin: float) -> None:
        """Say when the first picture was taken, seconds of `time.monotonic`."""
        self._origin = origin

    def copy_until(self, seconds: float) -> None:
        """Write what has been heard of the first `seconds` of the recording."""
        assert self._origin is not None
        while self._queue.chunks and self._queue.chunks[0][0] - self._origin < seconds:
            began, samples = self._queue.chunks.popleft()
            self._write(round((began - self._origin) * RATE), samples)

    def finish(self) -> None:
        """Write what is left in the encoder."""
        self._encoder.finish()

    def close(self) -> None:
        """Stop listening."""
        self._queue.close()

    def _write(self, place: int, samples: np.ndarray) -> None:
        """Write samples that begin at a place, unless what has been written ends near it."""
        gap = place - self._samples
        if self._samples and abs(gap) < TOLERANCE * RATE:
            gap = 0
        if gap > 0:
            self._encode(np.zeros((CHANNELS, gap), np.float32))
        self._encode(samples[:, max(0, -gap) :])

    def _encode(self, samples: np.ndarray) -> None:
        if not samples.size:
            return
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", LAYOUT)
        frame.rate, frame.pts, frame.time_base = RATE, self._samples, Fraction(1, RATE)
        self._samples += samples.shape[1]
        self._encoder.encode(frame)


def open_microphone(name: str) -> Microphone:
    """The microphone of that name.

    Args:
        name: `default`, FFmpeg's name of a device, a URL, or a file, which sounds at its own pace.

    Raises:
        InputError: if it is not there.
    """
    if Path(name).is_file():
        return Microphone(Address(name, name), paced=True)
    if "://" in name:
        return Microphone(Address(name, name, None, PROBE))
    if sys.platform == "win32":
        return Microphone(Address(name, f"audio={_first_of_windows() if name == DEFAULT else name}", "dshow"))
    form, usual = DEVICES.get(sys.platform, DEVICES["linux"])
    if form == "alsa" and ALSA_FOLDER.is_dir():
        # PyAV's own ALSA looks where it was built.
        os.environ.setdefault("ALSA_CONFIG_DIR", str(ALSA_FOLDER))
    prefix = ":" if form == "avfoundation" else ""
    files = usual if name == DEFAULT else (f"{prefix}{name}",)
    for file in files[:-1]:
        try:
            return Microphone(Address(name, file, form))
        except InputError:
            continue
    return Microphone(Address(name, files[-1], form))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """ALSA tells standard error at length what it has not found, and why."""
    before, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)
        os.close(nowhere)


def _first_of_windows() -> str:
    for device in av.device.enumerate_input_devices("dshow"):
        if "audio" in device.media_types:
            return str(device.name)
    raise InputError(f"{parameter('microphone')}: there is none here")
