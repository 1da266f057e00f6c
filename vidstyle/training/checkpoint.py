"""The state of a training in one safetensors file, so that a stopped one can go on."""

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from vidstyle.errors import InputError


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


def save_checkpoint(path: Path, network: nn.Module, optimiser: torch.optim.Optimizer, position: Position) -> None:
    """Write the state to `path`, replacing it in one move."""
    tensors = {f"network.{k}": v.contiguous() for k, v in network.state_dict().items()}
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{key}": value.contiguous() for key, value in state.items()}
    partial = path.with_name(path.name + ".part")
    # repr, in which str writes numbers, is exact.
    save_file(tensors, partial, {key: str(value) for key, value in asdict(position).items() if value is not None})
    partial.replace(path)


def load_checkpoint(
    path: Path | None, network: nn.Module, optimiser: torch.optim.Optimizer, *, recipe: str
) -> Position:
    """Put the state in `path` into `network` and `optimiser`.

    Raises:
        InputError: if there is none, it cannot be read, or `recipe` is not the hash of the recipe that made it.
    """
    if path is None or not path.is_file():
        raise InputError(f"{path}: no checkpoint to resume from; train without --resume")
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise InputError(f"{path}: not a checkpoint; train without --resume") from error
    if metadata.get("recipe") != recipe:
        raise InputError(f"{path}: made by another recipe; train without --resume")
    network.load_state_dict({k.removeprefix("network."): v for k, v in tensors.items() if k.startswith("network.")})
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimiser."):
            _, index, key = name.split(".")
            state.setdefault(int(index), {})[key] = value
    optimiser.load_state_dict(optimiser.state_dict() | {"state": state})
    balance = metadata.get("balance")
    return Position(
        recipe,
        int(metadata["step"]),
        float(metadata.get("elapsed", 0)),
        None if balance is None else float(balance),
    )
