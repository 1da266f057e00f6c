"""VGG (Simonyan and Zisserman 2015) as a part of other networks: a picture's features."""

import torch.nn.functional as F
from torch import Tensor, nn

KINDS: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "vgg16": ((2, 2, 3, 3), (64, 128, 256, 512)),
    "vgg19": ((2, 2, 4, 4), (64, 128, 256, 512)),
    # The file of it ends at relu3_1.
    "vgg19-shallow": ((2, 2, 4, 4), (64, 128, 256, 512)),
    # Wang et al. 2020, "Collaborative Distillation for Ultra-Resolution Universal Style Transfer".
    "vgg19-distilled": ((2, 2, 4, 4), (16, 32, 64, 128)),
}
"""Convolutions in each block and their channels, down to an eighth of the resolution."""
REFLECTED = ("vgg19-shallow", "vgg19-distilled")
"""Those that pad by reflection; torchvision's pad by zeros."""
LEAST_VARIANCE = 1e-5
"""Where a channel is constant, the slope of the root would be infinite."""


class VggEncoder(nn.Module):
    """Features of RGB at the layers relu1_1 to relu4_4; its weights come from elsewhere, and stay as they are unless
    a recipe trains them (vidstyle.training.network).

    Args:
        kind: one of KINDS.
        layers: those that `forward` returns.

    Raises:
        ValueError: for a kind or a layer that does not exist.
    """

    def __init__(self, kind: str, layers: tuple[str, ...]) -> None:
        super().__init__()
        if kind not in KINDS:
            raise ValueError(f"unknown encoder {kind!r}; known: {', '.join(KINDS)}")
        self.kind, self.wanted = kind, layers
        convs, widths = KINDS[kind]
        names = [f"{block}_{conv}" for block, count in enumerate(convs, 1) for conv in range(1, count + 1)]
        if unknown := [layer for layer in layers if layer.removeprefix("relu") not in names]:
            raise ValueError(f"{kind} has no layer {unknown[0]}")
        names = names[: max(names.index(layer.removeprefix("relu")) for layer in layers) + 1]
        self.channels = [widths[int(layer[4]) - 1] for layer in layers]
        # Mean subtraction, scaling, and the order of channels.
        self.conv0 = nn.Conv2d(3, 3, 1)
        width = 3
        self.convs = nn.ModuleDict()
        for name in names:
            self.convs[name] = nn.Conv2d(width, widths[int(name[0]) - 1], 3)
            width = widths[int(name[0]) - 1]
        self.requires_grad_(False)

    def forward(self, image: Tensor, layers: tuple[str, ...] = ()) -> list[Tensor]:
        """Features (N, C, h, w) of RGB (N, 3, H, W) in [0, 1], a tensor for each of `layers`, or of the usual ones."""
        found = {}
        x = self.conv0(image)
        for name, conv in self.convs.items():
            if name.endswith("_1") and name != "1_1":
                x = F.max_pool2d(x, 2)
            x = F.pad(x, (1, 1, 1, 1), mode="reflect" if self.kind in REFLECTED else "constant")
            x = F.relu(conv(x))
            found[f"relu{name}"] = x
        return [found[layer] for layer in layers or self.wanted]


def moments(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation over positions, (N, C) each, of (N, C, h, w).

    Huang and Belongie 2017, equations 5 and 6.
    """
    flat = features.flatten(2)
    return flat.mean(2), (flat.var(2, correction=0) + LEAST_VARIANCE).sqrt()
