"""Pairs of frames from videos, with estimated flow: real motion, real light, real noise."""

import itertools
import random
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vidstyle.errors import InputError, parameter
from vidstyle.media.images import resize_shorter_side
from vidstyle.media.sources import FileSource
from vidstyle.media.suffixes import VIDEO_SUFFIXES
from vidstyle.output_files import is_hidden
from vidstyle.perception.flow import Pair, estimate_flow, inside
from vidstyle.perception.photographs import expose
from vidstyle.perception.tensors import to_tensor

MEMORY = 512 << 20
"""Bytes of decoded frames kept, of all clips together."""
MARGIN = 1.3
"""Shorter side of the frames kept, as a multiple of the crop."""


class Clips:
    """Batches of pairs of frames from a folder of videos.

    Every clip is decoded once, when this is made; its first frames are kept, small, as far as its share of MEMORY
    goes.  A batch depends on the seed and its step alone.  Files that are no video are skipped and counted.

    Args:
        folder: where the videos are.
        crop: side of the square crops, pixels.
        pairs: in a batch.
        span: frames between the two of a pair, at the most.
        seed: of what is drawn.
        share: of the steps that are given pairs.

    Raises:
        InputError: if there is no video of two frames or more.
    """

    def __init__(self, folder: Path, *, crop: int, pairs: int, span: int, seed: int, share: float) -> None:
        paths = sorted(p for p in folder.glob("*") if p.suffix.lower() in VIDEO_SUFFIXES and not is_hidden(p))
        self.crop, self.pairs, self.span, self.seed, self.share = crop, pairs, span, seed, share
        self.skipped: set[Path] = set()
        self.frames: list[np.ndarray] = []
        for path in paths:
            try:
                frames = read_clip(path, round(MARGIN * crop), MEMORY // len(paths))
            except InputError:
                self.skipped.add(path)
                continue
            if len(frames) > 1:
                self.frames.append(frames)
        if not self.frames:
            raise InputError(
                f"{folder}: no video here that can be read; name a folder of clips with {parameter('clips')}"
            )

    def batch(self, step: int) -> Pair | None:
        """The pairs of `step`, crops of (crop, crop) pixels; None for a step that is not theirs."""
        if random.Random(f"{self.seed}/{step}/clips").random() >= self.share:
            return None
        pairs = [self._pair(random.Random(f"{self.seed}/{step}/clip/{i}")) for i in range(self.pairs)]
        first, second, flow, visible = (torch.stack(parts) for parts in zip(*pairs, strict=True))
        return Pair(first, second, flow, visible)

    def _pair(self, rng: random.Random) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        frames = rng.choice(self.frames)
        span = rng.randint(1, min(self.span, len(frames) - 1))
        index = rng.randint(0, len(frames) - 1 - span)
        pair = frames[index], frames[index + span]
        if rng.random() < 0.5:
            pair = pair[1], pair[0]
        # Of whole frames, since what enters a crop from outside it can be followed there.
        flow, visible = estimate_flow(*pair)
        top, left = (rng.randint(0, side - self.crop) for side in flow.shape[:2])
        window = slice(top, top + self.crop), slice(left, left + self.crop)
        flow, visible = flow[window], visible[window] & inside(flow[window])
        shown = torch.stack([to_tensor(frame[window]) for frame in pair])
        if rng.random() < 0.5:
            # One light for both, so that they differ by no more than they did.
            shown = expose(shown, rng)
        first, second = shown
        return first, second, torch.from_numpy(flow.copy()), torch.from_numpy(visible)[None].float()


def read_clip(path: Path, shorter_side: int, memory: int) -> np.ndarray:
    """The first frames of a video, as many as `memory` bytes hold: (T, H, W, 3) uint8.

    Raises:
        InputError: for a file that is no video.
    """
    source = FileSource(path)
    try:
        frames = (resize_shorter_side(frame.pixels, shorter_side) for frame in source)
        first = next(frames)
        count = max(2, memory // first.nbytes)
        return np.stack([first, *itertools.islice(frames, count - 1)])
    finally:
        source.close()
