"""Everything but the picture: sound, subtitles, chapters and tags come along."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from media_files import (
    Sound,
    add_subtitles,
    cut,
    make_video,
    read_packets,
    read_times,
    repaint,
)

from vidstyle.media.bitmap_subtitles import Standing

TWO_SOUNDS = (Sound(language="eng"), Sound("libmp3lame", language="ita", pitch=880))


def codecs_of(path: Path) -> list[str]:
    """Names of the codecs of all tracks but the first."""
    with av.open(str(path)) as container:
        names = [s.codec_context.codec.canonical_name for s in container.streams if s.type != "data"]
    return names[1:]


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


LINES = [(0.1, 0.3, "Hello"), (0.5, 0.9, "Goodbye")]
WRITTEN = {
    "ass": "0,0,Default,,0,0,0,,{text}",
    "subrip": "{text}",
    "webvtt": "{text}",
    "mov_text": "{text}",
}
"""What a line looks like in a packet of each codec."""


def make_subtitled(tmp_path: Path, suffix: str, codec: str, lines: Sequence[tuple[float, float, str]] = LINES) -> Path:
    bare = make_video(tmp_path / f"bare{suffix}", times=range(25))
    written = [(begin, end, WRITTEN[codec].format(text=text)) for begin, end, text in lines]
    return add_subtitles(bare, tmp_path / f"a{suffix}", written, codec)


def subtitles_of(path: Path, index: int = 1) -> list[tuple[float, str]]:
    """When each subtitle is shown, seconds, and its packet; without those that clear the screen."""
    return [(float(time), data.decode(errors="ignore")) for time, data in read_packets(path, index) if len(data) > 2]


@pytest.mark.parametrize(
    ("before", "after", "codec"),
    [
        (".mkv", ".mkv", "subrip"),
        (".mp4", ".mp4", "mov_text"),
        (".mp4", ".mov", "mov_text"),
        (".mkv", ".mkv", "ass"),
        (".mkv", ".webm", "webvtt"),
    ],
)
def test_subtitles_are_copied_where_the_container_takes_them(
    tmp_path: Path, before: str, after: str, codec: str
) -> None:
    source = make_subtitled(tmp_path, before, codec)
    assert repaint(source, tmp_path / f"b{after}").warnings == []
    assert codecs_of(tmp_path / f"b{after}") == [codec]
    times, texts = zip(*subtitles_of(tmp_path / f"b{after}"), strict=True)
    assert times == pytest.approx([0.1, 0.5], abs=0.001)
    assert [text in written for text, written in zip(("Hello", "Goodbye"), texts, strict=True)] == [True] * 2


@pytest.mark.parametrize(
    ("before", "after", "codec", "converted"),
    [
        (".mkv", ".mp4", "subrip", "mov_text"),
        (".mkv", ".mp4", "ass", "mov_text"),
        (".mkv", ".mov", "webvtt", "mov_text"),
        (".mp4", ".mkv", "mov_text", "subrip"),
        (".mp4", ".webm", "mov_text", "webvtt"),
    ],
)
def test_text_of_subtitles_is_converted_where_it_must_be(
    tmp_path: Path, before: str, after: str, codec: str, converted: str
) -> None:
    fancy = {"ass": "{\\i1}Bon{\\i0} jour\\Nà vous", "subrip": "<i>Bon</i> jour\nà vous"}.get(codec, "Bon jour\nà vous")
    source = make_subtitled(tmp_path, before, codec, [(0.1, 0.3, fancy), (0.5, 0.9, "Goodbye")])
    (warning,) = repaint(source, tmp_path / f"b{after}").warnings
    assert warning.startswith(f"subtitles (track 1) converted to {converted}")
    assert codecs_of(tmp_path / f"b{after}") == [converted]
    times, texts = zip(*subtitles_of(tmp_path / f"b{after}"), strict=True)
    assert times == pytest.approx([0.1, 0.5], abs=0.001)
    assert [text.lstrip("\0\x10\x11\x07") for text in texts] == ["Bon jour\nà vous", "Goodbye"]


def test_subtitles_go_where_no_container_takes_them_and_that_is_told(tmp_path: Path) -> None:
    (warning,) = repaint(make_subtitled(tmp_path, ".mkv", "subrip"), tmp_path / "b.ts").warnings
    assert warning.startswith("subtitles (track 1) left out")


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_a_subtitle_that_is_on_at_the_start_is_shown_from_there(tmp_path: Path, suffix: str) -> None:
    codec = "subrip" if suffix == ".mkv" else "mov_text"
    source = make_subtitled(tmp_path, suffix, codec, [(0.04, 0.1, "Over"), (0.2, 0.8, "Still on"), (0.9, 1, "Later")])
    repaint(source, tmp_path / f"b{suffix}", start=0.4)
    (first, text), (second, _) = subtitles_of(tmp_path / f"b{suffix}")
    assert (first, second) == pytest.approx((0, 0.5), abs=0.001)
    assert "Still on" in text
    with av.open(str(tmp_path / f"b{suffix}")) as container:
        packet = next(p for p in container.demux(container.streams[1]) if p.size > 2)
        assert packet.duration * packet.time_base == pytest.approx(0.4, abs=0.001)


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


def pgs(state: int, objects: int) -> bytes:
    """A composition of Blu-ray's subtitles, as far as it says what is on: 0 builds on what was, 0x80 begins anew."""
    content = bytes([0, 64, 0, 48, 0x10, 0, 0, state, 0, 0, objects]) + bytes(8 * objects)
    return b"\x16" + len(content).to_bytes(2, "big") + content + b"\x80\0\0"


def dvb(state: int, regions: int) -> bytes:
    """The same of DVB."""
    content = bytes([30, state << 2]) + bytes(6 * regions)
    return b"\x0f\x10\0\x01" + len(content).to_bytes(2, "big") + content


def make_pictured(path: Path, compositions: Sequence[tuple[float, bytes]]) -> Path:
    """Subtitles that are pictures and do not say how long they stay."""
    bare = make_video(path.with_name("bare.mkv"), times=range(25))
    with av.open(str(bare)) as container, av.open(str(path), "w") as output:
        video = output.add_stream_from_template(container.streams.video[0], opaque=True)
        subtitles = output.add_mux_stream("hdmv_pgs_subtitle")
        subtitles.time_base = Fraction(1, 1000)
        for packet in container.demux():
            if packet.size:
                packet.stream = video
                output.mux(packet)
        for time, data in compositions:
            packet = av.Packet(data)
            packet.stream, packet.time_base, packet.pts = subtitles, Fraction(1, 1000), round(1000 * time)
            packet.dts = packet.pts
            output.mux(packet)
    return path


BEGUN, MORE, OTHER, CLEARED = pgs(0x80, 1), pgs(0, 2), pgs(0x80, 2), pgs(0x80, 0)


@pytest.mark.parametrize(
    ("before", "on"),
    [
        ([(0.1, BEGUN)], [BEGUN]),
        ([(0.1, BEGUN), (0.2, MORE)], [BEGUN, MORE]),
        ([(0.1, BEGUN), (0.2, OTHER)], [OTHER]),
        ([(0.1, BEGUN), (0.2, CLEARED)], []),
        ([], []),
    ],
)
def test_a_picture_that_is_on_at_the_start_is_shown_from_there(
    tmp_path: Path, before: list[tuple[float, bytes]], on: list[bytes]
) -> None:
    source = make_pictured(tmp_path / "a.mkv", [*before, (0.8, CLEARED)])
    repaint(source, tmp_path / "b.mkv", start=0.4)
    packets = read_packets(tmp_path / "b.mkv", 1)
    assert [data for _, data in packets] == [*on, CLEARED]
    assert [float(time) for time, _ in packets] == pytest.approx([0] * len(on) + [0.4], abs=0.002)


@pytest.mark.parametrize(
    ("compositions", "on"),
    [
        ([dvb(2, 1)], 1),
        ([dvb(2, 1), dvb(0, 2)], 2),
        ([dvb(2, 1), dvb(1, 1)], 1),
        ([dvb(2, 1), dvb(0, 0)], 0),
    ],
)
def test_what_is_on_of_dvb_is_what_its_compositions_say(compositions: list[bytes], on: int) -> None:
    standing = Standing("dvb_subtitle")
    for data in compositions:
        standing.take(av.Packet(data))
    assert [bytes(packet) for packet in standing.on()] == compositions[len(compositions) - on :]


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


@pytest.mark.parametrize(
    ("rate", "timecode", "seconds", "expected"),
    [
        (25, "01:02:03:04", 0, "01:02:03:04"),
        (25, "01:02:03:04", 0.4, "01:02:03:14"),
        (Fraction(30000, 1001), "00:00:59;25", 0.4, "00:01:00;09"),
        (Fraction(30000, 1001), "00:09:59;25", 0.4, "00:10:00;07"),
        (Fraction(30000, 1001), "00:00:59:25", 0.4, "00:01:00:07"),
    ],
)
@pytest.mark.parametrize("suffix", [".mov", ".mp4"])
def test_timecode_is_kept_and_advanced_to_the_frame(
    tmp_path: Path, rate: Fraction | int, timecode: str, seconds: float, expected: str, suffix: str
) -> None:
    source = make_video(
        tmp_path / f"a{suffix}",
        times=range(25),
        time_base=1 / Fraction(rate),
        rate=rate,
        prepare=lambda stream: stream.metadata.update({"timecode": timecode}),
    )
    assert repaint(source, tmp_path / f"b{suffix}", start=seconds or None).warnings == []
    with av.open(str(tmp_path / f"b{suffix}")) as container:
        assert container.streams.video[0].metadata["timecode"] == expected


def test_fonts_come_along_with_the_subtitles_that_are_written_in_them(tmp_path: Path) -> None:
    bare = make_video(tmp_path / "bare.mkv")
    source = tmp_path / "a.mkv"
    with av.open(str(bare)) as container, av.open(str(source), "w") as output:
        copy = output.add_stream_from_template(container.streams.video[0])
        output.add_attachment("font.ttf", "font/ttf", b"a font")
        for packet in container.demux():
            if packet.size:
                packet.stream = copy
                output.mux(packet)
    assert repaint(source, tmp_path / "b.mkv").warnings == []
    with av.open(str(tmp_path / "b.mkv")) as container:
        (font,) = [stream for stream in container.streams if stream.type == "attachment"]
        assert (font.name, font.mimetype, bytes(font.data)) == ("font.ttf", "font/ttf", b"a font")
    (warning,) = repaint(source, tmp_path / "b.mp4").warnings
    assert warning == "attachment (font.ttf) left out: mp4 takes none"


@pytest.mark.parametrize("suffix", [".mov", ".mp4"])
def test_tags_of_phones_come_along(tmp_path: Path, suffix: str) -> None:
    tags = {
        "com.apple.quicktime.make": "Apple",
        "com.apple.quicktime.location.ISO6709": "+60.1699+024.9384/",
        "com.android.version": "15",
        "title": "Harbour",
    }
    source = make_video(tmp_path / "a.mov", tags=tags, container_options={"movflags": "use_metadata_tags"})
    repaint(source, tmp_path / f"b{suffix}")
    with av.open(str(tmp_path / f"b{suffix}")) as container:
        assert {name: container.metadata.get(name) for name in tags} == tags


@pytest.mark.parametrize("suffix", [".mov", ".mp4", ".mkv"])
def test_the_day_of_a_recording_and_the_tags_of_its_tracks_come_along(tmp_path: Path, suffix: str) -> None:
    day = "2024-02-29T12:34:56.000000Z"
    source = make_video(
        tmp_path / f"a{suffix}",
        sounds=[Sound(language="fin")],
        tags={"creation_time": day},
        prepare=lambda stream: stream.metadata.update({"handler_name": "Front camera", "language": "swe"}),
    )
    repaint(source, tmp_path / f"b{suffix}")
    with av.open(str(source)) as before, av.open(str(tmp_path / f"b{suffix}")) as after:
        assert after.metadata["creation_time"] == before.metadata["creation_time"] == day
        for one, other in zip(before.streams, after.streams, strict=True):
            for name in ("handler_name", "language", "HANDLER_NAME"):
                assert other.metadata.get(name) == one.metadata.get(name)


def test_data_that_cannot_come_along_is_named(tmp_path: Path) -> None:
    source = tmp_path / "a.mp4"
    bare = make_video(tmp_path / "bare.mp4")
    with av.open(str(bare)) as container, av.open(str(source), "w") as output:
        copy = output.add_stream_from_template(container.streams.video[0])
        positions = output.add_data_stream("bin_data")
        positions.metadata["handler_name"] = "GoPro MET"
        for packet in container.demux():
            if packet.size:
                packet.stream = copy
                output.mux(packet)
        packet = av.Packet(b"here")
        packet.stream, packet.pts, packet.dts, packet.time_base = positions, 0, 0, Fraction(1, 25)
        output.mux(packet)
    (warning,) = repaint(source, tmp_path / "b.mp4").warnings
    assert warning == "data (track 1: GoPro MET) left out: only sound and subtitles come along"


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_chapters_and_tags_pass(tmp_path: Path, suffix: str) -> None:
    source = make_video(
        tmp_path / f"a{suffix}",
        times=range(25),
        sounds=TWO_SOUNDS,
        tags={"title": "Fox", "artist": "Nobody", "comment": "a clip"},
        chapters=[(0, 0.4, "one"), (0.4, 1, "two")],
        prepare=lambda stream: stream.metadata.update({"language": "fra"}),
    )
    summary = repaint(source, tmp_path / f"b{suffix}")
    assert summary.warnings == [], "the track of titles that MP4 has for chapters is none of its own"
    with av.open(str(tmp_path / f"b{suffix}")) as container:
        tags = {name.lower(): tag for name, tag in container.metadata.items()}
        assert (tags["title"], tags["artist"], tags["comment"]) == ("Fox", "Nobody", "a clip")
        languages = [s.metadata.get("language") for s in container.streams if s.type != "data"]
        assert languages == ["fra", "eng", "ita"]
        spans = [
            (float(c["start"] * c["time_base"]), float(c["end"] * c["time_base"]), c["metadata"]["title"])
            for c in container.chapters()
        ]
    assert [title for *_, title in spans] == ["one", "two"]
    assert [edge for first, last, _ in spans for edge in (first, last)] == pytest.approx([0, 0.4, 0.4, 1], abs=0.002)


def test_a_part_has_its_part_of_the_chapters(tmp_path: Path) -> None:
    source = make_video(
        tmp_path / "a.mkv",
        times=range(28),
        chapters=[(0, 0.2, "one"), (0.2, 0.6, "two"), (0.6, 1.12, "three")],
    )
    repaint(source, tmp_path / "b.mkv", start=0.4, end=0.8)
    with av.open(str(tmp_path / "b.mkv")) as container:
        spans = [
            (c["metadata"]["title"], float(c["start"] * c["time_base"]), float(c["end"] * c["time_base"]))
            for c in container.chapters()
        ]
    assert spans == [("two", 0, pytest.approx(0.2)), ("three", pytest.approx(0.2), pytest.approx(0.4))]


@pytest.mark.parametrize(
    ("suffix", "lost"),
    [(".mp4", ["CUSTOM"]), (".mov", ["CUSTOM"]), (".mkv", []), (".ts", "all"), (".gif", "all"), (".webp", "all")],
)
def test_a_tag_without_a_place_is_named(tmp_path: Path, suffix: str, lost: list[str] | str) -> None:
    source = make_video(tmp_path / "a.mkv", tags={"title": "Fox", "CUSTOM": "a thing", "date": "2024"})
    names = ["CUSTOM", "DATE", "title"] if lost == "all" else lost
    container = {".ts": "mpegts"}.get(suffix, suffix[1:])
    said = [f"tags ({', '.join(names)}) left out: {container} has no place for them"] if names else []
    assert repaint(source, tmp_path / f"b{suffix}").warnings == said


@pytest.mark.parametrize("suffix", [".mp4", ".m4v", ".mov"])
def test_make_and_model_of_a_camera_are_kept(tmp_path: Path, suffix: str) -> None:
    source = make_video(tmp_path / "a.mov", tags={"make": "Canon", "model": "R5", "title": "Fox"})
    assert repaint(source, tmp_path / f"b{suffix}").warnings == []
    with av.open(str(tmp_path / f"b{suffix}")) as container:
        assert [container.metadata.get(name) for name in ("make", "model", "title")] == ["Canon", "R5", "Fox"]


def test_tags_that_counted_the_old_file_are_dropped(tmp_path: Path) -> None:
    def count(stream: av.VideoStream) -> None:
        stream.container.metadata["NUMBER_OF_FRAMES"] = "1000"

    source = make_video(tmp_path / "a.mkv", prepare=count, tags={"title": "Fox"})
    repaint(source, tmp_path / "b.mkv", end=0.2)
    with av.open(str(tmp_path / "b.mkv")) as container:
        assert "NUMBER_OF_FRAMES" not in container.metadata
        assert container.metadata["title"] == "Fox"


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
