"""The library: restyle, and what it takes."""

import signal
import subprocess
import sys
import threading
import time
from importlib import import_module
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from conftest import contents
from media_files import colorful_picture, read_video
from painters import Broken, Flat, style_of
from PIL import Image
from waiting import at_leisure

import vidstyle
from vidstyle import InputError, Options, load_style, restyle
from vidstyle.restyle_options import OptionFields


def test_the_library_loads_what_is_asked_for_only() -> None:
    code = "import sys, vidstyle; vidstyle.InputError; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "av", "numpy"} & set(loaded)


def test_names_of_modules_and_of_what_they_hold_do_not_clash() -> None:
    for name in vidstyle.__all__:
        assert callable(getattr(vidstyle, name))
    assert import_module("vidstyle.restyling").restyle is vidstyle.restyle
    assert import_module("vidstyle.styles") is vidstyle.styles
    assert import_module("vidstyle.pipeline") is vidstyle.pipeline
    with pytest.raises(AttributeError, match="no attribute 'sculpt'"):
        _ = vidstyle.sculpt


def test_options_are_named_and_typed() -> None:
    assert get_type_hints(OptionFields) == get_type_hints(Options)
    with pytest.raises(TypeError, match="strenght"):
        restyle("a.mp4", "b.mp4", strenght=1)  # type: ignore[call-arg]


def test_restyle_paints_a_file_and_sums_up(clip: Path, style_file: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    summary = restyle(
        clip,
        str(tmp_path / "out.mp4"),
        style=load_style(style_file),
        engine="torch",
        size=(32, 32),
        on_progress=lambda progress, frames: seen.append((progress.frames, frames)),
    )
    assert (summary.frames, summary.width, summary.height) == (10, 32, 32)
    assert (summary.device, summary.engine, summary.style, summary.warnings) == ("cpu", "torch_cpu", "noise", [])
    assert seen[-1] == (10, 10)
    assert read_video(tmp_path / "out.mp4")[0][1].shape == (32, 32, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": float("nan")}, "start=nan"),
        ({"start": float("inf")}, "start=inf"),
        ({"end": float("inf")}, "end=inf"),
        ({"codec": "mpeg2"}, "codec='mpeg2': unknown"),
        ({"scale": 17.0}, "scale=17"),
        ({"strength": "0.5"}, r"^strength\b"),
        ({"quality": True}, r"^quality\b"),
        ({"stroke_size": None}, r"^stroke_size\b"),
        ({"size": 640}, r"^size\b"),
        ({"device": 0}, r"^device\b"),
    ],
)
def test_restyle_refuses_what_cannot_be(
    options: dict[str, Any], message: str, clip: Path, style_file: Path, tmp_path: Path
) -> None:
    before = contents(tmp_path)
    with pytest.raises(InputError, match=message):
        restyle(clip, tmp_path / "out.mp4", style=style_file, **options)
    assert contents(tmp_path) == before


def test_a_network_that_fails_leaves_nothing_and_says_where(clip: Path, tmp_path: Path) -> None:
    before = contents(tmp_path)
    with pytest.raises(RuntimeError, match="the network is broken") as caught:
        restyle(clip, tmp_path / "out.mp4", style=style_of(Broken()), device="cpu")
    assert "forward" in [entry.name for entry in caught.traceback]
    assert contents(tmp_path) == before


@pytest.mark.slow
def test_ctrl_c_in_a_program_stops_restyle_and_leaves_nothing(clip: Path, style_file: Path, tmp_path: Path) -> None:
    before = contents(tmp_path)

    def interrupt(_progress: object, _frames: int | None) -> None:
        signal.raise_signal(signal.SIGINT)

    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        restyle(clip, tmp_path / "out.mp4", style=style_file, size=(1600, 1200), device="cpu", on_progress=interrupt)
    assert time.monotonic() - begin < at_leisure(3)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("kind", ["video", "folder"])
def test_two_runs_at_once_do_not_corrupt_each_other(
    kind: str, overwrite: bool, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, output = clip, tmp_path / "out.mkv"
    if kind == "folder":
        source, output = tmp_path / "in", tmp_path / "out"
        source.mkdir()
        for name in ("a.png", "b.png"):
            Image.fromarray(colorful_picture()).save(source / name)
    failures: list[BaseException] = []
    levels = (60, 200)
    # Neither paints before the other has begun.
    monkeypatch.setattr(Flat, "meeting", {level: threading.Event() for level in levels})

    def run(level: int) -> None:
        try:
            restyle(source, output, style=style_of(Flat(level)), device="cpu", overwrite=overwrite)
        except InputError as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(level,)) for level in levels]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    if overwrite:
        assert not failures
    else:
        assert [str(error) for error in failures] == [f"{output}: exists already; overwrite=True replaces it"]
    if kind == "folder":
        assert sorted(contents(output)) == ["a.png", "b.png"]
    else:
        painted = read_video(output)
        assert len(painted) == 10
        means = {round(float(pixels.mean()) / 10) * 10 for _, pixels in painted}
        assert len(means) == 1
        assert means <= set(levels)
    assert not [name for name in contents(tmp_path) if ".part" in name]
