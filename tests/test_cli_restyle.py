"""`vidstyle restyle`: files become files."""

import json
import os
import pty
import re
import select
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Result, contents
from made_scenes import landscape
from media_files import Sound, colorful_picture, make_video, read_packets, read_times, read_video
from PIL import Image

from vidstyle import Painter
from vidstyle.cli.options import parse_time
from vidstyle.engines.painting_queue import PaintingQueue
from vidstyle.restyle_options import output_beside
from vidstyle.styles import label_of

Cli = Callable[..., Result]


def assert_paints(style: Path, source: np.ndarray, painted: np.ndarray, **look: object) -> None:
    expected = Painter(style, device="cpu", **look)(source)
    # Another engine, and another number of cores, may round differently.
    difference = np.abs(expected.astype(int) - painted.astype(int))
    assert difference.max() <= 8
    assert difference.mean() < 0.7


def test_a_video_becomes_a_video(run_cli: Cli, clip: Path, style_file: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mkv"
    as_it_is = ("--codec", "ffv1", "--engine", "torch", "--no-steady")
    result = run_cli("restyle", clip, output, "--style", style_file, *as_it_is)
    assert (result.code, result.out) == (0, "")
    assert re.fullmatch(r"vidstyle: \S+out.mkv: 10 frames, 64x48, in .* on cpu \(torch_cpu\)\n", result.err)
    assert read_times(output) == read_times(clip)
    for (_, source), (_, painted) in zip(read_video(clip), read_video(output), strict=True):
        assert_paints(style_file, source, painted)


def test_a_video_alone_is_painted_in_the_first_style_and_called_after_it(run_cli: Cli, clip: Path) -> None:
    painted = clip.with_name("clip.starry_night.mkv")
    assert run_cli("restyle", clip, "--engine", "torch", "--size", "16x16").code == 0
    assert read_times(painted) == read_times(clip)
    assert "exists already" in run_cli("restyle", clip, "--style", "Starry Night").err


@pytest.mark.parametrize(
    ("source", "style", "codec", "expected"),
    [
        ("clip.MP4", "great_wave", None, "clip.great_wave.MP4"),
        ("clip.avi", "Great Wave", None, "clip.great_wave.mp4"),
        ("clip.mp4", "the scream", "prores", "clip.the_scream.mov"),
        ("clip.mp4", "great-wave:0.3,Starry Night:0.7", None, "clip.great_wave+starry_night.mp4"),
        ("a.b.gif", "starry_night", None, "a.b.starry_night.gif"),
        ("picture.png", "my.jpg", None, "picture.my.png"),
        ("folder", "starry_night", None, "folder.starry_night"),
    ],
)
def test_what_a_painting_is_called_that_nobody_has_named(
    source: str, style: str, codec: str | None, expected: str, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    Image.new("RGB", (32, 32)).save(tmp_path / "my.jpg")
    Image.new("RGB", (32, 32)).save(tmp_path / "picture.png")
    of = str(tmp_path / style) if style.endswith(".jpg") else style
    assert output_beside(tmp_path / source, label_of([(0.0, of)]), codec) == tmp_path / expected


def test_an_mp4_becomes_an_mp4_with_its_sound(run_cli: Cli, style_file: Path, tmp_path: Path) -> None:
    source, output = make_video(tmp_path / "in.mp4", sounds=[Sound(seconds=0.4)]), tmp_path / "out.mp4"
    assert run_cli("restyle", source, output, "--style", style_file).code == 0
    assert read_times(output) == read_times(source)
    assert [data for _, data in read_packets(output, 1)] == [data for _, data in read_packets(source, 1)]


def test_audio_none_leaves_the_sound_out(run_cli: Cli, style_file: Path, tmp_path: Path) -> None:
    source, output = make_video(tmp_path / "in.mp4", sounds=[Sound(seconds=0.4)]), tmp_path / "out.mp4"
    assert run_cli("restyle", source, output, "--style", style_file, "--audio", "none").code == 0
    with pytest.raises(IndexError):
        read_packets(output, 1)


def test_a_picture_becomes_a_picture(run_cli: Cli, picture: Path, style_file: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.png"
    assert run_cli("restyle", picture, output, "--style", style_file, "--device", "cpu").code == 0
    assert_paints(style_file, np.asarray(Image.open(picture)), np.asarray(Image.open(output)))


def test_a_gif_becomes_a_gif(run_cli: Cli, style_file: Path, tmp_path: Path) -> None:
    source, output = tmp_path / "in.gif", tmp_path / "out.gif"
    first, *others = [Image.fromarray(colorful_picture(7 * n)) for n in range(4)]
    first.save(source, save_all=True, append_images=others, duration=120)
    assert run_cli("restyle", source, output, "--style", style_file).code == 0
    with Image.open(output) as image:
        assert (image.format, image.n_frames, image.info["duration"]) == ("GIF", 4, 120)


def test_a_folder_of_pictures_becomes_a_folder(run_cli: Cli, picture: Path, style_file: Path, tmp_path: Path) -> None:
    folder, output = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    (folder / "notes.txt").write_text("not a picture")
    for name, number in (("b.png", 3), ("a.jpg", 9), ("C.BMP", 20)):
        Image.fromarray(colorful_picture(number)).save(folder / name)
    result = run_cli("restyle", folder, output, "--style", style_file, "--device", "cpu", "--json")
    assert "--out DIR" not in result.err, "nothing else here can be painted"
    assert json.loads(result.out)["frames"] == 3
    assert sorted(contents(output)) == ["C.BMP", "a.jpg", "b.png"]
    assert_paints(style_file, colorful_picture(3), np.asarray(Image.open(output / "b.png")))
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_contents_count_and_not_the_suffix(
    run_cli: Cli, picture: Path, clip: Path, style_file: Path, tmp_path: Path
) -> None:
    picture = picture.rename(tmp_path / "picture.mp4")
    clip = clip.rename(tmp_path / "clip.png")
    assert run_cli("restyle", picture, tmp_path / "out.png", "--style", style_file).code == 0
    assert run_cli("restyle", clip, tmp_path / "out.mp4", "--style", style_file).code == 0
    assert Image.open(tmp_path / "out.png").size == (64, 48)
    assert len(read_times(tmp_path / "out.mp4")) == 10


@pytest.mark.parametrize(
    ("options", "size"),
    [(["--size", "96x32"], (96, 32)), (["--scale", "0.5"], (32, 24)), (["--scale", "2"], (128, 96)), ([], (64, 48))],
)
def test_size_and_scale(
    options: list[str], size: tuple[int, int], run_cli: Cli, clip: Path, picture: Path, style_file: Path, tmp_path: Path
) -> None:
    for source, output in ((clip, tmp_path / "out.mp4"), (picture, tmp_path / "out.png")):
        result = run_cli("restyle", source, output, "--style", style_file, "--json", *options)
        summary = json.loads(result.out)
        assert (summary["width"], summary["height"]) == size
    assert read_video(tmp_path / "out.mp4")[0][1].shape == (*size[::-1], 3)
    assert Image.open(tmp_path / "out.png").size == size


def test_sides_that_are_made_even_are_named(run_cli: Cli, clip: Path, style_file: Path, tmp_path: Path) -> None:
    result = run_cli("restyle", clip, tmp_path / "out.mp4", "--style", style_file, "--size", "63x47")
    assert "out.mp4: 64x48 in place of 63x47: h264 takes even sides" in result.err


def test_stroke_size_chooses_the_size_that_is_painted(
    run_cli: Cli, clip: Path, picture: Path, style_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    painted: list[tuple[int, ...]] = []
    start = PaintingQueue.start
    monkeypatch.setattr(
        PaintingQueue, "start", lambda queue, pixels: painted.append(pixels.shape) or start(queue, pixels)
    )
    large = tmp_path / "large.png"
    Image.open(picture).resize((512, 384)).save(large)
    for name, expected in (("1", (384, 512, 3)), ("2", (180, 240, 3)), ("0.5", (720, 960, 3))):
        output = tmp_path / f"{name}.png"
        result = run_cli("restyle", large, output, "--style", style_file, "--stroke-size", name)
        assert result.code == 0, result.err
        assert Image.open(output).size == (512, 384)
        assert painted.pop() == expected
    assert not painted


def test_of_a_folder_of_everything_pictures_are_painted_and_it_is_said_how_to_paint_all(
    run_cli: Cli, clip: Path, picture: Path, style_file: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for file in (clip, picture):
        (folder / file.name).write_bytes(file.read_bytes())
    result = run_cli("restyle", folder, tmp_path / "out", "--style", style_file, "--device", "cpu")
    assert result.code == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == [picture.name]
    assert "warning: --out DIR, in place of OUTPUT, takes videos and folders, too" in result.err


def test_a_folder_of_photographs_gets_the_same_strokes_whatever_their_sizes(
    run_cli: Cli, style_file: Path, tmp_path: Path
) -> None:
    folder, output = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    scene = Image.fromarray(landscape(0, 270, 180))
    sizes = {"large": (1080, 720), "middle": (810, 540), "small": (540, 360)}
    for name, size in sizes.items():
        scene.resize(size, Image.Resampling.BICUBIC).save(folder / f"{name}.png")
    paint = ("--style", style_file, "--device", "cpu")
    assert run_cli("restyle", folder, output, *paint).code == 0
    painted = {name: Image.open(output / f"{name}.png") for name in sizes}
    assert {name: picture.size for name, picture in painted.items()} == sizes

    def alike(picture: Image.Image) -> float:
        """How far it looks like the small one on a screen of the same size."""
        seen = picture.resize(sizes["small"], Image.Resampling.BOX)
        return float(np.corrcoef(np.ravel(seen), np.ravel(painted["small"]))[0, 1])

    assert alike(painted["large"]) > 0.9
    assert alike(painted["middle"]) > 0.9
    # A size of strokes that leaves its pixels to it is something else.
    fine = tmp_path / "fine.png"
    assert run_cli("restyle", folder / "middle.png", fine, *paint, "--stroke-size", "0.66").code == 0
    assert alike(Image.open(fine)) < 0.8


def test_strength_and_keep_colors(run_cli: Cli, picture: Path, style_file: Path, tmp_path: Path) -> None:
    source, paint = np.asarray(Image.open(picture)), ["--style", style_file, "--device", "cpu"]
    half, kept, none = (tmp_path / name for name in ("half.png", "kept.png", "none.png"))
    run_cli("restyle", picture, half, *paint, "--strength", "0.5")
    run_cli("restyle", picture, kept, *paint, "--keep-colors")
    run_cli("restyle", picture, none, *paint, "--strength", "0")
    assert_paints(style_file, source, np.asarray(Image.open(half)), strength=0.5)
    assert_paints(style_file, source, np.asarray(Image.open(kept)), keep_colors=True)
    assert (np.asarray(Image.open(none)) == source).all()


@pytest.mark.parametrize(
    ("start", "end", "frames"),
    [("0.2", None, 5), (None, "0.2", 5), ("00:00:00.08", "0:00.2", 3), ("0", "100", 10)],
)
def test_start_and_end_choose_a_part(
    start: str | None, end: str | None, frames: int, run_cli: Cli, clip: Path, style_file: Path, tmp_path: Path
) -> None:
    times = (["--start", start] if start else []) + (["--end", end] if end else [])
    assert run_cli("restyle", clip, tmp_path / "out.mkv", "--style", style_file, *times).code == 0
    assert len(read_times(tmp_path / "out.mkv")) == frames


@pytest.mark.parametrize(
    ("text", "seconds"), [("12.5", 12.5), (".5", 0.5), ("90", 90), ("1:30", 90), ("01:00:00.25", 3600.25)]
)
def test_times_are_seconds_or_clock_times(text: str, seconds: float) -> None:
    assert parse_time(text, "--start") == seconds


def test_quality_trades_size(run_cli: Cli, clip: Path, style_file: Path, tmp_path: Path) -> None:
    for quality in (5, 45):
        output = tmp_path / f"{quality}.mp4"
        assert run_cli("restyle", clip, output, "--style", style_file, "--quality", quality).code == 0
    assert (tmp_path / "5.mp4").stat().st_size > 3 * (tmp_path / "45.mp4").stat().st_size


def test_overwrite_replaces_and_nothing_else_does(
    run_cli: Cli, picture: Path, style_file: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.png"
    output.write_text("precious")
    assert run_cli("restyle", picture, output, "--style", style_file).code == 2
    assert output.read_text() == "precious"
    assert run_cli("restyle", picture, output, "--style", style_file, "--overwrite").code == 0
    assert Image.open(output).size == (64, 48)


def test_json_is_one_object_on_standard_output(run_cli: Cli, clip: Path, style_file: Path, tmp_path: Path) -> None:
    result = run_cli("restyle", clip, tmp_path / "out.mp4", "--style", style_file, "--engine", "torch", "--json")
    summary = json.loads(result.out)
    assert list(summary) == ["frames", "seconds", "fps", "width", "height", "device", "engine", "style"]
    assert summary["frames"] == 10
    assert summary["fps"] == pytest.approx(10 / summary["seconds"], rel=0.05)
    assert (summary["device"], summary["engine"], summary["style"]) == ("cpu", "torch_cpu", "noise")
    assert result.err == ""


def test_quiet_says_nothing(run_cli: Cli, clip: Path, style_file: Path, tmp_path: Path) -> None:
    result = run_cli("restyle", clip, tmp_path / "out.mp4", "--style", style_file, "--quiet")
    assert result == Result(0, "", "")


@pytest.mark.slow
def test_a_terminal_shows_frame_percentage_speed_and_time_left(style_file: Path, tmp_path: Path) -> None:
    # Square brackets mean something to rich.
    clip = make_video(tmp_path / "clip [red].mp4", times=range(30))
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "120", "LINES": "24"}
    command = [sys.executable, "-m", "vidstyle", "restyle", clip, tmp_path / "out.mp4", "--style", style_file]
    process = subprocess.Popen(
        [*command, "--size", "640x360"], stdout=subprocess.PIPE, stderr=theirs, text=True, env=environment
    )
    os.close(theirs)
    shown = b""
    while select.select([ours], [], [], 60)[0]:
        try:
            shown += os.read(ours, 65536)
        except OSError:  # the other side is closed
            break
    os.close(ours)
    out, _ = process.communicate()
    assert (process.returncode, out) == (0, "")
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    assert re.search(r"clip \[red\]\.mp4 .* \d+% frame \d+/30 \d+\.\d fps \d:\d\d:\d\d", lines), lines[-2000:]
