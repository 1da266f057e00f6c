"""Parts of videos, and videos of which the end is missing: what of them is painted, and what is said."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from media_files import (
    HEIGHT,
    WIDTH,
    WITH_B_FRAMES,
    Sound,
    cut,
    frames_of,
    make_video,
    numbers_of,
    psnr,
    read_numbers,
    read_packets,
    read_times,
    repaint,
)

from vidstyle import InputError


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_start_and_end_take_the_frames_between_them(tmp_path: Path, suffix: str) -> None:
    source = make_video(tmp_path / f"a{suffix}", times=range(28), sounds=[Sound(seconds=1.12)])
    beginning = read_times(source)[0] if suffix == ".ts" else 0
    with av.open(str(source)) as container:
        beginning = max(beginning, 0) and float(beginning - container.start_time * Fraction(1, 10**6))
    repaint(source, tmp_path / f"b{suffix}", start=beginning + 0.4, end=beginning + 0.8)
    assert read_numbers(tmp_path / f"b{suffix}") == list(range(10, 20))
    times = read_times(tmp_path / f"b{suffix}")
    expected = [Fraction(n, 25) for n in range(10)]
    assert [t - times[0] for t in times] == expected
    sound = [time - times[0] for time, _ in read_packets(tmp_path / f"b{suffix}", 1)]
    assert 0 <= sound[0] < 0.03
    assert 0.35 < sound[-1] < 0.4
    if suffix != ".ts":  # whose clock starts where it likes
        assert times[0] == 0


def test_a_start_between_two_frames_begins_with_the_later_one_at_zero(tmp_path: Path) -> None:
    frames = frames_of(make_video(tmp_path / "a.mp4", times=range(20)), start=0.41)
    assert numbers_of(frames) == list(range(11, 20))
    assert frames[0].pts == 0


def test_a_seek_into_the_middle_of_a_group_of_pictures_loses_nothing(tmp_path: Path) -> None:
    # One key frame only, and MPEG-TS has no index of it.
    path = make_video(tmp_path / "a.ts", times=range(28), options={"crf": "4", "g": "250"})
    frames = frames_of(path, start=0.8)
    assert numbers_of(frames) == list(range(20, 28))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".gif"])
def test_a_start_after_the_end_is_refused_and_nothing_written(tmp_path: Path, suffix: str) -> None:
    codec, pixel_format = ("gif", "rgb8") if suffix == ".gif" else ("libx264", "yuv420p")
    source = make_video(tmp_path / f"a{suffix}", codec=codec, pixel_format=pixel_format)
    with pytest.raises(InputError, match="start=5"):
        repaint(source, tmp_path / "b.mp4", start=5)
    assert list(tmp_path.iterdir()) == [source]


NOISE = np.random.default_rng(0).integers(0, 256, (28, HEIGHT, WIDTH, 1), np.uint8).repeat(3, axis=3)


def cut_video(tmp_path: Path, suffix: str, share: float) -> Path:
    """28 pictures of grey noise with sound, of which only a share of the bytes is left."""
    options = {"movflags": "+faststart"} if suffix == ".mp4" else {}
    video = make_video(
        tmp_path / f"a{suffix}",
        pictures=list(NOISE),
        times=range(28),
        options={"crf": "10", "g": "4"},
        container_options=options,
        sounds=[Sound()],
    )
    return cut(video, share)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_file_cut_off_is_painted_as_far_as_it_goes(tmp_path: Path, suffix: str, share: float) -> None:
    source = cut_video(tmp_path, suffix, share)
    summary = repaint(source, tmp_path / "b.mp4")
    assert summary.frames == pytest.approx(28 * share, abs=4)
    assert len(read_times(tmp_path / "b.mp4")) == summary.frames
    (warning,) = summary.warnings
    assert f"could not be read from {summary.frames / 25:.2f} s on" in warning


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_file_cut_off_fails_when_strict_and_leaves_nothing(tmp_path: Path, suffix: str) -> None:
    source = cut_video(tmp_path, suffix, 0.6)
    with pytest.raises(InputError, match="could not be read from"):
        repaint(source, tmp_path / "b.mp4", strict=True)
    assert list(tmp_path.iterdir()) == [source]


def test_what_could_not_be_read_is_told_in_the_time_of_the_source(tmp_path: Path) -> None:
    source = cut_video(tmp_path, ".mp4", 0.6)
    (whole,) = repaint(source, tmp_path / "b.mp4").warnings
    (part,) = repaint(source, tmp_path / "c.mp4", start=0.2).warnings
    assert part == whole


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
@pytest.mark.parametrize("share", [0.4, 0.5, 0.6, 0.7, 0.8])
def test_no_half_frame_is_painted_at_the_end_of_a_cut_file(tmp_path: Path, suffix: str, share: float) -> None:
    frames = frames_of(cut_video(tmp_path, suffix, share))
    for frame, picture in zip(frames, NOISE, strict=False):
        # Half a frame stays below 15 dB.
        assert psnr(frame.pixels, picture) > 35
    assert len(frames) == pytest.approx(28 * share, abs=4)


@pytest.mark.parametrize("share", [0.01, 0.3, 0.9])
def test_an_mp4_without_its_index_is_refused(tmp_path: Path, share: float) -> None:
    source = cut(make_video(tmp_path / "a.mp4", options={"crf": "4", "g": "1"}), share)
    with pytest.raises(InputError, match="can be read"):
        repaint(source, tmp_path / "b.mp4")
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".wmv", ".flv"])
def test_a_whole_file_draws_no_warning(tmp_path: Path, suffix: str) -> None:
    # Sound that lasts longer than the picture is no sign of damage.
    sound = Sound("aac", seconds=2)
    source = make_video(tmp_path / f"a{suffix}", sounds=[sound], options=WITH_B_FRAMES)
    assert repaint(source, tmp_path / "b.mp4").warnings == []
