"""Borders that containers say not to show, and marks of video for both eyes and all around."""

import struct
from pathlib import Path

import av
import pytest
from av.bitstream import BitStreamFilterContext
from media_files import (
    box,
    colorful_picture,
    corner_colors,
    insert_boxes,
    insert_elements,
    make_video,
    psnr,
    quartered_picture,
    read_video,
    repaint,
)

from vidstyle.media.frame import Marks
from vidstyle.media.marks import marks_of
from vidstyle.media.sources import FileSource

LEFT, TOP, RIGHT, BOTTOM = 0x54CC, 0x54BB, 0x54DD, 0x54AA
DISPLAY_WIDTH, DISPLAY_HEIGHT = 0x54B0, 0x54BA
LIVE = {"live": "1"}


def clap(width: int, height: int, right: int, down: int) -> bytes:
    return box(b"clap", struct.pack(">8i", width, 1, height, 1, right, 1, down, 1))


@pytest.mark.parametrize(("right", "down"), [(8, -5), (-3, 2)])
def test_the_clean_aperture_of_mp4_is_what_is_painted(tmp_path: Path, right: int, down: int) -> None:
    pictures = [colorful_picture(n) for n in range(3)]
    source = make_video(tmp_path / "a.mp4", pictures=pictures, times=range(3))
    insert_boxes(source, clap(40, 30, right, down))
    repaint(source, tmp_path / "b.mp4", quality=4)
    left, top = 12 + right, 9 + down
    for picture, (_, pixels) in zip(pictures, read_video(tmp_path / "b.mp4"), strict=True):
        assert pixels.shape == (30, 40, 3)
        assert psnr(pixels, picture[top : top + 30, left : left + 40]) > 33


def test_an_aperture_that_is_none_is_left_alone(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mp4", times=range(2))
    insert_boxes(source, clap(400, 30, 0, 0))
    assert repaint(source, tmp_path / "b.mp4").width == 64


@pytest.mark.parametrize("left", [2, 4, 10])
def test_what_the_codec_says_not_to_show_is_cut_off_to_the_pixel(tmp_path: Path, left: int) -> None:
    pictures = [colorful_picture(n) for n in range(3)]
    whole = make_video(tmp_path / "whole.mp4", pictures=pictures, times=range(3))
    source = tmp_path / "a.mp4"
    with av.open(str(whole)) as container, av.open(str(source), "w") as output:
        stream = container.streams.video[0]
        copy = output.add_stream_from_template(stream, opaque=True)
        crop = BitStreamFilterContext(
            f"h264_metadata=crop_left={left}:crop_right=6:crop_top=4:crop_bottom=2", stream, copy
        )
        for packet in [*container.demux(stream), None]:
            if packet is None or packet.size:
                for filtered in crop.filter(packet):
                    filtered.stream = copy
                    output.mux(filtered)
    repaint(source, tmp_path / "b.mp4", quality=4)
    for (_, painted), picture in zip(read_video(tmp_path / "b.mp4"), pictures, strict=True):
        assert psnr(painted, picture[4:-2, left:-6]) > 35


def test_crop_fields_of_matroska(tmp_path: Path) -> None:
    pictures = [quartered_picture()] * 3
    source = make_video(tmp_path / "a.mkv", pictures=pictures, times=range(3), container_options=LIVE)
    insert_elements(source, {LEFT: 8, RIGHT: 16, TOP: 7, BOTTOM: 1})
    summary = repaint(source, tmp_path / "b.mp4")
    assert (summary.width, summary.height, summary.frames) == (40, 40, 3)
    assert corner_colors(read_video(tmp_path / "b.mp4")[0][1]) == ["red", "green", "blue", "white"]


def test_the_shape_of_pixels_is_that_of_the_cropped_picture(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mkv", times=range(3), container_options=LIVE)
    insert_elements(source, {LEFT: 8, RIGHT: 16, TOP: 6, BOTTOM: 2, DISPLAY_WIDTH: 80, DISPLAY_HEIGHT: 40})
    repaint(source, tmp_path / "b.mp4")
    with av.open(str(tmp_path / "b.mp4")) as container:
        assert container.streams.video[0].sample_aspect_ratio == 2
    file = FileSource(source, size=(40, 20))
    assert file.format.sample_aspect_ratio == 1
    file.close()


def stereo_and_all_around() -> bytes:
    def full(kind: bytes, data: bytes) -> bytes:
        return box(kind, bytes(4) + data)

    sphere = full(b"svhd", b"a camera\0") + box(b"proj", full(b"prhd", bytes(12)) + full(b"equi", bytes(16)))
    return full(b"st3d", bytes([2])) + box(b"sv3d", sphere)


@pytest.mark.parametrize(("suffix", "kept"), [(".mp4", True), (".mkv", True), (".webm", True), (".gif", False)])
def test_marks_are_kept_or_named(tmp_path: Path, suffix: str, kept: bool) -> None:
    source = insert_boxes(make_video(tmp_path / "a.mp4"), stereo_and_all_around())
    (note,) = repaint(source, tmp_path / f"b{suffix}").warnings
    assert "all around (equirectangular)" in note
    assert ("stereo (side by side)" in note) != kept
    with av.open(str(tmp_path / f"b{suffix}")) as container:
        assert marks_of(next(container.decode(video=0))) == Marks(stereo=int(kept))


def test_the_right_eye_first_stays_so_in_matroska_and_is_named_elsewhere(tmp_path: Path) -> None:
    mark = {"stereo_mode": "right_left"}
    source = make_video(tmp_path / "a.mkv", prepare=lambda stream: stream.metadata.update(mark))
    assert repaint(source, tmp_path / "b.mkv").warnings == []
    with av.open(str(tmp_path / "b.mkv")) as container:
        assert marks_of(next(container.decode(video=0))) == Marks(stereo=1, right_first=True)
    (note,) = repaint(source, tmp_path / "b.mp4").warnings
    assert note == f"{tmp_path / 'b.mp4'}: is not marked as stereo (side by side); tell the player"
