"""One step of an optimiser, on pixels."""

import math
from collections import deque
from collections.abc import Callable
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from vidstyle.painting.presets import Preset
from vidstyle.painting.tiled_loss import Evaluation, PictureLoss
from vidstyle.perception.adam import PlainAdam

HISTORY_BYTES = 2 << 30
"""What L-BFGS may remember of its past steps."""
HISTORY = 100
"""Steps, at the most."""
SEEN = 3
"""Evaluations that L-BFGS may come back to."""
DECAY, DECAY_EVERY = 0.8, 50


class Optimiser(Protocol):
    """Moves `image` (1, 3, H, W), float32."""

    image: Tensor

    def step(self, loss: PictureLoss) -> dict[str, float]:
        """Move once; the losses before that."""
        ...


class Adam:
    """Kingma and Ba 2015, with a schedule.

    Args:
        image: where to start; it is not changed.
        preset: rate, momentum, schedule, steps at this scale, clamping.
        steps: in place of the preset's.
        before: the optimiser at the scale before this one, whose state is carried over.
    """

    def __init__(self, image: Tensor, preset: Preset, steps: int, before: "Adam | None" = None) -> None:
        self.image = image.clone().contiguous()
        self._preset, self._steps, self._done = preset, steps, 0
        self._adam = PlainAdam([self.image], betas=preset.momentum)
        if before is not None:
            # The moments of a smaller picture, scaled up (Crowson 2020, style-transfer-pytorch).
            self._adam.going_on_from(before._adam, self._scaled("bicubic"), self._scaled("bilinear"))

    def step(self, loss: PictureLoss) -> dict[str, float]:
        """One evaluation and one step."""
        found = loss.evaluate(self.image)
        self.image.grad = found.gradient
        if math.isfinite(found.losses["total"]):
            self._adam.step(self._preset.rate * self._factor())
            if self._preset.clamp:
                self.image.clamp_(0, 1)
        self._done += 1
        return found.losses

    def _factor(self) -> float:
        if self._preset.schedule == "cosine":
            return (1 + math.cos(math.pi * self._done / self._steps)) / 2
        return DECAY ** (self._done // DECAY_EVERY) if self._preset.schedule == "steps" else 1.0

    def _scaled(self, mode: str) -> Callable[[Tensor], Tensor]:
        """What makes moments as large as the picture; the mean of squares stays one."""

        def scaled(moment: Tensor) -> Tensor:
            larger = F.interpolate(moment, self.image.shape[-2:], mode=mode, align_corners=False)
            return larger.clamp(min=0) if mode == "bilinear" else larger

        return scaled


class Lbfgs:
    """Liu and Nocedal 1989, with a line search that fulfils the strong Wolfe conditions.

    Args:
        image: where to start; it is not changed.
    """

    def __init__(self, image: Tensor) -> None:
        self.image = image.clone().contiguous()
        self._lbfgs = self._without_past()
        self._seen: deque[tuple[Tensor, Evaluation]] = deque(maxlen=SEEN)

    def step(self, loss: PictureLoss) -> dict[str, float]:
        """One line search.

        torch asks again at its beginning for what it asked for at the end of the last; nothing is evaluated twice.
        """
        losses: list[dict[str, float]] = []

        def closure() -> float:
            found = self._evaluate(loss)
            losses.append(found.losses)
            self.image.grad = found.gradient.clone()
            return found.losses["total"]

        before = self.image.clone()
        self._lbfgs.step(closure)
        if torch.equal(before, self.image):
            # The line search has found nothing better that way, and would not the next time either.
            self._lbfgs = self._without_past()
            self._seen.clear()
        return losses[0]

    def _without_past(self) -> torch.optim.LBFGS:
        size = 2 * self.image.numel() * self.image.element_size()
        return torch.optim.LBFGS(
            [self.image],
            max_iter=1,
            history_size=max(4, min(HISTORY, HISTORY_BYTES // size)),
            line_search_fn="strong_wolfe",
            # It is up to the caller when it is enough, and the loss has no scale.
            tolerance_grad=0,
            tolerance_change=0,
        )

    def _evaluate(self, loss: PictureLoss) -> Evaluation:
        for image, found in self._seen:
            if torch.equal(image, self.image):
                return found
        found = loss.evaluate(self.image)
        self._seen.append((self.image.clone(), found))
        return found


def make_optimiser(image: Tensor, preset: Preset, steps: int, before: Optimiser | None) -> Optimiser:
    """The preset's optimiser for one scale."""
    if preset.optimiser == "lbfgs":
        return Lbfgs(image)
    return Adam(image, preset, steps, before if isinstance(before, Adam) else None)
