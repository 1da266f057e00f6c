"""What a painting needs to know of a style's picture to be brought nearer to it: Gram matrices, not the picture."""

from functools import lru_cache

import torch
from torch import Tensor

from vidstyle.perception.features import Embedded
from vidstyle.perception.losses import gram_matrix
from vidstyle.perception.perceptual_network import OWN, PerceptualNetwork

LAYERS = {"relu1_1": 1.0, "relu2_1": 1.0, "relu3_1": 1.0, "relu4_1": 1.0, "relu5_1": 3.0}
"""Where pictures are compared, and how much each layer counts."""
Grams = dict[str, Tensor]
"""By layer, Gram matrices (c, c) of the c - 1 features that the perceptual network which ships has there, and of 1."""


@lru_cache(maxsize=1)
def own_network() -> PerceptualNetwork:
    """The perceptual network that ships, float32, on the CPU."""
    # It is kept, whatever mode the first caller is in.
    with torch.inference_mode(False):
        return PerceptualNetwork(OWN).eval()


@torch.no_grad()
def grams_of(*pictures: Tensor) -> Grams:
    """Of the picture of a style, or the mean of several by one hand.

    pictures: each (1, 3, H, W) in [0, 1], as large as strokes are to be.
    """
    seen = [own_network().compact(picture.float().cpu(), LAYERS) for picture in pictures]
    found = [{layer: gram_matrix(narrow(features[layer]))[0] for layer in LAYERS} for features in seen]
    # Which it is, but for rounding.
    found = [{layer: (gram + gram.T) / 2 for layer, gram in grams.items()} for grams in found]
    return mixed_grams([(grams, 1 / len(found)) for grams in found])


def mixed_grams(parts: list[tuple[Grams, float]]) -> Grams:
    """The mean of several by their shares, which add up to 1; nothing if there is nothing of one of them."""
    if not all(grams for grams, _ in parts):
        return {}
    return {layer: torch.stack([share * grams[layer].float() for grams, share in parts]).sum(0) for layer in LAYERS}


def gram_shapes() -> dict[str, tuple[int, int]]:
    """What Grams have, by layer."""
    return {layer: (size, size) for layer, size in zip(LAYERS, (17, 33, 65, 129, 129), strict=True)}


def narrow(features: Tensor | Embedded) -> Tensor:
    """The few features that others are a map of."""
    assert isinstance(features, Embedded)
    return features.narrow
