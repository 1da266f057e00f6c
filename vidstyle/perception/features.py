"""Features of a picture, whole or as a map of fewer ones."""

from dataclasses import dataclass, replace
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
        root: (c, c) or smaller, with the same lengths and angles: root^T root = matrix^T matrix, see `root_of`.
    """

    narrow: Tensor
    matrix: Tensor
    root: Tensor

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
        return replace(self, narrow=self.narrow[window])

    def __mul__(self, factor: Tensor) -> "Embedded":
        """Each position times its own factor, (N, 1, h, w)."""
        return replace(self, narrow=self.narrow * factor)

    def whole(self) -> Tensor:
        """All features, (N, C, h, w)."""
        return F.conv2d(self.narrow, self.matrix.to(self.narrow.dtype)[..., None, None])


def root_of(matrix: Tensor) -> Tensor:
    """The R of matrix = Q R, Q with orthonormal columns: (C, c) to (min(C, c), c).

    |matrix X matrix^T| = |R X R^T|, Frobenius norms, so distances of Gram matrices need no more than R.
    """
    return torch.linalg.qr(matrix.float(), mode="r").R


def whole(features: "Tensor | Embedded") -> Tensor:
    """The features as a tensor (N, C, h, w), however they are kept."""
    return features.whole() if isinstance(features, Embedded) else features
