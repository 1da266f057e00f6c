"""Recipes: what they say, what the command line puts into them, and when two are the same."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Result

from vidstyle.errors import InputError
from vidstyle.shipped import PHOTOS
from vidstyle.styles import find_style
from vidstyle.training.make_style import default_output
from vidstyle.training.recipe import Recipe, load_recipe
from vidstyle.training.recipe_options import BALANCE, resolve_recipe


def test_a_recipe_writes_beside_its_folder_into_weights(material: Path) -> None:
    recipe = material / "train" / "dots.toml"
    assert default_output(recipe, "dots") == material / "weights" / "dots.safetensors"
    assert default_output(material / "dots.png", "dots") == Path("dots.safetensors")


def test_a_picture_alone_makes_a_recipe_when_the_rest_is_named(material: Path) -> None:
    recipe = resolve_recipe(material / "dots.png", photos=material / "photos", perceptual_weights=material, steps=7)
    assert (recipe.name, recipe.style.title, recipe.schedule.steps) == ("dots", "Dots", 7)
    with pytest.raises(InputError, match="with photos, or train for 2 minutes at most"):
        resolve_recipe(material / "dots.png")
    with pytest.raises(InputError, match=r"with photos$"):
        resolve_recipe(material / "dots.png", init="johnson_starry_night", minutes=1.0)
    # In that time more than those that ship would not be seen.
    assert resolve_recipe(material / "dots.png", perceptual_weights=material, minutes=1.0).data.photos == PHOTOS


def test_what_is_missing_is_said_before_anything_is_fetched(
    material: Path, tmp_path: Path, run_cli: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetched(*_: object) -> str:
        raise AssertionError

    monkeypatch.setattr("vidstyle.training.recipe_options.usual_or_own", fetched)
    with pytest.raises(InputError, match="no photographs here"):
        resolve_recipe(material / "dots.png", photos=tmp_path / "nothing", on_note=print)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dots.safetensors").touch()
    result = run_cli("train", material / "dots.png", "--photos", material / "photos")
    assert (result.code, "dots.safetensors: exists already" in result.err) == (2, True)


def test_a_picture_alone_makes_a_steady_style_in_a_quarter_of_an_hour_and_from_a_style_in_five_minutes(
    material: Path,
) -> None:
    def resolved(**options: Any) -> Recipe:
        return resolve_recipe(material / "dots.png", photos=material / "photos", perceptual_weights=material, **options)

    recipe = resolved()
    assert (recipe.schedule.minutes, recipe.loss.perceptual, recipe.loss.paired) == (15, "vgg19-distilled", True)
    started = resolved(init="johnson_starry_night")
    assert (started.schedule.minutes, started.network.name) == (5, "johnson")
    assert resolved(minutes=2.0).schedule.minutes == 2
    assert resolved(steps=7).schedule.minutes == 0


@pytest.mark.parametrize("given", [{"steps": 7}, {"minutes": 2.0}])
def test_steps_and_minutes_from_the_command_line_are_all_there_is(material: Path, given: dict[str, Any]) -> None:
    path = material / "train" / "dots.toml"
    path.write_text(path.read_text().replace("[schedule]", "[schedule]\nfinish_steps = 5"))
    assert resolve_recipe(path).schedule.finish_steps == 5
    assert resolve_recipe(path, **given).schedule.finish_steps == 0


def test_another_network_does_not_start_from_the_recipes_style(material: Path) -> None:
    path = material / "train" / "dots.toml"
    recipe = resolve_recipe(path, init="starry_night", network="realtime")
    assert (recipe.network.arguments, recipe.network.init) == (
        load_recipe(path).network.arguments,
        find_style("starry_night"),
    )
    path.write_text(path.read_text().replace("[network]", "[network]\ninit = 'other.safetensors'"))
    large = resolve_recipe(path, network="large").network
    assert (large.name, large.arguments, large.init) == ("large", {}, None)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("[colour]", "unknown section"),
        ("[loss]\nstile = 3", "no 'stile'"),
        ("[schedule]\nsteps = 'many'", "wrong type"),
        ("[network]\ntrain_encoder = 1", "wrong type"),
        ("[schedule", "not a TOML recipe"),
        ("[style]", "lacks 'image'"),
    ],
)
def test_a_wrong_recipe_is_explained(tmp_path: Path, line: str, message: str) -> None:
    style = "" if "style]" in line else "[style]\nimage = 'dots.png'\n"
    (tmp_path / "wrong.toml").write_text(f"{style}[data]\nphotos = '.'\nperceptual = '.'\n{line}\n")
    with pytest.raises(InputError, match=message):
        load_recipe(tmp_path / "wrong.toml")


def test_a_recipe_says_whether_an_encoder_learns(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text("[style]\nimage = 'a.png'\n[data]\nphotos = '.'\n[network]\ntrain_encoder = true\n")
    assert load_recipe(path).network.train_encoder is True


def test_the_recipes_hash_knows_values_and_not_places(recipe: Recipe, material: Path) -> None:
    moved = resolve_recipe(material / "train" / "dots.toml", photos=material / "elsewhere")
    assert moved.hash() == recipe.hash()
    assert resolve_recipe(material / "train" / "dots.toml", steps=31).hash() != recipe.hash()


def test_steps_and_minutes_exclude_each_other(material: Path) -> None:
    with pytest.raises(InputError, match="exclude each other"):
        resolve_recipe(material / "train" / "dots.toml", minutes=1, steps=1)


def test_a_picture_without_weights_takes_those_that_can_be_downloaded(material: Path) -> None:
    recipe = resolve_recipe(material / "dots.png", photos=material / "photos")
    assert (recipe.loss.perceptual, recipe.data.perceptual) == ("vgg16", None)


def test_options_change_the_recipe_and_its_hash(material: Path, recipe: Recipe) -> None:
    path = material / "train" / "dots.toml"
    balanced = resolve_recipe(path, balance=True)
    assert balanced.loss.balance == BALANCE
    by_clock = resolve_recipe(path, minutes=2)
    assert by_clock.schedule.minutes == 2
    other = resolve_recipe(path, perceptual="vgg16")
    assert len({r.hash() for r in (recipe, balanced, by_clock, other)}) == 4


def test_what_a_recipe_does_not_say_does_not_change_its_hash(material: Path, recipe: Recipe) -> None:
    """Recipes keep their hash when they learn new words."""
    assert recipe.hash() == "e5f71f86749608181377f4e655c88e859201b9b90d79d722e5b1cad7a80a87dc"
