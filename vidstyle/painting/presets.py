"""What is made small, and how: the published methods, and the one that paints best."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from vidstyle.errors import InputError, parameter

BLOCK_STARTS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")


@dataclass(frozen=True)
class Terms:
    """The terms of the loss.

    Attributes:
        content_layer, style_layers: where they are taken, by VGG's names.
        layer_weights: of the style layers.
        content_kind: key of vidstyle.painting.tiled_loss.CONTENT_KINDS.
        style_kind: key of vidstyle.painting.tiled_loss.STYLE_KINDS.
        variation_kind: key of vidstyle.painting.tiled_loss.VARIATION_KINDS.
        content, style, variation: weights of the terms; a term of weight 0 is left out.
        temporal: of videos; 200 for values up to 255 in Ruder et al. 2016.
    """

    content_layer: str
    style_layers: tuple[str, ...]
    layer_weights: tuple[float, ...]
    content_kind: str
    style_kind: str
    variation_kind: str
    content: float
    style: float
    variation: float
    temporal: float


@dataclass(frozen=True)
class Preset:
    """A way to paint.

    Attributes:
        terms: what is made small.
        optimiser: `lbfgs` or `adam`.
        rate: step size of Adam, in units of the picture's range.
        momentum: Adam's beta_1 and beta_2.
        schedule: what becomes of the rate over the steps at one scale: `constant`, `cosine` (down to nothing), or
            `steps` (x 0.8 every 50).
        steps: at each scale.
        init: `content`, `noise`, `style` or a picture file.
        smallest: longer side at the first scale, pixels; None paints at the full size only.
        average: decay of the running mean of iterates that is shown; 0 shows the last iterate.
        clamp: whether the picture is kept within [0, 1] after each step.
    """

    terms: Terms
    optimiser: str
    steps: int
    init: str
    rate: float = 0.0
    momentum: tuple[float, float] = (0.9, 0.999)
    schedule: str = "constant"
    smallest: int | None = None
    average: float = 0.0
    clamp: bool = True


GATYS = Preset(
    # Gatys, Ecker and Bethge 2015, "A Neural Algorithm of Artistic Style": equations 1, 4, 5 and 7, w_l = 1/5.
    # Alpha / beta is smaller than the paper's 1e-3 and 1e-4: it hangs on the scale of the features, whose fourth power
    # is in the style and whose second in the content.
    Terms(
        "relu4_2",
        BLOCK_STARTS,
        (0.2,) * 5,
        "gatys",
        "gatys",
        "squared",
        content=1,
        style=1e6,
        variation=0,
        temporal=200 * 255**2,
    ),
    optimiser="lbfgs",
    steps=300,
    init="noise",
    clamp=False,
)

D2L = Preset(
    # Zhang, Lipton, Li and Smola, "Dive into Deep Learning", section 14.12.  Its ReLUs work in place, so that what it
    # takes at convolutions 25 and 0, 5, 10, 19 has passed through the ReLU behind them.  Its network ends with 28,
    # which has not; here it has.
    # The book's weights (1, 1e4, 10) are for torchvision's features and for pictures in deviations of ImageNet; these
    # were chosen with vgg19-hybrid, whose features have another scale.
    Terms(
        "relu4_4",
        BLOCK_STARTS,
        (0.2,) * 5,
        "mean",
        "mean",
        "absolute",
        content=1,
        style=5e5,
        variation=8,
        temporal=200,
    ),
    optimiser="adam",
    # 0.3 in the book's units, which are deviations of ImageNet.
    rate=0.07,
    schedule="steps",
    steps=500,
    init="content",
    clamp=False,
)

ADAM = Preset(
    Terms(
        "relu4_2",
        BLOCK_STARTS,
        (0.2,) * 5,
        "normalised",
        "relative",
        "squared",
        content=1,
        style=20,
        variation=2,
        temporal=200,
    ),
    optimiser="adam",
    rate=0.03,
    schedule="cosine",
    steps=300,
    init="content",
)

BEST = Preset(
    Terms(
        "relu3_1",
        BLOCK_STARTS,
        (0.2,) * 5,
        "normalised",
        "distance",
        "squared",
        content=1,
        style=10,
        variation=1,
        temporal=200,
    ),
    optimiser="adam",
    rate=0.02,
    momentum=(0.9, 0.99),
    steps=100,
    init="content",
    smallest=128,
    average=0.97,
)

PRESETS = {"best": BEST, "gatys": GATYS, "d2l": D2L, "adam": ADAM}
"""By name; the first is the default."""


def find_preset(name: str) -> Preset:
    """Raises InputError for a name that is not in PRESETS."""
    if name not in PRESETS:
        raise InputError(f"{parameter('preset', name)}: unknown; use {', '.join(PRESETS)}")
    return PRESETS[name]


def nearest_layer(wanted: str, available: Sequence[str]) -> str:
    """The layer itself, or else the nearest one of its block, or else the deepest one that comes before it.

    wanted: `reluB_I`.  available: names in order, at least one.
    """
    place = _place(wanted)
    block = [layer for layer in available if _place(layer)[0] == place[0]]
    if block:
        return min(block, key=lambda layer: abs(_place(layer)[1] - place[1]))
    before = [layer for layer in available if _place(layer) < place]
    return before[-1] if before else available[0]


def fit_terms(terms: Terms, available: Sequence[str]) -> tuple[Terms, list[str]]:
    """`terms` at layers that a perceptual network has, and a line for each that had to be moved or left out.

    A style layer that would come twice is left out, and the others weigh as they did.
    """
    notes = []
    content = nearest_layer(terms.content_layer, available)
    if content != terms.content_layer:
        notes.append(f"content is compared at {content}: this perceptual network has no {terms.content_layer}")
    styles: dict[str, float] = {}
    for layer, weight in zip(terms.style_layers, terms.layer_weights, strict=True):
        nearest = nearest_layer(layer, available)
        if nearest in styles or (nearest != layer and nearest in terms.style_layers):
            notes.append(f"no style is taken at {layer}: this perceptual network does not have it")
            continue
        if nearest != layer:
            notes.append(f"style is taken at {nearest}: this perceptual network has no {layer}")
        styles[nearest] = weight
    fitted = dataclasses.replace(
        terms, content_layer=content, style_layers=tuple(styles), layer_weights=tuple(styles.values())
    )
    return fitted, notes


def _place(layer: str) -> tuple[int, int]:
    block, index = layer.removeprefix("relu").split("_")
    return int(block), int(index)
