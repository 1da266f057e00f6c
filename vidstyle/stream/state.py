"""What a sequence has come to, as arrays by name, so that it can go on in another process as if nothing had been."""

import zipfile
from pathlib import Path

import numpy as np

from vidstyle.errors import VidstyleError, reason
from vidstyle.output_files import written_beside

State = dict[str, np.ndarray]


def within(name: str, state: State) -> State:
    """A state as a part of a larger one."""
    return {f"{name}/{key}": value for key, value in state.items()}


def part(name: str, state: State) -> State:
    """The part of a larger state that `within` has put there; empty if there is none."""
    return {key.removeprefix(f"{name}/"): value for key, value in state.items() if key.startswith(f"{name}/")}


def numbers(*values: float) -> np.ndarray:
    """Numbers as they are, float64."""
    return np.array(values, np.float64)


def write_state(path: Path, state: State) -> None:
    """Write a state, replacing `path` in one step.

    Raises:
        InputError: if it cannot be written.
    """
    with written_beside(path) as partial, partial.open("wb") as file:
        np.savez(file, **state)  # type: ignore[arg-type]


def read_state(path: Path) -> State:
    """What `write_state` has written.

    Raises:
        VidstyleError: if it cannot be read.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return dict(file)
    except (OSError, ValueError, zipfile.BadZipFile, KeyError, EOFError) as error:
        raise VidstyleError(f"{path}: cannot be read ({reason(error)})") from error
