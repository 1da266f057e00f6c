"""What a style is worth on a video: steadiness, nearness to the picture and to the source, grid."""

import hashlib
import itertools
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vidstyle.errors import InputError
from vidstyle.media.sources import FileSource
from vidstyle.painter import Painter
from vidstyle.perception import metrics
from vidstyle.perception.flow import estimate_flow
from vidstyle.perception.losses import temporal_loss
from vidstyle.perception.perceptual_network import LAYERS, PerceptualNetwork
from vidstyle.perception.tensors import load_style_image, to_tensor
from vidstyle.style_files import Style

SAMPLES = 4
"""Frames, evenly spread, on which distances and grid are measured."""
REMEMBERED = 3
"""Pictures whose features are kept: a painting's, its source's and its style's, some 100 MB each at 640x360."""


class Clip:
    """The first frames of a video, and how they move.

    Args:
        path: the video.
        frames: how many of it; at least two.
        size: (width, height) to paint it at; its own if None.

    Raises:
        InputError: for a file that is no video, or has a single frame.
    """

    def __init__(self, path: Path, *, frames: int = 16, size: tuple[int, int] | None = None) -> None:
        source = FileSource(path, size=size)
        try:
            self.frames = [frame.pixels for frame in itertools.islice(source, frames)]
        finally:
            source.close()
        if len(self.frames) < 2:
            raise InputError(f"{path}: has one frame only; steadiness takes two")
        found = (estimate_flow(*pair) for pair in itertools.pairwise(self.frames))
        self._motions = [
            (torch.from_numpy(flow)[None], torch.from_numpy(visible)[None, None].float()) for flow, visible in found
        ]
        self.samples = range(0, len(self.frames), max(1, len(self.frames) // SAMPLES))

    def warp_error(self, frames: list[np.ndarray]) -> float:
        """Root mean square difference, 0 to 1, of each frame from the one before, moved along the clip's flow.

        Over what is in sight in both; mean over the pairs.  Gao et al. 2018 ("ReCoNet"), equation 8.
        """
        painted = [to_tensor(frame)[None] for frame in frames]
        squares = [
            temporal_loss(*pair, *motion)
            for pair, motion in zip(itertools.pairwise(painted), self._motions, strict=True)
        ]
        return torch.stack(squares).sqrt().mean().item()


class Judge:
    """Distances of paintings from their style picture and their sources, by the features of a perceptual network.

    Args:
        name, weights: see vidstyle.perception.perceptual_network.PerceptualNetwork.
    """

    def __init__(self, name: str, weights: Path | None) -> None:
        self._network = PerceptualNetwork(name, weights)
        self._layers = LAYERS[name].style

        self._known: OrderedDict[bytes, Mapping[str, Tensor]] = OrderedDict()

    @torch.inference_mode()
    def distances(self, painted: np.ndarray, source: np.ndarray, picture: Path) -> tuple[float, float]:
        """Style distance and content distance (see vidstyle.perception.metrics) of RGB (H, W, 3) uint8."""
        style = load_style_image(picture, min(painted.shape[:2]))
        ours, theirs = (to_tensor(pixels)[None] for pixels in (painted, source))
        return (
            metrics.style_distance(self._features, ours, style, self._layers),
            metrics.content_distance(self._features, ours, theirs),
        )

    def _features(self, image: Tensor, _layers: Iterable[str]) -> Mapping[str, Tensor]:
        """All features that are ever asked for; those of the pictures that were looked at last are remembered."""
        key = hashlib.sha256(image.numpy().tobytes()).digest()
        if key not in self._known:
            self._known[key] = self._network(image, {*self._layers, metrics.CONTENT_LAYER})
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return self._known[key]


def evaluate(
    style: Style,
    clip: Clip,
    *,
    device: str = "auto",
    judge: Judge | None = None,
    picture: Path | None = None,
) -> dict[str, float]:
    """Measure a style on a clip, painted as `vidstyle restyle` does.

    Args:
        style: to paint with.
        clip: to paint.
        device: see vidstyle.engines.choose_device.
        judge: measures distances, if the style's `picture` is given as well.
        picture: what the style was learnt from.

    Returns:
        `warp_error`, the same of each frame painted by itself (`warp_error_per_frame`), that of the source, which is
        the least possible (`warp_error_source`), `grid_db`, and, with a judge, `style_distance` and `content_distance`.
    """
    steady, alone = (_painted(style, clip, device, steady) for steady in (True, False))
    figures = {
        "warp_error": clip.warp_error(steady),
        "warp_error_per_frame": clip.warp_error(alone),
        "warp_error_source": clip.warp_error(clip.frames),
        "grid_db": float(np.median([metrics.grid_score(steady[i]) for i in clip.samples])),
    }
    if judge is not None and picture is not None:
        pairs = [judge.distances(steady[i], clip.frames[i], picture) for i in clip.samples]
        figures["style_distance"], figures["content_distance"] = (float(np.mean(x)) for x in zip(*pairs, strict=True))
    return {name: round(value, 4) for name, value in figures.items()}


def _painted(style: Style, clip: Clip, device: str, steady: bool) -> list[np.ndarray]:
    painter = Painter(style, device=device, steady=steady)
    try:
        return [painter(frame) for frame in clip.frames]
    finally:
        painter.close()
