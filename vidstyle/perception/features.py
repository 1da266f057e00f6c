"""Features of a picture, whole or as a map of fewer ones."""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Embedded:
    """Features that are a 1x1 map of fewer ones; what is quadratic in them is cheaper to have of the few.

    Attributes:
        narrow: (N, c, h, w), whose last channel is 1, or what has been done to it.
        matrix: (C, c).
    """

    narrow: Tensor
    matrix: Tensor

    @property
    def shape(self) -> torch.Size:
        """Of all features, (N, C, h, w)."""
        n, _, h, w = self.narrow.shape
        return torch.Size((n, len(self.matrix), h, w))

    @property
    def dtype(self) -> torch.dtype:
        return self.narrow.dtype

    def __getitem__(self, window: Any) -> "Embedded":
        """Some of the positions."""
        return Embedded(self.narrow[window], self.matrix)

    def __mul__(self, factor: Tensor) -> "Embedded":
        """Each position times its own factor, (N, 1, h, w)."""
        return Embedded(self.narrow * factor, self.matrix)

    def whole(self) -> Tensor:
        """All features, (N, C, h, w)."""
        return F.conv2d(self.narrow, self.matrix.to(self.narrow.dtype)[..., None, None])


def whole(features: "Tensor | Embedded") -> Tensor:
    """The features as a tensor (N, C, h, w), however they are kept."""
    return features.whole() if isinstance(features, Embedded) else features
