"""VGG (Simonyan and Zisserman 2015): a picture's features by the names of their layers, relu1_1 to relu5_4."""

from collections.abc import Iterable, Mapping
from typing import Any, Self, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.jit import is_tracing  # type: ignore[attr-defined]
from torch.utils.checkpoint import checkpoint

CONVS_PER_BLOCK = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
"""Configurations D and E; 2x2 max pooling follows each block."""
KINDS: dict[str, tuple[str, tuple[int, ...], bool]] = {
    "vgg16": ("vgg16", (64, 128, 256, 512), False),
    "vgg19": ("vgg19", (64, 128, 256, 512), False),
    # The file of it ends at relu3_1.
    "vgg19-shallow": ("vgg19", (64, 128, 256, 512), True),
    # Wang et al. 2020, "Collaborative Distillation for Ultra-Resolution Universal Style Transfer".
    "vgg19-distilled": ("vgg19", (16, 32, 64, 128), True),
}
"""Configuration, channels of each block down to an eighth of the resolution, and whether it pads by reflection;
torchvision's pad by zeros."""
IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""What torchvision's weights expect to be taken off RGB in [0, 1], and to be divided by."""
LEAST_VARIANCE = 1e-5
"""Where a channel is constant, the slope of the root would be infinite."""


def conv_names(configuration: str) -> list[str]:
    """`1_1`, `1_2`, `2_1` and so on, in order, of one of CONVS_PER_BLOCK."""
    blocks = enumerate(CONVS_PER_BLOCK[configuration], 1)
    return [f"{block}_{conv}" for block, convs in blocks for conv in range(1, convs + 1)]


class Normalise(nn.Module):
    """RGB in [0, 1] as torchvision's weights expect it: less ImageNet's mean, over its deviation."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(IMAGENET_DEVIATION).view(1, 3, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        return (image - self.get_buffer("mean")) / self.get_buffer("deviation")

    def as_convolution(self) -> dict[str, Tensor]:
        """Weight and bias of the 1x1 convolution that does the same."""
        mean, deviation = (self.get_buffer(name).flatten() for name in ("mean", "deviation"))
        return {"weight": torch.diag(1 / deviation)[..., None, None], "bias": -mean / deviation}


class Vgg(nn.Module):
    """A VGG, whole or cut short, wide or narrow, without its classifier.

    Args:
        widths: channels of its convolutions, by name as in `conv_names`, in order.
        reflected: whether it pads by reflection; by zeros otherwise.
        first: what is done to RGB before; a 1x1 convolution (mean, scale, and the order of channels) if None.
        kind: one of KINDS, if it is of one.

    Attributes:
        wanted: layers that `forward` gives if none are named.
        recompute_activations: keep the ends of blocks only, and compute the rest again for the gradient
            (Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost").
    """

    def __init__(
        self, widths: Mapping[str, int], *, reflected: bool, first: nn.Module | None = None, kind: str = ""
    ) -> None:
        super().__init__()
        self.kind, self._reflected = kind, reflected
        self.wanted: tuple[str, ...] = ()
        self.recompute_activations = False
        self.conv0 = nn.Conv2d(3, 3, 1) if first is None else first
        self.convs = nn.ModuleDict()
        before = 3
        for name, width in widths.items():
            self.convs[name] = nn.Conv2d(before, width, 3, padding=0 if reflected else 1)
            before = width
        self.requires_grad_(False)

    @classmethod
    def of_kind(cls, kind: str, layers: tuple[str, ...]) -> Self:
        """A part of another network that gives `layers`, and ends with the last of them.

        Its weights come from elsewhere, and stay as they are unless a recipe trains them.

        Raises:
            ValueError: for a kind that is not in KINDS, or a layer that it does not have.
        """
        if kind not in KINDS:
            raise ValueError(f"unknown encoder {kind!r}; known: {', '.join(KINDS)}")
        configuration, widths, reflected = KINDS[kind]
        names = [name for name in conv_names(configuration) if int(name[0]) <= len(widths)]
        if unknown := [layer for layer in layers if layer.removeprefix("relu") not in names]:
            raise ValueError(f"{kind} has no layer {unknown[0]}")
        last = max(names.index(layer.removeprefix("relu")) for layer in layers)
        vgg = cls({name: widths[int(name[0]) - 1] for name in names[: last + 1]}, reflected=reflected, kind=kind)
        vgg.wanted = layers
        return vgg

    @classmethod
    def of_tensors(
        cls, tensors: Mapping[str, Tensor], configuration: str, *, reflected: bool, first: nn.Module | None = None
    ) -> Self:
        """One with these weights: `conv1_1.weight`, `conv1_1.bias` and so on, as far as they go.

        `conv0.weight` and `conv0.bias` are read unless `first` takes their place.
        """
        names = [name for name in conv_names(configuration) if f"conv{name}.weight" in tensors]
        # Nothing is drawn for weights that are there: that would take it from those who come after.
        with torch.device("meta"):
            vgg = cls({name: len(tensors[f"conv{name}.weight"]) for name in names}, reflected=reflected)
        if first is not None:
            vgg.conv0 = first
        modules = {f"convs.{name}": f"conv{name}" for name in names} | ({} if first else {"conv0": "conv0"})
        state = {
            f"{module}.{part}": tensors[f"{stored}.{part}"]
            for module, stored in modules.items()
            for part in ("weight", "bias")
        }
        vgg.load_state_dict(
            state | ({f"conv0.{k}": v for k, v in first.state_dict().items()} if first else {}), assign=True
        )
        return vgg.requires_grad_(False)

    def layers(self) -> list[str]:
        """Names of the layers that it reaches, in order."""
        return [f"relu{name}" for name in self.convs]

    @property
    def channels(self) -> list[int]:
        """Of the wanted layers."""
        return [len(self.convs[layer.removeprefix("relu")].get_parameter("weight")) for layer in self.wanted]

    def forward(self, image: Tensor, layers: Iterable[str] = ()) -> dict[str, Tensor]:
        """Features (N, C, h, w) of RGB (N, 3, H, W) in [0, 1] by layer, in the order of depth.

        layers: those that are wanted this time.
        """
        wanted = set(layers) or set(self.wanted)
        known = self.layers()
        last = max(index for index, name in enumerate(known) if name in wanted)
        features: dict[str, Tensor] = {}
        x = self.conv0(image)
        for block in range(1, int(known[last][4]) + 1):
            names = [name for name in known[: last + 1] if name[4] == str(block)]
            found = [name for name in names if name in wanted]
            if self.recompute_activations and torch.is_grad_enabled():
                x, *taken = checkpoint(self._block, x, names, found, use_reentrant=False, preserve_rng_state=False)
            else:
                x, *taken = self._block(x, names, found)
            features |= dict(zip(found, taken, strict=True))
        return features

    def _block(self, x: Tensor, names: list[str], wanted: list[str]) -> tuple[Tensor, ...]:
        """The last layer of `names` from the last one of the block before, and what is wanted of those between."""
        if not names[0].startswith("relu1"):
            x = F.max_pool2d(x, 2)
        taken = []
        for name in names:
            x = F.relu(self.convs[name.removeprefix("relu")](_reflected(x) if self._reflected else x))
            if name in wanted:
                taken.append(x)
        return (x, *taken)

    def take_weights(self, other: "Vgg") -> None:
        """Have the weights of one that reaches as far or further.

        Raises:
            RuntimeError: if it does not, or is of other widths.
        """
        state = {
            f"convs.{name}.{k}": v
            for name in self.convs
            if name in other.convs
            for k, v in other.convs[name].state_dict().items()
        }
        first = other.conv0.as_convolution() if isinstance(other.conv0, Normalise) else other.conv0.state_dict()
        self.load_state_dict(state | {f"conv0.{name}": tensor for name, tensor in first.items()})


def moments(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation over positions, (N, C) each, of (N, C, h, w).

    Huang and Belongie 2017, equations 5 and 6.
    """
    flat = features.flatten(2)
    return flat.mean(2), (flat.var(2, correction=0) + LEAST_VARIANCE).sqrt()


def torchvision_tensors(state: Mapping[str, Tensor], configuration: str) -> dict[str, Tensor]:
    """The state dictionary of `torchvision.models.vgg16` or `vgg19` by the names that `Vgg.of_tensors` reads.

    Raises:
        KeyError: if it is not of such a network.
    """
    tensors: dict[str, Tensor] = {}
    index = 0
    for name in conv_names(configuration):
        if name.endswith("_1") and name != "1_1":
            index += 1  # pooling
        for part in ("weight", "bias"):
            tensors[f"conv{name}.{part}"] = state[f"features.{index}.{part}"].float()
        index += 2  # with its ReLU
    return tensors


def _reflected(x: Tensor) -> Tensor:
    """`x` with a rim of one pixel."""
    # A trace knows torch's own operations only.
    return F.pad(x, (1, 1, 1, 1), mode="reflect") if is_tracing() else cast(Tensor, _ReflectPad.apply(x))


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
