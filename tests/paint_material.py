"""What painting by optimisation takes in tests: fixtures as a plugin of pytest."""

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Result
from training_material import write_perceptual_weights, write_picture

SIZE = 96


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    write_perceptual_weights(folder)
    return folder


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """`photo.png` and the styles `a.png` and `b.png`."""
    for seed, name in enumerate(("photo", "a", "b")):
        write_picture(tmp_path / f"{name}.png", seed)
    return tmp_path


@pytest.fixture
def paint_cli(run_cli: Callable[..., Result], weights: Path) -> Callable[..., Result]:
    """`vidstyle paint`, small and short."""

    def run(*arguments: object) -> Result:
        short = ("--size", SIZE, "--steps", 3, "--perceptual-weights", weights)
        given = {str(argument) for argument in arguments}
        pairs = [short[i : i + 2] for i in range(0, len(short), 2) if short[i] not in given]
        return run_cli("paint", *arguments, *(part for pair in pairs for part in pair))

    return run
