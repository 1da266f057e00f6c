"""What a person asks for, checked."""

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from vidstyle.errors import InputError, parameter
from vidstyle.painting.presets import Preset, find_preset
from vidstyle.validation import FilePath, validated

SMALLEST_SIZE, LARGEST_SIZE = 64, 4096
"""Longer side of a painting, pixels."""
STYLE_SCALES = (0.1, 4.0)
TILE_FROM = 1_500_000
"""Pixels; larger pictures are looked at tile by tile unless told otherwise."""
TILE = 1024
SMALLEST_TILE = 128
INITS = ("content", "noise", "style")
KeepColors = Literal["luminance", "histogram"]
Weight = Annotated[float | None, Field(ge=0, allow_inf_nan=False, description="takes 0 or more")]


class WeightedStyle(NamedTuple):
    """A style picture's file and its share."""

    path: Path
    weight: float = 1.0


StylePicture = str | Path | tuple[str | Path, float]
"""A style as a program may name it: a file, `FILE:WEIGHT`, or both apart."""


@validated
class PaintSettings:
    """How to paint; see `vidstyle paint --help`.

    Attributes:
        preset: key of vidstyle.painting.presets.PRESETS.
        size: longer side of the painting, pixels.
        content_weight, style_weight: in place of the preset's.
        init: `content`, `noise`, `style` or a picture file, in place of the preset's.
        keep_colors: the content's colours with the painting's luminance, as everywhere.
        match_colors: give the styles the content's colours beforehand, and paint with those.
        masks: by style, a picture that is white where it paints; one less than there are styles leaves the rest to
            the last.
        style_scale: size of the style pictures; at 1 their shorter side is that of the painting.
        steps: at each scale, in place of the preset's.
        seed: of noise.
        device: `auto`, `cpu`, `cuda[:N]`, `mps` or `xpu[:N]`.
        perceptual: key of vidstyle.perception.perceptual_network.LAYERS; without weights `vgg19`, with their folder
            `vgg19-hybrid`.
        perceptual_weights: see vidstyle.perception.perceptual_network.PerceptualNetwork.
        recompute_activations: less memory for more time.
        tile: side of the parts that a large picture is looked at in, pixels; TILE if None, from TILE_FROM on.
    """

    preset: str = "best"
    size: Annotated[
        int,
        Field(
            ge=SMALLEST_SIZE,
            le=LARGEST_SIZE,
            description=f"takes {SMALLEST_SIZE} to {LARGEST_SIZE} pixels, of the longer side",
        ),
    ] = 512
    content_weight: Weight = None
    style_weight: Weight = None
    init: str | None = None
    keep_colors: bool = False
    match_colors: bool = False
    masks: Annotated[tuple[FilePath, ...], Field(strict=False)] = ()
    style_scale: Annotated[
        float,
        Field(ge=STYLE_SCALES[0], le=STYLE_SCALES[1], description="takes {:g} to {:g}".format(*STYLE_SCALES)),
    ] = 1.0
    steps: Annotated[int | None, Field(ge=1, description="takes 1 or more")] = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63, description="takes a whole number of 64 bits")] = 0
    device: str = "auto"
    perceptual: str | None = None
    perceptual_weights: FilePath | None = None
    recompute_activations: bool = False
    tile: Annotated[int | None, Field(ge=SMALLEST_TILE, description=f"takes {SMALLEST_TILE} pixels or more")] = None

    def __post_init__(self) -> None:
        find_preset(self.preset)
        if self.content_weight == 0 and self.style_weight == 0:
            raise InputError(
                f"{parameter('content_weight')} and {parameter('style_weight')}: one of the two must be above 0"
            )
        if self.init is not None and self.init not in INITS and not Path(self.init).exists():
            raise InputError(
                f"{parameter('init', self.init)}: takes {', '.join(INITS)} or a picture file, and there is no such file"
            )
        if self.keep_colors and self.match_colors:
            raise InputError(f"{parameter('keep_colors')} and {parameter('match_colors')}: give one of the two")

    def resolve(self) -> Preset:
        """The preset, with what is given put in."""
        preset = find_preset(self.preset)
        content = preset.terms.content if self.content_weight is None else self.content_weight
        style = preset.terms.style if self.style_weight is None else self.style_weight
        terms = dataclasses.replace(preset.terms, content=content, style=style)
        return dataclasses.replace(preset, terms=terms, init=self.init or preset.init, steps=self.steps or preset.steps)

    def tile_for(self, height: int, width: int) -> int | None:
        """Side of the tiles for a picture of that size; None to look at all at once."""
        if self.tile is not None:
            return self.tile
        return TILE if height * width > TILE_FROM else None


def parse_style(text: str) -> WeightedStyle:
    """`FILE` or `FILE:WEIGHT`.

    Raises:
        InputError: for a weight that is not above 0.
    """
    name, colon, number = text.rpartition(":")
    # A file's name may hold a colon.
    if not colon or Path(text).exists():
        return WeightedStyle(Path(text))
    try:
        weight = float(number)
    except ValueError:
        return WeightedStyle(Path(text))
    if not 0 < weight < math.inf:
        raise InputError(f"{text}: the weight of a style is above 0, such as {name}:0.5")
    return WeightedStyle(Path(name), weight)


def weighted_styles(styles: StylePicture | Sequence[StylePicture]) -> list[WeightedStyle]:
    """One style or several, each with its weight.

    Raises:
        InputError: see `parse_style`.
    """
    if isinstance(styles, str | Path):
        return [_weighted(styles)]
    # A pair of a file and its weight is a sequence, too.
    if isinstance(styles, tuple) and len(styles) == 2 and isinstance(styles[1], int | float):
        return [WeightedStyle(Path(styles[0]), float(styles[1]))]
    return [_weighted(style) for style in styles]


def _weighted(style: StylePicture) -> WeightedStyle:
    if isinstance(style, tuple):
        return WeightedStyle(Path(style[0]), float(style[1]))
    return WeightedStyle(style) if isinstance(style, Path) else parse_style(style)


def files_read(content: Path, styles: Sequence[WeightedStyle], settings: PaintSettings) -> list[Path]:
    """The files that a painting is made from."""
    start = [Path(settings.init)] if settings.init and settings.init not in INITS else []
    return [content, *(style.path for style in styles), *settings.masks, *start]
