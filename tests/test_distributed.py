"""Several processes on one batch make the steps of one process on all of it."""

import contextlib
import itertools
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file
from training_material import make_material
from waiting import PATIENCE

from vidstyle.errors import InputError
from vidstyle.training import trainer
from vidstyle.training.distributed import Team, finish_together, join_team, leave_team
from vidstyle.training.recipe import load_recipe

pytestmark = pytest.mark.slow

STEPS = 2


def train_a_little(recipe: Path, checkpoint: Path) -> float:
    """What each process does: a few steps, then a checkpoint by the one that leads; the last loss."""
    team, device = join_team("cpu")
    trained = trainer.Trainer(load_recipe(recipe), device=device, checkpoint=checkpoint, team=team)
    with contextlib.closing(trained.run()) as run:
        losses = [progress.losses["total"] for progress in itertools.islice(run, STEPS)]
    if team.leads:
        trained.save_checkpoint()
    trained.disband()
    finish_together()
    leave_team()
    return losses[-1]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def run_team(size: int, recipe: Path, checkpoint: Path) -> list[float]:
    """Start as many processes as torchrun would; the last loss that each has seen."""
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": str(size)}
    processes = []
    for rank in range(size):
        environment = os.environ | meeting | {"RANK": str(rank), "LOCAL_RANK": str(rank), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, __file__, str(recipe), str(checkpoint)]
        processes.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True))
    try:
        outputs = [process.communicate(timeout=PATIENCE)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0] * size
    return [float(output) for output in outputs]


@pytest.mark.parametrize("loss", ["balance = 1.5", "temporal = 20\ntemporal_feature = 1"])
def test_two_processes_train_as_one_does(tmp_path: Path, loss: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Half precision would hide what is compared here.
    monkeypatch.setattr(trainer, "prefers_bfloat16", lambda: False)
    recipe = make_material(tmp_path) / "train" / "dots.toml"
    text = recipe.read_text().replace("batch = 2", "batch = 4").replace("[schedule]", f"{loss}\n[schedule]\nseed = 1")
    recipe.write_text(text)
    alone = train_a_little(recipe, tmp_path / "one.checkpoint")
    first, second = run_team(2, recipe, tmp_path / "two.checkpoint")
    assert first == second == pytest.approx(alone, rel=1e-5)
    one, two = (load_file(tmp_path / f"{name}.checkpoint") for name in ("one", "two"))
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        assert (tensor - two[name]).abs().max() < 1e-5, name


def test_a_batch_is_shared_evenly_or_not_at_all() -> None:
    assert [Team(rank, 2).share(6) for rank in range(2)] == [slice(0, 3), slice(3, 6)]
    assert Team().share(5) == slice(0, 5)
    with pytest.raises(InputError, match="cannot be shared by 4 processes"):
        Team(0, 4).share(6)


def test_each_process_of_a_team_has_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    joined: list[str] = []
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setattr("torch.cuda.set_device", lambda _: None)
    monkeypatch.setattr("torch.distributed.init_process_group", joined.append)
    for name, value in {"WORLD_SIZE": "3", "RANK": "1", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    assert [join_team(device)[1] for device in ("auto", "cuda", "cuda:0")] == ["cuda:1", "cuda:1", "cuda:0"]
    assert joined == ["nccl"] * 3
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(InputError, match="2 GPUs here, fewer than processes; start one process for each"):
        join_team("auto")
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert join_team("auto") == (Team(), "cuda:0")


if __name__ == "__main__":
    trainer.prefers_bfloat16 = lambda: False
    print(train_a_little(*map(Path, sys.argv[1:])))
