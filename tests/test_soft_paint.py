"""Paint without detail finer than a pixel."""

from pathlib import Path

import numpy as np
import pytest
import torch
from paint_material import SIZE
from torch import Tensor

from vidstyle.keys.key_making import KeyFrame
from vidstyle.media.images import read_image
from vidstyle.painting.key_painting import OptimisedKeys
from vidstyle.painting.optimisation import Optimisation, fit
from vidstyle.painting.paint_settings import PaintSettings, WeightedStyle
from vidstyle.painting.soft_paint import Blur, BlurredLoss, blurred
from vidstyle.painting.tiled_loss import Evaluation
from vidstyle.perception.luma import luminance

pytest_plugins = ["paint_material"]
pytestmark = pytest.mark.usefixtures("one_thread")


class Distance:
    """Half the squared distance from a picture."""

    def __init__(self, target: Tensor) -> None:
        self._target = target

    def evaluate(self, image: Tensor) -> Evaluation:
        apart = image - self._target
        return Evaluation({"total": float(apart.square().sum() / 2)}, apart)


def spread(plane: Tensor) -> float:
    """Standard deviation of a spot (H, W) along x."""
    columns = plane.sum(0)
    places = torch.arange(len(columns), dtype=plane.dtype)
    share = columns / columns.sum()
    middle = (share * places).sum()
    return float((share * (places - middle).square()).sum().sqrt())


def test_a_blur_is_as_wide_as_it_says() -> None:
    spot = torch.zeros(1, 3, 31, 31)
    spot[..., 15, 15] = 1
    assert spread(blurred(spot, 1.5)[0, 0]) == pytest.approx(1.5, rel=0.03)
    both = Blur(0.7, 1.5)(spot)
    # White is luma alone.
    assert spread(luminance(both)[0, 0]) == pytest.approx(0.7, rel=0.03)
    red = spot * torch.tensor([1.0, 0, 0]).view(1, 3, 1, 1)
    shown = Blur(0.7, 1.5)(red)
    torch.testing.assert_close(luminance(shown), blurred(luminance(red), 0.7))
    assert spread((shown - luminance(shown))[0, 2]) == pytest.approx(1.5, rel=0.03)


def test_what_is_even_stays_so_up_to_the_border() -> None:
    even = torch.tensor([0.2, 0.9, 0.4]).view(1, 3, 1, 1).expand(1, 3, 12, 16)
    torch.testing.assert_close(Blur(0.7, 1.2)(even), even)


def test_a_blur_can_be_undone_in_part() -> None:
    picture = 0.3 + 0.4 * blurred(torch.rand(1, 3, 24, 32, generator=torch.Generator().manual_seed(1)), 2.0)
    blur = Blur(0.7, 1.2)
    assert (blur(blur.undone(picture)) - picture).abs().mean() < 0.4 * (blur(picture) - picture).abs().mean()


def test_the_gradient_is_that_of_the_picture_before_its_blur() -> None:
    generator = torch.Generator().manual_seed(0)
    image, target, way = (torch.rand(1, 3, 9, 11, generator=generator, dtype=torch.float64) for _ in range(3))
    loss = BlurredLoss(Distance(target), Blur(0.7, 1.2))
    here, ahead, behind = (loss.evaluate(image + step * way) for step in (0, 1e-4, -1e-4))
    change = (ahead.losses["total"] - behind.losses["total"]) / 2e-4
    assert float((here.gradient * way).sum()) == pytest.approx(change, rel=1e-6)


def fine(pixels: np.ndarray) -> float:
    """Energy of luma beyond 0.35 cycles a pixel, as a share of all that changes."""
    luma = pixels.mean(-1)
    power = np.abs(np.fft.fft2(luma - luma.mean())) ** 2
    rows, columns = (np.abs(np.fft.fftfreq(length)) for length in luma.shape)
    return float(power[np.maximum(rows[:, None], columns) > 0.35].sum() / power.sum())


@pytest.mark.slow
def test_keys_have_no_paint_as_fine_as_a_pixel(pictures: Path, weights: Path) -> None:
    settings = PaintSettings(size=SIZE, steps=12, perceptual_weights=weights, style_weight=1000.0)
    photo = fit(read_image(pictures / "photo.png"), 80, SIZE)
    styles = [WeightedStyle(pictures / "a.png")]
    sharp = Optimisation(styles, settings)
    *_, plain = sharp.paint(photo, sharp.scales(*photo.shape[:2]))
    key = OptimisedKeys(styles, settings).paint_key(KeyFrame(photo, None, None, 0.0))
    assert key.shape == plain.image.shape
    assert fine(key) < 0.5 * fine(plain.image)
