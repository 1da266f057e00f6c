"""The loss of a painting and its gradient, from one evaluation, in bounded memory.

All that is compared of features are sums over positions: Gram matrices, squared differences, means.  So a picture can
be looked at tile by tile: once for the sums, from which come the loss and its gradient by each sum, and once more to
carry that back to the pixels.  The gradient is exact.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from vidstyle.painting.picture_tiles import PictureTile, picture_tiles
from vidstyle.painting.presets import Terms
from vidstyle.perception import losses
from vidstyle.perception.features import Embedded, whole
from vidstyle.perception.perceptual_network import PerceptualNetwork

EPSILON = 1e-5
"""Of instance normalisation, as in torch."""
CONTENT_OWN = "content own"
KEPT_BYTES = 1 << 30
"""What the content's features may take; larger ones are computed again for each tile."""
STYLE_TILE = 1024
"""Pixels; a style picture may be larger than the painting."""


@dataclass(frozen=True)
class StyleRegion:
    """What a region is to be painted like.

    Attributes:
        picture: RGB (1, 3, h, w) in [0, 1].
        weight: its share where several paint the same pixels.
        mask: (1, 1, H, W) in [0, 1], where the painting takes it; None for everywhere.
    """

    picture: Tensor
    weight: float = 1.0
    mask: Tensor | None = None


@dataclass(frozen=True)
class Past:
    """The frame before.

    Attributes:
        painted: (1, 3, H, W), moved along the flow to where it is now.
        visible: (1, 1, H, W), 0 where that shows nothing of this frame.
    """

    painted: Tensor
    visible: Tensor


@dataclass(frozen=True)
class Evaluation:
    """Weighted terms by name with their `total`, and its gradient (1, 3, H, W)."""

    losses: dict[str, float]
    gradient: Tensor


class PictureLoss(Protocol):
    """What a painting makes small."""

    def evaluate(self, image: Tensor) -> Evaluation:
        """The loss of RGB (1, 3, H, W) and its gradient."""
        ...


def gatys_style(gram: Tensor, target: Tensor) -> Tensor:
    """1 / (4 N^2 M^2) sum (G - A)^2.  Gatys et al. 2015, equation 4.

    gram, target: (1, N, N), divided by N M as by `gram_matrix`, each by the M of its own picture.
    """
    return losses.gram_loss(gram, target) / 4


def mean_style(gram: Tensor, target: Tensor) -> Tensor:
    """Mean of (G - A)^2 over entries.  Zhang et al., "Dive into Deep Learning", section 14.12.6."""
    return losses.gram_loss(gram, target) / gram[0].numel()


STYLE_KINDS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "gatys": gatys_style,
    "mean": mean_style,
    "relative": losses.style_loss,
    "distance": losses.gram_distance,
}
CONTENT_KINDS = ("gatys", "mean", "normalised")
"""1/2 sum (F - P)^2 (Gatys et al. 2015, equation 1), its mean, or that of instance-normalised features."""


def absolute_variation(image: Tensor) -> Tensor:
    """Half the mean distance of neighbours, as in "Dive into Deep Learning", section 14.12.6."""
    vertical = (image[..., 1:, :] - image[..., :-1, :]).abs().mean()
    return (vertical + (image[..., :, 1:] - image[..., :, :-1]).abs().mean()) / 2


VARIATION_KINDS: dict[str, Callable[[Tensor], Tensor]] = {
    "absolute": absolute_variation,
    "squared": losses.total_variation,
}


class TiledLoss:
    """content + style + total variation + temporal, weighted.

    Args:
        perceptual: where features come from; it computes in `dtype`.
        terms: of layers that `perceptual` has.
        content: RGB (1, 3, H, W) in [0, 1], as large as what will be painted.
        styles: at least one; those without a mask are mixed, by their weights, into one target.
        tile: side of the parts that are looked at one by one, pixels; None looks at all at once.
        dtype: bfloat16 computes features in it by autocasting.
        past: for a frame of a video.
    """

    def __init__(
        self,
        perceptual: PerceptualNetwork,
        terms: Terms,
        content: Tensor,
        styles: Sequence[StyleRegion],
        *,
        tile: int | None = None,
        dtype: torch.dtype = torch.float32,
        past: Past | None = None,
    ) -> None:
        self.perceptual, self.terms, self.past, self._dtype, self._side = perceptual, terms, past, dtype, tile
        self._content = content
        height, width = content.shape[-2:]
        self._tiles = list(picture_tiles(height, width, tile))
        self._layers = {*terms.style_layers} | ({terms.content_layer} if terms.content else set())
        self._masks = self._distinct([style.mask for style in styles])
        self._areas: dict[tuple[str, int], float] = {}
        with torch.no_grad():
            self._targets = [self._target([s for s in styles if s.mask is mask]) for mask in self._masks]
            total = sum(style.weight for style in styles)
            self._shares = [sum(s.weight for s in styles if s.mask is mask) / total for mask in self._masks]
            self._measure_content()

    @staticmethod
    def _distinct(masks: Sequence[Tensor | None]) -> list[Tensor | None]:
        found: list[Tensor | None] = []
        for mask in masks:
            if not any(mask is other for other in found):
                found.append(mask)
        return found

    def evaluate(self, image: Tensor) -> Evaluation:
        """The loss of RGB (1, 3, H, W) and its gradient."""
        whole = len(self._tiles) == 1
        parts, sums = None, None
        for tile in self._tiles:
            leaf = tile.cut(image).detach().requires_grad_(whole)
            with torch.set_grad_enabled(whole):
                parts = self._sums(leaf, tile)
            found = {name: part.detach() for name, part in parts.items()}
            sums = found if sums is None else {name: sums[name] + part for name, part in found.items()}
        assert parts is not None
        assert sums is not None
        for value in sums.values():
            value.requires_grad_()
        pixels = image.detach().requires_grad_()
        with torch.enable_grad():
            terms = self._feature_terms(sums) | self._pixel_terms(pixels)
            total = losses.total(terms)
        total.backward()
        gradient = torch.zeros_like(image) if pixels.grad is None else pixels.grad
        # What is the content's alone leads back to no pixel of the painting.
        by_sum = {name: value.grad for name, value in sums.items() if name != CONTENT_OWN}
        for tile in self._tiles:
            if not whole:
                leaf = tile.cut(image).detach().clone().requires_grad_()
                with torch.enable_grad():
                    parts = self._sums(leaf, tile)
            torch.autograd.backward([parts[name] for name in by_sum], list(by_sum.values()))
            assert leaf.grad is not None
            tile.cut(gradient).add_(leaf.grad)
        return Evaluation({name: term.item() for name, term in terms.items()} | {"total": total.item()}, gradient)

    def _features(self, image: Tensor, layers: set[str]) -> Mapping[str, Tensor | Embedded]:
        with torch.autocast(image.device.type, torch.bfloat16, enabled=self._dtype == torch.bfloat16):
            return self.perceptual.compact(image.contiguous(memory_format=torch.channels_last), layers)

    def _sums(self, image: Tensor, tile: PictureTile) -> dict[str, Tensor]:
        """What is compared of a tile of the painting; that of all tiles adds up to that of the whole."""
        features = self._features(image, self._layers)
        sums = {}
        for layer in self.terms.style_layers:
            inner = tile.inner(features[layer])
            for region, mask in enumerate(self._masks):
                sums[f"{layer}/{region}"] = self._part_of_gram(inner, layer, region, mask, tile)
        if self.terms.content:
            inner = whole(tile.inner(features[self.terms.content_layer])).float()
            sums |= self._content_sums(inner, self._content_of(tile))
        return sums

    def _part_of_gram(
        self, features: Tensor | Embedded, layer: str, region: int, mask: Tensor | None, tile: PictureTile
    ) -> Tensor:
        """A tile's share in the Gram matrix of a region.

        Gatys et al. 2017, "Controlling Perceptual Factors in Neural Style Transfer", equations 6 and 7: features
        times the mask, whose squares add up to 1.
        """
        height, width = features.shape[-2:]
        if mask is None:
            area = float((tile.height // self._stride(layer)) * (tile.width // self._stride(layer)))
            return losses.gram_matrix(features) * (height * width / area)
        guidance = whole(tile.inner(self._shrink(tile.cut(mask), layer)))
        area = self._areas[layer, region]
        return losses.gram_matrix(features * guidance.to(features.dtype)) * (height * width / area)

    def _shrink(self, mask: Tensor, layer: str) -> Tensor:
        stride = self._stride(layer)
        return F.avg_pool2d(mask, stride) if stride > 1 else mask

    @staticmethod
    def _stride(layer: str) -> int:
        return 2 ** (int(layer[4]) - 1)

    def _target(self, styles: Sequence[StyleRegion]) -> dict[str, Tensor]:
        """Gram matrices of the styles of one region, mixed.

        sum v_k |G - A_k|^2 = |G - sum v_k A_k|^2 + constant where the v_k add up to 1.
        """
        mask = styles[0].mask
        if mask is not None:
            region = next(index for index, other in enumerate(self._masks) if other is mask)
            for layer in self.terms.style_layers:
                self._areas[layer, region] = float(self._shrink(mask, layer).square().sum().clamp(min=1e-6))
        weights = sum(style.weight for style in styles)
        target: dict[str, Tensor] = {}
        for style in styles:
            height, width = style.picture.shape[-2:]
            for tile in picture_tiles(height, width, self._side or STYLE_TILE):
                features = self._features(tile.cut(style.picture), set(self.terms.style_layers))
                for layer in self.terms.style_layers:
                    inner = tile.inner(features[layer])
                    area = (tile.height // self._stride(layer)) * (tile.width // self._stride(layer))
                    share = inner.shape[-2] * inner.shape[-1] / area
                    part = losses.gram_matrix(inner) * (share * style.weight / weights)
                    target[layer] = target[layer] + part if layer in target else part
        return target

    def _measure_content(self) -> None:
        """Means and deviations of the content's features over all of it, and the features if they are few."""
        self._kept: dict[PictureTile, Tensor] = {}
        self._mean = self._deviation = torch.zeros(1)
        layer = self.terms.content_layer
        if not self.terms.content:
            return
        stride = self._stride(layer)
        self._positions = (self._content.shape[-2] // stride) * (self._content.shape[-1] // stride)
        first = second = torch.zeros(1)
        for tile in self._tiles:
            inner = whole(tile.inner(self._features(tile.cut(self._content), {layer})[layer])).float()
            if len(self._tiles) == 1 or 4 * self._positions * inner.shape[1] <= KEPT_BYTES:
                self._kept[tile] = inner.clone()
            first = first.to(inner.device) + inner.sum((2, 3), keepdim=True) / self._positions
            second = second.to(inner.device) + inner.square().sum((2, 3), keepdim=True) / self._positions
        self._mean, self._deviation = first, ((second - first**2).clamp(min=0) + EPSILON).sqrt()
        self._kept = {tile: self._normalise(features) for tile, features in self._kept.items()}

    def _content_of(self, tile: PictureTile) -> Tensor:
        """The content's features in a tile; they are computed again where keeping them would take the memory."""
        if tile in self._kept:
            return self._kept[tile]
        layer = self.terms.content_layer
        with torch.no_grad():
            features = tile.inner(self._features(tile.cut(self._content), {layer})[layer])
            return self._normalise(whole(features).float())

    def _normalise(self, features: Tensor) -> Tensor:
        if self.terms.content_kind == "normalised":
            return (features - self._mean) / self._deviation
        return features

    def _content_sums(self, painted: Tensor, content: Tensor) -> dict[str, Tensor]:
        if self.terms.content_kind != "normalised":
            return {"content": (painted - content).square().sum()}
        moments = (painted, painted.square(), painted * content, content.square())
        names = ("content first", "content second", "content product", CONTENT_OWN)
        return {name: m.sum((2, 3)) / self._positions for name, m in zip(names, moments, strict=True)}

    def _content_loss(self, sums: Mapping[str, Tensor]) -> Tensor:
        """`normalised_content_loss`, from sums: E(f - p)^2 = E f^2 - 2 E f p + E p^2; or a squared difference."""
        if self.terms.content_kind == "gatys":
            return sums["content"] / 2
        if self.terms.content_kind == "mean":
            return sums["content"] / (self._positions * self._mean.numel())
        mean, product = sums["content first"], sums["content product"]
        variance = (sums["content second"] - mean**2).clamp(min=0)
        # The content's features have a mean of 0.
        own = variance / (variance + EPSILON)
        return (own - 2 * product / (variance + EPSILON).sqrt() + sums[CONTENT_OWN]).mean()

    def _feature_terms(self, sums: Mapping[str, Tensor]) -> dict[str, Tensor]:
        kind = STYLE_KINDS[self.terms.style_kind]
        style = torch.stack(
            [
                share * weight * kind(sums[f"{layer}/{region}"], target[layer])
                for region, (share, target) in enumerate(zip(self._shares, self._targets, strict=True))
                for layer, weight in zip(self.terms.style_layers, self.terms.layer_weights, strict=True)
            ]
        )
        terms = {"style": self.terms.style * style.sum()}
        if self.terms.content:
            terms["content"] = self.terms.content * self._content_loss(sums)
        return terms

    def _pixel_terms(self, image: Tensor) -> dict[str, Tensor]:
        terms = {}
        if self.terms.variation:
            terms["total_variation"] = self.terms.variation * VARIATION_KINDS[self.terms.variation_kind](image)
        if self.past is not None and self.terms.temporal:
            terms["temporal"] = self.terms.temporal * self._temporal(image, self.past)
        return terms

    @staticmethod
    def _temporal(image: Tensor, past: Past) -> Tensor:
        """1/D sum c (x - w)^2 over all D values.  Ruder, Dosovitskiy and Brox 2016, equation 7."""
        return (past.visible * (image - past.painted).square()).mean()
