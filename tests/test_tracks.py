"""Sound comes along with the picture: copied where it can be, encoded anew where it must be, and in step."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from media_files import (
    TWO_SOUNDS,
    Sound,
    add_subtitles,
    codecs_of,
    cut,
    make_video,
    read_packets,
    read_times,
    repaint,
)


def contents(path: Path, index: int) -> list[bytes]:
    return [data for _, data in read_packets(path, index)]


def heard(path: Path, index: int = 0) -> tuple[float, float]:
    """When the sound of an audio track begins and ends, seconds, as far as its samples tell."""
    begin, end = float("inf"), 0.0
    with av.open(str(path)) as container:
        for frame in container.decode(container.streams.audio[index]):
            loud = np.abs(frame.to_ndarray().astype(np.float64)).max(axis=0) > 0
            if loud.any() and frame.time is not None:
                begin, end = min(begin, frame.time), frame.time + frame.samples / frame.sample_rate
    return begin, end


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".ts"])
def test_every_audio_track_is_copied_packet_for_packet(tmp_path: Path, suffix: str) -> None:
    source = make_video(tmp_path / "a.mp4", times=range(25), sounds=TWO_SOUNDS)
    summary = repaint(source, tmp_path / f"b{suffix}")
    assert summary.warnings == []
    assert codecs_of(tmp_path / f"b{suffix}") == ["aac", "mp3"]
    adts = 7 if suffix == ".ts" else 0  # bytes that MPEG-TS puts before each AAC packet
    assert [data[adts:] for data in contents(tmp_path / f"b{suffix}", 1)] == contents(source, 1)
    assert contents(tmp_path / f"b{suffix}", 2) == contents(source, 2)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".ts"])
def test_sound_stays_in_step_with_the_picture(tmp_path: Path, suffix: str) -> None:
    source = make_video(tmp_path / "a.mp4", times=range(5, 25), sounds=[Sound(offset=0.3)])
    repaint(source, tmp_path / f"b{suffix}")
    for index in (0, 1):
        before = [time for time, _ in read_packets(source, index)]
        after = [time for time, _ in read_packets(tmp_path / f"b{suffix}", index)]
        if index == 0:
            shift = min(after) - min(before)
        assert [t - shift for t in sorted(after)] == pytest.approx(sorted(before), abs=0.001)
    if suffix != ".ts":  # whose clock starts where it likes
        assert shift == 0


@pytest.mark.parametrize("codec", ["aac", "libmp3lame", "flac", "libopus", "vorbis", "ac3", "pcm_s16le"])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".mov"])
def test_any_sound_reaches_any_container(tmp_path: Path, codec: str, suffix: str) -> None:
    source = make_video(tmp_path / "a.mkv", times=range(25), sounds=[Sound(codec, offset=0.2, seconds=0.8)])
    summary = repaint(source, tmp_path / f"b{suffix}")
    (after,) = codecs_of(tmp_path / f"b{suffix}")
    (before,) = codecs_of(source)
    if after == before:
        assert summary.warnings == []
        assert contents(tmp_path / f"b{suffix}", 1) == contents(source, 1)
    else:
        (warning,) = summary.warnings
        assert f"encoded anew as {after}" in warning
        assert f"{before} cannot be written" in warning or f"do not know {before}" in warning
    assert heard(tmp_path / f"b{suffix}") == pytest.approx(heard(source), abs=0.06)


@pytest.mark.parametrize(
    ("suffix", "codec", "kept"),
    [
        (".webm", "aac", False),
        (".webm", "libopus", True),
        (".mp4", "libopus", True),
        (".mp4", "pcm_u8", False),
        (".mp4", "vorbis", False),
        (".m4v", "libmp3lame", False),
        (".mov", "vorbis", False),
    ],
)
def test_sound_is_encoded_anew_only_where_it_must_be(tmp_path: Path, suffix: str, codec: str, kept: bool) -> None:
    source = make_video(tmp_path / "a.mkv", sounds=[Sound(codec)])
    summary = repaint(source, tmp_path / f"b{suffix}")
    assert (codecs_of(tmp_path / f"b{suffix}") == codecs_of(source)) == kept
    assert (summary.warnings == []) == kept


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 96000])
@pytest.mark.parametrize("layout", ["mono", "stereo", "5.1", "3.0"])
def test_any_rate_and_layout_can_be_encoded_anew(tmp_path: Path, rate: int, layout: str) -> None:
    source = make_video(tmp_path / "a.mkv", times=range(25), sounds=[Sound("flac", rate=rate, layout=layout)])
    for suffix, codec in ((".webm", "opus"), (".m4v", "aac")):
        repaint(source, tmp_path / f"b{suffix}")
        assert codecs_of(tmp_path / f"b{suffix}") == [codec]
        assert heard(tmp_path / f"b{suffix}") == pytest.approx((0, 1), abs=0.07)


def test_gif_holds_no_sound_and_says_so(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mp4", sounds=TWO_SOUNDS)
    summary = repaint(source, tmp_path / "b.gif")
    assert [warning.split(":")[0] for warning in summary.warnings] == [
        "audio (track 1) left out",
        "audio (track 2) left out",
    ]
    with av.open(str(tmp_path / "b.gif")) as container:
        assert len(container.streams) == 1


def test_without_audio_neither_sound_nor_subtitles_come_along(tmp_path: Path) -> None:
    sounding = make_video(tmp_path / "a.mp4", sounds=TWO_SOUNDS, tags={"title": "Fox"})
    source = add_subtitles(sounding, tmp_path / "s.mkv", [(0, 0.2, "Hello")], "subrip")
    repaint(source, tmp_path / "b.mkv", audio=False)
    with av.open(str(tmp_path / "b.mkv")) as container:
        assert [stream.type for stream in container.streams] == ["video"]
        assert container.metadata["title"] == "Fox"


def test_a_track_without_a_packet_does_no_harm(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mkv", times=range(25), sounds=[Sound(seconds=0), Sound("libmp3lame")])
    for suffix in (".mkv", ".mp4", ".webm"):
        summary = repaint(source, tmp_path / f"b{suffix}")
        assert summary.frames == len(read_times(tmp_path / f"b{suffix}")) == 25
        assert len(contents(tmp_path / f"b{suffix}", -1)) > 20


def test_packets_shorter_than_a_tick_keep_their_times(tmp_path: Path) -> None:
    # As TrueHD has them, 1,200 a second, where Matroska has a thousand ticks.
    source = tmp_path / "a.mkv"
    with av.open(str(make_video(tmp_path / "bare.mkv"))) as container, av.open(str(source), "w") as output:
        video = output.add_stream_from_template(container.streams.video[0], opaque=True)
        sound = output.add_stream("pcm_s16le", rate=48000, layout="mono")
        for packet in container.demux():
            if packet.size:
                packet.stream = video
                output.mux(packet)
        for number in range(300):
            frame = av.AudioFrame.from_ndarray(np.full((1, 40), number, np.int16), "s16", "mono")
            frame.rate, frame.pts, frame.time_base = 48000, 40 * number, Fraction(1, 48000)
            output.mux(sound.encode(frame))
    repaint(source, tmp_path / "b.mkv")
    assert read_packets(tmp_path / "b.mkv", 1) == read_packets(source, 1)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("codec", ["pcm_s16le", "pcm_s24le", "flac", "aac"])
def test_a_gap_in_the_sound_stays_a_gap(tmp_path: Path, codec: str, suffix: str) -> None:
    whole = make_video(tmp_path / "whole.mkv", times=range(50), sounds=[Sound(codec, seconds=2)])
    source = tmp_path / "a.mkv"
    with av.open(str(whole)) as container, av.open(str(source), "w") as output:
        copies = {s.index: output.add_stream_from_template(s, opaque=True) for s in container.streams}
        for packet in container.demux():
            index, silent = packet.stream.index, packet.pts is not None and 0.5 < packet.pts * packet.time_base < 1.2
            if packet.size and not (index == 1 and silent):
                packet.stream = copies[index]
                output.mux(packet)
    repaint(source, tmp_path / f"b{suffix}")
    assert heard(tmp_path / f"b{suffix}") == pytest.approx((0, 2), abs=0.07)
    with av.open(str(tmp_path / f"b{suffix}")) as container:
        loud = [
            (frame.time, frame.time + frame.samples / frame.sample_rate)
            for frame in container.decode(audio=0)
            if frame.time is not None
            and np.abs(frame.to_ndarray().astype(float)).max() > 0.01 * SCALE[frame.format.name]
        ]
    assert not [span for span in loud if span[0] > 0.62 and span[1] < 1.1]


SCALE = {"s16": 2**15, "s16p": 2**15, "s32": 2**31, "fltp": 1, "flt": 1}
"""The largest sample of each format."""


def test_sound_that_a_container_refuses_is_encoded_anew(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mkv", times=range(25), sounds=[Sound("libmp3lame", rate=8000)])
    (warning,) = repaint(source, tmp_path / "b.mp4").warnings
    assert warning.startswith("audio (track 1) encoded anew as aac")
    assert codecs_of(tmp_path / "b.mp4") == ["aac"]
    assert heard(tmp_path / "b.mp4") == pytest.approx((0, 1), abs=0.2)


def test_sound_of_which_nothing_can_be_decoded_is_told(tmp_path: Path) -> None:
    whole = make_video(tmp_path / "whole.mkv", times=range(25), sounds=[Sound("flac")])
    with av.open(str(whole)) as container, av.open(str(tmp_path / "a.mkv"), "w") as output:
        copies = {s.index: output.add_stream_from_template(s, opaque=True) for s in container.streams}
        for packet in container.demux():
            if packet.size:
                spoilt = packet if packet.stream.index == 0 else av.Packet(bytes(packet.size))
                spoilt.pts, spoilt.dts, spoilt.time_base = packet.pts, packet.dts, packet.time_base
                spoilt.stream = copies[packet.stream.index]
                output.mux(spoilt)
    warnings = repaint(tmp_path / "a.mkv", tmp_path / "b.m4v").warnings
    assert any(w.startswith("audio (track 1): nothing of it can be decoded as flac") for w in warnings), warnings


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_sound_is_trimmed_with_the_picture(tmp_path: Path, suffix: str) -> None:
    source = make_video(tmp_path / f"a{suffix}", times=range(28), sounds=[Sound(seconds=1.12)])
    repaint(source, tmp_path / f"b{suffix}", start=0.4, end=0.8)
    kept = [data for time, data in read_packets(source, 1) if Fraction(2, 5) <= time < Fraction(4, 5)]
    assert contents(tmp_path / f"b{suffix}", 1) == kept
    times = [time for time, _ in read_packets(tmp_path / f"b{suffix}", 1)]
    assert 0 <= times[0] < 0.03
    assert read_times(tmp_path / f"b{suffix}")[0] == 0


def test_sound_of_a_file_cut_off_ends_where_the_file_does(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (28, 48, 64, 3), np.uint8)
    source = make_video(
        tmp_path / "a.mp4",
        pictures=list(noise),
        times=range(28),
        sounds=[Sound(seconds=1.12)],
        container_options={"movflags": "+faststart"},
    )
    cut(source, 0.6)
    summary = repaint(source, tmp_path / "b.mp4")
    assert 0 < len(contents(tmp_path / "b.mp4", 1)) < 52
    assert summary.frames < 28


def test_memory_does_not_grow_with_a_long_silence(tmp_path: Path) -> None:
    # One subtitle at the very end must not make the muxer hold everything back until then.
    bare = make_video(tmp_path / "bare.mkv", times=range(0, 28 * 100, 100))
    source = add_subtitles(bare, tmp_path / "a.mkv", [(110, 111, "The end")], "subrip")
    summary = repaint(source, tmp_path / "b.mkv")
    assert summary.frames == 28
    assert [float(time) for time, _ in read_packets(tmp_path / "b.mkv", 1)] == [110]
