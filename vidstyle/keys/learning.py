"""A network that paints like keys: what a meta network makes of one, trained on pairs of frame and key.

Texler et al. 2020, "Interactive Video Stylization Using Few-Shot Patch-Based Training": patches of the few keys are
enough, if there are many of them.  Beside the key's own pixels its features are asked for, since strokes may fall a
little elsewhere, and its Gram matrices, since the mean of all places where they may fall is a blur.
"""

import random
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vidstyle.nets.canvas import still_coordinates
from vidstyle.nets.realtime import RealtimeNet, measure_light
from vidstyle.perception import losses
from vidstyle.perception.adam import PlainAdam
from vidstyle.perception.annealing import annealed
from vidstyle.perception.perceptual_network import OWN, PerceptualNetwork
from vidstyle.perception.tensors import to_tensor
from vidstyle.processor import prefers_bfloat16
from vidstyle.style_files import Style
from vidstyle.styles import META_STYLE, style_of

CROP, BATCH = 128, 2
"""Pixels along a patch, a multiple of those of a position, and patches in a step."""
STEPS_A_SECOND = 12
"""Of training, unless the processor is too slow for it; as many whatever the clock says, so that the same keys give the
same network."""
LEARNING_RATE, WARM_UP = 2e-3, 10
LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
PIXELS, FEATURES, STYLE = 1.0, 1.0, 1.5
"""Weights of the losses."""
OPAQUE = 0.9
"""Share of a patch that a key has to have painted for it to be learnt from."""
TRIES = 20

Pair = tuple[np.ndarray, np.ndarray, np.ndarray | None]
"""A frame and its key, RGB (H, W, 3) uint8 of any sizes, and how opaque the key is, (H, W) uint8 or None."""


def style_of_keys(pairs: Sequence[Pair], seconds: float, picture: Path) -> Style:
    """A style that paints frames as their keys are painted.

    Args:
        pairs: at least one.
        seconds: to train for, on two cores; it ends after twice that in any case.
        picture: the file of one of the keys.
    """
    style = style_of(picture, META_STYLE)
    network = style.network
    if seconds <= 0 or not isinstance(network, RealtimeNet):
        return style
    train_on_pairs(network, pairs, steps=max(1, round(seconds * STEPS_A_SECOND)), seconds=2 * seconds)
    return style


@torch.inference_mode(False)
@torch.enable_grad()
def train_on_pairs(network: RealtimeNet, pairs: Sequence[Pair], *, steps: int, seconds: float) -> None:
    """Train a network to paint frames as their keys are; it comes back ready to paint."""
    material = [_Material(network, *pair) for pair in pairs]
    half = prefers_bfloat16()
    perceptual = PerceptualNetwork(OWN).to(torch.bfloat16 if half else torch.float32)
    perceptual.to(memory_format=torch.channels_last)
    network.train().requires_grad_(True)
    optimiser = PlainAdam(network.parameters(), betas=(0.9, 0.99))
    rng = random.Random(0)
    begun = time.monotonic()
    for step in range(steps):
        done = max(step / steps, (time.monotonic() - begun) / seconds)
        if done >= 1:
            break
        patches = [rng.choice(material).patch(rng) for _ in range(BATCH)]
        source, target, light = (torch.stack(part) for part in zip(*patches, strict=True))
        source = source.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            canvas = network.canvas_at(_anywhere(network, rng))
            painted = network(source, canvas, light)
            loss = _loss(perceptual, painted, target)
        optimiser.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        if not norm.isfinite():
            break
        optimiser.step(annealed(LEARNING_RATE, step=step, warm_up=WARM_UP, done=done))
    network.eval().requires_grad_(False)


class _Material:
    """A frame, its key, and where the key is painted."""

    def __init__(self, network: RealtimeNet, frame: np.ndarray, key: np.ndarray, alpha: np.ndarray | None) -> None:
        height, width = frame.shape[:2]
        scale = max(1.0, CROP / min(height, width))
        size = (max(CROP, round(width * scale)), max(CROP, round(height * scale)))
        self._frame, self._key = (to_tensor(np.ascontiguousarray(_fitted(picture, size))) for picture in (frame, key))
        self._opaque = None if alpha is None else _fitted(alpha, size) > 127
        self._light = measure_light(network.seen(self._frame[None]))[0]

    def patch(self, rng: random.Random) -> tuple[Tensor, Tensor, Tensor]:
        """A patch of the frame and of the key, (3, CROP, CROP) each, and the light of the whole frame."""
        height, width = self._frame.shape[-2:]
        for _ in range(TRIES):
            top, left = rng.randint(0, height - CROP), rng.randint(0, width - CROP)
            part = (slice(top, top + CROP), slice(left, left + CROP))
            if self._opaque is None or self._opaque[part].mean() >= OPAQUE:
                break
        return self._frame[:, *part], self._key[:, *part], self._light


def _fitted(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if picture.shape[1::-1] == size:
        return picture
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


def _anywhere(network: RealtimeNet, rng: random.Random) -> Tensor:
    """Coordinates of a part of the canvas, as it lies under any part of a frame."""
    height, width = network.canvas_size(CROP, CROP)
    shift = torch.tensor([rng.randint(0, 255), rng.randint(0, 255)], dtype=torch.float32)
    return still_coordinates(height, width) + shift


def _loss(perceptual: PerceptualNetwork, painted: Tensor, target: Tensor) -> Tensor:
    dtype = next(perceptual.parameters()).dtype
    with torch.no_grad():
        wanted = perceptual(target.to(dtype), LAYERS)
    found = perceptual(painted.to(dtype), LAYERS)
    total = PIXELS * F.l1_loss(painted.float(), target)
    for layer in LAYERS:
        one, other = found[layer].float(), wanted[layer].float()
        total = total + FEATURES / len(LAYERS) * F.mse_loss(one, other) / (other.var() + 1e-6)
        grams = (losses.gram_matrix(features).mean(0, keepdim=True) for features in (one, other))
        total = total + STYLE / len(LAYERS) * losses.gram_distance(*grams)
    return total + losses.total_variation(painted.float())
