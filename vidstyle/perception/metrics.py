"""What a painting is worth in numbers: distance to the style, distance to the source, grid."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

    Perceptual = Callable[[Tensor, Iterable[str]], Mapping[str, Tensor]]
    """(N, 3, H, W) in [0, 1] and names of layers to features by name; see vidstyle.perception.perceptual_network."""

CONTENT_LAYER = "relu3_1"
PEAK, RING = 1, 12
"""Half sides, in bins of the spectrum, of a grid's peak and of the neighbourhood it is held against."""


def style_distance(perceptual: "Perceptual", painted: "Tensor", style: "Tensor", layers: Iterable[str]) -> float:
    """Mean over `layers` of |G(painted) - G(style)| / |G(style)|, Frobenius norms of Gram matrices; 0 is identical.

    painted, style: (1, 3, H, W) in [0, 1], of about the same shorter side.
    """
    layers = list(layers)
    ours, theirs = perceptual(painted, layers), perceptual(style, layers)
    distances = []
    for layer in layers:
        a, b = _gram(ours[layer]), _gram(theirs[layer])
        distances.append(((a - b).norm() / b.norm()).item())
    return float(np.mean(distances))


def content_distance(perceptual: "Perceptual", painted: "Tensor", source: "Tensor") -> float:
    """|F(painted) - F(source)| / |F(source)| at relu3_1 after instance normalisation."""
    from torch.nn.functional import instance_norm

    a, b = (instance_norm(perceptual(x, [CONTENT_LAYER])[CONTENT_LAYER]) for x in (painted, source))
    return ((a - b).norm() / b.norm()).item()


def grid_score(rgb: np.ndarray, period: int = 4) -> float:
    """How far the spectrum peaks at the harmonics of a sub-pixel upsampler, dB.

    A transposed convolution or pixel shuffle with stride `period` leaves energy at multiples of 1 / period cycles a
    pixel.  Photographs and paintings score 6 to 13, a network with a visible grid 25 and more, what is flat 0.

    Args:
        rgb: (H, W, 3) uint8, each side at least 8 * period.
        period: pixels.
    """
    side = min(rgb.shape[:2]) // (8 * period) * (8 * period)
    luma = rgb[:side, :side].astype(np.float64) @ [0.299, 0.587, 0.114]
    if np.ptp(luma) == 0:
        return 0.0
    window = np.hanning(side)
    power = np.abs(np.fft.fft2((luma - luma.mean()) * window[:, None] * window)) ** 2
    offsets = np.arange(-RING, RING + 1)
    centre = np.abs(offsets) <= PEAK
    beside = np.abs(offsets) > 3
    ring = beside[:, None] | beside[None, :]
    worst = 0.0
    for i in range(period // 2 + 1):
        for j in range(period // 2 + 1):
            if i == j == 0:
                continue
            rows, columns = (k * side // period + offsets for k in (i, j))
            patch = power[np.ix_(rows % side, columns % side)]
            worst = max(worst, patch[np.ix_(centre, centre)].max() / np.median(patch[ring]))
    return float(10 * np.log10(worst))


def _gram(features: "Tensor") -> "Tensor":
    flat = features.float().flatten(2)[0]
    return flat @ flat.T / flat.numel()
