"""A picture as the means and deviations of a VGG's features, measured against what is usual among pictures."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from vidstyle.perception.vgg import Vgg, moments

ENDS: dict[str, dict[str, tuple[str, ...]]] = {
    "vgg16": {"vgg16": ("relu1_2", "relu2_2", "relu3_3", "relu4_3")},
    "vgg19": {"vgg19": ("relu1_2", "relu2_2", "relu3_4", "relu4_4")},
    "vgg19-distilled": {"vgg19-distilled": ("relu1_2", "relu2_2", "relu3_4", "relu4_4")},
    "vgg19-hybrid": {"vgg19-shallow": ("relu1_2", "relu2_2"), "vgg19-distilled": ("relu3_4", "relu4_4")},
}
"""The layers that describe a picture, those before each pooling (Shen, Yan and Zeng 2018, section 3.3), and the kinds
of VGG that have them."""
LEAST_SPREAD = 0.05
"""Of the logarithm of a mean or a deviation over pictures: one that hardly changes must not be divided by nothing."""
FARTHEST = 4.0
"""Spreads from what is usual that a picture can be: what is rarer must not drive filters to where none ever was."""


class Description(nn.Module):
    """RGB (1, 3, H, W) in [0, 1] to (1, size): of no mean and unit deviation over the pictures of `calibrate`.

    Args:
        kind: one of ENDS.

    Attributes:
        size: numbers that describe a picture.

    Raises:
        ValueError: for another kind.
    """

    def __init__(self, kind: str) -> None:
        super().__init__()
        if kind not in ENDS:
            raise ValueError(f"unknown encoder {kind!r}; known: {', '.join(ENDS)}")
        self.kind = kind
        encoders = [Vgg.of_kind(part, layers) for part, layers in ENDS[kind].items()]
        self.encoders = nn.ModuleList(encoders)
        self.size = 2 * sum(sum(encoder.channels) for encoder in encoders)
        self.register_buffer("usual", torch.zeros(self.size))
        self.register_buffer("spread", torch.ones(self.size))

    def forward(self, picture: Tensor) -> Tensor:
        # What pictures have in common would drown what tells one from another.
        found = (self._measure(picture) - self.get_buffer("usual")) / self.get_buffer("spread")
        return found.clamp(-FARTHEST, FARTHEST)

    def _measure(self, picture: Tensor) -> Tensor:
        maps = [features for encoder in self.encoders for features in encoder(picture).values()]
        found = torch.cat([part for features in maps for part in moments(features.float())], 1)
        # Features are not negative, and the later ones are a hundred times as large as the first ones.
        return found.log1p()

    @torch.no_grad()
    def calibrate(self, pictures: Iterable[Tensor]) -> None:
        """Take note of what is usual among RGB (1, 3, H, W) in [0, 1]."""
        found = torch.cat([self._measure(picture) for picture in pictures])
        self.get_buffer("usual").copy_(found.mean(0))
        self.get_buffer("spread").copy_(found.std(0, correction=0).clamp_min(LEAST_SPREAD))
