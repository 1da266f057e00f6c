"""How much style weighs against content, from what each does to the painting."""

import math

import torch
from torch import Tensor

from vidstyle.training.distributed import Team

SMOOTHING = 0.8
"""Share of the past in a new measurement."""
LIMITS = (1e-4, 1e4)
EVERY = 4
"""Steps between measurements, each of which costs two more passes back through the perceptual network."""


class Balance:
    """Scales style until its gradient at the painted batch is `ratio` times content's.

    The adaptive weight of Esser, Rombach and Ommer 2021 ("Taming Transformers"), equation 7, with the gradients taken
    at the network's output in place of its last layer.  Its logarithm is smoothed over measurements.
    Gradient norms rather than losses: a pale style has a small Gram matrix, a stark one a large one.

    Attributes:
        scale: what to multiply the style term with; 1 before the first measurement.
    """

    def __init__(self, ratio: float) -> None:
        self.ratio = ratio
        self.scale: float | None = None

    def measure(self, content: Tensor, style: Tensor, painted: Tensor, team: Team) -> tuple[float, float]:
        """Take note of the gradients of two scalar terms with respect to `painted`; returns their norms."""
        squares = []
        for term in (content, style):
            (gradient,) = torch.autograd.grad(term, painted, retain_graph=True)
            squares.append(gradient.float().square().sum())
        ours, theirs = team.mean(torch.stack(squares)).sqrt().tolist()
        if ours > 0 and theirs > 0 and math.isfinite(ours) and math.isfinite(theirs):
            wanted = min(max(self.ratio * ours / theirs, LIMITS[0]), LIMITS[1])
            past = wanted if self.scale is None else self.scale
            self.scale = math.exp(SMOOTHING * math.log(past) + (1 - SMOOTHING) * math.log(wanted))
        return ours, theirs
