"""Which way a painting comes nearer to the style's picture: the gradient of the loss, as a network of its own.

Written out, it is a graph that OpenVINO compiles (vidstyle.engines.compiled_steps).
"""

from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vidstyle.perception.perceptual_network import FeatureStack
from vidstyle.perception.style_grams import LAYERS, own_network

CONTENT_LAYER = "relu3_1"
STYLE, CONTENT, SMOOTHNESS, RANGE = 10.0, 2.4, 60.0, 10.0
"""Weights of the terms.  What is finer than a painting needs to be flickers when it is moved."""
NEXT_TO_NOTHING = 1e-8


class PictureGradient(nn.Module):
    """The gradient of style, content, total variation and range at a painting.

    The terms are those of vidstyle.perception.losses: `gram_distance`, of the perceptual network that ships, weighted
    by LAYERS; `normalised_content_loss`; `total_variation`; `range_loss`.  What its convolutions see beyond the border
    is mirrored, and has no share in the gradient.
    """

    def __init__(self) -> None:
        super().__init__()
        stack = own_network().stack
        assert isinstance(stack, FeatureStack)
        vgg = stack.vgg
        self.first = _Layer.of(vgg.conv0)
        names = [name for name in vgg.convs if f"relu{name}" <= max(LAYERS)]
        self.layers = nn.ModuleDict({name: _Layer.of(vgg.convs[name]) for name in names})
        for layer in LAYERS:
            root = stack.get_buffer(f"root_{layer}").float()
            self.register_buffer(f"square_{layer}", root.T @ root)
        matrix = stack.get_buffer(f"map_{CONTENT_LAYER}").float()
        self.embedding = _Layer(matrix[:, :-1, None, None], matrix[:, -1])
        self.requires_grad_(False)

    def forward(self, picture: Tensor, content: Tensor, *targets: Tensor) -> Tensor:
        """The gradient, (1, 3, H, W) as the painting.

        Args:
            picture: RGB in [0, 1], of vidstyle.engines.step_sizes.LEAST_SIDE pixels a side and more.
            content: of the frame, as from `content`.
            targets: Gram matrices of the style's picture by LAYERS, in their order, see Grams.
        """
        seen = self._seen(picture)
        gradient = torch.zeros(())
        names = list(self.layers)
        wanted = dict(zip(LAYERS, targets, strict=True))
        for index in range(len(names) - 1, -1, -1):
            name = names[index]
            x = seen[name]
            layer = f"relu{name}"
            if layer in wanted:
                gradient = gradient + self._style(x, layer, wanted[layer])
            if layer == CONTENT_LAYER:
                gradient = gradient + self._content(x, content)
            gradient = self._layer(name).backward(gradient * (x > 0))
            if _begins_block(name) and index:
                gradient = _unpooled(gradient, seen[names[index - 1]], seen[f"pooled {name}"])
        return self.first.backward(gradient) + _smoothness(picture) + _range(picture)

    def content(self, frame: Tensor) -> Tensor:
        """What a painting's content is compared with, of a frame RGB (1, 3, H, W) in [0, 1]."""
        return F.instance_norm(self.embedding(self._seen(frame, CONTENT_LAYER)[CONTENT_LAYER.removeprefix("relu")]))

    def _seen(self, picture: Tensor, last: str = max(LAYERS)) -> dict[str, Tensor]:
        """Features by the names of convolutions, and what was pooled before some."""
        x, seen = self.first(picture), dict[str, Tensor]()
        for index, name in enumerate(self.layers):
            if _begins_block(name) and index:
                x = seen[f"pooled {name}"] = F.max_pool2d(x, 2)
            x = seen[name] = F.relu(self._layer(name)(F.pad(x, (1, 1, 1, 1), mode="reflect")))
            if f"relu{name}" == last:
                break
        return seen

    def _layer(self, name: str) -> "_Layer":
        layer = self.layers[name]
        assert isinstance(layer, _Layer)
        return layer

    def _style(self, x: Tensor, layer: str, target: Tensor) -> Tensor:
        square = self.get_buffer(f"square_{layer}")
        narrow = torch.cat((x, torch.ones_like(x[:, :1])), 1)
        channels, places = narrow.shape[1], x.shape[2] * x.shape[3]
        flat = narrow.flatten(2)[0]
        away = (flat @ flat.T) / (channels * places) - target
        half = square @ away
        whole = square @ target
        size = (whole * whole.T).sum()
        length = size * ((half * half.T).sum() / size + NEXT_TO_NOTHING).sqrt()
        weight = 2 * STYLE * LAYERS[layer] / sum(LAYERS.values()) / (channels * places)
        slope = half @ square * (weight / length)
        return F.conv2d(narrow, slope[:-1, :, None, None])

    def _content(self, x: Tensor, wanted: Tensor) -> Tensor:
        """Of mean((instance_norm(a) - b)^2), a the embedded features."""
        a = self.embedding(x)
        centred = a - a.mean((2, 3), keepdim=True)
        sure = (centred.square().mean((2, 3), keepdim=True) + 1e-5).sqrt()
        normal = centred / sure
        slope = (normal - wanted) * (2 * CONTENT / (a.shape[1] * a.shape[2] * a.shape[3]))
        mean, along = slope.mean((2, 3), keepdim=True), (slope * normal).mean((2, 3), keepdim=True)
        return self.embedding.backward((slope - mean - normal * along) / sure)


class _Layer(nn.Module):
    """A convolution and its transpose."""

    weight: Tensor
    bias: Tensor
    back: Tensor

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.register_buffer("weight", weight.detach().float())
        self.register_buffer("bias", bias.detach().float())
        self.register_buffer("back", self.weight.transpose(0, 1).flip(2, 3).contiguous())

    @classmethod
    def of(cls, convolution: nn.Module) -> Self:
        """Of one that is trained."""
        return cls(convolution.get_parameter("weight"), convolution.get_parameter("bias"))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, self.bias)

    def backward(self, gradient: Tensor) -> Tensor:
        """Of what went in, from that of what came out, both of the same size."""
        return F.conv2d(gradient, self.back, padding=self.back.shape[-1] // 2)


def _begins_block(name: str) -> bool:
    return name.endswith("_1")


def _unpooled(gradient: Tensor, whole: Tensor, pooled: Tensor) -> Tensor:
    """The gradient before a pooling by two: it goes to the greatest of each four."""
    height, width = whole.shape[2:]
    rows, columns = height // 2 * 2, width // 2 * 2
    most, back = (F.interpolate(x, scale_factor=2.0, mode="nearest") for x in (pooled, gradient))
    kept = back * (whole[:, :, :rows, :columns] == most)
    return kept if (rows, columns) == (height, width) else F.pad(kept, (0, width - columns, 0, height - rows))


def _smoothness(picture: Tensor) -> Tensor:
    """Of SMOOTHNESS * total_variation."""
    down, across = picture[..., 1:, :] - picture[..., :-1, :], picture[..., 1:] - picture[..., :-1]
    down, across = (2 * SMOOTHNESS / x.numel() * x for x in (down, across))
    return F.pad(down, (0, 0, 1, 0)) - F.pad(down, (0, 0, 0, 1)) + F.pad(across, (1, 0)) - F.pad(across, (0, 1))


def _range(picture: Tensor) -> Tensor:
    """Of RANGE * range_loss."""
    return (F.relu(picture - 1) - F.relu(-picture)) * (2 * RANGE / picture.numel())
