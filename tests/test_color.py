"""Colours come out as they went in, and the file says what they are."""

from fractions import Fraction
from itertools import product
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from media_files import HEIGHT, WIDTH, colorful_picture, make_video, psnr, quartered_picture, repaint

from vidstyle import InputError
from vidstyle.media.color import over_white, settle_color, to_planes, to_rgb
from vidstyle.media.frame import Color
from vidstyle.media.hdr import light_to_pq
from vidstyle.media.sources import FileSource

SPACES = {
    # Matrix, primaries and transfer in ITU-T H.273; swscale's name of the matrix.
    "BT.601": (6, 6, 6, Colorspace.ITU601),
    "BT.709": (1, 1, 1, Colorspace.ITU709),
    "BT.2020": (9, 9, 14, Colorspace.BT2020),
}
RANGES = {"limited": ColorRange.MPEG, "full": ColorRange.JPEG}
ALL = [*product(SPACES, RANGES, (8, 10))]


def make_colored(path: Path, space: str, color_range: str, bits: int) -> Path:
    """An H.264 or HEVC file of colourful pictures, converted and tagged as asked."""
    matrix, primaries, transfer, colorspace = SPACES[space]
    pixel_format = "yuv420p" if bits == 8 else "yuv420p10le"

    def converted(frame: VideoFrame) -> VideoFrame:
        frame = frame.reformat(
            format=pixel_format,
            src_color_range=ColorRange.JPEG,
            dst_colorspace=colorspace,
            dst_color_range=RANGES[color_range],
        )
        frame.colorspace, frame.color_range = matrix, RANGES[color_range]
        return frame

    def tag(stream: av.VideoStream) -> None:
        context = stream.codec_context
        context.colorspace, context.color_range = matrix, RANGES[color_range]
        context.color_primaries, context.color_trc = primaries, transfer

    return make_video(
        path,
        pictures=[colorful_picture(n) for n in range(3)],
        times=range(3),
        codec="libx264" if bits == 8 else "libx265",
        pixel_format=pixel_format,
        options={"crf": "2"} if bits == 8 else {"crf": "2", "x265-params": "log-level=error"},
        prepare=tag,
        encoded=converted,
    )


def decode(path: Path) -> list[VideoFrame]:
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def luma(frame: VideoFrame) -> np.ndarray:
    """The Y plane as stored: (H, W)."""
    plane = frame.planes[0]
    kind = np.uint8 if frame.format.components[0].bits == 8 else np.uint16
    return np.frombuffer(plane, kind).reshape(plane.height, -1)[:, : plane.width]


def tags(frame: VideoFrame) -> tuple[int, int, int, int]:
    return (
        int(frame.colorspace),
        int(frame.color_range),
        int(frame.color_primaries),
        int(frame.color_trc),
    )


@pytest.mark.parametrize(("space", "color_range", "bits"), ALL)
def test_every_kind_of_yuv_is_read_as_what_it_is(tmp_path: Path, space: str, color_range: str, bits: int) -> None:
    source = FileSource(make_colored(tmp_path / "a.mp4", space, color_range, bits))
    first = next(iter(source))
    source.close()
    # A wrong matrix or range stays below 30 dB.
    assert psnr(first.pixels, colorful_picture(0)) > 40


@pytest.mark.parametrize(("space", "color_range", "bits"), ALL)
def test_every_kind_of_yuv_comes_out_as_it_went_in(tmp_path: Path, space: str, color_range: str, bits: int) -> None:
    source = make_colored(tmp_path / "a.mp4", space, color_range, bits)
    output = tmp_path / "b.mp4"
    repaint(source, output, codec="h264" if bits == 8 else "hevc", quality=4)
    for before, after in zip(decode(source), decode(output), strict=True):
        assert after.format.name == before.format.name
        assert tags(after) == tags(before)
        assert psnr(luma(after), luma(before), peak=2**bits - 1) > 40
        for plane in (1, 2):
            ours, theirs = (
                np.frombuffer(f.planes[plane], np.uint8 if bits == 8 else np.uint16) for f in (after, before)
            )
            assert psnr(ours, theirs, peak=2**bits - 1) > 40


@pytest.mark.parametrize(("codec", "suffix"), [("prores", ".mov"), ("vp9", ".webm"), ("av1", ".mp4"), ("av1", ".mkv")])
@pytest.mark.parametrize("color_range", RANGES)
def test_every_codec_says_the_range_that_it_has(tmp_path: Path, codec: str, suffix: str, color_range: str) -> None:
    source = make_colored(tmp_path / "a.mp4", "BT.709", color_range, 8)
    repaint(source, tmp_path / f"b{suffix}", codec=codec, quality=4)
    before, after = (FileSource(path) for path in (source, tmp_path / f"b{suffix}"))
    for one, other in zip(before, after, strict=True):
        assert psnr(one.pixels, other.pixels) > 34


@pytest.mark.parametrize(("space", "color_range", "bits"), ALL)
def test_ffv1_keeps_every_pixel_of_what_was_read(tmp_path: Path, space: str, color_range: str, bits: int) -> None:
    path = make_colored(tmp_path / "a.mp4", space, color_range, bits)
    repaint(path, tmp_path / "b.mkv", codec="ffv1")
    source = FileSource(path)
    for read, written in zip(source, decode(tmp_path / "b.mkv"), strict=True):
        np.testing.assert_array_equal(written.to_ndarray(format="rgb24"), read.pixels)
    source.close()
    _, primaries, transfer, _ = SPACES[space]
    assert (int(written.color_primaries), int(written.color_trc)) == (primaries, transfer)


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1", "vp9", "prores"])
def test_every_codec_tags_what_it_writes(tmp_path: Path, codec: str) -> None:
    source = make_colored(tmp_path / "a.mp4", "BT.601", "limited", 8)
    output = tmp_path / ("b.mov" if codec == "prores" else "b.mp4")
    repaint(source, output, codec=codec, quality=4)
    for before, after in zip(decode(source), decode(output), strict=True):
        assert tags(after)[:2] == tags(before)[:2]
        assert psnr(after.to_ndarray(format="rgb24"), before.to_ndarray(format="rgb24")) > 35


@pytest.mark.parametrize(("height", "matrix"), [(480, 6), (720, 1)])
def test_video_without_tags_is_taken_for_what_its_size_suggests(tmp_path: Path, height: int, matrix: int) -> None:
    picture = colorful_picture(0, 128, height)
    colorspace = Colorspace.ITU709 if matrix == 1 else Colorspace.ITU601
    path = make_video(
        tmp_path / "a.mp4",
        pictures=[picture],
        times=[0],
        encoded=lambda frame: VideoFrame.from_ndarray(
            frame.reformat(format="yuv420p", dst_colorspace=colorspace).to_ndarray(), "yuv420p"
        ),
    )
    source = FileSource(path)
    assert source.color.matrix == matrix
    assert psnr(next(iter(source)).pixels, picture) > 40
    source.close()


@pytest.mark.parametrize(
    ("codec", "suffix", "size"),
    [
        ("h264", ".mp4", (64, 50)),
        ("hevc", ".mp4", (64, 50)),
        ("av1", ".mp4", (64, 50)),
        ("prores", ".mov", (64, 50)),
        ("vp9", ".webm", (63, 49)),
        ("ffv1", ".mkv", (63, 49)),
        ("gif", ".gif", (63, 49)),
    ],
)
def test_odd_sides_keep_every_pixel(tmp_path: Path, codec: str, suffix: str, size: tuple[int, int]) -> None:
    picture = colorful_picture(0, 63, 49)
    source = make_video(tmp_path / "a.mkv", pictures=[picture] * 2, times=[0, 1], codec="ffv1", pixel_format="bgr0")
    repaint(source, tmp_path / f"b{suffix}", codec=codec)
    frame = decode(tmp_path / f"b{suffix}")[0]
    assert (frame.width, frame.height) == size
    pixels = frame.to_ndarray(format="rgb24")
    assert psnr(pixels[:49, :63], picture) > 28
    if size != (63, 49):
        # The last line is doubled.
        assert np.abs(pixels[49].astype(int) - pixels[48].astype(int)).mean() < 4


def make_hdr(path: Path, transfer: int, nits: float, peak: int | None = None) -> Path:
    """Grey HEVC frames of BT.2020 with PQ (16) or HLG (18), as bright as asked."""
    signal = float(light_to_pq(np.array(nits))) if transfer == 16 else 0.75
    level = round(64 + 876 * signal)
    luma = np.full((HEIGHT, WIDTH), level, np.uint16)
    chroma = np.full((HEIGHT // 2, WIDTH // 2), 512, np.uint16)

    def flat(_: VideoFrame) -> VideoFrame:
        frame = VideoFrame(WIDTH, HEIGHT, "yuv420p10le")
        for plane, values in zip(frame.planes, (luma, chroma, chroma), strict=True):
            rows = np.zeros((plane.height, plane.line_size // 2), np.uint16)
            rows[:, : values.shape[1]] = values
            plane.update(rows.tobytes())
        frame.colorspace, frame.color_range, frame.color_primaries, frame.color_trc = 9, 1, 9, transfer
        return frame

    def tag(stream: av.VideoStream) -> None:
        context = stream.codec_context
        context.colorspace, context.color_range, context.color_primaries, context.color_trc = 9, 1, 9, transfer

    display = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)"
    master = f":master-display={display}L({peak * 10000},50):max-cll=987,321" if peak else ""
    options = {"crf": "2", "x265-params": f"log-level=error{master}"}
    return make_video(
        path, times=range(6), codec="libx265", pixel_format="yuv420p10le", options=options, prepare=tag, encoded=flat
    )


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_high_dynamic_range_becomes_ordinary_video_and_that_is_told(tmp_path: Path, transfer: int, name: str) -> None:
    source = make_hdr(tmp_path / "a.mp4", transfer, 203)
    (note,) = repaint(source, tmp_path / "b.mp4").warnings
    assert note == f"{source}: its high dynamic range ({name}) is painted and written as ordinary BT.709"
    frame = decode(tmp_path / "b.mp4")[0]
    assert tags(frame) == (1, 1, 1, 1)
    # White paper is bright, and there is room above it.
    assert 215 < frame.to_ndarray(format="rgb24").mean() < 245


def test_what_is_brighter_than_its_display_is_white_and_darker_light_keeps_its_order(tmp_path: Path) -> None:
    shown = []
    for nits in (1, 10, 50, 203, 600, 1000):
        source = FileSource(make_hdr(tmp_path / f"{nits}.mp4", 16, nits, peak=1000))
        shown.append(float(next(iter(source)).pixels.mean()))
        source.close()
    assert shown == sorted(shown)
    assert shown[0] < 40
    assert shown[-1] > 252
    dimmer = FileSource(make_hdr(tmp_path / "dim.mp4", 16, 203, peak=4000))
    # A display that shows more needs more room for it.
    assert next(iter(dimmer)).pixels.mean() < shown[3]
    dimmer.close()


def make_light(path: Path, transfer: int) -> Path:
    """FFV1 of 16 bits of a colourful picture whose numbers are light by another law than displays'."""
    light = (colorful_picture(0) / 255) ** 2.4
    laws = {8: light, 9: 1 + np.log10(np.maximum(light, 0.01)) / 2, 17: (light * 48 / 52.37) ** (1 / 2.6)}
    signal = np.rint(65535 * laws[transfer]).astype(np.uint16)

    def tagged(_: VideoFrame) -> VideoFrame:
        frame = VideoFrame.from_ndarray(signal, "rgb48le").reformat(format="gbrp16le")
        frame.color_trc = transfer
        return frame

    def tag(stream: av.VideoStream) -> None:
        stream.codec_context.color_trc = transfer

    return make_video(
        path,
        pictures=[colorful_picture(0)] * 2,
        times=[0, 1],
        codec="ffv1",
        pixel_format="gbrp16le",
        prepare=tag,
        encoded=tagged,
    )


@pytest.mark.parametrize(("transfer", "name"), [(8, "linear light"), (9, "logarithmic light"), (17, "digital cinema")])
def test_light_by_other_laws_is_painted_as_it_looks(tmp_path: Path, transfer: int, name: str) -> None:
    source = make_light(tmp_path / "a.mkv", transfer)
    (note,) = repaint(source, tmp_path / "b.mkv", codec="ffv1").warnings
    assert name in note
    frame = decode(tmp_path / "b.mkv")[0]
    assert frame.color_trc == 1
    error = np.abs(frame.to_ndarray(format="rgb24").astype(int) - colorful_picture(0))
    # The logarithm knows nothing darker than a hundredth of white.
    assert error[colorful_picture(0) > 40].max() <= 1


@pytest.mark.parametrize("kind", ["yuv420p12le", "yuv444p14le", "yuv420p16le", "gbrp14le", "gbrpf32le", "gray16le"])
def test_deep_pictures_lose_their_depth_only(tmp_path: Path, kind: str) -> None:
    picture = colorful_picture(0)
    if kind.startswith("gray"):
        picture = np.dstack([picture[..., 0]] * 3)
    source = make_video(
        tmp_path / "a.mkv",
        pictures=[picture] * 2,
        times=[0, 1],
        codec="ffv1",
        pixel_format=kind,
        options={"strict": "experimental"},
    )
    for name in ("b.mp4", "b.webm", "b.mov"):
        repaint(source, tmp_path / name, quality=2)
        assert psnr(decode(tmp_path / name)[0].to_ndarray(format="rgb24"), picture) > 35


def test_xyz_of_digital_cinema_is_rgb_on_the_screen() -> None:
    picture = colorful_picture(0)
    frame = VideoFrame.from_ndarray(picture, "rgb24").reformat(format="rgb48le").reformat(format="xyz12le")
    color = settle_color(frame)
    assert (color.matrix, color.full_range) == (1, False)
    assert psnr(to_rgb(frame, color, WIDTH, HEIGHT, VideoReformatter()), picture) > 45


def make_matrix(path: Path, matrix: int, primaries: int = 1) -> Path:
    """FFV1 of a colourful picture that says to be in a matrix; in YCgCo it is."""
    picture = colorful_picture(0)

    def tagged(frame: VideoFrame) -> VideoFrame:
        frame = frame.reformat(format="yuv444p", src_color_range=ColorRange.JPEG, dst_colorspace=Colorspace.ITU709)
        if matrix == 8:
            r, g, b = (picture[..., channel] / 255 for channel in range(3))
            y, cg, co = (r + 2 * g + b) / 4, (2 * g - r - b) / 4, (r - b) / 2
            planes = np.stack([16 + 219 * y, 128 + 224 * cg, 128 + 224 * co])
            frame = VideoFrame.from_ndarray(np.rint(planes).clip(0, 255).astype(np.uint8), "yuv444p")
        frame.colorspace, frame.color_range, frame.color_primaries = matrix, ColorRange.MPEG, primaries
        return frame

    def tag(stream: av.VideoStream) -> None:
        context = stream.codec_context
        context.colorspace, context.color_range, context.color_primaries = matrix, ColorRange.MPEG, primaries

    return make_video(
        path,
        pictures=[picture] * 2,
        times=[0, 1],
        pixel_format="yuv444p",
        options={"crf": "1"},
        prepare=tag,
        encoded=tagged,
    )


@pytest.mark.parametrize("matrix", [8, 12])
def test_matrices_that_swscale_does_not_know_are_converted_by_their_formula(tmp_path: Path, matrix: int) -> None:
    source = make_matrix(tmp_path / "a.mp4", matrix)
    repaint(source, tmp_path / "b.mp4", quality=2)
    frame = decode(tmp_path / "b.mp4")[0]
    assert int(frame.colorspace) in (1, 6)
    assert psnr(frame.to_ndarray(format="rgb24"), colorful_picture(0)) > 35


@pytest.mark.parametrize(("matrix", "name"), [(10, "BT.2020 with constant luminance"), (14, "ICtCp"), (11, "SMPTE")])
def test_matrices_that_are_not_read_are_refused_by_name(tmp_path: Path, matrix: int, name: str) -> None:
    with pytest.raises(InputError, match=f"the colours are in {name}.*, which is not read here"):
        repaint(make_matrix(tmp_path / "a.mp4", matrix), tmp_path / "b.mp4")


def test_transparency_is_laid_on_white() -> None:
    rgba = np.array([[[10, 20, 30, 255], [10, 20, 30, 0], [0, 100, 200, 128]]], np.uint8)
    assert over_white(rgba).tolist() == [[[10, 20, 30], [255, 255, 255], [127, 177, 227]]]


def test_grey_video_stays_grey(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mkv", codec="ffv1", pixel_format="gray", rate=Fraction(25))
    repaint(source, tmp_path / "b.mp4")
    before, after = decode(source)[5], decode(tmp_path / "b.mp4")[5]
    assert (after.width, after.height) == (WIDTH, HEIGHT)
    assert psnr(after.to_ndarray(format="rgb24"), before.to_ndarray(format="rgb24")) > 40


@pytest.mark.parametrize("kind", ["rgb24", "bgr0", "yuv422p", "yuvj420p"])
@pytest.mark.parametrize("color", [Color(1), Color(6), Color(6, full_range=True)])
def test_planes_of_whatever_a_camera_gives_stand_for_the_same_colours(kind: str, color: Color) -> None:
    picture = quartered_picture(64, 48)
    given = VideoFrame.from_ndarray(picture, "rgb24")
    given.color_range = ColorRange.JPEG
    frame = VideoReformatter().reformat(given, format=kind, dst_colorspace=5)
    frame.colorspace = 6
    planes = to_planes(frame, settle_color(frame), color, 64, 48, VideoReformatter())
    assert planes.shape == (72, 64)
    shown = VideoFrame.from_ndarray(planes, "yuv420p")
    back = to_rgb(shown, color, 64, 48, VideoReformatter())
    # Away from the edges, where colours are averaged.
    assert np.abs(back.astype(int) - picture)[4:20, 4:28].max() < 6
    assert np.abs(back.astype(int) - picture)[28:44, 36:60].max() < 6
