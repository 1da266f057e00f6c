"""Videos that are encoded in segments and joined."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from media_files import HEIGHT, WIDTH, colorful_picture, psnr, read_video

from vidstyle.errors import VidstyleError
from vidstyle.media.frame import Frame, VideoFormat
from vidstyle.media.segment_sinks import JoinedSink, SegmentSink, takes_segments
from vidstyle.media.sinks import FileSink

TICK = Fraction(1, 1000)
EVEN = tuple(range(0, 1200, 40))
UNEVEN = (*range(0, 200, 10), *range(200, 1200, 100))
"""Times at which steps between frames become ten times as long where a segment begins."""


def made(times: tuple[int, ...]) -> list[Frame]:
    ends = (*times[1:], times[-1] + 70)
    return [
        Frame(colorful_picture(3 * n), at, TICK, end - at) for n, (at, end) in enumerate(zip(times, ends, strict=True))
    ]


def video() -> VideoFormat:
    return VideoFormat(WIDTH, HEIGHT, TICK, Fraction(25))


def whole(path: Path, frames: list[Frame], codec: str) -> Path:
    with FileSink(path, video(), codec=codec) as sink:
        for frame in frames:
            sink.write(frame)
    return path


def joined(path: Path, frames: list[Frame], codec: str, at: tuple[int, ...] = (1, 20)) -> Path:
    segments = []
    for number, (first, last) in enumerate(zip((0, *at), (*at, len(frames)), strict=True)):
        segments.append(path.with_name(f"{path.name}.{number}"))
        with SegmentSink(path, segments[-1], video(), codec=codec) as sink:
            for frame in frames[first:last]:
                sink.write(frame)
    with JoinedSink(path, video(), codec=codec) as sink:
        assert sink.join(segments) == len(frames)
    return path


def track_end(path: Path) -> float:
    with av.open(str(path)) as container:
        return float((container.duration or 0) / 1_000_000)


@pytest.mark.parametrize("times", [EVEN, UNEVEN], ids=["even", "uneven"])
@pytest.mark.parametrize(
    ("codec", "suffix"),
    [("h264", ".mp4"), ("h264", ".mkv"), ("hevc", ".mp4"), ("av1", ".mp4"), ("vp9", ".webm"), ("ffv1", ".mkv")],
)
def test_what_is_joined_is_what_is_encoded_as_a_whole(
    tmp_path: Path, codec: str, suffix: str, times: tuple[int, ...]
) -> None:
    frames = made(times)
    one = read_video(whole(tmp_path / f"whole{suffix}", frames, codec))
    other = read_video(joined(tmp_path / f"joined{suffix}", frames, codec))
    assert [time for time, _ in other] == [time for time, _ in one]
    far = [psnr(a, b) for (_, a), (_, b) in zip(one, other, strict=True)]
    assert min(far) > (99 if codec == "ffv1" else 30)
    assert track_end(tmp_path / f"joined{suffix}") == pytest.approx(track_end(tmp_path / f"whole{suffix}"), abs=0.002)


def test_lossless_frames_are_the_same_bytes(tmp_path: Path) -> None:
    frames = made(EVEN)
    shown = read_video(joined(tmp_path / "joined.mkv", frames, "ffv1"))
    assert all(np.array_equal(pixels, frame.pixels) for (_, pixels), frame in zip(shown, frames, strict=True))


def test_what_was_encoded_otherwise_or_is_cut_off_is_not_joined(tmp_path: Path) -> None:
    path, frames = tmp_path / "a.mkv", made(EVEN)
    segment = tmp_path / "segment"
    with SegmentSink(path, segment, video(), codec="h264", quality=40) as sink:
        for frame in frames:
            sink.write(frame)
    with pytest.raises(VidstyleError, match="encoded otherwise"), JoinedSink(path, video(), codec="vp9") as joining:
        joining.join([segment])
    segment.write_bytes(segment.read_bytes()[:-5])
    with pytest.raises(VidstyleError, match="cut off"), JoinedSink(path, video(), codec="h264", quality=40) as joining:
        joining.join([segment])
    segment.write_bytes(b"something else")
    with pytest.raises(VidstyleError, match="not a file of packets"), JoinedSink(path, video()) as joining:
        joining.join([segment])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["segment"]


def test_a_segment_that_is_stopped_leaves_nothing(tmp_path: Path) -> None:
    sink = SegmentSink(tmp_path / "a.mp4", tmp_path / "segment", video())
    sink.write(made(EVEN)[0])
    sink.abort()
    assert not list(tmp_path.iterdir())


def test_animations_are_written_as_a_whole() -> None:
    assert takes_segments(Path("a.mp4"), None, alpha=True)
    assert not takes_segments(Path("a.gif"), None, alpha=False)
    assert not takes_segments(Path("a.webp"), None, alpha=False)
    assert not takes_segments(Path("a.webm"), None, alpha=True)
    assert takes_segments(Path("a.webm"), None, alpha=False)
