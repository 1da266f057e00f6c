"""Huang and Belongie 2017, "Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization"."""

from itertools import accumulate, pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vidstyle.nets.meta import MetaNetwork
from vidstyle.perception.vgg import KINDS, Vgg, moments

STAGE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
LAYER = STAGE_LAYERS[-1]
STEP = 8
"""Pixels to a position of LAYER, along each axis."""


class AdainNet(nn.Module):
    """Encoder, adaptive instance normalisation to one picture's statistics, decoder.

    Its output is linear in the statistics before the decoder, so what lies between two styles (equation 15) is the
    network whose statistics lie between theirs: they mix as all styles do.

    Args:
        encoder: one of vidstyle.perception.vgg.KINDS.
        strength: how much of the style's statistics replaces the picture's own, 0 to 1 (equation 14).
    """

    def __init__(self, encoder: str = "vgg19-distilled", strength: float = 1.0) -> None:
        super().__init__()
        self.strength = strength
        self.encoder = Vgg.of_kind(encoder, (LAYER,))
        one, two, three, four = KINDS[encoder][1]
        self.register_buffer("mean", torch.zeros(four))
        self.register_buffer("deviation", torch.ones(four))
        up = nn.Upsample(scale_factor=2)
        stages = (
            [*_conv(four, three), up, *_conv(three, three), *_conv(three, three), *_conv(three, three)],
            [*_conv(three, two), up, *_conv(two, two)],
            [*_conv(two, one), up, *_conv(one, one)],
            [_last(one)],
        )
        self.decoder = nn.Sequential(*(layer for stage in stages for layer in stage))
        self._stages = list(pairwise(accumulate((len(stage) for stage in stages), initial=0)))

    def forward(self, image: Tensor) -> Tensor:
        """Paint RGB (N, 3, H, W) in [0, 1], H and W at least 16; returns the same shape, not clamped."""
        height, width = image.shape[-2:]
        image = F.pad(image, (0, -width % STEP, 0, -height % STEP), mode="reflect")
        features = self.encoder(image)[LAYER]
        mean, deviation = (self.get_buffer(name)[:, None, None] for name in ("mean", "deviation"))
        # Equation 8, then 14.
        turned = (F.instance_norm(features) * deviation + mean).to(features.dtype)
        painted: Tensor = self.decoder(torch.lerp(features, turned, self.strength))
        return painted[..., :height, :width]

    def stage(self, number: int, features: Tensor) -> Tensor:
        """What a stage of the decoder makes of features: 0 of relu4_1 for relu3_1, to 3 of relu1_1 for pixels."""
        begin, end = self._stages[number]
        made: Tensor = self.decoder[begin:end](features)
        return made


class MetaAdainNet(MetaNetwork):
    """Measures a picture for AdainNet: its statistics are all of a style; encoder and decoder are always the same."""

    paints_with = "adain"

    def __init__(self, encoder: str = "vgg19-distilled", strength: float = 1.0) -> None:
        super().__init__()
        self.painter = {"encoder": encoder, "strength": strength}
        self.base = AdainNet(encoder, strength)

    @property
    def encoder(self) -> Vgg:
        encoder = self.base.get_submodule("encoder")
        assert isinstance(encoder, Vgg)
        return encoder

    def invert(self, picture: Tensor) -> list[tuple[Tensor, Tensor]]:
        """The decoder's stages, each given the encoder's features of RGB (N, 3, H, W) in [0, 1] and not what the stage
        before made of them: what it makes, and what the encoder had there.

        So each is as shallow to train as it is by itself; the whole, by what it paints alone, takes ten times as many
        steps to find out about colours.
        """
        with torch.no_grad():
            features = [*reversed(self.encoder(picture, STAGE_LAYERS).values()), picture]
        base = self.base
        assert isinstance(base, AdainNet)
        return [(base.stage(number, deep), shallow) for number, (deep, shallow) in enumerate(pairwise(features))]

    def write_weights(self, picture: Tensor) -> dict[str, Tensor]:
        """AdainNet's state dictionary for RGB (1, 3, H, W) in [0, 1]."""
        mean, deviation = moments(self.encoder(picture)[LAYER].float())
        tensors = dict(self.base.named_parameters()) | dict(self.base.named_buffers())
        return tensors | {"mean": mean[0], "deviation": deviation[0]}


def _conv(channels: int, out: int) -> list[nn.Module]:
    layer = nn.Conv2d(channels, out, 3, padding=1, padding_mode="reflect")
    # PyTorch's own start is for shallow networks: through nine layers little of the picture, or of a gradient, is left.
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return [layer, nn.ReLU()]


def _last(channels: int) -> nn.Conv2d:
    """To RGB; starts from grey rather than from noise beyond black and white."""
    layer = nn.Conv2d(channels, 3, 3, padding=1, padding_mode="reflect")
    nn.init.normal_(layer.weight, std=0.01)
    nn.init.constant_(layer.get_parameter("bias"), 0.5)
    return layer
