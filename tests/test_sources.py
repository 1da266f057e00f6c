"""Reading videos: every frame once, in order, upright, at its own time."""

import gc
import itertools
import weakref
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from av.video.frame import VideoFrame
from media_files import (
    HEIGHT,
    WIDTH,
    WITH_B_FRAMES,
    Sound,
    corner_colors,
    frames_of,
    make_video,
    number_of,
    numbered_picture,
    numbers_of,
    quartered_picture,
    read_numbers,
    read_packets,
    read_times,
    read_video,
    repaint,
)

from vidstyle import InputError
from vidstyle.media.frame import Frame
from vidstyle.media.sources import FileSource

IRREGULAR = (0, 3, 4, 10, 11, 12, 13, 20, 22, 25)
"""Ticks of 1/30 s."""


def times_of(frames: list[Frame]) -> list[Fraction]:
    return [frame.pts * frame.time_base for frame in frames]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".ts", ".flv"])
def test_every_frame_comes_once_and_in_order(tmp_path: Path, suffix: str) -> None:
    path = make_video(tmp_path / f"a{suffix}", times=range(20), options=WITH_B_FRAMES)
    assert numbers_of(frames_of(path)) == list(range(20))


def test_a_closed_file_leaves_nothing_for_pythons_collector(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", times=range(20))
    gc.collect()
    gc.disable()
    try:
        source = FileSource(path)
        next(iter(source))
        source.close()
        known = weakref.ref(source)
        del source
        assert known() is None
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        assert not {"VideoFrame", "InputContainer", "VideoStream"} & {type(left).__name__ for left in gc.garbage}
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_variable_frame_rate_stays_variable(tmp_path: Path, suffix: str) -> None:
    source = make_video(tmp_path / f"a{suffix}", times=IRREGULAR, time_base=Fraction(1, 30), options=WITH_B_FRAMES)
    repaint(source, tmp_path / f"b{suffix}")
    assert read_times(tmp_path / f"b{suffix}") == read_times(source)
    assert read_numbers(tmp_path / f"b{suffix}") == list(range(10))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".gif"])
def test_the_last_frame_stays_as_long_as_in_the_source(tmp_path: Path, suffix: str) -> None:
    source = make_video(tmp_path / "a.mkv", times=[0, 1, 2], rate=1, codec="ffv1", pixel_format="bgr0")
    repaint(source, tmp_path / f"b{suffix}")
    with av.open(str(tmp_path / f"b{suffix}")) as container:
        assert container.duration == pytest.approx(1_080_000, abs=1000)  # microseconds


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_first_timestamp_other_than_zero_is_kept(tmp_path: Path, suffix: str) -> None:
    source = make_video(tmp_path / f"a{suffix}", times=range(8, 18), sounds=[Sound()])
    repaint(source, tmp_path / f"b{suffix}")
    assert read_times(source)[0] == Fraction(8, 25)
    assert read_times(tmp_path / f"b{suffix}") == read_times(source)


def test_what_an_edit_list_hides_stays_hidden(tmp_path: Path) -> None:
    # Frames before 0 become the part of the track that the edit list leaves out.
    source = make_video(tmp_path / "a.mp4", times=range(-8, 12), options=WITH_B_FRAMES)
    shown = numbers_of(frames_of(source))
    assert shown == list(range(8, 20))
    repaint(source, tmp_path / "b.mp4")
    assert read_numbers(tmp_path / "b.mp4") == shown
    assert read_times(tmp_path / "b.mp4")[0] == 0


def test_missing_timestamps_are_made_up_from_the_rate(tmp_path: Path) -> None:
    # A bare H.264 stream has no timestamps at all.
    frames = frames_of(make_video(tmp_path / "a.h264", times=range(20), options=WITH_B_FRAMES))
    assert numbers_of(frames) == list(range(20))
    assert times_of(frames) == [Fraction(n, 25) for n in range(20)]


def test_b_frames_in_avi_which_has_decoding_times_only(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.avi", times=range(20), codec="mpeg4", options={"bf": "2", "b": "2000000"})
    frames = frames_of(path)
    assert numbers_of(frames) == list(range(20))
    times = times_of(frames)
    assert {after - before for before, after in itertools.pairwise(times)} == {Fraction(1, 25)}


def test_an_mpeg_ts_clock_is_brought_to_zero_with_sound_in_step(tmp_path: Path) -> None:
    source = make_video(
        tmp_path / "a.ts",
        times=range(20),
        sounds=[Sound()],
        container_options={"output_ts_offset": "5000"},
    )
    assert read_times(source)[0] >= 5000
    repaint(source, tmp_path / "b.mp4")
    before, after = read_times(source), read_times(tmp_path / "b.mp4")
    assert after[0] < Fraction(1, 10)
    lag = read_packets(source, 1)[0][0] - before[0]
    assert read_packets(tmp_path / "b.mp4", 1)[0][0] - after[0] == pytest.approx(lag, abs=0.001)
    assert [t - after[0] for t in after] == pytest.approx([t - before[0] for t in before], abs=0.001)


def test_time_goes_on_where_two_mpeg_ts_recordings_are_joined(tmp_path: Path) -> None:
    one = make_video(tmp_path / "a.ts", times=range(25), sounds=[Sound()])
    joined = tmp_path / "joined.ts"
    joined.write_bytes(one.read_bytes() * 2)
    repaint(joined, tmp_path / "b.mkv")
    times = read_times(tmp_path / "b.mkv")
    assert read_numbers(tmp_path / "b.mkv") == 2 * list(range(25))
    steps = [after - before for before, after in itertools.pairwise(times)]
    # The sound of the first one lasts a little longer than its picture.
    assert 0.03 < min(steps) <= max(steps) < 0.15
    sound = [time for time, _ in read_packets(tmp_path / "b.mkv", 1)]
    assert sound[-1] == pytest.approx(times[-1], abs=0.1)


def test_a_single_frame_is_a_video(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mp4", times=[0])
    summary = repaint(source, tmp_path / "b.mp4")
    assert summary.frames == 1
    assert read_numbers(tmp_path / "b.mp4") == [0]


@pytest.mark.parametrize(
    ("degrees", "mirrored", "corners"),
    [
        (0, False, ["red", "green", "blue", "white"]),
        (90, False, ["green", "white", "red", "blue"]),
        (180, False, ["white", "blue", "green", "red"]),
        (270, False, ["blue", "red", "white", "green"]),
        (0, True, ["green", "red", "white", "blue"]),
        (90, True, ["white", "green", "blue", "red"]),
    ],
)
def test_rotated_video_comes_out_upright(tmp_path: Path, degrees: int, mirrored: bool, corners: list[str]) -> None:
    source = make_video(
        tmp_path / "a.mp4",
        pictures=[quartered_picture()] * 2,
        times=[0, 1],
        prepare=lambda stream: stream.set_display_rotation(degrees, hflip=mirrored),
    )
    repaint(source, tmp_path / "b.mp4")
    with av.open(str(tmp_path / "b.mp4")) as container:
        frame = next(container.decode(video=0))
        assert frame.rotation == 0
    assert corner_colors(frame.to_ndarray(format="rgb24")) == corners
    assert (frame.width, frame.height) == ((HEIGHT, WIDTH) if degrees % 180 else (WIDTH, HEIGHT))


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [
        (".mp4", "h264"),
        (".mp4", "hevc"),
        (".mkv", "ffv1"),
        (".mkv", "vp9"),
        (".webm", "vp9"),
        (".webm", "av1"),
        (".mov", "prores"),
        (".mp4", "av1"),
    ],
)
def test_pixels_that_are_not_square_keep_their_shape(tmp_path: Path, suffix: str, codec: str) -> None:
    def anamorphic(stream: av.VideoStream) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)

    source = make_video(tmp_path / "a.mp4", prepare=anamorphic)
    repaint(source, tmp_path / f"b{suffix}", codec=codec)
    with av.open(str(tmp_path / f"b{suffix}")) as container:
        stream = container.streams.video[0]
        shape = Fraction(stream.width, stream.height) * (stream.sample_aspect_ratio or 1)
        assert shape == pytest.approx(16 / 9, rel=0.02)


def test_another_size_keeps_the_shape_on_the_screen(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mp4")
    repaint(source, tmp_path / "b.mp4", size=(48, 48))
    with av.open(str(tmp_path / "b.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height, stream.sample_aspect_ratio) == (48, 48, Fraction(4, 3))


def test_interlaced_video_becomes_whole_pictures(tmp_path: Path) -> None:
    # What moves between the two fields leaves a comb at its edges.
    pictures = []
    for number in range(10):
        picture = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
        picture[0::2, 4 * number : 4 * number + 16] = 200
        picture[1::2, 4 * number + 2 : 4 * number + 18] = 200
        pictures.append(picture)
    source = make_video(tmp_path / "a.mp4", pictures=pictures, options={"crf": "4", "x264-params": "tff=1"})
    frames = frames_of(source)
    assert times_of(frames) == read_times(source)
    (comb, combed) = (np.abs(np.diff(p.astype(int), axis=0)).mean() for p in (frames[5].pixels, pictures[5]))
    assert comb < combed / 4


def test_a_picture_that_changes_size_midway_is_scaled_to_the_first(tmp_path: Path) -> None:
    small = make_video(tmp_path / "small.ts", times=range(5))
    large = make_video(
        tmp_path / "large.ts",
        times=range(5, 10),
        pictures=[numbered_picture(n, 2 * WIDTH, 2 * HEIGHT) for n in range(5, 10)],
    )
    joined = tmp_path / "joined.ts"
    joined.write_bytes(small.read_bytes() + large.read_bytes())
    frames = frames_of(joined)
    assert numbers_of(frames) == list(range(10))
    assert {frame.pixels.shape for frame in frames} == {(HEIGHT, WIDTH, 3)}


def test_a_picture_that_changes_its_shape_midway_keeps_it_between_bars(tmp_path: Path) -> None:
    wide = make_video(tmp_path / "wide.ts", times=range(5))
    tall = [numbered_picture(n, WIDTH, 2 * WIDTH) for n in range(15, 20)]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(wide.read_bytes() + make_video(tmp_path / "t.ts", times=range(5), pictures=tall).read_bytes())
    (note,) = repaint(joined, tmp_path / "b.mp4").warnings
    assert note == f"{joined}: changes to 64x128 in its course, which is fitted into 64x48"
    *_, (_, last) = read_video(tmp_path / "b.mp4")
    assert last.shape == (HEIGHT, WIDTH, 3)
    assert last[:, :16].max() < 20
    assert last[:, -16:].max() < 20
    assert number_of(last[:, 24:40]) == 19


def test_a_cover_picture_is_not_the_video(tmp_path: Path) -> None:
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as output:
        cover = output.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = WIDTH, HEIGHT, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        output.mux(cover.encode(VideoFrame.from_ndarray(numbered_picture(0), "rgb24")))
        output.mux(cover.encode(None))
    with pytest.raises(InputError, match="no video track"):
        FileSource(path)


def make_two_videos(path: Path, sizes: Sequence[int], default: int | None) -> Path:
    """A file of square videos: pictures 0 to 4 in the first, 10 to 14 in the second, and so on."""
    with av.open(str(path), "w") as output:
        streams = []
        for number, side in enumerate(sizes):
            stream = output.add_stream("libx264", rate=25, options={"crf": "4"})
            stream.width = stream.height = side
            stream.pix_fmt = "yuv420p"
            stream.disposition = Disposition.default if number == default else Disposition(0)
            streams.append(stream)
        for pts in range(5):
            for number, stream in enumerate(streams):
                frame = VideoFrame.from_ndarray(numbered_picture(10 * number + pts, stream.width, stream.height))
                frame.pts, frame.time_base = pts, Fraction(1, 25)
                output.mux(stream.encode(frame))
        for stream in streams:
            output.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("sizes", "default", "chosen"), [((64, 48), 1, 1), ((48, 64), None, 1), ((64, 48), 0, 0), ((64, 64), None, 0)]
)
def test_the_default_video_is_painted_or_else_the_largest(
    tmp_path: Path, sizes: Sequence[int], default: int | None, chosen: int
) -> None:
    source = make_two_videos(tmp_path / "a.mkv", sizes, default)
    (note,) = repaint(source, tmp_path / "b.mp4").warnings
    assert read_numbers(tmp_path / "b.mp4") == [10 * chosen + n for n in range(5)]
    other = sizes[1 - chosen]
    assert note == f"video (track {1 - chosen}, {other}x{other}) left out: track {chosen} is painted"


@pytest.mark.slow
def test_very_large_frames_pass(tmp_path: Path) -> None:
    large = np.zeros((4320, 7680, 3), np.uint8)
    large[:, 3840:] = 200
    source = make_video(tmp_path / "a.mp4", pictures=[large], times=[0], options={"preset": "ultrafast", "crf": "30"})
    summary = repaint(source, tmp_path / "b.mp4")
    assert (summary.width, summary.height) == (7680, 4320)
    ((_, pixels),) = read_video(tmp_path / "b.mp4")
    assert pixels[2000, 1000].max() < 8
    assert pixels[2000, 6000].min() > 190


def test_a_gif_is_laid_on_white(tmp_path: Path) -> None:
    from PIL import Image

    dots = [Image.new("RGBA", (WIDTH, HEIGHT), (0, 0, 0, 0)) for _ in range(2)]
    for number, dot in enumerate(dots):
        dot.paste((200, 0, 0, 255), (10 * number, 10, 10 * number + 20, 30))
    dots[0].save(tmp_path / "a.gif", save_all=True, append_images=dots[1:], duration=[100, 250], disposal=2)
    frames = frames_of(tmp_path / "a.gif")
    assert [frame.pixels[2, 2].tolist() for frame in frames] == [[255, 255, 255]] * 2
    assert frames[0].pixels[20, 2].tolist() == [200, 0, 0]
    assert frames[1].pixels[20, 2].tolist() == [255, 255, 255]
