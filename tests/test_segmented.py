"""A long video, painted in segments: interrupted anywhere, it comes out as if it had not been."""

import contextlib
from pathlib import Path

import numpy as np
import pytest
from made_scenes import landscape, scene, view
from media_files import Sound, make_video, read_packets, read_times, read_video

from vidstyle.batch import segmented
from vidstyle.batch.journal import Journal, segments_folder
from vidstyle.batch.records import request_of
from vidstyle.batch.segmented import restyle_in_segments
from vidstyle.errors import InputError
from vidstyle.pipeline import Progress
from vidstyle.restyle_options import Options
from vidstyle.restyling import Summary, restyle
from vidstyle.styles import load_style
from vidstyle.video_runs import PaintersByStyle, Timeline

pytestmark = pytest.mark.slow

FRAMES = 46


class Stop(Exception):  # noqa: N818 (nothing went wrong)
    """Stands for Ctrl-C."""


@pytest.fixture
def long(tmp_path: Path) -> Path:
    """A pan with a cut in it, and sound."""
    picture = landscape()
    pictures = (
        [view(picture, 3 * n) for n in range(25)] + [scene(1)] * 3 + [view(picture, 90 - 4 * n) for n in range(18)]
    )
    options = {"g": "8", "bf": "2"}
    sounds = [Sound(seconds=2)]
    return make_video(tmp_path / "long.mp4", pictures=pictures, times=range(FRAMES), options=options, sounds=sounds)


def paint(
    source: Path, output: Path, style: Path, *, stop_at: int | None = None, seconds: float = 0.4, **more: object
) -> Summary:
    """Paint in segments, as far as the frame at which somebody stops it."""
    options = Options(**{"codec": "ffv1", "engine": "torch"} | more)  # type: ignore[arg-type]

    def report(progress: Progress, _: int | None) -> None:
        if stop_at is not None and progress.frames >= stop_at:
            raise Stop

    with contextlib.closing(PaintersByStyle()) as painters:
        return restyle_in_segments(
            source,
            output,
            Timeline([(0.0, load_style(style))]),
            options,
            report,
            painters,
            request_of(str(source), ((0.0, str(style)),), options),
            seconds=seconds,
        )


@pytest.mark.parametrize("more", [{}, {"start": 0.5, "end": 1.5}, {"steady": False, "scale": 0.5}], ids=str)
def test_segments_are_the_frames_times_and_sound_of_the_whole(
    long: Path, style_file: Path, tmp_path: Path, more: dict[str, object]
) -> None:
    one, other = tmp_path / "one.mkv", tmp_path / "other.mkv"
    restyle(long, one, style=style_file, codec="ffv1", engine="torch", **more)
    summary = paint(long, other, style_file, **more)
    expected, shown = read_video(one), read_video(other)
    assert [time for time, _ in shown] == [time for time, _ in expected]
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(expected, shown, strict=True))
    assert read_packets(other, 1) == read_packets(one, 1)
    assert summary.frames == len(shown)
    assert not segments_folder(other).exists()


@pytest.mark.slow
@pytest.mark.parametrize("stops", [(1, 12, 26), (30,), (FRAMES,)], ids=str)
def test_whoever_stops_it_wherever_gets_the_same_in_the_end(
    long: Path, style_file: Path, tmp_path: Path, stops: tuple[int, ...]
) -> None:
    expected, shown = tmp_path / "expected.mkv", tmp_path / "shown.mkv"
    paint(long, expected, style_file)
    painted = []
    for stop in stops:
        with contextlib.suppress(Stop):
            painted.append(paint(long, shown, style_file, stop_at=stop))
        assert not shown.exists() or stop == FRAMES
    if not shown.exists():
        summary = paint(long, shown, style_file)
        assert summary.frames == FRAMES
    assert shown.read_bytes()[-2000:] == expected.read_bytes()[-2000:]
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(read_video(expected), read_video(shown), strict=True))


def test_finished_segments_are_not_painted_again(
    long: Path, style_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "a.mkv"
    with pytest.raises(Stop):
        paint(long, output, style_file, stop_at=25)
    started: list[object] = []
    from vidstyle.engines.torch_cpu import TorchCpuEngine

    submit = TorchCpuEngine.submit
    monkeypatch.setattr(TorchCpuEngine, "submit", lambda self, frame: (started.append(frame), submit(self, frame))[1])
    paint(long, output, style_file)
    again = len(started)
    started.clear()
    paint(long, tmp_path / "b.mkv", style_file)
    assert 0 < again < len(started)


def test_a_video_that_cannot_be_entered_in_its_middle_is_decoded_from_its_beginning(
    style_file: Path, tmp_path: Path
) -> None:
    pictures = [view(landscape(), 3 * n) for n in range(30)]
    source = make_video(tmp_path / "a.ts", pictures=pictures, times=range(30))
    expected, shown = tmp_path / "expected.mkv", tmp_path / "shown.mkv"
    paint(source, expected, style_file)
    with pytest.raises(Stop):
        paint(source, shown, style_file, stop_at=22)
    paint(source, shown, style_file)
    assert read_times(shown) == read_times(expected)
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(read_video(expected), read_video(shown), strict=True))


def test_a_part_of_a_video_ends_where_it_should_however_often_it_is_stopped(
    long: Path, style_file: Path, tmp_path: Path
) -> None:
    part = {"start": 0.2, "end": 1.5}
    expected, shown = tmp_path / "expected.mkv", tmp_path / "shown.mkv"
    restyle(long, expected, style=style_file, codec="ffv1", engine="torch", **part)
    with pytest.raises(Stop):
        paint(long, shown, style_file, stop_at=25, **part)
    paint(long, shown, style_file, **part)
    assert read_times(shown) == read_times(expected)
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(read_video(expected), read_video(shown), strict=True))


def test_segments_of_something_else_are_not_gone_on_with(long: Path, style_file: Path, tmp_path: Path) -> None:
    output = tmp_path / "a.mkv"
    with pytest.raises(Stop):
        paint(long, output, style_file, stop_at=25, strength=0.5)
    paint(long, output, style_file)
    paint(long, tmp_path / "b.mkv", style_file)
    assert all(
        np.array_equal(a, b) for (_, a), (_, b) in zip(read_video(output), read_video(tmp_path / "b.mkv"), strict=True)
    )


def test_two_runs_do_not_paint_the_same(tmp_path: Path) -> None:
    with contextlib.closing(Journal(tmp_path / "a.mkv", {})) as journal:
        journal.path(0).write_bytes(b"half a segment")
        with pytest.raises(InputError, match="by another run"):
            Journal(tmp_path / "a.mkv", {})
        assert journal.path(0).read_bytes() == b"half a segment"
    assert not list(tmp_path.iterdir())


def test_a_damaged_journal_is_begun_anew(long: Path, style_file: Path, tmp_path: Path) -> None:
    output = tmp_path / "a.mkv"
    with pytest.raises(Stop):
        paint(long, output, style_file, stop_at=25)
    (segments_folder(output) / "journal.json").write_text('{"request": ')
    assert paint(long, output, style_file).frames == FRAMES


def test_a_file_that_became_larger_than_asked_for_is_said(
    long: Path, style_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Encoders keep to sizes that are possible at all: this file counts as larger than it is.
    real = segmented.too_large
    monkeypatch.setattr(segmented, "too_large", lambda path, most: real(path, most and most // 100))
    done = paint(long, tmp_path / "out.mp4", style_file, codec="h264", max_size=60_000)
    assert [line for line in done.warnings if "kB, more than the 1 kB asked for" in line]
