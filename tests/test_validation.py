"""Settings are what they say they are, or an error names the parameter."""

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field

import vidstyle
from vidstyle.demo.settings import DemoSettings
from vidstyle.errors import InputError
from vidstyle.live.live_settings import LiveSettings
from vidstyle.painting.paint_settings import PaintSettings
from vidstyle.restyle_options import Options
from vidstyle.validation import validated


@validated
class Shape:
    """Of a frame, say."""

    name: str
    sides: Annotated[int, Field(ge=3, description="takes 3 or more")] = 4
    word: Annotated[str, Field(min_length=8)] = dataclasses.field(default="it is secret", repr=False)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Options(strength=2), "strength=2: takes 0 (the source) to 1 (the painting)"),
        (lambda: Options(strength="1"), "strength='1': takes 0 (the source) to 1 (the painting)"),
        (lambda: Options(strength=float("nan")), "strength=nan: takes 0 (the source) to 1 (the painting)"),
        (lambda: Options(stroke_size=9), "stroke_size=9: takes 0.125 (fine) to 8 (broad)"),
        (lambda: Options(scale=0), "scale=0: takes a factor above 0 and up to 16"),
        (lambda: Options(size=(64,)), "size=(64,): takes width and height, pixels"),
        (lambda: Options(size=(64, 64), scale=2), "size and scale: give one of the two"),
        (lambda: Options(background=(0, 0, 256)), "background=256: takes red, green and blue, 0 to 255"),
        (lambda: Options(start=-1), "start=-1: takes seconds from the beginning"),
        (lambda: Options(start=2, end=1), "end=1: must come after start=2"),
        (lambda: Options(steady=1), "steady=1: input should be a valid boolean"),
        (lambda: PaintSettings(size=63), "size=63: takes 64 to 4096 pixels, of the longer side"),
        (lambda: PaintSettings(steps=0), "steps=0: takes 1 or more"),
        (lambda: PaintSettings(steps=1.5), "steps=1.5: takes 1 or more"),
        (lambda: PaintSettings(seed=2**63), f"seed={2**63}: takes a whole number of 64 bits"),
        (lambda: PaintSettings(keep_colors="sepia"), "keep_colors='sepia': takes luminance or histogram"),
        (lambda: PaintSettings(content_weight=float("inf")), "content_weight=inf: takes 0 or more"),
        (lambda: LiveSettings(to="window"), "to='window': 'str' instances are not allowed as a Sequence value"),
        (lambda: LiveSettings(seconds=0), "seconds=0: takes seconds above 0"),
        (lambda: LiveSettings(style=3), "style=3: input should be an instance of Style"),
        (lambda: DemoSettings(port=65536), "port=65536: takes 0 to 65535"),
        (lambda: DemoSettings(auth="ann:"), "auth: takes USER:PASSWORD, and neither may be empty"),
        (lambda: Shape("box", word="secret"), "word: string should have at least 8 characters"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_is_refused_by_name(make: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError) as caught:
        make()
    assert str(caught.value) == message
    assert caught.value.argument in message


@pytest.mark.parametrize("values", [{"name": "box", "side": 4}, {}], ids=["unknown", "missing"])
def test_a_name_that_is_no_field_and_a_field_that_is_missing_are_errors_of_the_program(
    values: dict[str, object],
) -> None:
    with pytest.raises(TypeError, match=r"^Shape: (side|name): "):
        Shape(**values)


def test_settings_are_dataclasses_that_stay_as_they_are() -> None:
    shape = Shape("box", sides=5)
    assert dataclasses.replace(shape, name="tent") == Shape("tent", sides=5)
    assert dataclasses.asdict(shape) == {"name": "box", "sides": 5, "word": "it is secret"}
    assert "secret" not in repr(shape)
    with pytest.raises(dataclasses.FrozenInstanceError):
        shape.name = "tent"
    with pytest.raises(InputError, match=r"^sides=2: takes 3 or more$"):
        dataclasses.replace(shape, sides=2)


def test_sequences_and_paths_may_be_given_as_python_callers_have_them() -> None:
    assert Options(size=[64, 48]).size == (64, 48)
    settings = PaintSettings(masks=["a.png"], perceptual_weights="weights")
    assert settings.masks == (Path("a.png"),)
    assert settings.perceptual_weights == Path("weights")


def test_help_does_not_wait_for_what_checks_settings() -> None:
    code = "import sys, vidstyle.cli; assert not {'pydantic', 'torch', 'av'} & set(sys.modules)"
    folder = Path(vidstyle.__file__).parents[1]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=folder)
