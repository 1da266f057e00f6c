"""What all meta networks have in common: from one picture they write the weights of another network."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from vidstyle.nets.description import Description

PICTURE_SIDE = 360
"""Shorter side of the picture that `write_weights` expects, pixels: that to which recipes scale theirs."""


class MetaNetwork(nn.Module):
    """Paints like the picture that it has been given.

    Attributes:
        paints_with: name, in vidstyle.nets.NETWORKS, of the network whose weights it writes.
        painter: arguments of that network.
        base: one of it.
    """

    paints_with: str
    painter: dict[str, Any]
    base: nn.Module

    def __init__(self) -> None:
        super().__init__()
        self._picture: Tensor | None = None

    def set_picture(self, picture: Tensor) -> None:
        """From now on paint like RGB (1, 3, H, W) in [0, 1], of about PICTURE_SIDE."""
        self._picture = picture

    def calibrate(self, pictures: Iterable[Tensor]) -> None:
        """Take note of what is usual among RGB (1, 3, H, W) in [0, 1], before training; AdaIN has no use for it."""
        for module in self.modules():
            if isinstance(module, Description):
                module.calibrate(pictures)

    @abstractmethod
    def write_weights(self, picture: Tensor) -> Mapping[str, Tensor]:
        """The state dictionary of a network that paints like RGB (1, 3, H, W) in [0, 1]."""

    def forward(self, image: Tensor, *args: Any, **options: Any) -> Tensor:
        """Paint RGB (N, 3, H, W) as the network does that `write_weights` writes, which gets all arguments."""
        picture = torch.full((1, 3, 64, 64), 0.5, device=image.device) if self._picture is None else self._picture
        painted: Tensor = functional_call(self.base, dict(self.write_weights(picture)), (image, *args), options)
        return painted


def quiet_linear(size: int, out: int) -> nn.Linear:
    """One that says next to nothing in the beginning."""
    linear = nn.Linear(size, out)
    nn.init.normal_(linear.weight, std=0.01)
    nn.init.zeros_(linear.bias)
    return linear
