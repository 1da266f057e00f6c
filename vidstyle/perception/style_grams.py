"""What a painting needs to know of a style's picture to be brought nearer to it: Gram matrices, not the picture.

torch is loaded where a picture is looked at; to read and to mix what is known of one takes none.
"""

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

    from vidstyle.perception.features import Embedded
    from vidstyle.perception.perceptual_network import PerceptualNetwork

LAYERS = {"relu1_1": 1.0, "relu2_1": 1.0, "relu3_1": 1.0, "relu4_1": 1.0, "relu5_1": 0.8}
"""Where pictures are compared, and how much each layer counts.  With more, relu5_1 would decide alone which way a pixel
goes: of the same distance of Gram matrices, its gradient is ten times as large."""
Grams = dict[str, np.ndarray]
"""By layer, Gram matrices (c, c) float32 of the c - 1 features that the perceptual network which ships has there, and
of 1."""


@lru_cache(maxsize=1)
def own_network() -> "PerceptualNetwork":
    """The perceptual network that ships, float32, on the CPU."""
    import torch

    from vidstyle.perception.perceptual_network import OWN, PerceptualNetwork

    # It is kept, whatever mode the first caller is in.
    with torch.inference_mode(False):
        return PerceptualNetwork(OWN).eval()


def grams_of(*pictures: "Tensor") -> Grams:
    """Of the picture of a style, or the mean of several by one hand.

    pictures: each (1, 3, H, W) in [0, 1], as large as strokes are to be.
    """
    import torch

    with torch.no_grad():
        seen = [own_network().compact(picture.float().cpu(), LAYERS) for picture in pictures]
        return mixed_grams([({layer: _gram(found[layer]) for layer in LAYERS}, 1 / len(seen)) for found in seen])


def _gram(features: "Tensor | Embedded") -> np.ndarray:
    """Of the few features that others are a map of."""
    from vidstyle.perception.features import Embedded
    from vidstyle.perception.losses import gram_matrix

    assert isinstance(features, Embedded)
    gram = gram_matrix(features.narrow)[0]
    # Symmetric, which it is but for rounding.
    return np.asarray(((gram + gram.T) / 2).numpy())


def mixed_grams(parts: list[tuple[Grams, float]]) -> Grams:
    """The mean of several by their shares, which add up to 1; nothing if there is nothing of one of them."""
    if not all(grams for grams, _ in parts):
        return {}
    return {layer: np.sum([np.float32(share) * grams[layer] for grams, share in parts], 0) for layer in LAYERS}


def gram_shapes() -> dict[str, tuple[int, int]]:
    """What Grams have, by layer."""
    return {layer: (size, size) for layer, size in zip(LAYERS, (17, 33, 65, 129, 129), strict=True)}
