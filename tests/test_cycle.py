"""CycleGAN: a style from photographs and a collection of pictures."""

import dataclasses
import random
from pathlib import Path

import pytest
import torch
from training_material import losses_of, write_picture

from vidstyle.errors import InputError
from vidstyle.nets import RealtimeNet, build_network
from vidstyle.style_files import StyleCard, read_card, save_style
from vidstyle.styles import load_style
from vidstyle.training.cycle import HISTORY, CycleTrainer, PictureHistory, in_usual_light
from vidstyle.training.make_style import make_style
from vidstyle.training.recipe import NetworkChoice, Recipe, load_recipe
from vidstyle.training.trainer import Trainer


@pytest.fixture
def cycle(material: Path) -> Recipe:
    """A recipe that trains by CycleGAN in seconds."""
    (material / "collection").mkdir()
    for seed in (70, 71):
        write_picture(material / "collection" / f"{seed}.png", seed)
    path = material / "train" / "dots.toml"
    words = (
        path.read_text()
        .replace('"../dots.png"', '"../collection"')
        .replace("crop = 64", "crop = 32")
        .replace("steps = 30", "steps = 16")
    )
    path.write_text('method = "cyclegan"\n' + words.replace("style = 4", "identity = 2.0"))
    return load_recipe(path)


def test_a_history_gives_half_of_its_pictures_for_new_ones() -> None:
    history, rng = PictureHistory(), random.Random(0)
    first = torch.arange(HISTORY).float()[:, None, None, None].expand(-1, 3, 2, 2) / 255
    assert torch.equal(history.exchanged(first, rng), first)
    new = torch.full((200, 3, 2, 2), 1.0)
    shown = history.exchanged(new, rng)
    older = (shown[:, 0, 0, 0] < 0.5).sum().item()
    assert 25 <= older <= HISTORY
    assert len(history.pictures) == HISTORY
    assert sum(int(picture.max()) == 255 for picture in history.pictures) == older


def test_pictures_are_compared_whatever_their_light() -> None:
    torch.manual_seed(0)
    picture = torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(in_usual_light(picture * 0.5 + 0.2), in_usual_light(picture), rtol=0, atol=1e-5)
    assert in_usual_light(picture).mean().item() == pytest.approx(0.5, abs=0.05)


def test_the_way_back_begins_as_the_way_there_but_draws_no_strokes(cycle: Recipe, material: Path) -> None:
    start = material / "start.safetensors"
    arguments = cycle.network.arguments
    save_style(start, build_network("realtime", arguments), StyleCard("start", start, "realtime", arguments))
    drawing = arguments | {"strokes": {"strength": 0.3}}
    network = NetworkChoice(arguments=drawing, init=start)
    trainer = CycleTrainer(dataclasses.replace(cycle, network=network))
    painter, inverse = trainer.network, trainer.inverse
    assert isinstance(painter, RealtimeNet)
    assert isinstance(inverse, RealtimeNet)
    assert painter.strokes is not None
    assert inverse.strokes is None
    ours, theirs = painter.state_dict(), inverse.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.slow
def test_a_collection_becomes_a_style_as_any_other(cycle: Recipe, material: Path) -> None:
    seen: list[dict[str, float]] = []
    out = material / "weights" / "dots.safetensors"
    card = make_style(cycle, out, on_progress=lambda progress: seen.append(progress.losses))
    assert card is not None
    assert seen[0].keys() == {"adversarial", "cycle", "identity", "total"}
    there_and_back = [losses["cycle"] for losses in seen]
    assert sum(there_and_back[-4:]) < 0.9 * sum(there_and_back[:4])
    assert (read_card(out).network, card.recipe) == ("realtime", cycle.hash())
    with torch.inference_mode():
        assert load_style(out).network(torch.rand(1, 3, 48, 64)).shape == (1, 3, 48, 64)


@pytest.mark.slow
def test_a_cycle_is_resumed_exactly(cycle: Recipe, material: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vidstyle.training.cycle.HISTORY", 4)
    whole = losses_of(CycleTrainer(cycle), 8)
    checkpoint = material / "dots.checkpoint"
    losses_of(CycleTrainer(cycle, checkpoint=checkpoint, checkpoint_every=5), 6)
    assert losses_of(CycleTrainer(cycle, checkpoint=checkpoint, resume=True), 3) == whole[5:]


def test_the_method_is_part_of_the_recipe(cycle: Recipe, material: Path) -> None:
    path = material / "train" / "dots.toml"
    assert cycle.method == "cyclegan"
    path.write_text(path.read_text().replace('method = "cyclegan"', ""))
    assert load_recipe(path).hash() != cycle.hash()
    path.write_text('method = "magic"\n' + path.read_text())
    with pytest.raises(InputError, match="method is 'magic'; it can be perceptual, cyclegan"):
        load_recipe(path)


def test_what_a_cycle_does_not_know_is_refused(cycle: Recipe) -> None:
    for part, words in (
        ("schedule", {"surround": 8, "finish_steps": 5}),
        ("loss", {"keep": 1.0, "temporal": 20.0}),
        ("network", {"init_share": 0.5}),
        ("data", {"clips": Path("clips")}),
    ):
        told = ", ".join(f"{part}.{word}" for word in words)
        with pytest.raises(InputError, match=rf"takes no {told}; leave that out"):
            CycleTrainer(dataclasses.replace(cycle, **{part: dataclasses.replace(getattr(cycle, part), **words)}))
    with pytest.raises(InputError, match="at least 32"):
        CycleTrainer(dataclasses.replace(cycle, schedule=dataclasses.replace(cycle.schedule, crop=16)))


def test_the_usual_method_takes_a_collection_too(cycle: Recipe) -> None:
    assert Trainer(dataclasses.replace(cycle, method="perceptual")).objective.targets
