"""Ways to keep the content's colours.  Gatys, Bethge, Hertzmann and Shechtman 2016, "Preserving Color"."""

import torch
from torch import Tensor

from vidstyle.perception.luma import luminance

FLAT = 1e-6
"""Added to variances, so that pictures of one colour can be matched."""


def grey(image: Tensor) -> Tensor:
    """RGB (1, 3, H, W) without its colours, the same shape."""
    return luminance(image).expand(-1, 3, -1, -1).contiguous()


def match_luminance(style: Tensor, content: Tensor) -> Tensor:
    """The style in grey, with mean and deviation of the content's luma.  Section 3.2.

    L' = s_C / s_S (L - m_S) + m_C.  style, content: RGB (1, 3, ., .) in [0, 1]; the style's shape comes back.
    """
    ours, theirs = luminance(style), luminance(content)
    scale = ((theirs.var(correction=0) + FLAT) / (ours.var(correction=0) + FLAT)).sqrt()
    return grey(((ours - ours.mean()) * scale + theirs.mean()).clamp(0, 1).expand(-1, 3, -1, -1))


def match_histogram(style: Tensor, content: Tensor) -> Tensor:
    """The style with mean and covariance of the content's colours.  Section 3.1, after Hertzmann 2001.

    p' = A p + b, A = S_C^1/2 S_S^-1/2, b = m_C - A m_S.  Shapes and ranges as for `match_luminance`.
    """
    flat, theirs = style.flatten(2)[0], content.flatten(2)[0]
    matrix = _root(_covariance(theirs), 0.5) @ _root(_covariance(flat), -0.5)
    moved = matrix @ (flat - flat.mean(1, keepdim=True)) + theirs.mean(1, keepdim=True)
    return moved.view_as(style).clamp(0, 1)


def recolor(painted: Tensor, content: Tensor) -> Tensor:
    """The painting's luma with the content's colours; RGB (1, 3, H, W) each."""
    return content + luminance(painted) - luminance(content)


def _covariance(colors: Tensor) -> Tensor:
    """(3, n) to (3, 3)."""
    return torch.cov(colors, correction=0) + FLAT * torch.eye(3, device=colors.device)


def _root(matrix: Tensor, power: float) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    return vectors @ torch.diag(values.clamp(min=FLAT) ** power) @ vectors.T
