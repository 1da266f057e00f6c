"""When each frame is shown and how long the last one stays, through any number of files."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import pytest
from media_files import (
    Sound,
    colorful_picture,
    make_video,
    numbered_picture,
    read_numbers,
    read_packets,
    read_times,
    repaint,
)
from PIL import Image

from vidstyle.media.containers import usual_rate
from vidstyle.media.sources import FileSource

WITH_B_FRAMES = {"crf": "4", "x264-params": "bframes=3:b-adapt=0"}
WITHOUT_B_FRAMES = {"crf": "4", "x264-params": "bframes=0"}
MILLISECOND = Fraction(1, 1000)
TICKS = {".mp4": 0.0001, ".mov": 0.0001, ".mkv": 0.00101, ".webm": 0.00101}
"""Seconds; those of MP4 and MOV are finer.  Microseconds, in which FFmpeg tells lengths, round."""


def make_gif(path: Path) -> Path:
    """Three pictures, the last one for three seconds."""
    pictures = [Image.fromarray(colorful_picture(9 * n)) for n in range(3)]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=[1000, 500, 3000])
    return path


def make_slide_show(path: Path) -> Path:
    """Steps of all lengths, in frames that are not encoded in order; the one before the last is the longest."""
    times = (0, 100, 150, 250, 253, 300, 450)
    return make_video(path, times=times, time_base=Fraction(1, 100), options=WITH_B_FRAMES)


def make_recording(path: Path) -> Path:
    """What a program that records the screen writes: a frame when something changes, and then nothing."""
    times = (0, 17, 33, 400, 1433, 1440, 4000)
    return make_video(path, times=times, time_base=MILLISECOND, rate=25, options=WITHOUT_B_FRAMES)


def make_film(path: Path) -> Path:
    times = range(12)
    return make_video(path, times=times, time_base=Fraction(1001, 24000), rate=Fraction(24000, 1001))


CLIPS = {
    "gif.gif": (make_gif, Fraction(9, 2)),
    "slides.mp4": (make_slide_show, Fraction(454, 100)),
    "slides.mkv": (make_slide_show, Fraction(454, 100)),
    "recording.mkv": (make_recording, Fraction(4040, 1000)),
    "recording.mp4": (make_recording, Fraction(4040, 1000)),
    "film.mov": (make_film, 12 * Fraction(1001, 24000)),
}


def length(path: Path) -> Fraction:
    """Seconds, as any player shows them before it has played."""
    with av.open(str(path)) as container:
        assert container.duration is not None
        return container.duration * Fraction(1, 1_000_000)


@pytest.mark.parametrize("suffix", TICKS)
@pytest.mark.parametrize("clip", CLIPS)
def test_five_generations_have_the_same_times_and_length(tmp_path: Path, clip: str, suffix: str) -> None:
    make, seconds = CLIPS[clip]
    source = make(tmp_path / clip)
    times = read_times(source)
    for generation in range(5):
        copy = tmp_path / f"{generation}{suffix}"
        assert repaint(source, copy, quality=20, strict=True).warnings == []
        assert read_times(copy) == pytest.approx(times, abs=TICKS[suffix])
        assert length(copy) == pytest.approx(seconds, abs=TICKS[suffix])
        source = copy


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_a_frame_lasts_until_the_next_one(tmp_path: Path, suffix: str) -> None:
    source = FileSource(make_slide_show(tmp_path / f"a{suffix}"))
    frames = list(source)
    source.close()
    for before, after in pairwise(frames):
        assert before.pts + before.duration == after.pts
    assert frames[-1].duration * frames[-1].time_base == Fraction(4, 100)


def test_a_part_ends_where_it_is_told_to(tmp_path: Path) -> None:
    source = make_slide_show(tmp_path / "a.mkv")
    repaint(source, tmp_path / "b.mp4", start=1, end=2.51)
    assert read_times(tmp_path / "b.mp4") == [0, Fraction(1, 2), Fraction(3, 2)]
    assert length(tmp_path / "b.mp4") == Fraction(151, 100)


@pytest.mark.parametrize(("count", "short"), [(9, 4), (10, 5), (11, 3), (12, 4)])
def test_a_last_sample_of_a_few_ticks_is_no_damage(tmp_path: Path, count: int, short: int) -> None:
    # Among frames that are decoded in another order, MP4 writes the short step down for the frame that is shown last.
    times = [512 * n - 509 * (n >= count - short) for n in range(count)]
    source = make_video(tmp_path / "a.mp4", times=times, time_base=Fraction(1, 12800), options=WITH_B_FRAMES)
    assert repaint(source, tmp_path / "b.mp4", strict=True).frames == count
    assert read_times(tmp_path / "b.mp4") == read_times(source)


def test_a_packet_of_nothing_is_the_last_frame_once_more(tmp_path: Path) -> None:
    # AVI has them, and Theora.
    whole, source = make_video(tmp_path / "a.avi", codec="mpeg4", options={"b": "2M"}), tmp_path / "b.avi"
    with av.open(str(whole)) as container, av.open(str(source), "w") as output:
        copy = output.add_stream_from_template(container.streams.video[0], opaque=True)
        for packet in container.demux(video=0):
            if packet.size:
                kept = packet if packet.pts not in {5, 6, 9} else av.Packet(b"")
                kept.pts, kept.dts, kept.time_base = packet.pts, packet.dts, packet.time_base
                kept.duration, kept.stream = packet.duration, copy
                output.mux(kept)
    summary = repaint(source, tmp_path / "c.mp4", strict=True)
    assert (summary.frames, summary.warnings) == (7, [])
    assert read_times(tmp_path / "c.mp4") == [Fraction(n, 25) for n in (0, 1, 2, 3, 4, 7, 8)]
    assert length(tmp_path / "c.mp4") == Fraction(10, 25)


@pytest.mark.parametrize("key_frames", [1, 250])
@pytest.mark.parametrize(("milliseconds", "ticks"), [(400, 3584), (840, 3684), (1120, 3584)])
def test_an_edit_list_that_begins_between_key_frames_is_no_damage(
    tmp_path: Path, key_frames: int, milliseconds: int, ticks: int
) -> None:
    options = WITH_B_FRAMES | {"g": str(key_frames)}
    source = make_video(tmp_path / "a.mp4", times=range(28), options=options)
    # As a cut without encoding leaves it: the file has all, and shows a part.
    data = bytearray(source.read_bytes())
    edit = data.index(b"elst") + 4
    media_time = int.from_bytes(data[edit + 12 : edit + 16], "big")
    data[edit + 8 : edit + 12] = milliseconds.to_bytes(4, "big")
    data[edit + 12 : edit + 16] = (media_time + ticks).to_bytes(4, "big")
    source.write_bytes(data)
    shown = read_numbers(source)
    assert 0 < len(shown) < 28
    summary = repaint(source, tmp_path / "b.mp4", strict=True)
    assert (summary.frames, summary.warnings) == (len(shown), [])


def test_h264_with_b_frames_in_avi_plays_evenly(tmp_path: Path) -> None:
    # AVI has no timestamps, and those that FFmpeg gives to H.264 in it are in decoding order.
    source = make_video(tmp_path / "a.avi", times=range(20), options=WITH_B_FRAMES)
    repaint(source, tmp_path / "b.mp4")
    assert read_numbers(tmp_path / "b.mp4") == list(range(20))
    assert read_times(tmp_path / "b.mp4") == [Fraction(n, 25) for n in range(20)]
    repaint(source, tmp_path / "c.mp4", start=0.2)
    assert read_numbers(tmp_path / "c.mp4") == list(range(5, 20))


@pytest.mark.parametrize("suffix", [".flv", ".mkv"])
@pytest.mark.parametrize("rate", [Fraction(30), Fraction(25), Fraction(30000, 1001)])
def test_a_clock_of_milliseconds_is_not_taken_for_the_rate(tmp_path: Path, suffix: str, rate: Fraction) -> None:
    # Of a second, milliseconds do not tell 29.97 from 30.
    count = 18 if rate.denominator == 1 else 120
    times = [round(1000 * n / rate) for n in range(count)]
    source = make_video(tmp_path / f"a{suffix}", times=times, time_base=MILLISECOND, rate=1000)
    repaint(source, tmp_path / "b.mp4")
    with av.open(str(tmp_path / "b.mp4")) as container:
        video = container.streams.video[0]
        assert level_of(video) <= 31
        assert video.guessed_rate == pytest.approx(float(rate), rel=0.002)
    with av.open(str(source)) as container:
        assert usual_rate(source, container.streams.video[0]) == rate


def level_of(video: av.VideoStream) -> int:
    """Level of H.264, times ten, as ISO/IEC 14496-15 writes it down."""
    return bytes(video.codec_context.extradata or b"")[3]


def test_raw_dv_is_written_at_its_own_rate(tmp_path: Path) -> None:
    source = make_video(
        tmp_path / "a.dv",
        pictures=[numbered_picture(n, 720, 576) for n in range(5)],
        times=range(5),
        codec="dvvideo",
    )
    repaint(source, tmp_path / "b.mp4")
    assert read_times(tmp_path / "b.mp4") == [Fraction(n, 25) for n in range(5)]
    with av.open(str(tmp_path / "b.mp4")) as container:
        assert container.streams.video[0].average_rate == 25
        assert level_of(container.streams.video[0]) <= 31


def test_a_burst_after_a_pause_does_not_lengthen_the_last_frame(tmp_path: Path) -> None:
    """Decoding, a few frames behind in a pause, has caught up by the end."""
    times = (0, 500, 1000, 1500, 2000, 2500, 3000, 3033, 3066, 3100, 3133)
    source = make_video(tmp_path / "a.mp4", times=times, time_base=MILLISECOND, rate=30)
    repaint(source, tmp_path / "b.mp4")
    assert read_times(tmp_path / "b.mp4") == pytest.approx([time / 1000 for time in times], abs=TICKS[".mp4"])
    assert length(tmp_path / "b.mp4") == pytest.approx(length(source), abs=TICKS[".mp4"])


def test_sound_does_not_lengthen_the_last_frame(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mkv", sounds=[Sound(seconds=3)])
    repaint(source, tmp_path / "b.mp4")
    packets = read_packets(tmp_path / "b.mp4", 0)
    assert len(packets) == 10
    with av.open(str(tmp_path / "b.mp4")) as container:
        video = container.streams.video[0]
        assert video.duration is not None
        assert video.duration * video.time_base == Fraction(10, 25)
