"""From a picture and a folder of photographs to a style, on material made on the spot."""

import dataclasses
import itertools
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import torch
from conftest import Result
from media_files import colorful_picture, make_video
from safetensors.torch import load_file
from torch import Tensor, nn
from training_material import losses_of
from waiting import wait_until

from vidstyle import load_style
from vidstyle.errors import InputError, VidstyleError
from vidstyle.media.images import read_image, resize_shorter_side
from vidstyle.perception.objective import Loss
from vidstyle.perception.photographs import Photographs
from vidstyle.shipped import PHOTOS
from vidstyle.steps import FINE_STEPS
from vidstyle.style_files import read_card
from vidstyle.training import loop as loop_module
from vidstyle.training.comparing import held_back_loss
from vidstyle.training.make_style import make_style
from vidstyle.training.recipe import NetworkChoice, Recipe, load_recipe
from vidstyle.training.recipe_options import resolve_recipe
from vidstyle.training.report import read_losses
from vidstyle.training.trainer import Trainer

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("few_steps")]


def with_schedule(recipe: Recipe, **changes: float) -> Recipe:
    return dataclasses.replace(recipe, schedule=dataclasses.replace(recipe.schedule, **changes))


def test_training_makes_a_style_that_paints(recipe: Recipe, material: Path) -> None:
    seen: list[float] = []
    out = material / "weights" / "dots.safetensors"
    card = make_style(recipe, out, on_progress=lambda p: seen.append(p.losses["total"]))
    assert len(seen) == 30
    assert np.mean(seen[-5:]) < 0.8 * np.mean(seen[:5])
    assert (card.title, card.artist, card.year, card.recipe) == ("Dots", "Nobody", "1900", recipe.hash())
    assert card.metrics.keys() == {"style_distance", "content_distance", "grid_db"}
    with torch.inference_mode():
        painted = load_style(card.path).network(torch.rand(1, 3, 48, 64))
    assert painted.shape == (1, 3, 48, 64)
    assert not list(material.glob("weights/*.checkpoint"))


def test_the_same_seed_makes_the_same_losses_and_another_seed_others(recipe: Recipe, material: Path) -> None:
    first, again = (losses_of(Trainer(recipe, device="cpu"), 4) for _ in range(2))
    assert first == again
    other = resolve_recipe(material / "train" / "dots.toml", seed=1)
    assert losses_of(Trainer(other, device="cpu"), 4) != first


def test_a_resumed_training_goes_on_exactly_where_it_stopped(recipe: Recipe, material: Path) -> None:
    whole = losses_of(Trainer(recipe, device="cpu"), 12)
    checkpoint = material / "dots.checkpoint"
    stopped = losses_of(Trainer(recipe, device="cpu", checkpoint=checkpoint, checkpoint_every=5), 8)
    resumed = Trainer(recipe, device="cpu", checkpoint=checkpoint, resume=True)
    assert resumed.step == 5
    assert stopped[:5] + losses_of(resumed, 7) == whole


def test_a_finish_begins_anew_on_smaller_crops_and_resumes_exactly(recipe: Recipe, material: Path) -> None:
    recipe = dataclasses.replace(recipe, loss=dataclasses.replace(recipe.loss, temporal=20.0))
    recipe = with_schedule(recipe, steps=6, warm_up=1, finish_steps=6, finish_crop=48)
    trainer = Trainer(recipe, device="cpu")
    rates, sides, terms = [], [], []
    for progress in trainer.run():
        terms.append("temporal" in progress.losses)
        rates.append(trainer.optimiser.param_groups[0]["lr"])
        batch = trainer._material(progress.step - 1)[0]
        assert batch is not None
        sides.append(batch.shape[-1])
    assert (len(rates), progress.steps) == (12, 12)
    assert rates[:6] == sorted(rates[:6], reverse=True)
    assert rates[6:] == pytest.approx(rates[:6])
    assert sides == [recipe.schedule.crop] * 6 + [48] * 6
    assert terms == [True] * 6 + [False] * 6

    recipe = with_schedule(recipe, finish_share=0.25)
    whole = Trainer(recipe, device="cpu")
    losses = losses_of(whole, 13)
    begun = Trainer(with_schedule(recipe, finish_steps=0), device="cpu")
    losses_of(begun, 7)
    before, after = begun.network.state_dict(), trainer.network.state_dict()
    between = {name: torch.lerp(before[name], after[name], 0.25) for name in after}
    torch.testing.assert_close(whole.network.state_dict(), between)
    for reached in (6, 9):
        checkpoint = material / f"{reached}.checkpoint"
        losses_of(Trainer(recipe, device="cpu", checkpoint=checkpoint, checkpoint_every=reached), reached + 1)
        resumed = Trainer(recipe, device="cpu", checkpoint=checkpoint, resume=True)
        assert resumed.step == reached
        assert losses_of(resumed, 13 - reached) == losses[reached:]
        torch.testing.assert_close(resumed.network.state_dict(), whole.network.state_dict(), rtol=0, atol=0)


def test_a_killed_training_is_resumed_with_the_same_losses(
    recipe: Recipe,
    material: Path,
    start_cli: Callable[..., subprocess.Popen[str]],
    run_cli: Callable[..., Result],
) -> None:
    def command(report: str, *options: str) -> list[object]:
        out = ("--out", material / f"{report}.safetensors", "--report", material / report, "--checkpoint-every", "4")
        return ["train", material / "train" / "dots.toml", "--steps", "12", "--device", "cpu", *out, *options]

    killed = start_cli(*command("killed"))
    wait_until(killed, (material / "killed.checkpoint").exists)
    killed.kill()
    killed.wait()
    assert not (material / "killed.safetensors").exists()
    # In this process, which has loaded everything.
    assert run_cli(*command("killed", "--resume")).code == 0
    assert run_cli(*command("whole")).code == 0
    assert len(read_losses(material / "whole")["total"]) == 12
    assert (material / "killed" / "losses.csv").read_text() == (material / "whole" / "losses.csv").read_text()
    killed_style, whole_style = (load_file(material / f"{name}.safetensors") for name in ("killed", "whole"))
    torch.testing.assert_close(killed_style, whole_style, rtol=0, atol=0)


def test_training_by_the_clock_ends_on_time_and_resumes_with_the_time_left(
    material: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A clock that goes on by a second each time somebody looks at it, which is once a step.
    clock = SimpleNamespace(monotonic=itertools.count().__next__, perf_counter=time.perf_counter)
    monkeypatch.setattr(loop_module, "time", clock)
    recipe = resolve_recipe(material / "train" / "dots.toml", minutes=10 / 60)
    checkpoint = material / "dots.checkpoint"
    stopped = Trainer(recipe, checkpoint=checkpoint, checkpoint_every=1)
    seen = list(itertools.islice(stopped.run(), 5))
    assert [p.done for p in seen] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    assert [p.steps for p in seen] == [10] * 5
    assert stopped.learning_rate() == pytest.approx(recipe.schedule.learning_rate / 2)
    resumed = Trainer(recipe, checkpoint=checkpoint, resume=True)
    assert (resumed.step, resumed.done) == (4, pytest.approx(0.4))
    rest = list(resumed.run())
    assert [p.step for p in rest] == [5, 6, 7, 8, 9, 10]
    assert rest[-1].done == 1
    assert not losses_of(Trainer(recipe, checkpoint=checkpoint, resume=True))


def test_training_starts_from_a_style_of_the_same_network(recipe: Recipe, material: Path) -> None:
    out = material / "weights" / "dots.safetensors"
    make_style(with_schedule(recipe, steps=3), out)
    going_on = resolve_recipe(material / "train" / "dots.toml", init=str(out))
    torch.testing.assert_close(
        dict(Trainer(going_on).network.state_dict()), dict(load_style(out).network.state_dict()), rtol=0, atol=0
    )
    assert going_on.hash() != recipe.hash()
    other = dataclasses.replace(going_on, network=dataclasses.replace(going_on.network, arguments={"channels": 8}))
    with pytest.raises(InputError, match=r"cannot be started from.*'channels': 16.*'channels': 8"):
        Trainer(other)
    with pytest.raises(InputError, match="init='nothing': no such style"):
        resolve_recipe(material / "train" / "dots.toml", init="nothing")


def test_a_larger_network_begins_by_painting_what_a_smaller_one_does(recipe: Recipe, material: Path) -> None:
    small = material / "weights" / "dots.safetensors"
    make_style(with_schedule(recipe, steps=5), small)
    larger = NetworkChoice("realtime", {"channels": 24, "blocks": 3}, small)
    trainer = Trainer(dataclasses.replace(recipe, network=larger), device="cpu")
    photo = torch.rand(1, 3, 40, 56)
    with torch.no_grad():
        before = trainer.network.eval()(photo)
        torch.testing.assert_close(before, load_style(small).network(photo), rtol=0, atol=1e-4)
    losses_of(trainer, 4)
    assert bool(trainer.network.get_parameter("tail.weight")[:, 16:].any())
    assert bool(trainer.network.get_parameter("blocks.2.conv2.weight").any())


def test_a_sense_of_form_is_learnt_on_top_of_a_style_that_has_none(recipe: Recipe, material: Path) -> None:
    small, taught = (material / "weights" / f"{name}.safetensors" for name in ("dots", "taught"))
    make_style(with_schedule(recipe, steps=3), small)
    choice = NetworkChoice("form", {"channels": 16, "blocks": 2, "widths": [8], "depths": [1]}, small)
    deeper = Loss(style_layers=("relu3_1", "relu5_1"), style_layer_weights=(1.0, 2.0), grid=0.0)
    first = dataclasses.replace(with_schedule(recipe, steps=4), network=choice, loss=deeper)
    trainer, photo = Trainer(first), torch.rand(1, 3, 40, 56)
    with torch.no_grad():
        torch.testing.assert_close(trainer.network.eval()(photo), load_style(small).network(photo), rtol=0, atol=1e-5)
    assert "grid" not in next(trainer.run()).losses
    make_style(first, taught)
    form = load_style(taught).network.state_dict()
    assert bool(form["form.up.0.weight"].any())
    held = Trainer(dataclasses.replace(first, network=dataclasses.replace(choice, init_share=0.0)))
    losses_of(held, 3)
    for name, tensor in load_style(small).network.state_dict().items():
        assert torch.equal(held.network.get_parameter(name), tensor), name
    assert bool(held.network.get_parameter("form.up.0.weight").any())
    again = Trainer(dataclasses.replace(first, network=dataclasses.replace(choice, form=taught))).network
    assert torch.equal(again.get_parameter("form.down.0.weight"), form["form.down.0.weight"])
    with torch.no_grad():
        torch.testing.assert_close(again.eval()(photo), load_style(small).network(photo), rtol=0, atol=1e-5)


def test_photographs_are_scaled_as_the_recipe_says(recipe: Recipe) -> None:
    def seen(scales: tuple[float, ...]) -> torch.Tensor:
        schedule = dataclasses.replace(recipe.schedule, scales=scales)
        batch, _, _ = Trainer(dataclasses.replace(recipe, schedule=schedule))._material(0)
        assert batch is not None
        return batch

    fine, coarse = seen((1.0, 1.0)), seen((4.0, 4.0))
    assert coarse.diff(dim=-1).abs().mean() < 0.5 * fine.diff(dim=-1).abs().mean()
    with pytest.raises(InputError, match=r"schedule\.scales has 1 entries; it takes the least and the greatest"):
        seen((1.0,))


@pytest.mark.parametrize("finish", [0, 48])
def test_what_surrounds_a_crop_is_painted_and_not_judged(
    recipe: Recipe, monkeypatch: pytest.MonkeyPatch, finish: int
) -> None:
    changes = {"finish_steps": 1, "finish_crop": finish, "steps": 0} if finish else {}
    trainer = Trainer(with_schedule(recipe, surround=8, **changes))
    sides, gradients = [], []
    objective, paint = trainer.objective, trainer._paint_margin

    def recorded(*args: object) -> tuple[torch.Tensor, torch.Tensor]:
        framed, painted = paint(*args)
        painted.register_hook(gradients.append)
        return framed, painted

    monkeypatch.setattr(trainer, "objective", lambda a, b: sides.append(b.shape[-1]) or objective(a, b))
    monkeypatch.setattr(trainer, "_paint_margin", recorded)
    next(trainer.run())
    # Eight pixels of the network's margin on each side.
    crop = (finish or 64) + 16
    assert sides == [crop]
    felt = gradients[0].abs().amax((0, 1))
    assert felt.shape == (crop + 16, crop + 16)
    assert felt[8:-8, 8:-8].min() > 0
    felt[8:-8, 8:-8] = 0
    assert felt.max() == 0


def test_a_surround_that_cannot_be_is_refused(recipe: Recipe) -> None:
    with pytest.raises(InputError, match=r"schedule\.surround is -8"):
        Trainer(with_schedule(recipe, surround=-8))


@pytest.mark.parametrize("network", ["realtime", "johnson"])
def test_recomputing_activations_changes_no_gradient(recipe: Recipe, network: str) -> None:
    choice = dataclasses.replace(recipe.network, name=network, arguments={})
    paired = dataclasses.replace(
        recipe, network=choice, loss=Loss(temporal=20.0, temporal_feature=1.0, temporal_kind="luminance")
    )
    gradients = []
    for recompute in (False, True):
        trainer = Trainer(paired, recompute_activations=recompute)
        terms = next(trainer.run()).losses
        gradients.append([p.grad for p in trainer.network.parameters()])
        assert {"temporal", "temporal_feature"} <= terms.keys()
        assert all(term > 0 for name, term in terms.items() if name != "range")
    torch.testing.assert_close(gradients[1], gradients[0], rtol=0, atol=0)


@pytest.mark.parametrize(
    "kinds", [{"style_kind": "gram", "content_kind": "plain"}, {"style_kind": "moments", "perceptual": "vgg19-shallow"}]
)
def test_a_recipe_chooses_its_losses(recipe: Recipe, kinds: dict[str, str]) -> None:
    chosen = dataclasses.replace(recipe, loss=Loss(**kinds))
    assert np.isfinite(losses_of(Trainer(chosen), 2)).all()
    assert losses_of(Trainer(chosen), 1) != losses_of(Trainer(recipe), 1)
    unknown = dataclasses.replace(recipe, loss=Loss(style_kind="grim"))
    with pytest.raises(InputError, match="style_kind is 'grim'; it can be relative, distance, gram, moments"):
        Trainer(unknown)


def test_clips_take_part_in_training(recipe: Recipe, material: Path) -> None:
    (material / "clips").mkdir()
    make_video(
        material / "clips" / "clip.mp4", pictures=[colorful_picture(n, 96, 96) for n in range(8)], times=range(8)
    )
    with_clips = resolve_recipe(material / "train" / "dots.toml", clips=material / "clips")
    assert with_clips.loss.temporal == 20
    assert with_clips.hash() != dataclasses.replace(with_clips, data=recipe.data).hash()
    trainer = Trainer(with_clips)
    kinds = [trainer._material(step)[0] is None for step in range(8)]
    assert set(kinds) == {True, False}
    assert all("temporal" in p.losses for p in itertools.islice(trainer.run(), 8))
    useless = dataclasses.replace(recipe, data=with_clips.data)
    with pytest.raises(InputError, match=r"loss\.temporal"):
        Trainer(useless)


def test_what_was_left_out_is_said_at_the_end(recipe: Recipe, material: Path) -> None:
    for name in ("a.jpg", "b.jpg", "c.jpg", "d.jpg"):
        (material / "photos" / name).write_bytes(b"no picture")
    said: list[str] = []
    make_style(recipe, material / "dots.safetensors", on_warning=said.append)
    assert len(said) == 1
    assert re.fullmatch(r"\d of the photographs could not be used and (was|were) left out", said[0])


def test_a_checkpoint_of_another_recipe_is_refused(recipe: Recipe, material: Path) -> None:
    checkpoint = material / "dots.checkpoint"
    losses_of(Trainer(recipe, device="cpu", checkpoint=checkpoint, checkpoint_every=1), 2)
    other = resolve_recipe(material / "train" / "dots.toml", steps=31)
    with pytest.raises(InputError, match="another recipe"):
        Trainer(other, device="cpu", checkpoint=checkpoint, resume=True)
    with pytest.raises(InputError, match="no checkpoint"):
        Trainer(recipe, device="cpu", checkpoint=material / "none.checkpoint", resume=True)


def test_a_loss_that_is_no_number_stops_with_the_step_named(recipe: Recipe) -> None:
    trainer = Trainer(recipe, device="cpu")
    losses_of(trainer, 3)
    with torch.no_grad():
        next(trainer.network.parameters()).fill_(float("nan"))
    with pytest.raises(VidstyleError, match="step 3"):
        losses_of(trainer)


def test_a_gradient_that_is_no_number_stops_before_it_reaches_the_checkpoint(recipe: Recipe, material: Path) -> None:
    checkpoint = material / "dots.checkpoint"
    trainer = Trainer(recipe, device="cpu", checkpoint=checkpoint, checkpoint_every=1)
    losses_of(trainer, 3)
    next(trainer.network.parameters()).register_hook(lambda gradient: gradient * float("nan"))
    with pytest.raises(VidstyleError, match="the gradient is nan at step 3"):
        losses_of(trainer)
    assert all(tensor.isfinite().all() for tensor in load_file(checkpoint).values())


def test_nothing_is_overwritten_unasked(recipe: Recipe, material: Path) -> None:
    out = material / "weights" / "dots.safetensors"
    out.write_bytes(b"precious")
    with pytest.raises(InputError, match="overwrite=True"):
        make_style(recipe, out)
    assert out.read_bytes() == b"precious"
    unfinished = material / "weights" / "new.checkpoint"
    unfinished.write_bytes(b"hours of work")
    with pytest.raises(InputError, match="resume"):
        make_style(recipe, unfinished.with_suffix(".safetensors"))
    assert unfinished.read_bytes() == b"hours of work"


def trained_well(recipe: Recipe, out: Path) -> Recipe:
    """A style after all steps of a recipe; the recipe to do worse by."""
    make_style(recipe, out)
    return with_schedule(recipe, steps=1)


def test_a_better_style_is_not_replaced_by_a_worse_one(recipe: Recipe, material: Path) -> None:
    out = material / "weights" / "dots.safetensors"
    worse = trained_well(recipe, out)
    before = out.read_bytes()
    for name in ("dots.new", "dots.new1"):
        with pytest.raises(VidstyleError, match=rf"is kept; the new one is .*{name}\.safetensors"):
            make_style(worse, out, overwrite=True)
        assert load_style(material / "weights" / f"{name}.safetensors").card.title == "Dots"
    assert out.read_bytes() == before
    assert make_style(recipe, out, overwrite=True), "as good as itself"


def test_a_training_that_does_harm_is_undone(recipe: Recipe, material: Path) -> None:
    start, out = material / "weights" / "dots.safetensors", material / "weights" / "more.safetensors"
    make_style(recipe, start)
    warnings: list[str] = []
    harmful = dataclasses.replace(
        with_schedule(recipe, steps=3, learning_rate=0.5, warm_up=0),
        network=dataclasses.replace(recipe.network, init=start),
    )
    make_style(harmful, out, on_warning=warnings.append)
    assert warnings == ["so short a training makes it no better: it is written as it was before"]
    assert load_file(out).keys() == load_file(start).keys()
    assert all(torch.equal(tensor, load_file(start)[name]) for name, tensor in load_file(out).items())


class Distances(nn.Module):
    """Of paintings that are numbers: the numbers themselves."""

    perceptual = nn.Identity()

    def forward(self, source: Tensor, painted: Tensor) -> dict[str, Tensor]:
        return {"style": painted.sum()}


class HalfTheNearOne(nn.Module):
    """Brings what is near to half its distance, and takes what is far a tenth further away."""

    def forward(self, distance: Tensor) -> Tensor:
        return distance * (0.5 if distance < 1 else 1.1)


def test_no_photograph_decides_alone_which_style_does_better() -> None:
    distances = [torch.tensor([0.8]), torch.tensor([9.0])]
    trainer = SimpleNamespace(
        photographs=SimpleNamespace(held_back=lambda side: iter(distances)),
        objective=Distances(),
        device=torch.device("cpu"),
    )
    better, same = (held_back_loss(cast(Trainer, trainer), network) for network in (HalfTheNearOne(), nn.Identity()))
    assert better == pytest.approx((0.4 * 9.9) ** 0.5), "each counts alike; the mean of both would rise"
    assert better < same


def test_photographs_that_ship_teach_the_dark_and_are_judged_by_others() -> None:
    photographs = Photographs(PHOTOS, crop=64, batch=1, seed=0)
    taught = [resize_shorter_side(read_image(path), 64).mean() for path in photographs.paths]
    assert min(taught) < 40, "levels; a night sky"
    assert all(photo.mean() > 0.1 for photo in photographs.held_back(256)), "hardly a style is near what is all black"


def test_a_picture_that_is_not_there_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nosuch\.jpg: no such file"):
        resolve_recipe(tmp_path / "nosuch.jpg")
    with pytest.raises(InputError, match="is a folder; name a recipe or a picture"):
        resolve_recipe(tmp_path)


def test_a_moment_is_enough_for_a_picture_to_paint_like(material: Path) -> None:
    given = {"photos": material / "photos", "perceptual_weights": material}
    # Ten times as long would be many steps on a fast machine.
    recipe = resolve_recipe(material / "dots.png", minutes=0.001, **given)
    seen: list[np.ndarray] = []
    card = make_style(recipe, material / "mine.safetensors", on_picture=seen.append)
    assert card is not None
    assert (seen[0].shape, seen[0].dtype) == ((160, 160, 3), np.uint8)
    picture = torch.rand(1, 3, 48, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        begun, ended = (load_style(path).network(picture) for path in (material / "dots.png", card.path))
    assert (begun - ended).abs().mean() < 0.1, "it starts from what is made of the picture at once"
    # Strokes and borders are those that its weights know, and paintings are brought nearer as those of the start are.
    start, made = (load_style(path).card for path in (material / "dots.png", card.path))
    by = ("strokes", "padding_mode")
    assert made.optimise == start.optimise == FINE_STEPS
    larger = resolve_recipe(material / "dots.png", network="large", **given).network
    assert larger.init == material / "dots.png"
    assert set(by) <= made.arguments.keys()
    for arguments in (made.arguments, larger.arguments):
        assert {name: arguments[name] for name in by} == {name: start.arguments[name] for name in by}


REPOSITORY = Path(__file__).parents[1]


def test_every_shipped_style_has_its_recipe_and_every_recipe_its_style() -> None:
    recipes = {path.stem: load_recipe(path) for path in (REPOSITORY / "train").glob("*.toml")}
    weights = {path.stem: path for path in (REPOSITORY / "weights").glob("*.safetensors")}
    assert weights.keys() == recipes.keys()
    assert "starry_night" in weights
    for name, path in weights.items():
        card = read_card(path)
        assert card.recipe == recipes[name].hash(), f"{name}: train it again, or put its recipe back"
        assert (card.title, card.artist) == (recipes[name].style.title, recipes[name].style.artist)
        assert card.metrics
        assert load_file(path)
