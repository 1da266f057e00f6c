"""Networks of which everybody knows what they paint."""

import threading
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from vidstyle import Painter
from vidstyle.style_files import Style, StyleCard


class Flat(nn.Module):
    """Paints everything in one grey, as soon as all of `meeting` are being painted."""

    meeting: ClassVar[dict[int, threading.Event]] = {}

    def __init__(self, level: int) -> None:
        super().__init__()
        self.level = level

    def forward(self, image: Tensor) -> Tensor:
        if self.level in self.meeting:
            self.meeting[self.level].set()
            assert all(painting.wait(20) for painting in self.meeting.values())
        return torch.full_like(image, self.level / 255)


class Inverted(nn.Module):
    def forward(self, image: Tensor) -> Tensor:
        return 1 - image


class Broken(nn.Module):
    def forward(self, image: Tensor) -> Tensor:
        raise RuntimeError("the network is broken")


def style_of(network: nn.Module) -> Style:
    return Style(StyleCard("test", Path("test"), "test"), network)


def painter_of(network: nn.Module, **look: Any) -> Painter:
    return Painter(style_of(network), device="cpu", **look)
