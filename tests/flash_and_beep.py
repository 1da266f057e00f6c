"""Pictures that flash and sound that beeps at the same moments, and how far apart they are afterwards."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame

FPS, RATE = 25, 48_000
WIDTH, HEIGHT = 64, 48
EVERY, LONG = 0.8, 0.12
"""Seconds from flash to flash, and how long each lasts; so for the beeps.  The first one after half of that."""
LOUD, BRIGHT = 0.1, 120


def sounds_at(time: np.ndarray) -> np.ndarray:
    """Samples in [-1, 1] of times in seconds: a tone of 1 kHz while there is a flash."""
    on = (time + EVERY / 2) % EVERY < LONG
    return np.where(on & (time > 0), 0.6 * np.sin(2 * np.pi * 1000 * time), 0).astype(np.float32)


def shows_at(time: float) -> np.ndarray:
    """RGB (HEIGHT, WIDTH, 3) uint8 of a time in seconds, in the middle of a frame."""
    on = time > 0 and (time + EVERY / 2) % EVERY < LONG
    return np.full((HEIGHT, WIDTH, 3), 230 if on else 20, np.uint8)


def make_clip(path: Path, seconds: float) -> Path:
    """A clip with both."""
    with av.open(str(path), "w") as output:
        video = output.add_stream("libx264", rate=FPS, options={"tune": "zerolatency", "preset": "ultrafast"})
        assert isinstance(video, av.VideoStream)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        audio = output.add_stream("aac", rate=RATE)
        assert isinstance(audio, av.AudioStream)
        audio.codec_context.layout = "mono"
        audio.codec_context.format = "fltp"
        for number in range(round(seconds * FPS)):
            picture = VideoFrame.from_ndarray(shows_at((number + 0.5) / FPS), "rgb24")
            output.mux(video.encode(picture))
            place = number * RATE // FPS
            samples = sounds_at((place + np.arange(RATE // FPS)) / RATE)[None]
            frame = av.AudioFrame.from_ndarray(samples, "fltp", "mono")
            frame.rate, frame.pts, frame.time_base = RATE, place, Fraction(1, RATE)
            output.mux(audio.encode(frame))
        output.mux(video.encode(None))
        output.mux(audio.encode(None))
    return path


def beginnings(times: Sequence[float], on: Sequence[bool]) -> list[float]:
    """When something that is on or off at times goes on."""
    return [at for at, before, now in zip(times[1:], on, on[1:], strict=False) if now and not before]


def flashes_and_beeps(path: Path) -> tuple[list[float], list[float]]:
    """When each begins in a file, seconds."""
    pictures: list[tuple[float, bool]] = []
    heard: list[tuple[float, float]] = []
    with av.open(str(path)) as container:
        for frame in container.decode():
            if isinstance(frame, VideoFrame):
                pictures.append((float(frame.time or 0), bool(frame.to_ndarray(format="gray").mean() > BRIGHT)))
            elif isinstance(frame, av.AudioFrame):
                samples, begin = np.abs(frame.to_ndarray()[0]), float(frame.time or 0)
                step = frame.sample_rate // 500
                heard += [
                    (begin + n / frame.sample_rate, float(samples[n : n + step].max()))
                    for n in range(0, len(samples), step)
                ]
    loud = [level > LOUD for _, level in heard]
    # A wave goes through zero.
    steady = [any(loud[max(0, n - 3) : n + 1]) for n in range(len(loud))]
    return beginnings(*zip(*pictures, strict=True)), beginnings([at for at, _ in heard], steady)


def largest_distance(path: Path, least: int = 3) -> float:
    """Between a flash and the beep that belongs to it, seconds; there have to be as many of each, and so many."""
    flashes, beeps = flashes_and_beeps(path)
    assert min(len(flashes), len(beeps)) >= least, (flashes, beeps)
    distances = [min(abs(flash - beep) for beep in beeps) for flash in flashes[1:-1]]
    return max(distances)
