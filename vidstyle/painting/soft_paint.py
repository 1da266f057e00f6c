"""Paint without detail finer than a pixel, for pictures that will be moved.

What is as fine as a pixel is lost when a picture is resampled between its pixels, when its chroma is halved, and when
it is encoded.  A picture that is optimised as it is after a small blur, and shown so, has none: its strokes are made of
what lasts.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from vidstyle.painting.tiled_loss import Evaluation, PictureLoss
from vidstyle.perception.luma import luminance

REACH = 3.0
"""Standard deviations to which a Gaussian is followed."""


@dataclass(frozen=True)
class Blur:
    """A Gaussian blur.

    Attributes:
        luma, chroma: standard deviations, pixels; 0 leaves them as they are.
    """

    luma: float
    chroma: float

    def __call__(self, image: Tensor) -> Tensor:
        """RGB (1, 3, H, W) in [0, 1], blurred."""
        colors = blurred(image, self.chroma)
        return colors if self.luma == self.chroma else colors + blurred(luminance(image), self.luma) - luminance(colors)

    def undone(self, image: Tensor) -> Tensor:
        """What comes near to `image` when it is blurred, within [0, 1]: one step of van Cittert 1931."""
        return (2 * image - self(image)).clamp(0, 1)

    def before(self, finish: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        """`finish` of pictures that are blurred first."""
        return lambda image: finish(self(image))


def blurred(image: Tensor, deviation: float) -> Tensor:
    """Each channel of (N, C, H, W) blurred by a Gaussian; borders are reflected."""
    if not deviation:
        return image
    # Late, since pictures that are not moved are painted without.
    from kornia.filters import gaussian_blur2d

    return gaussian_blur2d(image, 2 * math.ceil(REACH * deviation) + 1, (deviation, deviation))


class BlurredLoss:
    """The loss of a picture as it is after a blur.

    Args:
        loss: of the picture after it.
    """

    def __init__(self, loss: PictureLoss, blur: Blur) -> None:
        self._loss, self._blur = loss, blur

    def evaluate(self, image: Tensor) -> Evaluation:
        """The loss of RGB (1, 3, H, W) once it is blurred, and its gradient by what it was before."""
        pixels = image.detach().requires_grad_()
        with torch.enable_grad():
            seen = self._blur(pixels)
        found = self._loss.evaluate(seen.detach())
        seen.backward(found.gradient)
        assert pixels.grad is not None
        return Evaluation(found.losses, pixels.grad)
