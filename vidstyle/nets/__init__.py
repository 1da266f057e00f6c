"""Network definitions: pure torch, no input or output.

Every transform network maps RGB (N, 3, H, W) in [0, 1] to RGB (N, 3, H, W); its output may leave
[0, 1] slightly and is clamped by whoever turns it into pixels.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from torch import nn

from vidstyle.nets.adain import AdainNet, MetaAdainNet
from vidstyle.nets.form import FormNet
from vidstyle.nets.johnson import JohnsonNet
from vidstyle.nets.meta import MetaNetwork
from vidstyle.nets.meta_realtime import MetaRealtimeNet
from vidstyle.nets.metanet import MetaNet, ShenNet
from vidstyle.nets.realtime import RealtimeNet

NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "realtime": RealtimeNet,
    # 796 k parameters, 24.5 GFLOP at 640x360: for those with a GPU.
    "large": partial(RealtimeNet, channels=64, blocks=10),
    "form": FormNet,
    "johnson": JohnsonNet,
    "shen": ShenNet,
    "adain": AdainNet,
}
META_NETWORKS: dict[str, Callable[..., MetaNetwork]] = {
    "meta-adain": MetaAdainNet,
    "metanet": MetaNet,
    "metanet-improved": partial(MetaNet, encoder="vgg19", block="resnext"),
    "meta-realtime": MetaRealtimeNet,
}
"""Those that write the weights of another one from a picture."""


def build_network(name: str, arguments: Mapping[str, Any] | None = None) -> nn.Module:
    """Make the network `name`, of NETWORKS or META_NETWORKS, with `arguments`, with fresh weights, in training mode.

    Raises:
        ValueError: for an unknown name, or arguments that the network does not take.
    """
    known = NETWORKS | META_NETWORKS
    if name not in known:
        raise ValueError(f"unknown network {name!r}; known: {', '.join(sorted(known))}")
    try:
        return known[name](**(arguments or {}))
    except TypeError as error:
        raise ValueError(f"network {name!r}: {error}") from error


__all__ = [
    "META_NETWORKS",
    "NETWORKS",
    "FormNet",
    "JohnsonNet",
    "MetaNetwork",
    "MetaRealtimeNet",
    "RealtimeNet",
    "build_network",
]
