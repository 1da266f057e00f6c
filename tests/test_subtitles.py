"""Subtitles come along: text, pictures, and the fonts they are written in."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import pytest
from media_files import (
    add_subtitles,
    codecs_of,
    make_video,
    read_packets,
    repaint,
)

from vidstyle.media.bitmap_subtitles import Standing

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
