"""What painting by optimisation makes small, against the equations."""

import dataclasses
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F
from training_material import write_perceptual_weights

from vidstyle.painting import tiled_loss
from vidstyle.painting.optimisers import Adam, Lbfgs
from vidstyle.painting.picture_tiles import picture_tiles
from vidstyle.painting.presets import ADAM, BEST, D2L, GATYS, PRESETS, Terms, fit_terms, nearest_layer
from vidstyle.painting.tiled_loss import Evaluation, Past, StyleRegion, TiledLoss
from vidstyle.perception import losses
from vidstyle.perception.perceptual_network import PerceptualNetwork

HYBRID_LAYERS = ["relu1_1", "relu1_2", "relu2_1", "relu2_2", "relu3_1", "relu4_1", "relu5_1"]


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def perceptual(tmp_path_factory: pytest.TempPathFactory) -> PerceptualNetwork:
    folder = tmp_path_factory.mktemp("weights")
    write_perceptual_weights(folder)
    return PerceptualNetwork("vgg19-distilled", folder)


def picture(seed: int, height: int = 64, width: int = 80) -> torch.Tensor:
    noise = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(noise, (height, width), mode="bicubic", align_corners=True).clamp(0, 1)


def fitted(terms: Terms, perceptual: PerceptualNetwork) -> Terms:
    return fit_terms(terms, perceptual.layers())[0]


def evaluate(perceptual: PerceptualNetwork, terms: Terms, *styles: StyleRegion, **options: object) -> Evaluation:
    made = TiledLoss(perceptual, fitted(terms, perceptual), picture(0), styles or [StyleRegion(picture(1))], **options)
    return made.evaluate(picture(2))


def grams(perceptual: PerceptualNetwork, image: torch.Tensor, terms: Terms) -> list[torch.Tensor]:
    features = perceptual(image, terms.style_layers)
    return [losses.gram_matrix(features[layer]) for layer in terms.style_layers]


def test_gatys_content_is_half_the_squared_difference(perceptual: PerceptualNetwork) -> None:
    terms = fitted(GATYS.terms, perceptual)
    (layer,) = [terms.content_layer]
    f, p = (perceptual(picture(seed), [layer])[layer] for seed in (2, 0))
    expected = ((f - p) ** 2).sum().item() / 2
    assert evaluate(perceptual, GATYS.terms).losses["content"] == pytest.approx(expected, rel=1e-4)


def test_gatys_style_is_the_squared_difference_of_gram_matrices_over_4_n2_m2(perceptual: PerceptualNetwork) -> None:
    expected = 0.0
    for layer in GATYS.terms.style_layers:
        # Pictures of one size, as in the paper.
        f, s = (perceptual(picture(seed), [layer])[layer].flatten(2)[0] for seed in (2, 1))
        n, m = f.shape
        expected += 0.2 * ((f @ f.T - s @ s.T) ** 2).sum().item() / (4 * n**2 * m**2)
    found = evaluate(perceptual, GATYS.terms).losses["style"]
    assert found == pytest.approx(GATYS.terms.style * expected, rel=1e-4)


@pytest.mark.parametrize("name", PRESETS)
def test_loss_and_gradient_are_those_of_the_whole_picture(name: str, perceptual: PerceptualNetwork) -> None:
    terms = fitted(PRESETS[name].terms, perceptual)
    image = picture(2).requires_grad_()
    layer = terms.content_layer
    f, p = (perceptual(x, [layer])[layer] for x in (image, picture(0)))
    content = {
        "gatys": lambda: ((f - p) ** 2).sum() / 2,
        "mean": lambda: losses.content_loss(f, p),
        "normalised": lambda: losses.normalised_content_loss(f, p),
    }[terms.content_kind]()
    style = torch.zeros(())
    pairs = zip(grams(perceptual, image, terms), grams(perceptual, picture(1), terms), strict=True)
    for (gram, target), weight in zip(pairs, terms.layer_weights, strict=True):
        style = (
            style
            + weight
            * {
                "gatys": lambda g=gram, a=target: losses.gram_loss(g, a) / 4,
                "mean": lambda g=gram, a=target: (g - a).square().mean(),
                "relative": lambda g=gram, a=target: losses.style_loss(g, a),
                "distance": lambda g=gram, a=target: (g - a).norm() / a.norm(),
            }[terms.style_kind]()
        )
    total = terms.content * content + terms.style * style
    if terms.variation_kind == "squared":
        total = total + terms.variation * losses.total_variation(image)
    else:
        steps = (image[..., 1:] - image[..., :-1]).abs().mean() + (image[..., 1:, :] - image[..., :-1, :]).abs().mean()
        total = total + terms.variation * steps / 2
    total.backward()
    found = evaluate(perceptual, terms)
    assert found.losses["total"] == pytest.approx(total.item(), rel=1e-4)
    assert found.losses["total"] == pytest.approx(sum(v for k, v in found.losses.items() if k != "total"), rel=1e-5)
    torch.testing.assert_close(found.gradient, image.grad, rtol=1e-3, atol=1e-5 * image.grad.abs().max().item())


@pytest.mark.slow
@pytest.mark.parametrize("kept", [0, tiled_loss.KEPT_BYTES])
@pytest.mark.parametrize("terms", [BEST.terms, GATYS.terms, D2L.terms], ids=["best", "gatys", "d2l"])
def test_tiles_give_the_gradient_of_the_whole(
    terms: Terms, kept: int, perceptual: PerceptualNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiled_loss, "KEPT_BYTES", kept)
    content, style, image = picture(0, 300, 250), picture(1, 200, 180), picture(2, 300, 250)
    mask = (picture(3, 300, 250)[:, :1] > 0.5).float()
    styles = [StyleRegion(style, mask=mask), StyleRegion(picture(4, 150, 260), mask=1 - mask)]
    whole, tiled = (
        TiledLoss(perceptual, fitted(terms, perceptual), content, styles, tile=side).evaluate(image)
        for side in (None, 96)
    )
    assert len(list(picture_tiles(300, 250, 96))) > 6
    for name, value in whole.losses.items():
        assert tiled.losses[name] == pytest.approx(value, rel=1e-3), name
    error = (tiled.gradient - whole.gradient).norm() / whole.gradient.norm()
    assert error < 1e-3


def test_tiles_look_at_the_content_once(perceptual: PerceptualNetwork) -> None:
    looked = TiledLoss(
        perceptual, fitted(BEST.terms, perceptual), picture(0, 300, 250), [StyleRegion(picture(1))], tile=96
    )
    seen: list[object] = []
    with perceptual.stack.register_forward_hook(lambda *_: seen.append(1)):
        looked.evaluate(picture(2, 300, 250))
    assert len(seen) == 2 * len(list(picture_tiles(300, 250, 96)))


@pytest.mark.parametrize("size", [(64, 64), (300, 250), (1000, 33), (257, 129)])
def test_tiles_cover_every_pixel_once(size: tuple[int, int]) -> None:
    seen = torch.zeros(size)
    for tile in picture_tiles(*size, 96):
        seen[tile.top : tile.bottom, tile.left : tile.right] += 1
    assert (seen == 1).all()


def test_a_white_mask_is_as_none(perceptual: PerceptualNetwork) -> None:
    without = evaluate(perceptual, BEST.terms)
    white = evaluate(perceptual, BEST.terms, StyleRegion(picture(1), mask=torch.ones(1, 1, 64, 80)))
    assert white.losses["style"] == pytest.approx(without.losses["style"], rel=1e-4)
    torch.testing.assert_close(white.gradient, without.gradient, rtol=1e-3, atol=1e-6)


def test_a_style_leaves_alone_what_its_mask_leaves_out(perceptual: PerceptualNetwork) -> None:
    mask = torch.zeros(1, 1, 64, 80)
    mask[..., :24] = 1
    style_only = dataclasses.replace(BEST.terms, content=0.0, variation=0.0, style_layers=("relu1_1", "relu2_1"))
    style_only = dataclasses.replace(style_only, layer_weights=(1.0, 1.0))
    gradient = evaluate(perceptual, style_only, StyleRegion(picture(1), mask=mask)).gradient
    assert gradient[..., :24].abs().max() > 0
    assert gradient[..., 40:].abs().max() == 0


def test_styles_are_mixed_by_their_weights(perceptual: PerceptualNetwork) -> None:
    one, other = picture(1), picture(3)
    alone = evaluate(perceptual, ADAM.terms, StyleRegion(one)).losses["style"]
    nearly = evaluate(perceptual, ADAM.terms, StyleRegion(one, 0.999), StyleRegion(other, 0.001)).losses["style"]
    mixed = evaluate(perceptual, ADAM.terms, StyleRegion(one, 0.5), StyleRegion(other, 0.5)).losses["style"]
    assert nearly == pytest.approx(alone, rel=0.05)
    assert mixed != pytest.approx(alone, rel=0.05)


def test_the_past_holds_what_is_visible(perceptual: PerceptualNetwork) -> None:
    terms = dataclasses.replace(BEST.terms, temporal=2.0)
    visible = torch.zeros(1, 1, 64, 80)
    visible[..., :20] = 1
    found = evaluate(perceptual, terms, past=Past(picture(2) + 0.1, visible))
    # A quarter of the picture is off by 0.1.
    assert found.losses["temporal"] == pytest.approx(2 * 0.01 / 4, rel=1e-4)
    free = evaluate(perceptual, terms)
    moved = (found.gradient - free.gradient).abs()
    assert moved[..., :20].min() > 0
    assert moved[..., 20:].max() < 1e-6


def test_a_layer_that_is_not_there_is_replaced_by_the_nearest() -> None:
    assert nearest_layer("relu4_2", HYBRID_LAYERS) == "relu4_1"
    assert nearest_layer("relu2_2", HYBRID_LAYERS) == "relu2_2"
    assert nearest_layer("relu4_2", ["relu1_1", "relu3_1"]) == "relu3_1"
    terms, notes = fit_terms(GATYS.terms, HYBRID_LAYERS)
    assert (terms.content_layer, terms.style_layers) == ("relu4_1", GATYS.terms.style_layers)
    assert notes == ["content is compared at relu4_1: this perceptual network has no relu4_2"]
    shallow, notes = fit_terms(GATYS.terms, HYBRID_LAYERS[:5])
    assert shallow.style_layers == ("relu1_1", "relu2_1", "relu3_1")
    assert len(notes) == 3


class Counting:
    """An objective that notes where it is evaluated."""

    def __init__(self, objective: TiledLoss) -> None:
        self.objective, self.seen = objective, []

    def evaluate(self, image: torch.Tensor) -> Evaluation:
        self.seen.append(image.clone())
        return self.objective.evaluate(image)


def test_lbfgs_evaluates_no_picture_twice_and_descends(perceptual: PerceptualNetwork) -> None:
    objective = Counting(TiledLoss(perceptual, fitted(GATYS.terms, perceptual), picture(0), [StyleRegion(picture(1))]))
    optimiser = Lbfgs(picture(2))
    totals = [optimiser.step(objective)["total"] for _ in range(8)]
    assert totals == sorted(totals, reverse=True)
    assert totals[-1] < 0.7 * totals[0]
    distinct = {image.numpy().tobytes() for image in objective.seen}
    assert len(distinct) == len(objective.seen)


class Cliff:
    """A bowl, but that what is looked at second seems to lie on a cliff, however near it is."""

    def __init__(self) -> None:
        self.calls = 0

    def evaluate(self, image: torch.Tensor) -> Evaluation:
        self.calls += 1
        loss = image.square().sum().item()
        return Evaluation({"total": loss + 1e30 * (self.calls == 2)}, 2 * image)


def test_lbfgs_begins_anew_where_a_line_search_fails() -> None:
    optimiser, objective = Lbfgs(picture(2)), Cliff()
    totals = [optimiser.step(objective)["total"] for _ in range(12)]
    assert totals[1] == totals[0]
    assert totals[-1] < 0.1 * totals[0]


def test_adam_goes_on_at_the_next_scale_with_its_moments(perceptual: PerceptualNetwork) -> None:
    terms = fitted(BEST.terms, perceptual)
    first = Adam(picture(2), BEST, 3)
    small = TiledLoss(perceptual, terms, picture(0), [StyleRegion(picture(1))])
    for _ in range(3):
        first.step(small)
    large = TiledLoss(perceptual, terms, picture(0, 96, 120), [StyleRegion(picture(1, 96, 120))])
    start = picture(2, 96, 120)
    carried, fresh = Adam(start, BEST, 3, first), Adam(start, BEST, 3)
    for optimiser in (carried, fresh):
        optimiser.step(large)
    # Without a past, the first step of Adam has the same length for every pixel.
    inside = (start > 0.1) & (start < 0.9)
    lengths = (fresh.image - start).abs()[inside]
    assert lengths.std() < 0.1 * lengths.mean()
    lengths = (carried.image - start).abs()[inside]
    assert lengths.std() > 0.3 * lengths.mean()


def test_recomputing_activations_changes_nothing(perceptual: PerceptualNetwork, tmp_path: Path) -> None:
    write_perceptual_weights(tmp_path)
    again = PerceptualNetwork("vgg19-distilled", tmp_path, recompute_activations=True)
    torch.testing.assert_close(evaluate(again, BEST.terms).gradient, evaluate(perceptual, BEST.terms).gradient)
