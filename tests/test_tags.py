"""What a file says of itself comes along: chapters, tags, timecode; what cannot is named."""

from fractions import Fraction
from pathlib import Path

import av
import pytest
from media_files import (
    TWO_SOUNDS,
    Sound,
    make_video,
    repaint,
)


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
