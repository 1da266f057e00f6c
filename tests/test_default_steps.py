"""Steps that a style asks for by itself, as those of any picture do, and what becomes of them where somebody asks."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Result
from made_scenes import landscape
from media_files import make_video, read_video
from PIL import Image
from safetensors.torch import load_file, save_file
from waiting import PATIENCE, wait_for

import vidstyle
from vidstyle.batch.estimate import STEP_SECONDS, estimated
from vidstyle.batch.plan import Task
from vidstyle.batch.records import Request, request_of
from vidstyle.engines.optimising import PictureOptimiser
from vidstyle.engines.picture_gradient import PictureGradient
from vidstyle.engines.step_sizes import MOST_PIXELS
from vidstyle.errors import InputError
from vidstyle.perception.style_grams import grams_of
from vidstyle.perception.tensors import to_tensor
from vidstyle.restyle_options import Options
from vidstyle.steps import FINE_STEPS, MOST_STEPS, NO_STEPS, REFINED_STEPS, USUAL_STEPS, Steps, steps_to_take
from vidstyle.style_files import load_style_file, read_card, save_style
from vidstyle.styles import load_style, write_style_of
from vidstyle.training.recipe import load_recipe
from vidstyle.video_runs import open_painter

STEPS = 6


def frame() -> np.ndarray:
    return np.ascontiguousarray(landscape(3, 96, 64))


@pytest.fixture
def asking(style_file: Path, tmp_path: Path) -> Path:
    """A style that asks for STEPS."""
    path = tmp_path / "asking.safetensors"
    style = load_style_file(style_file)
    grams = grams_of(to_tensor(np.ascontiguousarray(landscape(5, 128, 96)))[None])
    save_style(path, style.network, dataclasses.replace(style.card, optimise=STEPS), grams)
    return path


def test_a_style_of_any_picture_asks_for_steps(few_steps: None, tmp_path: Path) -> None:
    Image.fromarray(frame()).save(tmp_path / "shown.png")
    assert load_style(tmp_path / "shown.png").card.optimise == FINE_STEPS
    assert write_style_of(tmp_path / "shown.png", tmp_path / "made.safetensors").optimise == FINE_STEPS
    assert read_card(tmp_path / "made.safetensors").optimise == FINE_STEPS
    assert load_style(f"{tmp_path / 'shown.png'}:0.25,starry_night:0.75").card.optimise == FINE_STEPS
    assert all(card.optimise == 0 for card in vidstyle.list_styles())


def test_refined_styles_ask_for_them_as_well(few_steps: None, tmp_path: Path, run_cli: Callable[..., Result]) -> None:
    Image.fromarray(frame()).save(tmp_path / "shown.png")
    result = run_cli(
        "style-from", tmp_path / "shown.png", tmp_path / "r.safetensors", "--refine", "0.2", "--perceptual", "vidstyle"
    )
    assert result.code == 0, result.err
    card = read_card(tmp_path / "r.safetensors")
    assert card.optimise == REFINED_STEPS
    assert card.metrics


@pytest.mark.parametrize("name", ["film.mkv", "photo.png"])
def test_files_are_painted_with_them_unless_somebody_says_otherwise(asking: Path, tmp_path: Path, name: str) -> None:
    source = tmp_path / name
    if source.suffix == ".png":
        Image.fromarray(frame()).save(source)
    else:
        make_video(source, pictures=[frame()] * 3, times=(0, 1, 2))
    codec = None if source.suffix == ".png" else "ffv1"

    def painted(**options: object) -> np.ndarray:
        output = tmp_path / f"out-{name}"
        vidstyle.restyle(source, output, style=asking, codec=codec, overwrite=True, **options)  # type: ignore[arg-type]
        if source.suffix == ".png":
            return np.asarray(Image.open(output))
        return np.stack([pixels for _, pixels in read_video(output)])

    default, none, more = painted(), painted(optimise=0), painted(optimise=2 * STEPS)
    assert np.array_equal(default, painted(optimise=STEPS))
    for other in (none, more):
        assert np.abs(default.astype(int) - other).mean() > 0.5


def test_a_painter_takes_none_unless_it_is_told_to(asking: Path) -> None:
    with (
        vidstyle.Painter(asking) as plain,
        vidstyle.Painter(asking, optimise=None) as asked,
        vidstyle.Painter(asking, optimise=STEPS) as told,
    ):
        quick, fine = plain(frame()), asked(frame())
        assert np.array_equal(fine, told(frame()))
        assert np.abs(quick.astype(int) - fine).mean() > 0.5
        assert "optimise" not in repr(plain)
        assert f"optimise={STEPS}" in repr(told)


def test_paintings_that_are_too_large_are_left_as_they_are(asking: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vidstyle.engines.step_sizes.MOST_PIXELS", 96 * 64 - 1)
    style = load_style(asking)

    def painted(optimise: int | None) -> np.ndarray:
        painter = open_painter(style, Options(engine="torch", optimise=optimise))
        try:
            return painter.start(frame()).result()
        finally:
            painter.close()

    assert MOST_PIXELS > 96 * 64
    assert np.array_equal(painted(None), painted(0))
    with pytest.raises(InputError, match="96x64 is too large"):
        painted(STEPS)


def test_a_style_that_knows_no_picture_has_none_to_take(style_file: Path, tmp_path: Path) -> None:
    style = load_style_file(style_file)
    path = tmp_path / "lost.safetensors"
    save_style(path, style.network, dataclasses.replace(style.card, optimise=STEPS))
    Image.fromarray(frame()).save(tmp_path / "photo.png")
    for name, known in (("lost", path), ("plain", style_file)):
        vidstyle.restyle(tmp_path / "photo.png", tmp_path / f"{name}.png", style=known)
    assert (tmp_path / "lost.png").read_bytes() == (tmp_path / "plain.png").read_bytes()


@pytest.mark.parametrize("said", ["201", "-1", "2.5", "", "x", "9999999999"])
def test_a_file_that_asks_for_what_cannot_be_is_refused(asking: Path, said: str) -> None:
    from safetensors import safe_open

    with safe_open(asking, "pt") as file:
        metadata = file.metadata()
    save_file(load_file(asking), asking, metadata | {"optimise": said})
    with pytest.raises(InputError, match="steps of optimisation; 0 to 200 can be"):
        read_card(asking)


def test_a_file_of_before_asks_for_none(asking: Path) -> None:
    from safetensors import safe_open

    with safe_open(asking, "pt") as file:
        metadata = file.metadata()
    del metadata["optimise"]
    save_file(load_file(asking), asking, metadata)
    assert read_card(asking).optimise == 0
    assert load_style(asking).grams


def test_estimates_know_of_them(asking: Path, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    Image.fromarray(frame()).save(photo)
    times = []
    for options in (Options(optimise=0), Options()):
        task = Task(photo, tmp_path / "out.png", ((0.0, str(asking)),), "asking", True, options)
        (estimate,) = estimated([task])
        assert estimate.seconds is not None
        times.append(estimate.seconds)
    assert times[1] - times[0] == pytest.approx(STEPS * STEP_SECONDS)


def test_what_nobody_waits_for_any_more_takes_no_more_steps(asking: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken, forward = [0], PictureGradient.forward

    def counted(*given: torch.Tensor) -> torch.Tensor:
        taken[0] += 1
        return forward(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(PictureGradient, "forward", counted)
    painter = open_painter(load_style(asking), Options(engine="torch", optimise=MOST_STEPS))
    painting = painter.start(frame())
    wait_for(lambda: taken[0] > 1)
    painter.close()
    assert painting.result(PATIENCE).shape == frame().shape
    assert taken[0] < MOST_STEPS / 2


@pytest.mark.parametrize("steps", [300, -1])
def test_more_steps_than_can_be_are_refused_before_anything_is_learnt(
    material: Path, style_file: Path, steps: int
) -> None:
    recipe = material / "train" / "dots.toml"
    recipe.write_text(recipe.read_text().replace("[style]", f"[style]\noptimise = {steps}"))
    with pytest.raises(InputError, match=r"optimise: -?[0-9]+ is out of range"):
        load_recipe(recipe)
    style, out = load_style_file(style_file), material / "a.safetensors"
    with pytest.raises(InputError, match="0 to 200 can be"):
        save_style(out, style.network, dataclasses.replace(style.card, optimise=steps))
    assert not out.exists()


def test_a_mix_with_a_style_that_knows_no_picture_asks_for_none(asking: Path, style_file: Path) -> None:
    assert load_style(f"{asking}:0.5,{style_file}:0.5").card.optimise == 0
    assert load_style(f"{asking}:0.5,{asking}:0.5").card.optimise == STEPS


def test_what_is_asked_for_by_name_or_by_number_is_the_same_request(asking: Path, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    Image.fromarray(frame()).save(photo)

    def request(style: Path | str, optimise: int | None, *, picture: bool = False) -> Request:
        return request_of(str(photo), [(0.0, str(style))], Options(optimise=optimise), picture=picture)

    assert request(asking, None) == request(asking, STEPS) != request(asking, 0)
    # Not all over: the first painting of each shot takes them.
    assert request("starry_night", None)["options"]["optimise"] == [USUAL_STEPS, 0]
    assert request("starry_night", USUAL_STEPS)["options"]["optimise"] == list(Steps.all_over(USUAL_STEPS))
    assert request("starry_night", None) != request("starry_night", 0)
    # A picture has no shots: as it was noted before there were any.
    assert request("starry_night", None, picture=True) == request("starry_night", 0, picture=True)
    assert request("starry_night", None, picture=True)["options"]["optimise"] == 0
    assert request(photo, None) == request(photo, FINE_STEPS)
    assert request(f"{asking}:0.5,starry_night:0.5", None) == request(f"{asking}:0.5,starry_night:0.5", STEPS)


@pytest.fixture
def knowing(style_file: Path, tmp_path: Path) -> Path:
    """A style that knows its picture, and asks for nothing."""
    style, path = load_style_file(style_file), tmp_path / "knowing.safetensors"
    save_style(path, style.network, style.card, grams_of(to_tensor(frame())[None]))
    return path


def test_the_first_painting_of_each_shot_takes_the_usual_steps(
    knowing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken, called = [0], PictureOptimiser._step

    def counted(*given: Any) -> Any:
        taken[0] += 1
        return called(*given)

    monkeypatch.setattr(PictureOptimiser, "_step", counted)
    bright = np.full((64, 96, 3), 250, np.uint8)
    shots = [np.ascontiguousarray(np.roll(frame(), 8 * shift, 1)) for shift in range(6)] + [bright] * 2
    film = make_video(tmp_path / "film.mkv", pictures=shots, times=range(len(shots)))

    def counts(**options: Any) -> int:
        taken[0] = 0
        vidstyle.restyle(film, tmp_path / "out.mkv", style=knowing, overwrite=True, **options)
        return taken[0]

    assert counts() == 2 * USUAL_STEPS
    # Those that are asked for are taken by paintings in between as well.
    assert counts(optimise=USUAL_STEPS) > 2 * USUAL_STEPS
    assert counts(optimise=0) == counts(steady=False) == 0
    taken[0] = 0
    Image.fromarray(frame()).save(tmp_path / "photo.png")
    vidstyle.restyle(tmp_path / "photo.png", tmp_path / "painted.png", style=knowing)
    assert taken[0] == 0


def test_how_many_steps_are_taken() -> None:
    def taken(asked: int | None, own: int, *, knows: bool = True, seldom: bool = True) -> Steps:
        return steps_to_take(asked, own, knows_picture=knows, seldom=seldom)

    assert taken(None, 0) == (USUAL_STEPS, 0)
    assert taken(None, 20) == taken(20, 0) == (20, 4)
    assert taken(1, 0) == (1, 1)
    for none in (taken(0, 20), taken(None, 0, seldom=False), taken(None, 20, knows=False)):
        assert none == NO_STEPS
        assert not none


def test_pictures_that_were_complete_before_stay_so(
    knowing: Path, tmp_path: Path, run_cli: Callable[..., Result]
) -> None:
    """They take no steps unless told, as before any were taken by themselves."""
    (tmp_path / "photos").mkdir()
    Image.fromarray(frame()).save(tmp_path / "photos" / "a.png")
    command = ("restyle", tmp_path / "photos", "--out", tmp_path / "painted", "--style", knowing, "--json")
    assert run_cli(*command).code == 0
    noted = json.loads((tmp_path / "painted" / ".a.png.vidstyle.json").read_text())
    assert noted["request"]["options"]["optimise"] == 0
    for more in ((), ("--optimise", "0")):
        again = run_cli(*command, "--resume", *more)
        assert [json.loads(line)["status"] for line in again.out.splitlines()] == ["skipped"]
