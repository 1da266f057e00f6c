"""A style of a picture, as a meta network writes it."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vidstyle.errors import InputError, parameter
from vidstyle.media.suffixes import READ_SUFFIXES
from vidstyle.steps import FINE_STEPS
from vidstyle.style_files import Style, StyleCard, load_style_file

if TYPE_CHECKING:
    from torch import Tensor

    from vidstyle.nets import MetaNetwork

LEAST_SIDE = 16
"""Pixels; smaller pictures have no strokes to paint with."""
LONGEST = 3.0
"""How many times as long as wide a picture is looked at, about its middle."""
STROKE_SIZES = (0.5, 2.0)
"""Of strokes against those in the picture: finer ones would be lost, and broader ones are more than a network sees."""
STROKES = (("strength", 0.3), ("width", 1.2), ("length", 1.5))
"""What is drawn under what the real-time network paints in any picture's style, where what writes it has learnt with no
others; see vidstyle.nets.strokes."""
SIZES = ("width", "length")
"""Of these, what grows with strokes."""


def is_picture(style: str | Path) -> bool:
    """Whether a style is named as a picture to make it of."""
    return Path(style).suffix.lower() in READ_SUFFIXES


def read_style_picture(path: Path) -> np.ndarray:
    """A picture to make a style of: RGB (H, W, 3) uint8, upright, what is transparent laid on white.

    Raises:
        InputError: for what is no picture or a broken one, is smaller than LEAST_SIDE, or of more than 100 megapixels.
    """
    from vidstyle.media.images import read_opaque

    pixels = read_opaque(path)
    height, width = pixels.shape[:2]
    if min(height, width) < LEAST_SIDE:
        raise InputError(
            f"{path}: {width}x{height} is too small to make a style of: it takes {LEAST_SIDE} pixels a side"
        )
    # Of a scroll, what is seen at once.
    longest = round(LONGEST * min(height, width))
    top, left = (max(0, length - longest) // 2 for length in (height, width))
    return pixels[top : top + longest, left : left + longest]


def style_of_picture(path: Path, meta: Path, stroke_size: float = 1.0) -> Style:
    """An ordinary style that paints like a picture.

    Args:
        path: the picture.
        meta: the file of a meta network.
        stroke_size: of its strokes, as a multiple of those that the picture has in a frame of STROKE_ROWS rows (see
            vidstyle.stream.lifting).

    Raises:
        InputError: see `read_style_picture`; for a file that is no meta network, and a size outside STROKE_SIZES.
    """
    from vidstyle.media.images import resize_shorter_side

    # What cannot be is refused before seconds are spent on loading.
    shown = read_style_picture(path)
    import torch

    from vidstyle.any_style.polish import polished_weights
    from vidstyle.nets import MetaRealtimeNet, RealtimeNet, build_network
    from vidstyle.nets.meta import PICTURE_SIDE
    from vidstyle.perception.style_grams import grams_of
    from vidstyle.perception.tensors import to_tensor

    pixels = resize_shorter_side(shown, stroke_side(PICTURE_SIDE, stroke_size))
    writer = _meta_network(meta)
    picture = to_tensor(pixels)[None]
    arguments = _arguments(writer, stroke_size)
    if isinstance(writer, MetaRealtimeNet):
        with torch.inference_mode(False):
            network = build_network(writer.paints_with, arguments)
        assert isinstance(network, RealtimeNet)
        weights: Mapping[str, Tensor] = polished_weights(writer, picture, painter=network)
    else:
        network = build_network(writer.paints_with, arguments)
        with torch.inference_mode():
            weights = writer.write_weights(picture)
    network.load_state_dict(weights)
    network.eval().requires_grad_(False)
    card = StyleCard(
        name=path.stem,
        path=path,
        network=writer.paints_with,
        arguments=arguments,
        title=path.stem.replace("_", " "),
        # What writes a style has seen the picture for a moment, so that steps gain most.
        optimise=FINE_STEPS,
        parameters=sum(tensor.numel() for tensor in weights.values()),
    )
    return Style(card, network, grams_of(picture))


def painter_arguments(meta: Path, stroke_size: float = 1.0) -> dict[str, Any]:
    """The arguments of the network that a style of any picture has; see `style_of_picture`."""
    return _arguments(_meta_network(meta), stroke_size)


def _arguments(writer: "MetaNetwork", stroke_size: float) -> dict[str, Any]:
    from vidstyle.nets import MetaRealtimeNet

    arguments = dict(writer.painter)
    if isinstance(writer, MetaRealtimeNet):
        strokes = dict(STROKES) | arguments.get("strokes", {})
        arguments["strokes"] = strokes | {name: strokes[name] * stroke_size for name in SIZES}
        # With zeros around pictures it draws a line along their borders.
        arguments["padding_mode"] = "replicate"
    return arguments


def stroke_side(side: int, stroke_size: float) -> int:
    """Pixels to scale a picture to whose strokes are to be so large, in place of `side`.

    Raises:
        InputError: for a size outside STROKE_SIZES.
    """
    if not STROKE_SIZES[0] <= stroke_size <= STROKE_SIZES[1]:
        limits = "{:g} (fine) to {:g} (broad)".format(*STROKE_SIZES)
        raise InputError(f"{parameter('stroke_size', stroke_size)}: takes {limits} where a style is made")
    return round(side * stroke_size)


@lru_cache(maxsize=1)
def _meta_network(path: Path) -> "MetaNetwork":
    import torch

    from vidstyle.nets import MetaNetwork

    # It is kept, and what comes of it is to be trained, whatever mode the first caller is in.
    with torch.inference_mode(False):
        network = load_style_file(path).network
    if not isinstance(network, MetaNetwork):
        raise InputError(f"{path}: makes no styles of pictures")
    return network
