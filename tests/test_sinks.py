"""Writing videos: every codec, whole files or none."""

import os
import sys
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from media_files import (
    HEIGHT,
    WIDTH,
    Sound,
    colorful_picture,
    make_video,
    numbered_picture,
    psnr,
    read_numbers,
    read_packets,
    read_times,
    read_video,
    repaint,
)
from small_disks import file_system, largest_file

from vidstyle import InputError, VidstyleError
from vidstyle.media.codecs import CODECS
from vidstyle.media.frame import Frame, VideoFormat
from vidstyle.media.sinks import FileSink

TICK = Fraction(1, 25)
HOLDS = [
    ("h264", ".mp4"),
    ("h264", ".mov"),
    ("h264", ".m4v"),
    ("h264", ".mkv"),
    ("h264", ".ts"),
    ("hevc", ".mp4"),
    ("hevc", ".mov"),
    ("hevc", ".mkv"),
    ("av1", ".mp4"),
    ("av1", ".webm"),
    ("av1", ".mkv"),
    ("vp9", ".webm"),
    ("vp9", ".mp4"),
    ("vp9", ".mkv"),
    ("prores", ".mov"),
    ("prores", ".mkv"),
    ("ffv1", ".mkv"),
    ("gif", ".gif"),
]
HOLDS_NOT = [
    ("prores", ".mp4"),
    ("ffv1", ".mov"),
    ("vp9", ".mov"),
    ("av1", ".mov"),
    ("h264", ".webm"),
    ("h264", ".gif"),
    ("gif", ".mp4"),
    ("gif", ".mkv"),
]
IRREGULAR = (0, 3, 4, 10, 11, 12, 13, 20, 22, 25)


def frames(count: int, *, time_base: Fraction = TICK, step: int = 1, noise: bool = False) -> Iterator[Frame]:
    """Numbered pictures, or pictures of noise that hardly compress."""
    random = np.random.default_rng(0)
    for number in range(count):
        pixels = numbered_picture(number)
        if noise:
            pixels = random.integers(0, 256, pixels.shape, np.uint8)
        yield Frame(pixels, step * number, time_base, step)


def video(time_base: Fraction = TICK, rate: Fraction | int = 25) -> VideoFormat:
    return VideoFormat(WIDTH, HEIGHT, time_base, Fraction(rate))


def write(sink: FileSink, pictures: Iterator[Frame]) -> None:
    with sink:
        for frame in pictures:
            sink.write(frame)


@pytest.mark.parametrize(("codec", "suffix"), HOLDS)
def test_every_codec_keeps_frames_and_times(tmp_path: Path, codec: str, suffix: str) -> None:
    source = make_video(tmp_path / "a.mp4", times=IRREGULAR, time_base=Fraction(1, 30), rate=30)
    repaint(source, tmp_path / f"b{suffix}", codec=codec)
    assert read_numbers(tmp_path / f"b{suffix}") == list(range(10))
    times = read_times(tmp_path / f"b{suffix}")
    # Matroska counts milliseconds, GIF hundredths of a second; MPEG-TS starts where it likes.
    expected = [times[0] + Fraction(tick, 30) for tick in IRREGULAR]
    tolerance = {".gif": 0.005, ".mkv": 0.0005, ".webm": 0.0005}.get(suffix, 1e-4)
    assert times == pytest.approx(expected, abs=tolerance)
    if suffix != ".ts":
        assert times[0] == 0
    with av.open(str(tmp_path / f"b{suffix}")) as container:
        decoder = {"av1": "libdav1d"}.get(codec, codec)
        assert container.streams.video[0].codec_context.name == decoder


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's list of threads")
@pytest.mark.parametrize("codec", ["h264", "hevc", "av1", "vp9"])
def test_no_encoder_takes_the_processor_for_itself(tmp_path: Path, codec: str) -> None:
    # Run as root, SVT-AV1 would; without the right to do so there is nothing to see.
    with FileSink(tmp_path / "b.mkv", video(), codec=codec) as sink:
        for frame in frames(3):
            sink.write(frame)
        for thread in os.listdir("/proc/self/task"):
            assert os.sched_getscheduler(int(thread)) == os.SCHED_OTHER


@pytest.mark.parametrize(("codec", "suffix"), HOLDS_NOT)
def test_a_codec_that_the_container_cannot_hold_is_refused(tmp_path: Path, codec: str, suffix: str) -> None:
    with pytest.raises(InputError, match=f"cannot hold {codec}"):
        FileSink(tmp_path / f"b{suffix}", video(), codec=codec)
    assert list(tmp_path.iterdir()) == []


def test_a_picture_too_large_for_its_codec_is_refused_by_its_size(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="h264 cannot be written at 16384x16384"):
        FileSink(tmp_path / "b.mp4", VideoFormat(16384, 16384, TICK, 1 / TICK))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["b.xyz", "b", "b.mp4.txt"])
def test_an_unknown_suffix_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"use \.mp4, \.mkv"):
        FileSink(tmp_path / name, video())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["b.avi", "b.h264"])
def test_a_container_without_timestamps_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="keeps no timestamps"):
        FileSink(tmp_path / name, video())
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_codec_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="codec='divx': unknown; choose one of h264"):
        FileSink(tmp_path / "b.mp4", video(), codec="divx")


@pytest.mark.parametrize(
    ("codec", "suffix"),
    [("h264", ".mp4"), ("hevc", ".mp4"), ("av1", ".mp4"), ("vp9", ".webm"), ("prores", ".mov")],
)
def test_quality_trades_size_for_likeness(tmp_path: Path, codec: str, suffix: str) -> None:
    random = np.random.default_rng(0)
    grain = random.integers(80, 160, (96, 128, 1), np.uint8)
    picture = np.repeat(grain, 3, axis=2)
    sizes, likenesses = [], []
    for quality in (2, CODECS[codec].quality[1]):
        path = tmp_path / f"{quality}{suffix}"
        sink = FileSink(path, VideoFormat(128, 96, TICK, Fraction(25)), codec=codec, quality=quality)
        write(sink, (Frame(picture, n, TICK, 1) for n in range(3)))
        sizes.append(path.stat().st_size)
        likenesses.append(psnr(read_video(path)[0][1], picture))
    assert sizes[0] > 1.5 * sizes[1]
    assert likenesses[0] > likenesses[1] + 3


@pytest.mark.parametrize(
    ("codec", "suffix", "quality", "message"),
    [
        ("h264", ".mp4", 52, "h264 takes 0 .* to 51"),
        ("vp9", ".webm", -1, "vp9 takes 0 .* to 63"),
        ("gif", ".gif", 5, "gif has no quality to choose"),
        ("ffv1", ".mkv", 5, "ffv1 has no quality to choose"),
    ],
)
def test_a_quality_off_the_scale_is_refused(
    tmp_path: Path, codec: str, suffix: str, quality: int, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        FileSink(tmp_path / f"b{suffix}", video(), codec=codec, quality=quality)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1", "vp9", "ffv1"])
@pytest.mark.parametrize("time_base", [Fraction(1, 90000), Fraction(1, 1000), Fraction(1001, 30000)])
def test_odd_time_bases_are_no_trouble(tmp_path: Path, codec: str, time_base: Fraction) -> None:
    step = max(1, round(Fraction(1, 25) / time_base))
    rate = 1 / (step * time_base)
    write(
        FileSink(tmp_path / "b.mkv", video(time_base, rate), codec=codec),
        frames(8, time_base=time_base, step=step),
    )
    assert read_numbers(tmp_path / "b.mkv") == list(range(8))
    expected = [n * step * time_base for n in range(8)]
    assert read_times(tmp_path / "b.mkv") == pytest.approx(expected, abs=0.0006)


# FFmpeg cannot read MPEG-TS of less than ten of its packets.
@pytest.mark.parametrize(("codec", "suffix"), [hold for hold in HOLDS if hold[1] != ".ts"])
@pytest.mark.parametrize("count", [1, 2])
def test_very_short_videos_are_whole(tmp_path: Path, codec: str, suffix: str, count: int) -> None:
    write(FileSink(tmp_path / f"b{suffix}", video(), codec=codec), frames(count))
    assert read_numbers(tmp_path / f"b{suffix}") == list(range(count))


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1", "vp9", "prores", "ffv1", "gif"])
def test_the_smallest_picture_can_be_written(tmp_path: Path, codec: str) -> None:
    suffix = {"gif": ".gif"}.get(codec, ".mkv")
    sink = FileSink(tmp_path / f"b{suffix}", VideoFormat(16, 16, TICK, Fraction(25)), codec=codec)
    write(sink, (Frame(numbered_picture(n, 16, 16), n, TICK, 1) for n in range(3)))
    assert read_numbers(tmp_path / f"b{suffix}") == [0, 1, 2]


def test_gif_to_gif_keeps_each_delay(tmp_path: Path) -> None:
    delays = [10, 25, 3, 200, 7]  # hundredths of a second
    times = [sum(delays[:n]) for n in range(5)]
    source = make_video(
        tmp_path / "a.gif",
        times=times,
        time_base=Fraction(1, 100),
        rate=Fraction(100, 7),
        codec="gif",
        pixel_format="rgb8",
        pictures=[numbered_picture(4 * n) for n in range(5)],
    )
    repaint(source, tmp_path / "b.gif")
    assert read_times(tmp_path / "b.gif") == [Fraction(t, 100) for t in times]
    with av.open(str(tmp_path / "b.gif")) as container:
        assert container.duration == 10_000 * sum(delays)


def test_the_index_of_an_mp4_is_in_front(tmp_path: Path) -> None:
    write(FileSink(tmp_path / "b.mp4", video()), frames(5))
    data = (tmp_path / "b.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_nothing_has_the_name_before_it_is_whole(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "b.mp4", video())
    for frame in frames(5):
        sink.write(frame)
    assert not (tmp_path / "b.mp4").exists()
    sink.close()
    assert [path.name for path in tmp_path.iterdir()] == ["b.mp4"]


def test_a_video_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    mask = os.umask(0o027)
    try:
        write(FileSink(tmp_path / "b.mp4", video()), frames(1))
    finally:
        os.umask(mask)
    assert (tmp_path / "b.mp4").stat().st_mode & 0o777 == 0o640


def test_abort_leaves_nothing(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "b.mp4", video())
    for frame in frames(5):
        sink.write(frame)
    sink.abort()
    sink.abort()
    assert list(tmp_path.iterdir()) == []


def test_writing_after_abort_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "b.mp4", video())
    sink.abort()
    with pytest.raises(VidstyleError, match="aborted"):
        sink.write(next(frames(1)))
    with pytest.raises(VidstyleError):
        sink.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("codec", ["h264", "hevc", "vp9"])
@pytest.mark.parametrize("delay", [0.0, 0.02, 0.1])
def test_abort_while_another_thread_writes_leaves_nothing(tmp_path: Path, codec: str, delay: float) -> None:
    shape = VideoFormat(640, 480, TICK, Fraction(25))
    sink = FileSink(tmp_path / "b.mkv", shape, codec=codec)
    failures: list[BaseException] = []

    def encode() -> None:
        try:
            write(sink, (Frame(colorful_picture(n, 640, 480), n, TICK, 1) for n in range(1000)))
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=encode)
    thread.start()
    time.sleep(delay)
    sink.abort()
    thread.join(30)
    assert [type(error) for error in failures] == [VidstyleError]
    assert list(tmp_path.iterdir()) == []


def test_a_sink_without_a_frame_writes_no_file(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "b.mp4", video())
    with pytest.raises(VidstyleError, match="no frame"):
        sink.close()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_came_into_being_meanwhile_is_kept(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "b.mp4", video())
    (tmp_path / "b.mp4").write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        write(sink, frames(2))
    assert (tmp_path / "b.mp4").read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 1


def test_overwrite_replaces_in_one_step(tmp_path: Path) -> None:
    (tmp_path / "b.mp4").write_text("old")
    sink = FileSink(tmp_path / "b.mp4", video(), overwrite=True)
    assert (tmp_path / "b.mp4").read_text() == "old"
    write(sink, frames(3))
    assert read_numbers(tmp_path / "b.mp4") == [0, 1, 2]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot write there"):
        FileSink(tmp_path / "missing" / "b.mp4", video())


def refusal(path: Path) -> str | None:
    """Why twelve frames of noise could not be written to a file; None if they were."""
    try:
        write(FileSink(path, video()), frames(12, noise=True))
    except InputError as error:
        return str(error)
    return None


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".webm", ".gif", ".ts"])
def test_a_file_that_cannot_grow_is_an_error_wherever_it_stops(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"b{suffix}"
    write(FileSink(path, video()), frames(12, noise=True))
    whole = path.stat().st_size
    path.unlink()
    # Near the end it shows at close only; just short of the whole, in the last write. Matroska's track identities are
    # random numbers, written without leading zeros: a few bytes more or less.
    few = 32
    for limit in (1, 500, whole // 2, whole - 2000, whole - 100, whole - few):
        with largest_file(limit):
            refused = refusal(path)
        written = path.stat().st_size if path.exists() else 0
        assert "too large for the disk" in (refused or ""), (limit, written, whole)
        assert list(tmp_path.iterdir()) == [], limit
    # Until its palette is known, the frames of a GIF lie beside it, and are larger than it is.
    # On a busy machine a transport stream had some packets of 188 bytes more, once.
    with largest_file(whole + 1024 if suffix != ".gif" else 8 * whole):
        write(FileSink(path, video()), frames(12, noise=True))
    assert len(read_times(path)) == 12


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with 64 KiB on it."""
    with file_system(tmp_path / "full", 64) as folder:
        yield folder


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".gif"])
def test_a_full_disk_is_an_error_that_says_so_and_leaves_nothing(full_disk: Path, suffix: str) -> None:
    with pytest.raises(InputError, match="no space left on the disk"):
        write(FileSink(full_disk / f"b{suffix}", video()), frames(60, noise=True))
    assert list(full_disk.iterdir()) == []


def test_the_sound_counts_towards_a_full_disk(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mkv", sounds=[Sound("pcm_s16le", seconds=2)])
    assert sum(len(data) for _, data in read_packets(source, 1)) > 300_000
    with largest_file(200_000), pytest.raises(InputError, match="too large for the disk"):
        repaint(source, tmp_path / "b.mkv")
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize(("size", "ahead"), [((640, 360), 10), ((3840, 2160), 4)])
def test_of_large_frames_the_encoder_holds_fewer(size: tuple[int, int], ahead: int, tmp_path: Path) -> None:
    video = VideoFormat(*size, TICK, Fraction(25))
    with FileSink(tmp_path / "out.mp4", video) as sink:
        sink.write(Frame(np.zeros((size[1] * 3 // 2, size[0]), np.uint8), 0, TICK, 1))
    # x264 writes its settings into what it encodes.
    assert f"rc_lookahead={ahead} ".encode() in (tmp_path / "out.mp4").read_bytes()
