"""Videos in segments that others paint: where they are cut, and what comes of joining them.  No cluster is needed."""

import contextlib
import dataclasses
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_scenes import landscape, view
from media_files import Sound, make_video, psnr, read_packets, read_video

from vidstyle import pipeline
from vidstyle.batch import places
from vidstyle.batch.estimate import estimated
from vidstyle.batch.plan import plan_of_one
from vidstyle.batch.run import run_plan
from vidstyle.errors import InputError, VidstyleError
from vidstyle.farm.cuts import Bounds, find_segments
from vidstyle.farm.painting_segments import SegmentPainter, Video, segment_name
from vidstyle.farm.segment_folder import segments_name
from vidstyle.media.frame import Frame
from vidstyle.restyle_options import Options
from vidstyle.restyling import restyle
from vidstyle.stream.stream import Stream
from vidstyle.style_files import save_style
from vidstyle.styles import load_style

pytestmark = pytest.mark.slow
CUT = 24
FRAMES = 60


def pictures(cut: int | None = CUT) -> list[np.ndarray]:
    """A pan, and from a frame on another one."""
    one, other = landscape(), landscape(5)
    return [view(one, 3 * n) if cut is None or n < cut else view(other, 2 * n) for n in range(FRAMES)]


def frames(cut: int | None = CUT) -> list[Frame]:
    return [Frame(pixels, n, Fraction(1, 25), 1, n == 0) for n, pixels in enumerate(pictures(cut))]


@pytest.fixture
def segment_painter() -> Iterator[SegmentPainter]:
    with contextlib.closing(SegmentPainter()) as made:
        yield made


def video_of(source: object, output: object, style: Path, **options: object) -> Video:
    asked = Options(**{"codec": "ffv1", "engine": "torch"} | options)  # type: ignore[arg-type]
    segments = segments_name(str(output))
    return Video(
        str(source), str(output), ((0.0, str(style)),), False, asked, segments, least=0.5, most=1.6, replay=1.2
    )


def same(one: Path, other: Path) -> bool:
    """Whether two videos have the same frames at the same times."""
    pairs = zip(read_video(one), read_video(other), strict=True)
    return all(a[0] == b[0] and np.array_equal(a[1], b[1]) for a, b in pairs)


def paint(segment_painter: SegmentPainter, video: Video, order: int = -1) -> list[Bounds]:
    """All steps of a video, its segments in some order."""
    segments = segment_painter.look(video).segments
    for bounds in segments[::order]:
        assert segment_painter.paint_segment(video, bounds) == bounds.frames
    assert segment_painter.join(video, len(segments)).frames == sum(bounds.frames for bounds in segments)
    return segments


def test_segments_begin_at_cuts_and_elsewhere_where_none_comes_for_long() -> None:
    assert find_segments(frames(), 1.0, least=0.5, most=9) == [
        Bounds(0, 0, CUT, 0, CUT),
        Bounds(1, CUT, None, CUT, FRAMES - CUT),
    ]
    # Without a cut in a second, the stream goes through what there is from the last one on; after more it goes on.
    assert find_segments(frames(None), 1.0, least=0.5, most=1, replay=1.5) == [
        Bounds(0, 0, 25, 0, 25),
        Bounds(1, 25, 50, 0, 25, leads=True),
        Bounds(2, 50, None, 50, 10, follows=True),
    ]
    assert [one.replay for one in find_segments(frames(), 1.0, least=0.5, most=1, replay=1)] == [0, CUT, CUT]
    assert [one.replay for one in find_segments(frames(None), 1.0, most=1, carries=False)] == [0, 25, 50]
    # One that comes too soon is none.
    assert [one.begin for one in find_segments(frames(4), 1.0, least=0.5, most=9)] == [0]


@pytest.mark.parametrize(
    "options", [{}, {"start": 0.2, "end": 2.0}, {"steady": False}, {"scale": 0.5, "strength": 0.5}], ids=str
)
def test_at_cuts_what_is_joined_is_the_whole_bit_for_bit(
    segment_painter: SegmentPainter, style_file: Path, tmp_path: Path, options: dict[str, object]
) -> None:
    source = make_video(
        tmp_path / "in.mp4", pictures=pictures(), times=range(FRAMES), options={"g": "9"}, sounds=[Sound(seconds=3)]
    )
    one, other = tmp_path / "one.mkv", tmp_path / "other.mkv"
    restyle(source, one, style=style_file, codec="ffv1", engine="torch", **options)
    video = dataclasses.replace(video_of(source, other, style_file, **options), most=9.0)
    assert len(paint(segment_painter, video)) == 2
    expected, shown = read_video(one), read_video(other)
    assert [time for time, _ in shown] == [time for time, _ in expected]
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(expected, shown, strict=True))
    assert read_packets(other, 1) == read_packets(one, 1)


def test_styles_of_certain_times_are_those_of_the_whole(
    segment_painter: SegmentPainter, style_file: Path, tmp_path: Path
) -> None:
    source = make_video(tmp_path / "in.mp4", pictures=pictures(), times=range(FRAMES), options={"g": "9"})
    other_style = tmp_path / "other.safetensors"
    other_style.write_bytes(style_file.read_bytes())
    style_at = ((0.5, str(style_file)), (2.0, str(other_style)))
    one, other = tmp_path / "one.mkv", tmp_path / "other.mkv"
    restyle(source, one, style_at=style_at, codec="ffv1", engine="torch")
    video = dataclasses.replace(video_of(source, other, style_file), most=9.0, style_at=style_at)
    assert len(paint(segment_painter, video)) == 2
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(read_video(one), read_video(other), strict=True))


@pytest.mark.parametrize(("replay", "order"), [(9.0, -1), (0.1, 1)], ids=["gone through", "gone on from"])
def test_other_joints_do_not_show(
    segment_painter: SegmentPainter, style_file: Path, tmp_path: Path, replay: float, order: int
) -> None:
    # In columns of other light, so that what comes in is like nothing beside it, and the frame at the joint is not one
    # that is painted: such a frame differs from the last, joint or not.
    scenery = landscape()
    light = np.repeat(np.random.default_rng(2).uniform(0.3, 1, scenery.shape[1] // 16 + 1), 16)[: scenery.shape[1]]
    # Begun where no painting falls on the joint: that is seen in the whole film as well.
    pan = [view((scenery * light[:, None]).astype(np.uint8), 3 * (n + 1)) for n in range(FRAMES)]
    source = make_video(tmp_path / "in.mkv", pictures=pan, times=range(FRAMES), codec="ffv1", pixel_format="bgr0")
    one, other = tmp_path / "one.mkv", tmp_path / "other.mkv"
    restyle(source, one, style=style_file, codec="ffv1", engine="torch")
    video = dataclasses.replace(video_of(source, other, style_file), replay=replay)
    segments = paint(segment_painter, video, order)
    assert [bounds.frames for bounds in segments] == [40, 20]
    assert segments[1].follows == (replay < 1)
    whole, shown = ([pixels.astype(int) for _, pixels in read_video(path)] for path in (one, other))
    # The pan is 3 pixels a frame: what was 3 further to the right.
    errors = [np.abs(now[:, :-3] - before[:, 3:]).mean() for before, now in pairwise(shown)]
    assert errors[39] < 1.1 * np.mean(errors)
    least = min(psnr(a, b) for a, b in zip(whole, shown, strict=True))
    assert least > (40 if replay > 1 else 99)


@pytest.mark.parametrize("by_itself", [False, True])
def test_optimised_paintings_go_on_over_joints(
    segment_painter: SegmentPainter, tmp_path: Path, by_itself: bool
) -> None:
    source = make_video(tmp_path / "in.mp4", pictures=pictures(None), times=range(FRAMES), options={"g": "9"})
    one, other = tmp_path / "one.mkv", tmp_path / "other.mkv"
    style = Path("starry_night")
    asked: dict[str, int] = {"optimise": 4}
    if by_itself:
        shipped = load_style("starry_night")
        style, asked = tmp_path / "asking.safetensors", {}
        save_style(style, shipped.network, dataclasses.replace(shipped.card, optimise=4), shipped.grams)
    restyle(source, one, style=style, codec="ffv1", engine="torch", **asked)
    segments = paint(segment_painter, video_of(source, other, style, **asked), 1)
    assert segments[1].follows
    assert same(one, other)


def test_large_frames_are_as_few_on_the_way_as_on_one_machine(
    segment_painter: SegmentPainter, style_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So little memory that these frames are large.
    monkeypatch.setattr(pipeline, "AHEAD_BYTES", 1)
    depths: list[int] = []
    begin = Stream.__init__

    def noted(stream: Stream, *arguments: Any, **more: Any) -> None:
        begin(stream, *arguments, **more)
        depths.append(stream.depth)

    monkeypatch.setattr(Stream, "__init__", noted)
    source = make_video(tmp_path / "in.mp4", pictures=pictures(), times=range(FRAMES), options={"g": "9"})
    restyle(source, tmp_path / "whole.mkv", style=style_file, codec="ffv1", engine="torch")
    assert depths == [pipeline.LEAST_AHEAD]
    video = dataclasses.replace(video_of(source, tmp_path / "a.mkv", style_file), most=9.0)
    paint(segment_painter, video)
    assert depths == [pipeline.LEAST_AHEAD] * 3
    plan = plan_of_one(source, tmp_path / "b.mkv", video.style_at, video.options)
    assert estimated(plan.tasks)[0].frames == FRAMES
    assert [outcome.status for outcome in run_plan(plan, segment_seconds=1.0)] == ["done"]
    assert depths == [pipeline.LEAST_AHEAD] * 5


def test_short_videos_and_animations_are_painted_as_a_whole(
    segment_painter: SegmentPainter, style_file: Path, clip: Path, tmp_path: Path
) -> None:
    video = video_of(clip, tmp_path / "a.mkv", style_file)
    assert segment_painter.look(video).segments == []
    assert segment_painter.paint_whole(video).frames == 10
    assert (tmp_path / "a.mkv").is_file()
    long = make_video(tmp_path / "in.mp4", pictures=pictures(), times=range(FRAMES))
    animation = video_of(long, tmp_path / "a.gif", style_file, codec=None)
    assert segment_painter.look(animation).segments == []


def test_what_lies_under_urls_is_fetched_and_what_is_made_put_there(
    segment_painter: SegmentPainter, style_file: Path, tmp_path: Path
) -> None:
    pytest.importorskip("fsspec", reason="fsspec is not installed")
    source = make_video(tmp_path / "in.mp4", pictures=pictures(), times=range(FRAMES), options={"g": "9"})
    expected = tmp_path / "expected.mkv"
    paint(segment_painter, video_of(source, expected, style_file))
    url = f"file://{tmp_path}/out/shown.mkv"
    video = video_of(f"file://{source}", url, style_file)
    paint(segment_painter, video)
    assert places.exists(segment_name(video, 0))
    places.remove_folder(video.segments)
    assert same(tmp_path / "out" / "shown.mkv", expected)
    assert not places.exists(segment_name(video, 0))
    with pytest.raises(InputError, match="no such file"):
        segment_painter.look(video_of(f"file://{tmp_path}/nothing.mp4", url, style_file))
    with pytest.raises(VidstyleError, match="nosuch"):
        places.exists("nosuch://bucket/a.mp4")


@pytest.mark.slow
def test_an_object_store_is_as_good(
    segment_painter: SegmentPainter, style_file: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("s3fs", reason="s3fs is not installed")
    moto_server = pytest.importorskip("moto.server", reason="moto is not installed")
    import fsspec

    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in (
        ("AWS_ENDPOINT_URL", f"http://{host}:{port}"),
        ("AWS_ACCESS_KEY_ID", "testing"),
        ("AWS_SECRET_ACCESS_KEY", "testing"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
    ):
        monkeypatch.setenv(name, value)
    try:
        system = fsspec.filesystem("s3", skip_instance_cache=True)
        system.mkdir("holiday")
        source = make_video(tmp_path / "in.mp4", pictures=pictures(), times=range(FRAMES), options={"g": "9"})
        system.put_file(str(source), "holiday/day1/in.mp4")
        assert places.files_below("s3://holiday") == ["s3://holiday/day1/in.mp4"]
        expected = tmp_path / "expected.mkv"
        paint(segment_painter, video_of(source, expected, style_file))
        video = video_of("s3://holiday/day1/in.mp4", "s3://holiday/painted/in.mkv", style_file)
        paint(segment_painter, video)
        system.get_file("holiday/painted/in.mkv", str(tmp_path / "shown.mkv"))
        assert same(tmp_path / "shown.mkv", expected)
        places.remove_folder(video.segments)
        assert places.files_below("s3://holiday/painted") == ["s3://holiday/painted/in.mkv"]
    finally:
        server.stop()
