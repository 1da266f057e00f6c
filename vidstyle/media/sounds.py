"""The sound of live pictures: who is heard, who listens, and the track that it becomes."""

from __future__ import annotations

from collections import deque
from fractions import Fraction

import av
import numpy as np

from vidstyle.errors import InputError, parameter
from vidstyle.media.codecs import codecs_taken
from vidstyle.media.copies import AudioEncoder
from vidstyle.media.tracks import AUDIO_ENCODERS

RATE, LAYOUT, CHANNELS = 48_000, "stereo", 2
KEPT_CHUNKS = 2000
"""That wait for a recording at most, about 40 s."""
TOLERANCE = 0.03
"""Seconds by which sound may be away from its time before silence is put in, or sound left out."""
NEAR, STRETCH = 0.002, 1 / 200
"""Seconds from which on it is stretched to come back to its time, and by which share at the most: no clock of a sound
card runs as this machine's does, and nobody hears a twelfth of a semitone."""
PATIENCE = 0.5
"""Seconds for which a stream waits for sound before it goes on in silence."""

Chunk = tuple[float, np.ndarray]
"""When it began, seconds of `time.monotonic`, and its samples, float32 (CHANNELS, N) in [-1, 1] at RATE."""


class SoundQueue:
    """What has been heard and nobody has taken yet, from when it was made until it is closed."""

    def __init__(self, sound: LiveSound) -> None:
        self._sound = sound
        self.chunks: deque[Chunk] = deque(maxlen=KEPT_CHUNKS)

    def close(self) -> None:
        """Hear nothing more."""
        self._sound.queues.discard(self)


class LiveSound:
    """Something that sounds while the pictures come.

    Attributes:
        wanted: whether somebody has asked for it, so that a file that has no sound is an error.
        queues: who listens.
        notice: what a viewer should know, such as that it is gone; empty if all is well.
    """

    def __init__(self, *, wanted: bool = False) -> None:
        self.wanted, self.notice = wanted, ""
        self.queues: set[SoundQueue] = set()

    def listen(self) -> SoundQueue:
        """A queue of everything that is heard from now on."""
        queue = SoundQueue(self)
        self.queues.add(queue)
        return queue

    def hear(self, chunk: Chunk) -> None:
        """Let everyone hear a chunk."""
        for queue in tuple(self.queues):
            queue.chunks.append(chunk)

    def close(self) -> None:
        """Stop with the next sound that comes."""


class SoundTrack:
    """A track of sound, in time with the pictures beside it; see FileSink.

    Args:
        output: the container to write into.
        queue: where the sound comes from.
        live: whether somebody watches and listens now, who does not wait for sound that does not come.

    Raises:
        InputError: if the container takes no sound.
    """

    def __init__(self, output: av.container.OutputContainer, queue: SoundQueue, *, live: bool = False) -> None:
        self.notes: list[str] = []
        encoder = _encoder_for(output)
        if encoder not in codecs_taken(output):
            raise InputError(
                f"{parameter('microphone')}: {output.format.name} has no sound; record to .mp4, .mkv, .webm or .mov"
            )
        self._encoder = AudioEncoder(output, encoder, RATE, LAYOUT)
        self._queue, self._live = queue, live
        self._origin: float | None = None
        self._samples = 0  # written so far
        self._begun = False

    def begin(self, origin: float, first: float = 0.0) -> None:
        """Say when what is written begins.

        Args:
            origin: seconds of `time.monotonic` that are 0 in the container.
            first: seconds there before which nothing is to be heard.
        """
        self._origin, self._samples = origin, round(first * RATE)

    def copy_until(self, seconds: float) -> None:
        """Write what has been heard of the first `seconds`."""
        assert self._origin is not None
        chunks = self._queue.chunks
        while chunks and chunks[0][0] - self._origin < seconds:
            began, samples = chunks.popleft()
            self._write(round((began - self._origin) * RATE), samples)
        silent = round((seconds - PATIENCE) * RATE) - self._samples
        if self._live and silent > 0:
            self._encode(np.zeros((CHANNELS, silent), np.float32))

    def finish(self) -> None:
        """Write what is left in the encoder."""
        self._encoder.finish()

    def close(self) -> None:
        """Stop listening."""
        self._queue.close()

    def _write(self, place: int, samples: np.ndarray) -> None:
        """Write samples that begin at a place, unless what has been written ends near it."""
        gap = place - self._samples
        if self._begun and abs(gap) < TOLERANCE * RATE:
            samples, gap = _stretched(samples, gap), 0
        self._begun = True
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


def takes_sound(output: av.container.OutputContainer) -> bool:
    """Whether a container takes the sound that it would get."""
    return _encoder_for(output) in codecs_taken(output)


def _encoder_for(output: av.container.OutputContainer) -> str:
    return AUDIO_ENCODERS.get(output.format.name, "aac")


def _stretched(samples: np.ndarray, gap: int) -> np.ndarray:
    """Samples (CHANNELS, N) made longer by some of a gap, or shorter if it is negative."""
    count = samples.shape[1]
    most = int(count * STRETCH)
    by = max(-most, min(most, gap)) if abs(gap) > NEAR * RATE else 0
    if not by:
        return samples
    places = np.linspace(0, count - 1, count + by)
    return np.stack([np.interp(places, np.arange(count), channel) for channel in samples]).astype(np.float32)
