"""Microphones, for the sound of live sessions."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType

import av
import av.device
from av.audio.resampler import AudioResampler

from vidstyle.errors import InputError, parameter, reason
from vidstyle.media.arrival import ArrivalClock
from vidstyle.media.cameras import OPEN_SECONDS, PROBE, READ_SECONDS, Address
from vidstyle.media.sounds import LAYOUT, RATE, Chunk, LiveSound

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


class Microphone(LiveSound):
    """Reads a microphone in a thread of its own.

    Args:
        address: what to open.
        paced: whether it is a file, which would otherwise be read at once.

    Raises:
        InputError: if it cannot be opened, or has no sound.
    """

    def __init__(self, address: Address, *, paced: bool = False) -> None:
        super().__init__(wanted=True)
        self.name = address.name
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

    def close(self) -> None:
        """Stop with the next sound that comes."""
        self._closed.set()

    def _listen(self) -> None:
        try:
            for chunk in self._chunks():
                self.hear(chunk)
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
