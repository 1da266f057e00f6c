"""The terms of the training objective, each a pure function of tensors."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from vidstyle.perception import vgg
from vidstyle.perception.features import Embedded, whole
from vidstyle.perception.luma import luminance
from vidstyle.perception.warping import coarse, warp

FAINT, FLICKER_WINDOW = 1e-5, 9
"""Squared gradient, for luma in [0, 1], about which motion begins to be seen: that of some grey level a pixel."""


class _OwnProduct(torch.autograd.Function):
    """X^T X of (N, P, C): (N, C, C).  torch's own would step backward through both factors, in twice the time."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.bmm(x.transpose(1, 2), x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (x,), (gradient,) = ctx.saved_tensors, gradients
        # Where torch computes in half precision by itself, products come in that, and what went in may not have been.
        return torch.bmm(x, (gradient + gradient.transpose(1, 2)).to(x.dtype))


def gram_matrix(features: Tensor | Embedded) -> Tensor:
    """Gram matrix of (N, C, H, W) over positions, divided by C H W; returns float32 (N, C, C).

    Gatys, Ecker and Bethge 2016, equation 3, with the normalisation of Johnson et al. 2016, equation 3.
    """
    if isinstance(features, Embedded):
        matrix = features.matrix.float() * (features.narrow.shape[1] / len(features.matrix)) ** 0.5
        return matrix @ gram_matrix(features.narrow) @ matrix.T
    n, c, h, w = features.shape
    flat = features.permute(0, 2, 3, 1).reshape(n, h * w, c)
    # Divided before the product, so that half precision neither overflows nor loses the small entries.
    flat = flat / (c * h * w) ** 0.5
    return cast(Tensor, _OwnProduct.apply(flat)).float()


def content_loss(painted: Tensor, source: Tensor) -> Tensor:
    """Mean of (F(y) - F(x))^2 over (N, C, H, W).  Johnson et al. 2016, equation 2."""
    return F.mse_loss(painted.float(), source.float())


def normalised_content_loss(painted: Tensor | Embedded, source: Tensor | Embedded) -> Tensor:
    """`content_loss` between features that are instance-normalised first.

    What differs by a channel's mean and contrast is style (Huang and Belongie 2017, section 3) and costs nothing.
    """
    if isinstance(painted, Embedded) and isinstance(source, Embedded):
        return _embedded_content_loss(painted, source)
    return content_loss(F.instance_norm(whole(painted).float()), F.instance_norm(whole(source).float()))


def _embedded_content_loss(painted: Embedded, source: Embedded) -> Tensor:
    """The same from covariances of the few features: E(a - b)^2 = E a^2 - 2 E a b + E b^2, of each channel."""
    matrix = painted.matrix.float()
    ours, theirs = (x.narrow.float().flatten(2) for x in (painted, source))
    ours, theirs = (x - x.mean(2, keepdim=True) for x in (ours, theirs))
    between, own, given = (
        ((matrix @ torch.bmm(x, y.mT) / x.shape[2]) * matrix).sum(2)
        for x, y in ((ours, theirs), (ours, ours), (theirs, theirs))
    )
    # As torch's instance normalisation has it.
    ours_sure, theirs_sure = own + 1e-5, given + 1e-5
    return (own / ours_sure + given / theirs_sure - 2 * between / (ours_sure * theirs_sure).sqrt()).mean()


def gram_loss(gram: Tensor, target: Tensor) -> Tensor:
    """Squared Frobenius distance of Gram matrices: |G - A|^2.  Johnson et al. 2016, equation 4.

    gram (N, C, C), target (1, C, C), both divided by C H W (see `gram_matrix`); mean over N.
    """
    return ((gram - target) ** 2).sum((1, 2)).mean()


def style_loss(gram: Tensor, target: Tensor) -> Tensor:
    """Squared Frobenius distance of Gram matrices, relative to the target's own: |G - A|^2 / |A|^2.

    Gatys et al. 2016, equation 4, with the layer's scale taken out, so that layers (and styles) of different
    contrast weigh the same.  gram (N, C, C), target (1, C, C); mean over N.
    """
    return gram_loss(gram, target) / (target**2).sum()


def gram_distance(gram: Tensor, target: Tensor) -> Tensor:
    """|G - A| / |A|, Frobenius norms: the root of `style_loss`, and what vidstyle.perception.metrics measures.

    Its gradient does not fade as a layer comes near its target, so that no layer is left behind.
    """
    return (style_loss(gram, target) + 1e-8).sqrt()


def stacked_moments(features: Tensor | Embedded) -> Tensor:
    """Mean and standard deviation over positions of (N, C, H, W): float32 (N, 2, C)."""
    return torch.stack(vgg.moments(whole(features).float()), 1)


def moment_loss(found: Tensor, target: Tensor) -> Tensor:
    """Squared distance of means plus squared distance of deviations: |m - a|^2 + |s - b|^2, mean over channels.

    Huang and Belongie 2017, equation 12; squared as in Shen, Yan and Zeng 2018 ("MetaNet"), equation 2.
    found (N, 2, C), target (1, 2, C), see `stacked_moments`; mean over N.
    """
    return (found - target).square().sum(1).mean()


def inversion_loss(pairs: Iterable[tuple[Tensor, Tensor]]) -> Tensor:
    """Sum over pairs of |D(f) - e|^2 / Var(e): how far a decoder's stages are from undoing their encoder's.

    pairs: each stage's output and what the encoder had there, (N, C, h, w); variances over positions, mean over
    channels.  Li et al. 2017 ("Universal Style Transfer via Feature Transforms"), equation 1, for each stage by itself.
    """
    errors = [F.mse_loss(found.float(), wanted.float()) / _variance(wanted) for found, wanted in pairs]
    return torch.stack(errors).sum()


def _variance(features: Tensor) -> Tensor:
    return features.float().var((0, 2, 3), correction=0).mean() + vgg.LEAST_VARIANCE


def _plain_content_loss(painted: Tensor | Embedded, source: Tensor | Embedded) -> Tensor:
    return content_loss(whole(painted), whole(source))


CONTENT_KINDS: dict[str, Callable[[Tensor | Embedded, Tensor | Embedded], Tensor]] = {
    "normalised": normalised_content_loss,
    "plain": _plain_content_loss,
}
"""Losses between the features of a painting and of its source, by what a recipe calls them."""

GRAM_KINDS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "relative": style_loss,
    "distance": gram_distance,
    "gram": gram_loss,
}
"""Losses between Gram matrices, by what a recipe calls them."""


def total_variation(image: Tensor) -> Tensor:
    """Mean squared difference between neighbouring pixels of (N, C, H, W).  Johnson et al. 2016, section 3.2."""
    down, across = _squared_steps(image)
    return down.mean() + across.mean()


def flicker_loss(painted: Tensor, source: Tensor) -> Tensor:
    """How far strokes will flicker where nothing shows what moves: mean of |grad y|^2 f / (|grad x|^2 + f).

    Optical flow that is off by d moves a painting y by (grad y) d, and the variance of d is the smaller the more the
    source x changes from place to place (Lucas and Kanade 1981; it is the inverse of the structure tensor): in the
    dark and on flat walls it is large.

    painted, source: (N, 3, H, W) in [0, 1]; |grad x|^2 is of luma, a mean over FLICKER_WINDOW pixels, and f is FAINT.
    """
    luma = luminance(source.float())
    (down, across), (own_down, own_across) = _squared_steps(painted.float()), _squared_steps(luma)
    gradient = F.pad(own_down, (0, 0, 0, 1)) + F.pad(own_across, (0, 1))
    nearby = F.avg_pool2d(gradient, FLICKER_WINDOW, 1, FLICKER_WINDOW // 2, count_include_pad=False)
    unsure = FAINT / (nearby + FAINT)
    return (down * unsure[..., 1:, :]).mean() + (across * unsure[..., 1:]).mean()


def _squared_steps(image: Tensor) -> tuple[Tensor, Tensor]:
    """Squared differences between neighbouring pixels of (N, C, H, W), down and across."""
    return (image[..., 1:, :] - image[..., :-1, :]).square(), (image[..., 1:] - image[..., :-1]).square()


def temporal_loss(
    first: Tensor, second: Tensor, flow: Tensor, visible: Tensor, *, pixels: Tensor | None = None
) -> Tensor:
    """Mean over visible pixels of (y_2 - warp(y_1, flow))^2.  Huang et al. 2017, equation 4.

    first, second (N, C, H, W); flow (N, H, W, 2) pixels, from the second frame back to the first; visible
    (N, 1, H, W), 0 where there is nothing to compare; pixels: how many visible ones there are, if those given are
    part of a larger batch.
    """
    return _mean_square(second - warp(first, flow), visible, pixels)


def luminance_temporal_loss(
    painted: tuple[Tensor, Tensor],
    source: tuple[Tensor, Tensor],
    flow: Tensor,
    visible: Tensor,
    *,
    pixels: Tensor | None = None,
) -> Tensor:
    """`temporal_loss` where a painting may change as much as its source's own luminance does.

    Mean over visible pixels of (y_2 - warp(y_1) - Y(x_2 - warp(x_1)))^2, with the relative luminance Y taken from
    each channel.  Gao et al. 2018 ("ReCoNet"), equation 4.

    painted, source: first and second frames, each (N, 3, H, W); the rest as for `temporal_loss`.
    """
    (y1, y2), (x1, x2) = painted, source
    change = x2 - warp(x1, flow)
    return _mean_square(y2 - warp(y1, flow) - luminance(change), visible, pixels)


def feature_temporal_loss(first: Tensor, second: Tensor, flow: Tensor, visible: Tensor) -> Tensor:
    """`temporal_loss` of an encoder's feature maps.  Gao et al. 2018, section 3.2, feature-map-level temporal loss.

    first, second (N, C, h, w): positions of 4 pixels; flow (N, H, W, 2) and visible (N, 1, H, W) of pixels.
    Features may reach beyond the picture by the same on all sides.  Mean over N of the means over visible positions.
    """
    flow, visible = coarse(flow, visible)
    first, second = (_middle(features.float(), *flow.shape[1:3]) for features in (first, second))
    difference = (second - warp(first, flow)).square().mean(1, keepdim=True)
    return ((difference * visible).sum((1, 2, 3)) / visible.sum((1, 2, 3)).clamp(min=1)).mean()


def _mean_square(difference: Tensor, visible: Tensor, pixels: Tensor | None) -> Tensor:
    square = difference.square().mean(1, keepdim=True)
    return (square * visible).sum() / (visible.sum() if pixels is None else pixels).clamp(min=1)


def _middle(features: Tensor, height: int, width: int) -> Tensor:
    top, left = (features.shape[-2] - height) // 2, (features.shape[-1] - width) // 2
    return features[..., top : top + height, left : left + width]


def range_loss(image: Tensor) -> Tensor:
    """Mean squared distance of (N, C, H, W) from [0, 1]: what clamping would cut off."""
    return (F.relu(image - 1) ** 2 + F.relu(-image) ** 2).mean()


def large_form_loss(painted: Tensor, kept: Tensor, where: Tensor | None = None) -> Tensor:
    """How far one picture is from another once all that is smaller than a stroke is averaged away: a mean square.

    Args:
        painted, kept: (N, 3, H, W) in [0, 1], of eight pixels and more along each side.
        where: (N, 1, h, w), how much each place counts, 0 to 1; all alike if None.
    """
    square = F.avg_pool2d(F.avg_pool2d(painted.float() - kept.float(), 5, 1, 2), 4).square()
    return square.mean() if where is None else (square * F.interpolate(where, square.shape[-2:], mode="area")).mean()


def grid_loss(image: Tensor, period: int = 4, cells: int = 7) -> Tensor:
    """Energy of the pattern that repeats every `period` pixels, mean over (N, C, H, W).

    A pixel shuffle writes each of its period^2 phases with its own filters, and nothing but training makes
    them agree.  Averaged over a window of cells x cells periods, a picture's own detail differs between
    phases only by chance; what remains of each phase, once a smooth surface through all of them is taken out,
    is the grid.
    """
    image = image - F.avg_pool2d(
        F.pad(image, (period - 1, period, period - 1, period), mode="reflect"), 2 * period, stride=1
    )
    phases = F.pixel_unshuffle(image, period)
    return F.avg_pool2d(phases, cells, stride=cells // 2).square().mean()


def weighted(terms: Mapping[str, Tensor], weights: Mapping[str, float]) -> dict[str, Tensor]:
    """Each term times its weight; one without a weight counts as it is."""
    return {name: weights.get(name, 1.0) * term for name, term in terms.items()}


def total(terms: Mapping[str, Tensor]) -> Tensor:
    """The sum of weighted terms: Johnson et al. 2016, equation 5."""
    return torch.stack(list(terms.values())).sum()
