"""Gram matrices of regions, and what is worked out of few features in place of the many that they stand for."""

import pytest
import torch
from torch import Tensor

from vidstyle.perception.features import Embedded, root_of
from vidstyle.perception.losses import gram_matrix, normalised_content_loss
from vidstyle.perception.region_grams import region_grams

pytestmark = pytest.mark.usefixtures("one_thread")


def embedded(seed: int, channels: int = 24, narrow: int = 7) -> Embedded:
    generator = torch.Generator().manual_seed(seed)
    few = torch.rand(2, narrow - 1, 8, 10, generator=generator)
    # The same map for all.
    matrix = torch.randn(channels, narrow, generator=torch.Generator().manual_seed(0))
    return Embedded(torch.cat((few, torch.ones_like(few[:, :1])), 1), matrix, root_of(matrix))


def shares(count: int = 3) -> Tensor:
    found = torch.rand(2, count, 8, 10, generator=torch.Generator().manual_seed(9))
    return found / found.mean((2, 3), keepdim=True)


def test_each_region_has_the_gram_matrix_of_its_weighted_features() -> None:
    features = embedded(1).whole()
    found = region_grams(features, shares())
    for region, share in enumerate(shares().split(1, 1)):
        torch.testing.assert_close(found[:, region], gram_matrix(features * share.sqrt()))


def test_few_features_keep_the_distances_of_the_many() -> None:
    one, other = embedded(1), embedded(2)
    few = region_grams(one, shares()) - region_grams(other, shares())
    many = region_grams(one.whole(), shares()) - region_grams(other.whole(), shares())
    assert few.shape[-1] < many.shape[-1]
    torch.testing.assert_close(few.norm(dim=(2, 3)), many.norm(dim=(2, 3)))


def test_the_gradient_is_that_of_the_definition() -> None:
    features = torch.rand(2, 4, 8, 10, dtype=torch.float64, requires_grad=True)
    where = shares().double()
    torch.autograd.gradcheck(lambda x: region_grams(x, where).double(), (features,), eps=1e-3, atol=1e-3)


def test_content_of_few_features_is_that_of_the_many() -> None:
    painted, source = embedded(1), embedded(2)
    painted.narrow.requires_grad_()
    found = normalised_content_loss(painted, source)
    expected = normalised_content_loss(painted.whole(), source.whole())
    torch.testing.assert_close(found, expected)
    (ours,), (theirs,) = (torch.autograd.grad(loss, painted.narrow) for loss in (found, expected))
    # Of the last row, the one of ones, nothing is ever asked.
    torch.testing.assert_close(ours[:, :-1], theirs[:, :-1], atol=1e-6, rtol=1e-3)
