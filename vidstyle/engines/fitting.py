"""Frames that are too large for the memory of the device are painted in parts."""

import contextlib
from collections.abc import Iterator
from typing import NoReturn

import torch
from torch import Tensor, nn

from vidstyle.engines.frame_function import CellFunction
from vidstyle.errors import InputError, VidstyleError, lacks_memory, parameter, reason
from vidstyle.media.frame import SMALLEST_SIDE

SMALLEST_TILE = 32
"""Positions (of 4 pixels) along the smallest parts; of smaller ones nearly all would be surroundings."""
SHRINKS = (0.75, 0.5, 0.375, 0.25, 0.125, 0.0625)
"""Of a frame's sides, that are tried to name a size that fits."""
DEVICE_ERRORS = ("CUDA error", "CUDNN_STATUS_EXECUTION_FAILED", "CUBLAS_STATUS_EXECUTION_FAILED")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether there was no room on the device; smaller tensors may still find some."""
    return isinstance(error, torch.OutOfMemoryError) or lacks_memory(error)


def is_lost_device(error: BaseException) -> bool:
    """Whether the device has failed: nothing can be done with it any more in this process."""
    if not isinstance(error, RuntimeError) or is_out_of_memory(error):
        return False
    # torch before 2.8 has no type for it.
    accelerator: type[BaseException] | None = getattr(torch, "AcceleratorError", None)
    known = accelerator is not None and isinstance(error, accelerator)
    return known or any(words in str(error) for words in DEVICE_ERRORS)


class FittingFunction(nn.Module):
    """Paints a frame whole, or in parts as large as the memory of the device allows.

    What is found out about a size holds for all further frames of that size.

    Args:
        paint: what paints a whole frame; see vidstyle.engines.frame_function.
        device: how to call the device in messages.

    Raises:
        InputError: if there is no room for a frame and it cannot be painted in parts; with a size that fits.
    """

    def __init__(self, paint: nn.Module, device: str) -> None:
        super().__init__()
        self.paint, self._device = paint, device
        self._sides: dict[torch.Size, int] = {}

    def forward(self, pixels: Tensor) -> Tensor:
        """Paint one frame: RGB (H, W, 3), or planes (3 H / 2, W), uint8."""
        while (painted := self.attempt(pixels)) is None:
            # Only here have the failed attempt's tensors gone, which its traceback held on to.
            self._let_go()
            self._sides[pixels.shape] = self._smaller(pixels)
        return painted

    def attempt(self, pixels: Tensor) -> Tensor | None:
        """The painting; None if there was no room for it."""
        side = self._sides.get(pixels.shape)
        try:
            if side is None or not isinstance(self.paint, CellFunction):
                return self.paint(pixels)
            return self.paint.in_tiles(pixels, side)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        return None

    def side(self, shape: torch.Size) -> int | None:
        """Of the parts that frames of that shape are painted in, positions; None if they are painted whole."""
        return self._sides.get(shape)

    def _smaller(self, pixels: Tensor) -> int:
        if not isinstance(self.paint, CellFunction):
            self._give_up(pixels)
        side = self._sides.get(pixels.shape) or max(self.paint.positions(pixels))
        if side <= SMALLEST_TILE:
            self._give_up(pixels)
        return max(SMALLEST_TILE, side // 2)

    def _give_up(self, pixels: Tensor) -> NoReturn:
        whole = self._picture(pixels.shape)
        problem = f"{self._device}: not enough memory to paint {whole[0]}x{whole[1]}"
        for shrink in SHRINKS:
            # Even, so that planes have whole chroma samples.
            width, height = (round(side * shrink) // 2 * 2 for side in whole)
            if min(width, height) < SMALLEST_SIDE:
                break
            shape = torch.Size((height, width, 3) if pixels.ndim == 3 else (height * 3 // 2, width))
            self._sides.setdefault(shape, SMALLEST_TILE)
            fits = self.attempt(pixels.new_zeros(shape)) is not None
            self._let_go()
            if fits:
                raise InputError(f"{problem}; {width}x{height} fits, see {parameter('size')}")
        raise InputError(f"{problem}; close what else uses it, or paint with {parameter('device', 'cpu')}")

    @staticmethod
    def _picture(shape: torch.Size) -> tuple[int, int]:
        """Width and height of a picture in RGB or planes."""
        return shape[1], shape[0] if len(shape) == 3 else shape[0] * 2 // 3

    @staticmethod
    def _let_go() -> None:
        """Give back what torch keeps for later: pieces of it may lie in the way."""
        if torch.cuda.is_initialized():
            torch.cuda.empty_cache()


@contextlib.contextmanager
def device_errors(device: str) -> Iterator[None]:
    """Says what torch says about a device in words for users.

    Raises:
        VidstyleError: if it has no memory left, or has failed; the cause says which, see is_lost_device.
    """
    try:
        yield
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise VidstyleError(
                f"{device}: no memory left; close what else uses it, or paint with {parameter('device', 'cpu')}"
            ) from error
        if not is_lost_device(error):
            raise
        raise VidstyleError(lost_device(device, error)) from error


def lost_device(device: str, error: BaseException) -> str:
    """What to tell a user."""
    # CUDA adds a paragraph of advice for programmers.
    first = reason(Exception(str(error).splitlines()[0] if str(error) else "no reason given"))
    return f"{device}: the device has failed ({first}); start again, or paint with {parameter('device', 'cpu')}"
