"""What training makes small: the terms of vidstyle.perception.losses, chosen and weighted by a recipe."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vidstyle.errors import InputError
from vidstyle.perception import losses
from vidstyle.perception.brightness import brightness_regions, region_shares
from vidstyle.perception.contours import contour_loss, contours
from vidstyle.perception.features import Embedded
from vidstyle.perception.flow import Pair
from vidstyle.perception.perceptual_network import LAYERS, PerceptualNetwork
from vidstyle.perception.region_grams import region_grams

T = TypeVar("T")

MOTIFS = frozenset({"relu4_1", "relu5_1"})
"""Layers of style that see what is larger than a stroke."""
TEMPORAL_KINDS = ("plain", "luminance")


@dataclass(frozen=True)
class Loss:
    """Weights and layers of the objective; see vidstyle.perception.losses for the terms."""

    perceptual: str = "vgg19-hybrid"
    content_layers: tuple[str, ...] = ()
    style_layers: tuple[str, ...] = ()
    """Those that suit the perceptual network, if none are named (vidstyle.perception.perceptual_network.LAYERS)."""
    style_layer_weights: tuple[float, ...] = ()
    """One for each style layer; all alike if left out."""
    content_kind: str = "normalised"
    """`normalised` or `plain`."""
    style_kind: str = "relative"
    """`relative`, `distance`, `gram` or `moments`."""
    temporal_kind: str = "plain"
    """`plain`, or `luminance`, which lets the painting's brightness change with its source's."""
    style_regions: int = 1
    """Above one, style is compared region by region, as many of as large an area, from dark to bright: so strokes of a
    bright sky go where a photograph is bright."""
    style_room: float = 0.0
    """Above zero, motifs (MOTIFS) are asked for where a photograph has room for them, and less where it has detail, as
    in a face: half as much where its gradient is so many times as strong as in the mean."""
    contour: float = 0.0
    """Of strokes that cross the contours that are near, in place of running along."""
    content: float = 1.0
    style: float = 6.0
    total_variation: float = 1.0
    grid: float = 1000.0
    range: float = 10.0
    keep: float = 0.0
    """Of large forms that change from what the network painted before training: fine layers can be learnt alone."""
    keep_detail: float = 0.0
    """The same near detail alone, as in a face: motifs then go where a photograph is flat all around."""
    flicker: float = 0.0
    """Of strokes where the photograph is too dark or flat to show how it moves."""
    temporal: float = 0.0
    """Above zero, training sees pairs of frames that move, and the canvas moves with them."""
    temporal_feature: float = 0.0
    """As `temporal`, on the network's own features."""
    inversion: float = 0.0
    """Of AdaIN: how far its decoder is from turning the features of style pictures back into pixels."""
    adversarial: float = 0.0
    """Above zero, discriminators learn to tell patches of the painting from those of the style's pictures, and the
    painter to pass; so many times content's gradient is theirs.  Of CycleGAN the plain weight, 1 if left out."""
    cycle: float = 10.0
    identity: float = 5.0
    """Of CycleGAN: how far a picture is from itself once it has gone through both networks, and how far each network
    changes what is already as it should be.  Zhu et al. 2017, equation 2 and section 5.2."""
    balance: float = 0.0
    """Above zero, style is scaled until its gradient is this many times content's; `style` then weighs nothing."""

    @property
    def paired(self) -> bool:
        """Whether training needs pairs of frames."""
        return self.temporal > 0 or self.temporal_feature > 0


class Objective(nn.Module):
    """content + style + total variation + range + grid + flicker + temporal, weighted as the recipe says.

    Args:
        weights: kinds, layers and weights of the terms.
        perceptual: where features come from.
        style: the style picture, or several by one hand, each (1, 3, H, W) in [0, 1].

    Raises:
        InputError: for kinds and layers that do not exist.
    """

    def __init__(self, weights: Loss, perceptual: PerceptualNetwork, *style: Tensor) -> None:
        super().__init__()
        self.weights = weights
        self.perceptual = perceptual
        usual = LAYERS[weights.perceptual]
        self.content_layers = weights.content_layers or usual.content
        self.style_layers = weights.style_layers or usual.style
        self.layer_weights = weights.style_layer_weights or (1.0,) * len(self.style_layers)
        if len(self.layer_weights) != len(self.style_layers):
            raise InputError(
                f"loss.style_layer_weights has {len(self.layer_weights)} entries for {len(self.style_layers)} layers"
            )
        self._content_loss = _choose("content_kind", weights.content_kind, losses.CONTENT_KINDS)
        self._style_loss = _choose(
            "style_kind", weights.style_kind, losses.GRAM_KINDS | {"moments": losses.moment_loss}
        )
        _choose("temporal_kind", weights.temporal_kind, dict.fromkeys(TEMPORAL_KINDS))
        if weights.style_regions > 1 and weights.style_kind == "moments":
            raise InputError("loss.style_regions: regions are compared by Gram matrices; take another style_kind")
        perceptual.float()
        self.set_style(*style)

    @torch.no_grad()
    def set_style(self, *style: Tensor) -> None:
        """From now on be near to the pictures `style`, each (1, 3, H, W) in [0, 1]: to the mean of what each has."""
        of_each = [
            self._statistics(self.perceptual.compact(picture, self.style_layers), brightness_regions(picture, count))
            for count in [self.weights.style_regions]
            for picture in style
        ]
        self.targets = {layer: torch.stack([f[layer] for f in of_each]).mean(0) for layer in self.style_layers}

    def _statistics(
        self, features: Mapping[str, Tensor | Embedded], regions: Tensor, room: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Of each style layer, what is compared of each region: (N, R, ...).

        regions: as from `brightness_regions`; room: (N, 1, h, w), for motifs, 0 to 1; everywhere if None.
        """
        if self.weights.style_kind == "moments":
            return {layer: losses.stacked_moments(features[layer])[:, None] for layer in self.style_layers}
        where = regions if room is None else regions * room
        return {
            layer: region_grams(f, region_shares(where if layer in MOTIFS else regions, f.shape))
            for layer, f in ((layer, features[layer]) for layer in self.style_layers)
        }

    def forward(self, source: Tensor, painted: Tensor) -> dict[str, Tensor]:
        """The weighted terms by name, for RGB batches (N, 3, H, W)."""
        w = self.weights
        with torch.no_grad():
            content = self.perceptual.compact(source, self.content_layers)
        features = self.perceptual.compact(painted, {*self.content_layers, *self.style_layers})
        contents = [self._content_loss(features[layer], content[layer]) for layer in self.content_layers]
        regions, directions, room = brightness_regions(source, w.style_regions), None, None
        if w.contour or w.style_room:
            directions, detail = contours(source)
            if w.style_room:
                room = F.interpolate(1 / (1 + (detail / w.style_room) ** 2), regions.shape[-2:], mode="area")
        found = self._statistics(features, regions, room)
        styles = [
            weight * torch.stack([self._style_loss(a, b) for a, b in self._by_region(found, layer)]).mean()
            for layer, weight in zip(self.style_layers, self.layer_weights, strict=True)
        ]
        painted = painted.float()
        terms: dict[str, Tensor] = {
            "content": torch.stack(contents).mean(),
            "style": torch.stack(styles).sum() / sum(self.layer_weights),
            "total_variation": losses.total_variation(painted),
            "range": losses.range_loss(painted),
        }
        if w.grid:
            terms["grid"] = losses.grid_loss(painted)
        if w.contour:
            assert directions is not None
            terms["contour"] = contour_loss(painted, directions)
        if w.flicker:
            terms["flicker"] = losses.flicker_loss(painted, source)
        return losses.weighted(terms, {name: getattr(w, name) for name in terms})

    def _by_region(self, found: Mapping[str, Tensor], layer: str) -> Iterator[tuple[Tensor, Tensor]]:
        """What is there and what it should be, of each region: (N, ...) and (1, ...)."""
        return zip(found[layer].unbind(1), self.targets[layer].unbind(1), strict=True)

    def temporal(self, pair: Pair, painted: Tensor, trunk: Tensor | None, pixels: Tensor) -> dict[str, Tensor]:
        """The weighted temporal terms by name.

        painted: (2 N, 3, H, W), first frames before second ones; trunk: the network's features of the same.
        pixels: visible ones in the whole batch, for each process that shares it.
        """
        w = self.weights
        terms: dict[str, Tensor] = {}
        first, second = painted.float().chunk(2)
        if w.temporal and w.temporal_kind == "plain":
            terms["temporal"] = losses.temporal_loss(first, second, pair.flow, pair.visible, pixels=pixels)
        elif w.temporal:
            terms["temporal"] = losses.luminance_temporal_loss(
                (first, second), (pair.first, pair.second), pair.flow, pair.visible, pixels=pixels
            )
        if w.temporal_feature:
            assert trunk is not None
            before, after = trunk.chunk(2)
            terms["temporal_feature"] = losses.feature_temporal_loss(before, after, pair.flow, pair.visible)
        return losses.weighted(terms, {name: getattr(w, name) for name in terms})


def _choose(option: str, kind: str, kinds: Mapping[str, T]) -> T:
    if kind not in kinds:
        raise InputError(f"loss.{option} is {kind!r}; it can be {', '.join(kinds)}")
    return kinds[kind]
