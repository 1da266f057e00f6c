"""Many files with one command: what is found, what it is called, what is left out, and what failures cost."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from conftest import Result, contents
from media_files import Sound, colorful_picture, make_video, read_video
from PIL import Image
from waiting import PATIENCE, wait_until

from vidstyle.batch.records import record_of, style_digest
from vidstyle.restyle_options import Options


@pytest.fixture
def holiday(tmp_path: Path) -> Path:
    """A folder of videos, a GIF and a picture, two of them in a folder below, and notes."""
    folder = tmp_path / "holiday"
    (folder / "day2").mkdir(parents=True)
    make_video(folder / "a.mp4", pictures=[colorful_picture(n) for n in range(4)], times=range(4))
    Image.fromarray(colorful_picture()).save(folder / "day2" / "b.png")
    pictures = [Image.fromarray(colorful_picture(5 * n)) for n in range(3)]
    pictures[0].save(folder / "day2" / "c.gif", save_all=True, append_images=pictures[1:], duration=100)
    (folder / "notes.txt").write_text("what we saw")
    (folder / ".hidden.mp4").write_bytes(b"nothing")
    return folder


def became(result: Result) -> list[str]:
    """What became of each file, in the order of their names."""
    told = [json.loads(line) for line in result.out.splitlines()]
    return [one["status"] for one in sorted(told, key=lambda one: one["input"])]


def visible(folder: Path) -> list[str]:
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".") and ".vidstyle-" not in str(path)
    )


def test_a_folder_keeps_its_structure_and_nothing_is_passed_over_in_silence(
    run_cli: Callable[..., Result], holiday: Path, style_file: Path, tmp_path: Path
) -> None:
    result = run_cli("restyle", holiday, "--out", tmp_path / "painted", "--style", style_file, "--json")
    assert result.code == 0
    assert visible(tmp_path / "painted") == ["a.mp4", "day2/b.png", "day2/c.gif"]
    assert "1 left out, neither video nor picture" in result.err
    assert "notes.txt" in result.err
    told = [json.loads(line) for line in result.out.splitlines()]
    assert [(one["status"], one["frames"]) for one in told] == [("done", 4), ("done", 1), ("done", 3)]
    assert not np.array_equal(read_video(tmp_path / "painted" / "a.mp4")[0][1], read_video(holiday / "a.mp4")[0][1])


def test_several_styles_get_a_folder_each_and_templates_name_files(
    run_cli: Callable[..., Result], holiday: Path, style_file: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.safetensors"
    other.write_bytes(style_file.read_bytes())
    arguments = ["--style", style_file, "--style", other, "--name", "{stem}.{style}{suffix}", "-q"]
    pattern = holiday / "d*" / "*.png"
    assert run_cli("restyle", pattern, holiday / "a.mp4", "--out", tmp_path / "p", *arguments).code == 0
    assert visible(tmp_path / "p") == [
        "noise/a.noise.mp4",
        "noise/b.noise.png",
        "other/a.other.mp4",
        "other/b.other.png",
    ]


def test_one_that_fails_is_told_of_and_the_rest_goes_on(
    run_cli: Callable[..., Result], holiday: Path, style_file: Path, tmp_path: Path
) -> None:
    (holiday / "0.mp4").write_bytes(b"no video at all" * 99)
    result = run_cli("restyle", holiday, "--out", tmp_path / "p", "--style", style_file)
    assert result.code == 1
    assert visible(tmp_path / "p") == ["a.mp4", "day2/b.png", "day2/c.gif"]
    assert "3 painted, 1 failed" in result.out
    assert "0.mp4: not a video" in result.err


def test_what_is_complete_is_left_out_and_what_has_changed_is_not(
    run_cli: Callable[..., Result], holiday: Path, style_file: Path, tmp_path: Path
) -> None:
    command = ["restyle", holiday, "--out", tmp_path / "p", "--style", style_file, "--json"]
    assert run_cli(*command).code == 0
    before = contents(tmp_path / "p")
    refused = run_cli(*command)
    assert refused.code == 2
    assert "--resume leaves out what is complete, --overwrite replaces it" in refused.err
    again = run_cli(*command, "--resume")
    assert again.code == 0
    assert became(again) == ["skipped"] * 3
    assert contents(tmp_path / "p") == before
    # Another strength is another painting, and so is another input.
    assert "--overwrite replaces it" in run_cli(*command, "--resume", "--strength", "0.5").err
    make_video(holiday / "a.mp4", pictures=[colorful_picture(9 + n) for n in range(5)], times=range(5))
    assert run_cli(*command, "--resume").code == 2
    again = run_cli(*command, "--resume", "--overwrite")
    assert became(again) == ["done", "skipped", "skipped"]
    # An output that is not what it was is none; neither is one without a record.
    (tmp_path / "p" / "a.mp4").write_bytes(b"cut")
    Path(record_of(str(tmp_path / "p" / "day2" / "b.png"))).unlink()
    again = run_cli(*command, "--resume", "--overwrite")
    assert became(again) == ["done", "done", "skipped"]


def test_what_was_complete_before_stays_so(
    run_cli: Callable[..., Result], holiday: Path, style_file: Path, tmp_path: Path
) -> None:
    source, output = holiday / "a.mp4", tmp_path / "p" / "a.mp4"
    output.parent.mkdir()
    output.write_bytes(b"painted")
    left_out = ("device", "engine", "overwrite", "mask")
    # As the first version wrote it.
    request = {
        "format": 1,
        "input": {"path": str(source), "bytes": source.stat().st_size, "modified_ns": source.stat().st_mtime_ns},
        "styles": [[0.0, style_digest(str(style_file)), ""]],
        "options": {name: value for name, value in asdict(Options(optimise=0)).items() if name not in left_out},
    }
    record = {"request": request, "output": {"bytes": 7, "frames": 4, "width": 64, "height": 48}}
    text = json.dumps(record, indent=1) + "\n"
    (tmp_path / "p" / ".a.mp4.vidstyle.json").write_text(text)
    command = ["restyle", source, "--out", tmp_path / "p", "--style", style_file, "--json"]
    assert became(run_cli(*command, "--resume")) == ["skipped"]
    # What is written now is the same.
    assert became(run_cli(*command, "--overwrite")) == ["done"]
    written = (tmp_path / "p" / ".a.mp4.vidstyle.json").read_text()
    assert written == text.replace('"bytes": 7,', f'"bytes": {output.stat().st_size},')


@pytest.mark.parametrize("more", [[], ["--dry-run"], ["--resume"], ["--ray", "local"]], ids=str)
def test_steps_that_a_style_cannot_take_are_refused_once_for_all_files(
    refused: Callable[..., str], holiday: Path, style_file: Path, more: list[str]
) -> None:
    command = ["restyle", holiday, "--out", holiday.parent / "p", "--optimise", "8", *more]
    for style in (style_file, f"starry_night:0.5,{style_file}:0.5"):
        assert "--optimise: noise does not know its picture" in refused(*command, "--style", style)
    at = ("--style-at", "0=starry_night", "--style-at", f"1={style_file}")
    assert "--optimise: noise does not know its picture" in refused("restyle", holiday / "a.mp4", *command[2:], *at)


def test_a_dry_run_names_what_the_run_would_refuse(
    style_file: Path, tmp_path: Path, run_cli: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    for name, size in (("small.png", (15, 40)), ("fine.png", (40, 40))):
        Image.fromarray(np.zeros((size[1], size[0], 3), np.uint8)).save(tmp_path / name)
    command = ["restyle", tmp_path / "small.png", tmp_path / "fine.png", "--out", tmp_path / "p", "--style", style_file]
    for more in (["--dry-run"], []):
        result = run_cli(*command, *more)
        assert result.code == 1
        assert "small.png: cannot paint at 15x40" in " ".join((result.out + result.err).split())
    assert run_cli(*command, "--scale", 2, "--overwrite", "--dry-run").code == 0


def test_a_dry_run_tells_frames_and_time_and_writes_nothing(
    run_cli: Callable[..., Result],
    holiday: Path,
    style_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # So wide that no name is broken.
    monkeypatch.setenv("COLUMNS", "400")
    (holiday / "broken.mp4").write_bytes(b"no video at all" * 99)
    (holiday / "broken.png").write_bytes(b"no picture at all" * 99)
    command = ["restyle", holiday, "--out", tmp_path / "p", "--style", style_file, "--dry-run"]
    result = run_cli(*command, "--json")
    # As the run would, for two files.
    assert result.code == 1
    told = {Path(one["input"]).name: one for one in map(json.loads, result.out.splitlines())}
    assert (told["a.mp4"]["frames"], told["b.png"]["frames"], told["c.gif"]["frames"]) == (4, 1, 3)
    assert told["a.mp4"]["seconds"] >= 0
    assert "not a video" in told["broken.mp4"]["error"]
    assert "not a picture" in told["broken.png"]["error"]
    assert not (tmp_path / "p").exists()
    assert "broken.mp4" in run_cli(*command).out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["{}/a.mp4", "{}/day2/b.png", "{}/day2/c.gif"], "--out DIR"),
        (["{}/a.mp4", "{}/b.mp4", "--style", "a", "--style", "b"], "--out DIR"),
        (["{}/nothing*.mp4", "--out", "{}/p"], "nothing is called like that"),
        (["{}/nothing.mp4", "--out", "{}/p"], "no such file"),
        (["{}/a.mp4", "--out", "{}/notes.txt"], "takes a folder"),
        (["{}/a.mp4", "--out", "{}/no/such"], "does not exist"),
        (["{}/a.mp4", "--out", "{}/p", "--name", "{stem}.nothing"], "no video container"),
        (["{}/a.mp4", "--out", "{}/p", "--name", "{frame}.mp4"], "takes a file's name with"),
        (["{}/a.mp4", "--out", "{}/p", "--name", "../{stem}{suffix}"], "and no folder"),
        (["{}", "--out", "{}/p", "--name", "same.gif"], "no picture format"),
        (["{}/a.mp4", "{}/copy.mp4", "--out", "{}/p", "--name", "same.mp4"], "would be made of"),
        (["{}/a.mp4", "--out", "{}"], "is an input itself"),
        (["{}/a.mp4", "--out", "{}/p", "--start", "9"], "nothing to paint after --start 9 s; it is 0.160 s long"),
        (["{}/a.mp4", "{}/b.mp4", "--resume", "--start", "9"], "nothing to paint after --start 9 s"),
        (["{}", "--out", "{}/p", "--style", "no_such_style"], "no such style"),
        (["{}", "--out", "{}/p", "--strength", "7"], "--strength 7"),
        (["{}/day2/b.png", "--out", "{}/p", "--style-at", "0=starry_night", "--style-at", "1=great_wave"], "videos"),
        (["{}", "{}/p", "--resume"], "--out"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    refused: Callable[..., str], holiday: Path, arguments: list[str], says: str
) -> None:
    (holiday / "copy.mp4").write_bytes((holiday / "a.mp4").read_bytes())
    assert says in refused("restyle", *(argument.replace("{}", str(holiday)) for argument in arguments))


def test_the_length_that_is_named_is_the_picture_s(refused: Callable[..., str], tmp_path: Path) -> None:
    clip = make_video(tmp_path / "clip.mp4", times=range(4), sounds=[Sound(seconds=3)])
    told = refused("restyle", str(clip), "--out", str(tmp_path / "p"), "--start", "1")
    assert "nothing to paint after --start 1 s; it is 0.160 s long" in told


@pytest.mark.parametrize(
    "more", [["--out", "p", "--start", "9"], ["--out", "p", "--optimise", "8"], ["--optimise", "8"]]
)
def test_refusals_do_not_wait_for_torch(holiday: Path, style_file: Path, more: list[str]) -> None:
    script = (
        "import sys; from vidstyle import cli; code = cli.run(sys.argv[1:]); "
        "print(code, *(name for name in ('torch', 'numba', 'openvino') if name in sys.modules))"
    )
    command = ["restyle", "a.mp4", "--style", str(style_file), *more]
    done = subprocess.run(
        [sys.executable, "-c", script, *command], cwd=holiday, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["2"], done.stderr
    assert ("nothing to paint" in done.stderr) or ("does not know its picture" in done.stderr)


@pytest.mark.slow
def test_an_interrupted_folder_goes_on_where_it_was(
    start_cli: Callable[..., subprocess.Popen[str]], style_file: Path, tmp_path: Path
) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    make_video(folder / "a.mp4", pictures=[colorful_picture(n) for n in range(4)], times=range(4))
    pictures = [colorful_picture(n, 320, 240) for n in range(400)]
    make_video(folder / "b.mp4", pictures=pictures, times=range(400), options={"preset": "ultrafast"})
    command = ["restyle", folder, "--out", out, "--style", style_file]
    process = start_cli(*command)
    wait_until(process, lambda: (out / "a.mp4").exists())
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "1 of 2 files are complete; the same with --resume goes on from there" in said
    assert visible(out) == ["a.mp4"]
    process = start_cli(*command, "--resume", "--json")
    told, _ = process.communicate(timeout=PATIENCE)
    assert [json.loads(line)["status"] for line in told.splitlines()] == ["skipped", "done"]
    assert sorted(os.listdir(out)) == [".a.mp4.vidstyle.json", ".b.mp4.vidstyle.json", "a.mp4", "b.mp4"]
