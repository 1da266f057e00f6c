"""The transform network as training needs it: what it starts from, and its residual blocks."""

from functools import partial

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from vidstyle.errors import InputError
from vidstyle.nets import MetaRealtimeNet, RealtimeNet, build_network
from vidstyle.style_files import SUFFIX
from vidstyle.styles import load_style
from vidstyle.training.data import load_style_image
from vidstyle.training.recipe import Recipe, load_recipe


def fresh_network(recipe: Recipe) -> nn.Module:
    """The recipe's network, with random weights or those of the style that it starts from.

    Raises:
        InputError: if there is no such network, or that style is of another one.
    """
    try:
        network = build_network(recipe.network.name, recipe.network.arguments)
    except ValueError as error:
        raise InputError(f"the recipe {recipe.name} cannot be followed: {error}") from error
    if isinstance(network, MetaRealtimeNet) and recipe.network.experts:
        _learn_from_experts(network, recipe)
    if recipe.network.init is None:
        return network
    style = load_style(recipe.network.init)
    given = style.network.state_dict()
    shapes = {name: tensor.shape for name, tensor in network.state_dict().items()}
    if style.card.network != recipe.network.name or {name: t.shape for name, t in given.items()} != shapes:
        raise InputError(
            f"{recipe.network.init}: cannot be started from: its network is {style.card.network} "
            f"{style.card.arguments}, the recipe asks for {recipe.network.name} {recipe.network.arguments}"
        )
    network.load_state_dict(given)
    return network


def _learn_from_experts(network: MetaRealtimeNet, recipe: Recipe) -> None:
    """Start a meta network from styles, whose recipes lie beside this one."""
    experts = []
    for name in recipe.network.experts:
        expert = load_recipe(recipe.folder / f"{name}.toml")
        state = load_style(recipe.folder.parent / "weights" / f"{name}{SUFFIX}").network.state_dict()
        experts.append((state, load_style_image(expert.style.image, expert.style.shorter_side)))
    try:
        network.learn_from(experts)
    except (KeyError, RuntimeError) as error:
        raise InputError(f"the recipe {recipe.name} cannot be followed: an expert does not fit: {error}") from error


def painter_in(network: nn.Module) -> RealtimeNet | None:
    """The real-time network that `network` is, or writes weights for; None if there is none."""
    found = network.base if isinstance(network, MetaRealtimeNet) else network
    return found if isinstance(found, RealtimeNet) else None


def recompute_blocks(network: nn.Module) -> None:
    """Keep no more than the outputs of the blocks, and compute their insides again for the gradient.

    Same gradients, less memory, more time (Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost").
    """
    for block in (painter_in(network) or network).get_submodule("blocks").children():
        # On the instance: names of parameters stay as they are.
        block.forward = partial(checkpoint, block.forward, use_reentrant=False, preserve_rng_state=False)


class TrunkOutput:
    """The feature map (N, C, h, w) that a network's last residual block has made last."""

    def __init__(self, network: nn.Module) -> None:
        self.features: Tensor | None = None
        *_, last = (painter_in(network) or network).get_submodule("blocks").children()
        last.register_forward_hook(self._keep)

    def _keep(self, _block: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        self.features = output

    def take(self) -> Tensor | None:
        """The features, once: they hold on to the memory of a whole step."""
        features, self.features = self.features, None
        return features
