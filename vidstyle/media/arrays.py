"""Pictures as programs hold them, and what a painting of them becomes: arrays, tensors, and Pillow's pictures."""

import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeGuard

import numpy as np
from PIL import Image

from vidstyle.errors import InputError, parameter
from vidstyle.media.color import LUMA, without_what_is_hidden
from vidstyle.media.frame import SMALLEST_SIDE

if TYPE_CHECKING:
    from torch import Tensor

Channels = Literal["rgb", "bgr"]
CHANNELS: tuple[Channels, ...] = ("rgb", "bgr")
"""Orders of the colours of an array or a tensor; `bgr` is OpenCV's."""
OVERSHOOT = 0.5
"""By which floats may leave 0 to 1, as those of networks do; beyond, they are meant otherwise."""
MODES = {"RGB", "RGBA", "L", "LA"}
"""Of Pillow's pictures, those that come back as they were; others come back as one of them."""
SHAPES = (
    "takes a uint8 or float array, (H, W, 3), (H, W), (H, W, 4) or (N, H, W, 3); a tensor, (3, H, W) or (N, 3, H, W); "
    "or a picture of Pillow"
)


class PaintedArray(np.ndarray[Any, np.dtype[Any]]):
    """An array that a notebook shows as a picture; apart from that, an array as any other."""

    def _repr_png_(self) -> bytes | None:
        if self.dtype != np.uint8 or self.ndim not in (2, 3) or (self.ndim == 3 and self.shape[2] not in (1, 3, 4)):
            return None
        pixels = np.asarray(self)
        return as_png(Image.fromarray(pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels))


def as_png(image: Image.Image) -> bytes:
    """A picture as a PNG file."""
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


@dataclass(frozen=True)
class Pictures:
    """Frames of whatever a program holds, and how their paintings become the same kind of thing.

    Attributes:
        frames: RGB (H, W, 3) uint8, of nobody else's memory.
        given: what they are of.
        channels: order of its colours.
    """

    frames: list[np.ndarray]
    given: Any
    channels: Channels

    def like(self, painted: Sequence[np.ndarray]) -> Any:
        """Paintings of all frames, RGB (H, W, 3) uint8, as what was given: its type, shape, range and transparency."""
        if isinstance(self.given, Image.Image):
            return _picture_like(_as_kept(self.given), painted[0])
        if _is_tensor(self.given):
            return _tensor_like(self.given, painted, self.channels)
        return _array_like(self.given, painted, self.channels).view(PaintedArray)


def pictures_of(given: Any, channels: Channels = "rgb") -> Pictures:
    """The frames of an array, a tensor or a picture; several of a batch.

    Args:
        given: uint8 from 0 to 255, or floats from 0 to 1.  An array is RGB (H, W, 3), grey (H, W) or (H, W, 1), RGBA
            (H, W, 4), or a batch of any with three axes; a tensor has its channels before (H, W).
        channels: order of the colours in arrays and tensors.

    Raises:
        InputError: for anything else.
    """
    if isinstance(given, Image.Image):
        stack = np.asarray(_as_kept(given))[None]
        channels = "rgb"
    elif _is_tensor(given):
        stack = _stack_of(_channels_last(given), given)
    elif isinstance(given, np.ndarray):
        stack = _stack_of(given, given)
    else:
        raise InputError(f"{_said(given)}: {SHAPES}")
    return Pictures([_frame(pixels, channels) for pixels in _as_bytes(stack)], given, channels)


def _said(given: Any) -> str:
    if isinstance(given, np.ndarray) or _is_tensor(given):
        return f"{'array' if isinstance(given, np.ndarray) else 'tensor'} {tuple(given.shape)} {given.dtype}"
    return f"{type(given).__name__}"


def _is_tensor(given: Any) -> "TypeGuard[Tensor]":
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(given, torch.Tensor)


def _channels_last(tensor: "Tensor") -> np.ndarray:
    """A tensor (..., C, H, W) as an array (..., H, W, C), bfloat16 and the like as float32."""
    if tensor.ndim not in (3, 4):
        raise InputError(f"{_said(tensor)}: {SHAPES}")
    plain = tensor.detach().cpu()
    if plain.is_floating_point():
        plain = plain.float()
    return np.moveaxis(plain.numpy(), -3, -1)


def _stack_of(array: np.ndarray, given: Any) -> np.ndarray:
    """Pictures (N, H, W, C) of one or of several."""
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim == 3:
        array = array[None]
    if array.ndim != 4 or array.shape[3] not in (1, 3, 4):
        raise InputError(f"{_said(given)}: {SHAPES}")
    height, width = array.shape[1:3]
    if min(height, width) < SMALLEST_SIDE:
        raise InputError(f"{_said(given)}: a picture has at least {SMALLEST_SIDE} pixels a side, not {width}x{height}")
    if not len(array):
        raise InputError(f"{_said(given)}: holds no picture")
    return array


def _as_bytes(stack: np.ndarray) -> np.ndarray:
    """As uint8; floats from 0 to 1 are rounded."""
    if stack.dtype == np.uint8:
        return stack
    if not np.issubdtype(stack.dtype, np.floating):
        raise InputError(f"pixels are uint8 from 0 to 255 or floats from 0 to 1, not {stack.dtype}")
    # Which is false for what is no number, too.
    if not (float(stack.min()) >= -OVERSHOOT and float(stack.max()) <= 1 + OVERSHOOT):
        raise InputError(f"pixels that are floats go from 0 to 1, not from {stack.min():g} to {stack.max():g}")
    return np.rint(stack.clip(0, 1) * 255).astype(np.uint8)


def _frame(pixels: np.ndarray, channels: Channels) -> np.ndarray:
    """RGB (H, W, 3) of (H, W) or (H, W, C) uint8, in memory of its own; what is transparent is painted, too."""
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.shape[2] == 1:
        return np.repeat(pixels, 3, axis=2)
    if pixels.shape[2] == 2:  # grey and its transparency
        pixels = pixels[..., [0, 0, 0, 1]]
    elif channels == "bgr":
        pixels = pixels[..., [2, 1, 0, *range(3, pixels.shape[2])]]
    return without_what_is_hidden(pixels) if pixels.shape[2] == 4 else np.array(pixels, order="C")


def _colors(painted: np.ndarray, bands: int, channels: Channels) -> np.ndarray:
    """A painting (H, W, 3) in the colours of what had so many bands, (H, W, 1) luminance where there was but one."""
    if bands < 3:
        return np.rint(painted @ np.array(LUMA, np.float32))[..., None].astype(np.uint8)
    return painted[..., ::-1] if channels == "bgr" else painted


def _array_like(given: np.ndarray, painted: Sequence[np.ndarray], channels: Channels) -> np.ndarray:
    bands = given.shape[-1] if given.ndim > 2 else 1
    colors = np.stack([_colors(pixels, bands, channels) for pixels in painted])
    if given.dtype != np.uint8:
        colors = (colors.astype(np.float32) / 255).astype(given.dtype)
    if bands == 4:
        return np.concatenate([colors.reshape(*given.shape[:-1], 3), given[..., 3:]], axis=-1)
    return np.ascontiguousarray(colors).reshape(given.shape)


def _tensor_like(given: "Tensor", painted: Sequence[np.ndarray], channels: Channels) -> "Tensor":
    import torch

    last = _array_like(_channels_last(given), painted, channels)
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(last, -1, -3))).to(given.device, given.dtype)


def _as_kept(image: Image.Image) -> Image.Image:
    """A picture in a mode that can be given back: palettes, CMYK and others as RGB, with what is transparent."""
    if min(image.size) < SMALLEST_SIDE:
        raise InputError(f"a picture has at least {SMALLEST_SIDE} pixels a side, not {image.width}x{image.height}")
    if image.mode in MODES:
        return image
    if image.mode.startswith("I") or image.mode == "F":
        raise InputError(f"a picture of mode {image.mode} has more than 8 bits a channel; convert it first")
    return image.convert("RGBA" if image.has_transparency_data else "L" if image.mode == "1" else "RGB")


def _picture_like(kept: Image.Image, painted: np.ndarray) -> Image.Image:
    made = _colors(painted, len(kept.getbands()), "rgb")
    if kept.mode.endswith("A"):
        made = np.concatenate([made, np.asarray(kept)[..., -1:]], axis=2)
    return Image.fromarray(made[..., 0] if made.shape[2] == 1 else made)


def check_channels(channels: str) -> None:
    """Raises InputError for an order that is unknown."""
    if channels not in CHANNELS:
        raise InputError(f"{parameter('channels', channels)}: takes {' or '.join(CHANNELS)}")
