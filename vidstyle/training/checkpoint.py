"""The state of a training in one safetensors file, so that a stopped one can go on."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from vidstyle.errors import InputError, parameter
from vidstyle.output_files import written_beside


@dataclass(frozen=True)
class Position:
    """Where a training stands.

    Attributes:
        recipe: hash of the recipe.
        step: steps done.
        elapsed: seconds trained.
        balance: scale of the style term, if it is balanced.
    """

    recipe: str
    step: int
    elapsed: float = 0.0
    balance: float | None = None


def save_checkpoint(
    path: Path,
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    position: Position,
    before_finish: Mapping[str, Tensor],
    adversary: Mapping[str, Tensor] = MappingProxyType({}),
) -> None:
    """Write the state to `path`, replacing it in one move.

    before_finish: the network's state when the schedule's finish began, if it has.
    adversary: state of whatever the network is trained against, by name.
    """
    tensors = {f"network.{k}": v.contiguous() for k, v in network.state_dict().items()}
    tensors |= {f"before_finish.{k}": v.contiguous() for k, v in before_finish.items()}
    tensors |= {f"optimiser.{k}": v.contiguous() for k, v in optimiser_tensors(optimiser).items()}
    tensors |= {f"adversary.{k}": v.contiguous() for k, v in adversary.items()}
    # repr, in which str writes numbers, is exact.
    with written_beside(path) as partial:
        # Safetensors' own way to a file has errors of its own for full disks.
        partial.write_bytes(
            save(tensors, {key: str(value) for key, value in asdict(position).items() if value is not None})
        )


def load_checkpoint(
    path: Path | None, network: nn.Module, optimiser: torch.optim.Optimizer, *, recipe: str
) -> tuple[Position, dict[str, Tensor], dict[str, Tensor]]:
    """Put the state in `path` into `network` and `optimiser`.

    Returns where it stands, the state before the finish, and that of the adversary.

    Raises:
        InputError: if there is none, it cannot be read, or `recipe` is not the hash of the recipe that made it.
    """
    if path is None or not path.is_file():
        raise InputError(f"{path}: no checkpoint to resume from; train without {parameter('resume')}")
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise InputError(f"{path}: not a checkpoint; train without {parameter('resume')}") from error
    if metadata.get("recipe") != recipe:
        raise InputError(f"{path}: made by another recipe; train without {parameter('resume')}")
    device = next(network.parameters()).device
    network.load_state_dict(_named(tensors, "network."))
    put_into_optimiser(optimiser, _named(tensors, "optimiser."))
    balance = metadata.get("balance")
    position = Position(
        recipe,
        int(metadata["step"]),
        float(metadata.get("elapsed", 0)),
        None if balance is None else float(balance),
    )
    before, adversary = (_named(tensors, prefix) for prefix in ("before_finish.", "adversary."))
    return position, {k: v.to(device) for k, v in before.items()}, adversary


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """What an optimiser keeps of each parameter, by the parameter's number and its own name for it."""
    state = optimiser.state_dict()["state"]
    return {f"{index}.{key}": value for index, kept in state.items() for key, value in kept.items()}


def put_into_optimiser(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """The inverse of `optimiser_tensors`."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, _, key = name.partition(".")
        state.setdefault(int(index), {})[key] = value
    optimiser.load_state_dict(optimiser.state_dict() | {"state": state})


def _named(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
