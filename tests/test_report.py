"""What is left in the folder of a report."""

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest
from media_files import colorful_picture, make_video
from PIL import Image
from training_material import make_material

from vidstyle.errors import InputError
from vidstyle.plots import running_mean
from vidstyle.training import report
from vidstyle.training.make_style import make_style
from vidstyle.training.recipe import Recipe, load_recipe
from vidstyle.training.report import Report, read_losses
from vidstyle.training.trainer import Trainer

pytestmark = pytest.mark.slow

pytest.importorskip("matplotlib")


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    monkeypatch.setattr(report, "SIDE", 64)
    made = load_recipe(make_material(tmp_path) / "train" / "dots.toml")
    return dataclasses.replace(made, schedule=dataclasses.replace(made.schedule, steps=10))


def with_clips(recipe: Recipe, folder: Path) -> Recipe:
    folder.mkdir()
    make_video(folder / "clip.mp4", pictures=[colorful_picture(n, 96, 96) for n in range(12)], times=range(12))
    data = dataclasses.replace(recipe.data, clips=folder)
    return dataclasses.replace(recipe, data=data, loss=dataclasses.replace(recipe.loss, temporal=20.0))


def colors(path: Path) -> int:
    return len(Image.open(path).convert("RGB").quantize(64).getcolors())


def test_a_report_has_curves_and_pictures(recipe: Recipe, tmp_path: Path) -> None:
    folder = tmp_path / "report"
    make_style(with_clips(recipe, tmp_path / "clips"), tmp_path / "dots.safetensors", report=folder)
    for name in ("loss_curves.png", "progress.png", "strip.png"):
        assert min(Image.open(folder / name).size) > 300
        assert colors(folder / name) > 20
    losses = read_losses(folder)
    assert losses["step"].tolist() == list(range(1, 11))
    assert {"content", "style", "total_variation", "temporal", "total"} <= losses.keys()
    assert [path.stem for path in sorted((folder / "snapshots").iterdir())] == [
        f"step_{step:07}" for step in (1, 3, 5, 10)
    ]


def test_tensorboard_is_given_scalars_and_pictures(recipe: Recipe, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = tmp_path / "report"
    make_style(recipe, tmp_path / "dots.safetensors", report=folder)
    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    assert events.Scalars("loss/total")[-1].value == pytest.approx(read_losses(folder)["total"][-1])
    assert len(events.Images("photographs")) == 4
    assert not (folder / "strip.png").exists()


def test_a_report_goes_on_where_the_training_does(recipe: Recipe, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    trainer = Trainer(recipe)
    watched = Report(whole, trainer)
    for progress in trainer.run():
        watched.update(progress)
    checkpoint = tmp_path / "dots.checkpoint"
    stopped = Trainer(recipe, checkpoint=checkpoint, checkpoint_every=4)
    watched = Report(parts, stopped)
    for progress in stopped.run():
        watched.update(progress)
        if progress.step == 7:
            break
    resumed = Trainer(recipe, checkpoint=checkpoint, resume=True)
    watched = Report(parts, resumed)
    for progress in resumed.run():
        watched.update(progress)
    assert (parts / "losses.csv").read_text() == (whole / "losses.csv").read_text()
    assert {p.name for p in (parts / "snapshots").iterdir()} == {p.name for p in (whole / "snapshots").iterdir()}
    with (parts / "losses.csv").open(newline="") as file:
        assert len(list(csv.reader(file))) == 11


def test_a_folder_that_cannot_be_made_is_an_error(recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot be written"):
        Report(tmp_path / "file" / "report", Trainer(recipe))


def test_running_mean_leaves_out_what_is_not_known() -> None:
    values = np.array([2.0, 4.0, np.nan, 8.0])
    assert running_mean(values, 2).tolist() == [2.0, 3.0, 4.0, 8.0]
