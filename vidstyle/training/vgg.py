"""VGG (Simonyan and Zisserman 2015) as named features, its weights given as tensors."""

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

CONVS_PER_BLOCK = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
"""Configurations D and E; 2x2 max pooling follows each block."""
IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""What torchvision's weights expect to be taken off RGB in [0, 1], and to be divided by."""


def conv_names(convs_per_block: Iterable[int]) -> list[str]:
    """`conv1_1`, `conv1_2`, `conv2_1` and so on, in order."""
    return [f"conv{block}_{conv}" for block, convs in enumerate(convs_per_block, 1) for conv in range(1, convs + 1)]


@dataclass(frozen=True)
class Embedded:
    """Features that are a 1x1 map of fewer ones; what is quadratic in them is cheaper to have of the few.

    Attributes:
        narrow: (N, c, h, w), whose last channel is 1, or what has been done to it.
        matrix: (C, c).
    """

    narrow: Tensor
    matrix: Tensor

    @property
    def shape(self) -> torch.Size:
        """Of all features, (N, C, h, w)."""
        n, _, h, w = self.narrow.shape
        return torch.Size((n, len(self.matrix), h, w))

    @property
    def dtype(self) -> torch.dtype:
        return self.narrow.dtype

    def __getitem__(self, window: Any) -> "Embedded":
        """Some of the positions."""
        return Embedded(self.narrow[window], self.matrix)

    def __mul__(self, factor: Tensor) -> "Embedded":
        """Each position times its own factor, (N, 1, h, w)."""
        return Embedded(self.narrow * factor, self.matrix)

    def whole(self) -> Tensor:
        """All features, (N, C, h, w)."""
        return F.conv2d(self.narrow, self.matrix.to(self.narrow.dtype)[..., None, None])


def whole(features: "Tensor | Embedded") -> Tensor:
    """The features as a tensor (N, C, h, w), however they are kept."""
    return features.whole() if isinstance(features, Embedded) else features


class FeatureStack(nn.Module):
    """A VGG, whole or cut short, wide or narrow: features by the names of their layers.

    Args:
        tensors: `conv1_1.weight`, `conv1_1.bias` and so on, as far as the stack goes.
        convs: names of all convolutions of this kind of VGG.

    Attributes:
        checkpointing: keep the ends of blocks only, and compute the rest again for the gradient
            (Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost").
    """

    def __init__(self, tensors: dict[str, Tensor], convs: Iterable[str]) -> None:
        super().__init__()
        for name, tensor in tensors.items():
            self.register_buffer(name.replace(".", "_"), tensor.clone())
        self._layers = [conv.replace("conv", "relu") for conv in convs if f"{conv}.weight" in tensors]
        self.checkpointing = False

    def layers(self) -> list[str]:
        """Names of the layers this stack reaches, in order."""
        return self._layers

    def forward(self, image: Tensor, layers: Iterable[str]) -> dict[str, Tensor | Embedded]:
        """Features (N, C, h, w) of RGB (N, 3, H, W) in [0, 1] at `layers`, by name."""
        wanted = set(layers)
        last = max(index for index, name in enumerate(self._layers) if name in wanted)
        features: dict[str, Tensor | Embedded] = {}
        x = self.prepare(image)
        for block in range(1, int(self._layers[last][4]) + 1):
            names = [name for name in self._layers[: last + 1] if name[4] == str(block)]
            found = [name for name in names if name in wanted]
            if self.checkpointing and torch.is_grad_enabled():
                x, *taken = checkpoint(self._block, x, names, found, use_reentrant=False, preserve_rng_state=False)
            else:
                x, *taken = self._block(x, names, found)
            features |= {layer: self._feature(f, layer) for layer, f in zip(found, taken, strict=True)}
        return features

    def _block(self, x: Tensor, names: list[str], wanted: list[str]) -> tuple[Tensor, ...]:
        """The last layer of `names` from the last one of the block before, and what is wanted of those between."""
        if not names[0].startswith("relu1"):
            x = F.max_pool2d(x, 2)
        taken = []
        for name in names:
            x = F.relu(self._conv(x, name.replace("relu", "conv")))
            if name in wanted:
                taken.append(x)
        return (x, *taken)

    def _feature(self, x: Tensor, _name: str) -> Tensor | Embedded:
        return x

    @abstractmethod
    def prepare(self, image: Tensor) -> Tensor: ...

    @abstractmethod
    def _conv(self, x: Tensor, name: str) -> Tensor: ...


class TorchvisionStack(FeatureStack):
    """torchvision's VGG-16 or VGG-19, without its classifier.

    Args:
        state: state dictionary of `torchvision.models.vgg16` or `vgg19`.
        name: which of them.

    Raises:
        KeyError: if `state` is not of such a network.
    """

    def __init__(self, state: dict[str, Tensor], name: str) -> None:
        tensors: dict[str, Tensor] = {}
        index = 0
        for conv in conv_names(CONVS_PER_BLOCK[name]):
            if conv.endswith("_1") and conv != "conv1_1":
                index += 1  # pooling
            for part in ("weight", "bias"):
                tensors[f"{conv}.{part}"] = state[f"features.{index}.{part}"].float()
            index += 2  # with its ReLU
        super().__init__(tensors, conv_names(CONVS_PER_BLOCK[name]))
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(IMAGENET_DEVIATION).view(1, 3, 1, 1))

    def prepare(self, image: Tensor) -> Tensor:
        return (image - self.get_buffer("mean")) / self.get_buffer("deviation")

    def _conv(self, x: Tensor, name: str) -> Tensor:
        return F.conv2d(x, self.get_buffer(f"{name}_weight"), self.get_buffer(f"{name}_bias"), padding=1)


class _ReflectPad(torch.autograd.Function):
    """Reflection padding by one pixel.  torch's own takes ten times as long backwards in channels_last."""

    @staticmethod
    def forward(_ctx: Any, x: Tensor) -> Tensor:
        x = torch.cat((x[:, :, 1:2], x, x[:, :, -2:-1]), 2)
        return torch.cat((x[..., 1:2], x, x[..., -2:-1]), 3)

    @staticmethod
    def backward(_ctx: Any, *gradients: Tensor) -> Tensor:
        (gradient,) = gradients
        folded = gradient[:, :, 1:-1].clone()
        folded[:, :, 1] += gradient[:, :, 0]
        folded[:, :, -2] += gradient[:, :, -1]
        inner = folded[..., 1:-1]
        inner[..., 1] += folded[..., 0]
        inner[..., -2] += folded[..., -1]
        return inner


class ReflectedStack(FeatureStack):
    """A VGG-19 that pads by reflection, as in the files that `vidstyle.training.perceptual.FILES` names.

    Beside its layers it holds `conv0` (1x1: mean subtraction and channel order), and perhaps `embedK_1`, 1x1 maps
    from relu K_1 of a narrow network into VGG-19's own features.
    """

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        super().__init__(tensors, conv_names(CONVS_PER_BLOCK["vgg19"]))
        self._embedded = {f"relu{name[5:8]}" for name in tensors if name.startswith("embed")}

    def prepare(self, image: Tensor) -> Tensor:
        return F.conv2d(image, self.get_buffer("conv0_weight"), self.get_buffer("conv0_bias"))

    def _conv(self, x: Tensor, name: str) -> Tensor:
        return F.conv2d(_ReflectPad.apply(x), self.get_buffer(f"{name}_weight"), self.get_buffer(f"{name}_bias"))

    def _feature(self, x: Tensor, name: str) -> Tensor | Embedded:
        if name not in self._embedded:
            return x
        embed = name.replace("relu", "embed")
        weight, bias = (self.get_buffer(f"{embed}_{part}") for part in ("weight", "bias"))
        narrow = torch.cat((x, torch.ones_like(x[:, :1])), 1)
        return Embedded(narrow, torch.cat((weight.flatten(1), bias[:, None]), 1))
