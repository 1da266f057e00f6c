"""The residual blocks of a network that is trained: their output, and less memory for their insides."""

from functools import partial

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from vidstyle.errors import InputError
from vidstyle.nets import MetaNetwork, RealtimeNet


def painter_in(network: nn.Module) -> RealtimeNet | None:
    """The real-time network that `network` is, or writes weights for; None if there is none."""
    found = _base(network)
    return found if isinstance(found, RealtimeNet) else None


def _base(network: nn.Module) -> nn.Module:
    """The network that paints."""
    return network.base if isinstance(network, MetaNetwork) else network


def _blocks(network: nn.Module) -> list[nn.Module]:
    """The residual blocks of the network that paints; AdaIN's has none."""
    blocks = getattr(_base(network), "blocks", None)
    return list(blocks.children()) if isinstance(blocks, nn.Module) else []


def recompute_blocks(network: nn.Module) -> None:
    """Keep no more than the outputs of the blocks, and compute their insides again for the gradient.

    Same gradients, less memory, more time (Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost").
    """
    for block in _blocks(network):
        # On the instance: names of parameters stay as they are.
        block.forward = partial(checkpoint, block.forward, use_reentrant=False, preserve_rng_state=False)


class TrunkOutput:
    """The feature map (N, C, h, w) that a network's last residual block has made last."""

    def __init__(self, network: nn.Module) -> None:
        self.features: Tensor | None = None
        blocks = _blocks(network)
        if not blocks:
            raise InputError("loss.temporal_feature: this network has no residual blocks; set it to 0")
        blocks[-1].register_forward_hook(self._keep)

    def _keep(self, _block: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        self.features = output

    def take(self) -> Tensor | None:
        """The features, once: they hold on to the memory of a whole step."""
        features, self.features = self.features, None
        return features
