"""`vidstyle restyle`: what cannot be is refused in one line, and what is damaged painted as far as it goes."""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import av
import numpy as np
import pytest
from conftest import Result, contents
from media_files import colorful_picture, cut, make_video, read_times
from PIL import Image
from small_disks import file_system

Cli = Callable[..., Result]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for 32 KiB."""
    with file_system(tmp_path / "disk", 32) as folder:
        yield folder


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--size", "64"], "--size 64: takes WIDTHxHEIGHT"),
        (["--size", ""], "--size : takes WIDTHxHEIGHT"),
        (["--size", "0x0"], "cannot paint at 0x0"),
        (["--size", "99999x99999"], "cannot paint at 99999x99999"),
        (["--scale", "0"], "--scale 0: takes a factor"),
        (["--scale", "nan"], "--scale nan: takes a factor"),
        (["--scale", "0.01"], "cannot paint at 1x0"),
        (["--size", "64x48", "--scale", "1"], "give one of the two"),
        (["--strength", "1.1"], "--strength 1.1: takes 0"),
        (["--strength", "-1"], "--strength -1: takes 0"),
        (["--strength", "nan"], "--strength nan: takes 0"),
        (["--strength", "much"], "'--strength'"),
        (["--stroke-size", "0.1"], "--stroke-size 0.1: takes 0.125 (fine) to 8 (broad)"),
        (["--stroke-size", "nan"], "--stroke-size nan: takes 0.125 (fine)"),
        (["--quality", "52"], "--quality 52: h264 takes 0 (best) to 51"),
        (["--quality", "-1"], "--quality -1: h264 takes 0 (best) to 51"),
        (["--codec", "mpeg2"], "'--codec'"),
        (["--codec", "gif"], "a .mp4 file cannot hold gif"),
        (["--audio", "loud"], "'--audio'"),
        (["--start", "soon"], "--start soon: takes seconds or HH:MM:SS"),
        (["--start", "1:75"], "--start 1:75: takes seconds or HH:MM:SS"),
        (["--start", "-1"], "--start -1: takes seconds"),
        (["--start", "5"], "nothing to paint after --start 5 s"),
        (["--start", "0.21", "--end", "0.22"], "nothing to paint after --start 0.21 s and before --end 0.22 s"),
        (["--end", "0"], "--end 0: must come after --start 0"),
        (["--start", "0.2", "--end", "0.1"], "--end 0.1: must come after --start 0.2"),
        (["--device", "gpu"], "--device gpu: unknown; use auto, cpu, cuda, cuda:N, mps"),
        (["--device", "cuda:x"], "--device cuda:x: unknown"),
        (["--fast"], "--fast"),
        (["--codec", "h265"], "Invalid value for '--codec': 'h265' is not one of"),
        (["--learn", "3"], "--learn: goes with --keys and --keys-command"),
        (["--cover", "0.9"], "--cover: goes with --keys paint:PICTURE and --keys-command"),
        (["--keys-timeout", "9"], "--keys-timeout: goes with --keys-command"),
        (["--paint-steps", "9"], "--paint-steps: goes with --keys paint:PICTURE"),
        (["--perceptual", "vgg19"], "--perceptual: goes with --keys paint:PICTURE"),
        (["--keep-stretches", "x"], "--keep-stretches: goes with --keys and --keys-command"),
        (["--keys", ".", "--cover", "0.9"], "--cover: goes with --keys paint:PICTURE and --keys-command"),
        (["--mask", "."], "--mask .: a folder of masks goes with --keys"),
    ],
)
def test_options_that_cannot_be(
    options: list[str], message: str, refused: Callable[..., str], clip: Path, style_file: Path, tmp_path: Path
) -> None:
    assert message in refused("restyle", clip, tmp_path / "out.mp4", "--style", style_file, *options)


def test_cuda_where_there_is_none(
    refused: Callable[..., str],
    clip: Path,
    style_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    command = ["restyle", clip, tmp_path / "out.mp4", "--style", style_file]
    assert "--device cuda: no CUDA device here; use --device cpu" in refused(*command, "--device", "cuda")
    assert "--engine cuda: no CUDA device here; use --engine auto" in refused(*command, "--engine", "cuda")
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    assert "--device cuda:1: there is only 1 here" in refused(*command, "--device", "cuda:1")


@pytest.mark.parametrize("options", [["--codec", "h264"], ["--quality", "5"], ["--start", "0"], ["--end", "1"]])
def test_pictures_take_no_options_of_videos(
    options: list[str], refused: Callable[..., str], picture: Path, style_file: Path, tmp_path: Path
) -> None:
    message = refused("restyle", picture, tmp_path / "out.png", "--style", style_file, *options)
    assert f"{options[0]}: is for videos" in message


def bad_inputs(folder: Path) -> dict[str, Path]:
    """Files that cannot be painted, by what the message says of them."""
    text, empty, fake, pipe = (folder / name for name in ("text.mp4", "empty.mp4", "fake.png", "pipe"))
    text.write_text("This is no video.\n" * 100)
    empty.touch()
    fake.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    os.mkfifo(pipe)
    (folder / "no pictures").mkdir()
    (folder / "no pictures" / "notes.txt").touch()
    # The index of an mp4 follows the pictures.
    headless = cut(make_video(folder / "headless.mp4"), 0.5)
    audio = folder / "audio.m4a"
    make_audio(audio)
    return {
        "no such file": folder / "missing.mp4",
        "no pictures in this folder": folder / "no pictures",
        "text.mp4: not a video or picture that can be read": text,
        "the file is empty": empty,
        "has no video track": audio,
        "headless.mp4: nothing in it can be read; was it cut off?": headless,
        "fake.png: no frame of it can be decoded": fake,
        "neither a file nor a folder": pipe,
    }


def make_audio(path: Path) -> None:
    with av.open(str(path), "w") as output:
        track = output.add_stream("aac", rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), "fltp", "stereo")
        frame.rate = 48000
        output.mux(track.encode(frame))
        output.mux(track.encode(None))


def test_inputs_that_cannot_be_painted(refused: Callable[..., str], style_file: Path, tmp_path: Path) -> None:
    for message, source in bad_inputs(tmp_path).items():
        assert message in refused("restyle", source, tmp_path / "out.mp4", "--style", style_file)


def test_a_video_does_not_become_a_picture_nor_a_picture_a_video(
    refused: Callable[..., str], clip: Path, picture: Path, style_file: Path, tmp_path: Path
) -> None:
    assert "is a video; name a video file" in refused("restyle", clip, tmp_path / "o.png", "--style", style_file)
    assert "no picture format; use one of" in refused("restyle", picture, tmp_path / "o.mp4", "--style", style_file)
    headless = tmp_path / "headless.jpg"
    headless.write_bytes(b"\xff\xd8\xff\xe0\0\x10JFIF")
    assert "not a picture that can be read" in refused("restyle", headless, tmp_path / "o.png", "--style", style_file)
    assert "no video container is called .xyz" in refused("restyle", clip, tmp_path / "o.xyz", "--style", style_file)


def test_a_file_whose_name_looks_like_an_address_is_a_file(
    run_cli: Cli, clip: Path, style_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    clip.rename("12:30 clip.mkv")
    result = run_cli("restyle", "12:30 clip.mkv", "http:out.mkv", "--style", style_file, "--strength", "0")
    assert result.code == 0, result.err
    assert len(read_times(tmp_path / "http:out.mkv")) == 10


@pytest.mark.parametrize("arguments", [("https://example.org/a.mp4", "o.mp4"), ("clip.mkv", "rtmp://example.org/a")])
def test_an_address_is_refused_as_such(
    refused: Callable[..., str], clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: Sequence[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    message = refused("restyle", *arguments, "--style", "starry_night")
    assert "://example.org/a" in message
    assert "a URL, where restyle takes files" in message


def test_outputs_that_cannot_be_written(
    refused: Callable[..., str], clip: Path, style_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    for output, message in {
        tmp_path / "nowhere" / "out.mp4": "does not exist; make it first",
        tmp_path / "folder": "is a folder; name a file in it",
        tmp_path / ("x" * 300 + ".mp4"): "File name too long",
        Path("/proc/out.mp4"): "/proc/out.mp4: cannot write there",
    }.items():
        assert message in refused("restyle", clip, output, "--style", style_file)


def test_a_folder_of_pictures_does_not_become_a_file(
    refused: Callable[..., str], picture: Path, clip: Path, style_file: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    shutil.copy(picture, folder)
    assert "becomes a folder" in refused("restyle", folder, clip, "--style", style_file, "--overwrite")
    assert "is the input itself" in refused("restyle", folder, folder, "--style", style_file, "--overwrite")
    assert "exists already" in refused("restyle", folder, tmp_path, "--style", style_file)


def test_of_two_inputs_none_is_taken_for_an_output_in_silence(
    refused: Callable[..., str], clip: Path, style_file: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.mp4"
    shutil.copy(clip, other)
    said = refused("restyle", clip, other, "--style", style_file)
    assert "exists already; --overwrite replaces it; if it is another input, --out DIR paints both" in said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--strength", "7"], "--strength 7"),
        (["--strength", "50%"], "'--strength': takes a number"),
        (["--style", "no_such_style"], "no such style"),
        (["--style", ""], "no such style"),
        (["--style-at", "0=no_such_style"], "--style-at no_such_style"),
    ],
)
def test_what_is_asked_for_is_judged_before_what_is_there(
    refused: Callable[..., str], clip: Path, tmp_path: Path, arguments: list[str], says: str
) -> None:
    other = tmp_path / "other.mp4"
    shutil.copy(clip, other)
    assert says in refused("restyle", clip, other, *arguments)


def test_a_style_file_in_this_folder_is_suggested(
    refused: Callable[..., str], clip: Path, style_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(style_file, tmp_path / "mine.safetensors")
    monkeypatch.chdir(tmp_path)
    assert "did you mean mine.safetensors?" in refused("restyle", clip, tmp_path / "out.mp4", "--style", "mine")


def test_a_video_is_no_mask_of_a_film_of_keys(refused: Callable[..., str], clip: Path, tmp_path: Path) -> None:
    said = refused("restyle", clip, tmp_path / "out.mp4", "--keys", tmp_path, "--mask", clip)
    assert f"--mask {clip}: with --keys, a picture or a folder" in said


def test_the_input_is_never_the_output(
    refused: Callable[..., str], clip: Path, style_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "symlink.mkv").symlink_to(clip)
    (tmp_path / "hardlink.mkv").hardlink_to(clip)
    monkeypatch.chdir(tmp_path)
    names = (clip, tmp_path / "symlink.mkv", tmp_path / "hardlink.mkv", "clip.mkv", f"../{tmp_path.name}/clip.mkv")
    for name in names:
        for options in ([], ["--overwrite"]):
            message = refused("restyle", clip, name, "--style", style_file, *options)
            assert "is the input itself; choose another name" in message


def test_an_unknown_style_suggests_the_nearest(refused: Callable[..., str], clip: Path, tmp_path: Path) -> None:
    message = refused("restyle", clip, tmp_path / "out.mp4", "--style", "stary_night")
    assert "no such style; did you mean starry_night" in message
    message = refused("restyle", clip, tmp_path / "out.mp4", "--style", tmp_path / "my.safetensors")
    assert "my.safetensors: no such style file" in message


def test_an_unknown_style_of_a_time_is_told_by_its_option(
    refused: Callable[..., str], clip: Path, tmp_path: Path
) -> None:
    said = refused("restyle", clip, tmp_path / "out.mp4", "--style-at", "0=starry_nigth")
    assert "--style-at starry_nigth: no such style; did you mean starry_night" in said


def test_a_style_that_is_no_style(refused: Callable[..., str], clip: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"\x80\x04nothing that anyone\nshould load")
    message = refused("restyle", clip, tmp_path / "out.mp4", "--style", broken)
    assert "broken.safetensors: not a safetensors file" in message


@pytest.mark.parametrize("name", ["out.mkv", "out"])
def test_a_full_disk(name: str, run_cli: Cli, clip: Path, style_file: Path, small_disk: Path, tmp_path: Path) -> None:
    source, options = clip, ["--codec", "ffv1"]
    if name == "out":
        source, options = tmp_path / "pictures", []
        source.mkdir()
        for number in range(8):
            Image.fromarray(colorful_picture(number)).save(source / f"{number}.png")
    command = ["restyle", source, small_disk / name, "--style", style_file, "--size", "128x96", *options]
    result = run_cli(*command)
    assert result.code == 2
    assert re.fullmatch(r"vidstyle: error: .*[Nn]o space left.*\n", result.err)
    assert contents(small_disk) == {}


def make_cut_clip(folder: Path) -> Path:
    """Its index says 40 frames; half of them are there."""
    pictures = [colorful_picture(n) for n in range(40)]
    options = {"movflags": "+faststart"}
    return cut(make_video(folder / "cut.mp4", pictures=pictures, times=range(40), container_options=options), 0.6)


def test_a_video_cut_off_is_painted_as_far_as_it_goes(run_cli: Cli, style_file: Path, tmp_path: Path) -> None:
    result = run_cli("restyle", make_cut_clip(tmp_path), tmp_path / "out.mp4", "--style", style_file, "--json")
    frames = json.loads(result.out)["frames"]
    assert result.code == 0
    assert 5 < frames < 40
    said = re.fullmatch(r"vidstyle: warning: \S+cut\.mp4: could not be read from (\d+\.\d\d) s on\n", result.err)
    assert said
    assert float(said[1]) == pytest.approx(frames / 25, abs=0.1)
    assert len(read_times(tmp_path / "out.mp4")) == frames


def test_a_video_cut_off_is_an_error_if_it_is_to_be_strict(
    refused: Callable[..., str], style_file: Path, tmp_path: Path
) -> None:
    source = make_cut_clip(tmp_path)
    message = refused("restyle", source, tmp_path / "out.mp4", "--style", style_file, "--strict")
    assert re.search(r"could not be read from \d+\.\d\d s on; without --strict the rest is painted", message)


def test_a_broken_picture_in_a_folder_is_skipped(
    run_cli: Cli, refused: Callable[..., str], picture: Path, style_file: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    shutil.copy(picture, folder / "good.png")
    (folder / "broken.png").write_bytes(picture.read_bytes()[:-500])
    command = ["restyle", folder, tmp_path / "out", "--style", style_file]
    assert "broken.png: not a picture that can be read" in refused(*command, "--strict")
    result = run_cli(*command, "--quiet")
    assert result.code == 0
    assert re.fullmatch(r"vidstyle: warning: \S+broken\.png: not a picture .*; skipped\n", result.err)
    assert list(contents(tmp_path / "out")) == ["good.png"]


def test_one_input_is_taken_for_one(refused: Callable[..., str], clip: Path, style_file: Path) -> None:
    name = style_file.stem
    clip.with_name(f"{clip.stem}.{name}{clip.suffix}").write_bytes(b"painted")
    said = refused("restyle", clip, "--style", style_file)
    assert said.rstrip().endswith("exists already; --overwrite replaces it")


@pytest.mark.parametrize("style", ["great_wave:0.5", "mine.safetensors:1", "starry_night:.25"])
def test_a_mix_of_one_is_none(refused: Callable[..., str], clip: Path, style: str) -> None:
    said = refused("restyle", clip, clip.with_name("out.mp4"), "--style", style)
    assert f"--style {style}: a mix has two styles or more" in said
    assert "--strength 0.5" in said


@pytest.mark.parametrize("steps", ["-1", "201"])
def test_steps_that_cannot_be_are_told_which_can(refused: Callable[..., str], clip: Path, steps: str) -> None:
    said = refused("restyle", clip, clip.with_name("out.mp4"), "--style", "great_wave", "--optimise", steps)
    assert f"--optimise {steps}: takes 0 (none) to 200 steps" in said
