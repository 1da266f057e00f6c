"""The transform network that a training starts from, and which of its weights change how fast."""

from typing import Any

from torch import Tensor, nn

from vidstyle.errors import InputError
from vidstyle.nets import MetaNetwork, MetaRealtimeNet, RealtimeNet, build_network
from vidstyle.nets.form import begun_from
from vidstyle.perception.perceptual_network import FeatureStack, PerceptualNetwork
from vidstyle.perception.tensors import load_style_image
from vidstyle.perception.vgg import Vgg
from vidstyle.style_files import SUFFIX, load_style_file
from vidstyle.styles import load_style
from vidstyle.training.recipe import Recipe, load_recipe

KNOWN = 0.1
"""Share of the learning rate for an encoder that learns along: it knows already what all others are to learn of it."""


def fresh_network(recipe: Recipe) -> nn.Module:
    """The recipe's network, with random weights or those of the style that it starts from.

    A real-time network may start from a narrower and shallower one, and paints what that does.

    Raises:
        InputError: if there is no such network, or that style is of another one.
    """
    try:
        network = build_network(recipe.network.name, recipe.network.arguments)
    except ValueError as error:
        raise InputError(f"the recipe {recipe.name} cannot be followed: {error}") from error
    if isinstance(network, MetaRealtimeNet) and recipe.network.experts:
        _learn_from_experts(network, recipe)
    for encoder in (module for module in network.modules() if isinstance(module, Vgg)):
        encoder.requires_grad_(recipe.network.train_encoder)
        if recipe.network.init is None:
            _fill(encoder, recipe)
    if recipe.network.init is None:
        return network
    style = (load_style_file if isinstance(network, MetaNetwork) else load_style)(recipe.network.init)
    given, fresh = style.network.state_dict(), network.state_dict()
    if recipe.network.form is not None:
        given = begun_from(given, load_style(recipe.network.form).network.state_dict())
    if isinstance(network, RealtimeNet) and isinstance(style.network, RealtimeNet) and _is_within(given, fresh):
        given = _widened(given, fresh)
    elif style.card.network != recipe.network.name or not _is_within(given, fresh) or not _is_within(fresh, given):
        raise InputError(
            f"{recipe.network.init}: cannot be started from: its network is {style.card.network} "
            f"{style.card.arguments}, the recipe asks for {recipe.network.name} {recipe.network.arguments}"
        )
    network.load_state_dict(given)
    return network


def _is_within(small: dict[str, Tensor], large: dict[str, Tensor]) -> bool:
    """Whether no tensor of `small` is missing in `large`, or larger there along any axis."""
    return all(
        name in large
        and tensor.dim() == large[name].dim()
        and all(a <= b for a, b in zip(tensor.shape, large[name].shape, strict=True))
        for name, tensor in small.items()
    )


def _widened(given: dict[str, Tensor], fresh: dict[str, Tensor]) -> dict[str, Tensor]:
    """A wider and deeper real-time network that paints what `given` does (Chen et al. 2016, "Net2Net").

    Nothing that was there reads the channels that are new, and a fresh block adds nothing; both begin to as training
    goes on.
    """
    wide = {}
    for name, tensor in fresh.items():
        wide[name] = tensor.clone()
        if name in given:
            rows = wide[name][: len(given[name])]
            rows.zero_()
            rows[tuple(slice(length) for length in given[name].shape)] = given[name]
    return wide


def _learn_from_experts(network: MetaRealtimeNet, recipe: Recipe) -> None:
    """Start a meta network from styles, whose recipes lie beside this one, or in `starts` if they ship no more.

    It is what such a style started from, if that lies in `starts`.
    """
    experts = []
    for name in recipe.network.experts:
        known = recipe.folder / f"{name}.toml"
        expert = load_recipe(known if known.is_file() else recipe.folder / "starts" / known.name)
        start = recipe.folder / "starts" / f"{name}{SUFFIX}"
        weights = start if start.is_file() else recipe.folder.parent / "weights" / f"{name}{SUFFIX}"
        state = load_style(weights).network.state_dict()
        experts.append((state, load_style_image(expert.style.pictures[0], expert.style.shorter_side)))
    try:
        network.learn_from(experts)
    except (KeyError, RuntimeError) as error:
        raise InputError(f"the recipe {recipe.name} cannot be followed: an expert does not fit: {error}") from error


def _fill(encoder: Vgg, recipe: Recipe) -> None:
    """Give an encoder the weights of the perceptual network that it is a part of."""
    stack = PerceptualNetwork(encoder.kind, recipe.data.perceptual).stack
    assert isinstance(stack, FeatureStack)
    try:
        encoder.take_weights(stack.vgg)
    except RuntimeError as error:
        raise InputError(f"{recipe.data.perceptual}: no weights of {encoder.kind}: their shapes differ") from error


def parameter_groups(network: nn.Module, recipe: Recipe) -> list[dict[str, Any]]:
    """What an optimiser is to change, each group with the `share` of the learning rate that it gets."""
    encoder = {p for module in network.modules() if isinstance(module, Vgg) for p in module.parameters()}
    begun: set[str] = set()
    if recipe.network.init is not None and recipe.network.init_share != 1:
        style = (load_style_file if isinstance(network, MetaNetwork) else load_style)(recipe.network.init)
        begun = set(style.network.state_dict())
    groups: dict[float, list[nn.Parameter]] = {1.0: []}
    for name, parameter in network.named_parameters():
        share = KNOWN if parameter in encoder else recipe.network.init_share if name in begun else 1.0
        groups.setdefault(share, []).append(parameter)
    return [{"params": parameters, "share": share} for share, parameters in groups.items() if parameters]
