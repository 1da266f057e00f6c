"""High dynamic range: kept when it is asked for, in ten bits, with what the file says of its display."""

from pathlib import Path

import av
import numpy as np
import pytest
from media_files import HEIGHT, WIDTH, make_video, repaint
from test_color import make_hdr, tags

from vidstyle import InputError
from vidstyle.media.hdr import ToneExpander, from_bt709, hlg_to_light, light_to_hlg, light_to_pq, mastering_of, to_bt709
from vidstyle.media.sources import FileSource

PQ, HLG = 16, 18


def first_frame(path: Path) -> av.VideoFrame:
    with av.open(str(path)) as container:
        return next(container.decode(video=0))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".ts"])
@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_high_dynamic_range_is_kept_with_its_display_and_light(tmp_path: Path, transfer: int, suffix: str) -> None:
    source = make_hdr(tmp_path / "a.mp4", transfer, 600, peak=1000)
    assert repaint(source, tmp_path / f"b{suffix}", hdr=True).warnings == []
    before, after = first_frame(source), first_frame(tmp_path / f"b{suffix}")
    assert after.format.name == "yuv420p10le"
    assert tags(after) == tags(before) == (9, 1, 9, transfer)
    levels = [frame.to_ndarray()[:HEIGHT].astype(int) for frame in (before, after)]
    assert np.abs(levels[0] - levels[1]).max() <= 2
    mastering = mastering_of(after)
    assert mastering.luminance == pytest.approx((1000, 0.005), rel=0.01)
    assert mastering.light_level == (987, 321)
    assert mastering.chromaticities is not None
    assert np.abs(np.array(mastering.chromaticities) - np.array(mastering_of(before).chromaticities)).max() < 1e-3


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"), [("b.mov", "prores", "yuv422p10le"), ("b.mkv", "ffv1", "gbrp10le")]
)
def test_what_a_codec_does_not_say_is_told(tmp_path: Path, name: str, codec: str, pixel_format: str) -> None:
    source = make_hdr(tmp_path / "a.mp4", PQ, 600, peak=1000)
    (note,) = repaint(source, tmp_path / name, hdr=True, codec=codec).warnings
    assert note == f"{tmp_path / name}: {codec} does not say what display it was mastered on"
    frame = first_frame(tmp_path / name)
    assert (frame.format.name, frame.color_trc, frame.color_primaries) == (pixel_format, PQ, 9)


@pytest.mark.parametrize(
    ("name", "options"), [("b.mp4", {"codec": "h264"}), ("b.gif", {}), ("b.webm", {"codec": "vp9"})]
)
def test_eight_bits_are_refused_before_anything_is_read(tmp_path: Path, name: str, options: dict[str, str]) -> None:
    (tmp_path / "a.mp4").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"has 8 bits here; choose .*codec.* of hevc, av1, prores, ffv1"):
        repaint(tmp_path / "a.mp4", tmp_path / name, hdr=True, **options)


def test_ordinary_video_stays_ordinary_and_that_is_told(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mp4")
    (note,) = repaint(source, tmp_path / "b.mp4", hdr=True).warnings
    assert note == f"{source}: has no high dynamic range (PQ, HLG), and is written as ordinary video"


def test_turned_and_scaled_video_keeps_its_light(tmp_path: Path) -> None:
    source = make_hdr(tmp_path / "a.mp4", PQ, 600, peak=1000)
    with av.open(str(source)) as container, av.open(str(tmp_path / "t.mp4"), "w") as output:
        stream = output.add_stream_from_template(container.streams.video[0], opaque=True)
        stream.set_display_rotation(90)
        for packet in container.demux(video=0):
            if packet.size:
                packet.stream = stream
                output.mux(packet)
    repaint(tmp_path / "t.mp4", tmp_path / "b.mp4", hdr=True, size=(24, 32))
    frame = first_frame(tmp_path / "b.mp4")
    assert (frame.width, frame.height) == (24, 32)
    assert abs(int(frame.to_ndarray()[16, 12]) - int(first_frame(source).to_ndarray()[16, 12])) <= 2


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_going_back_undoes_the_tone_map(transfer: int) -> None:
    colors = np.random.default_rng(0).uniform(0.05, 0.95, (200, 3))
    signal = from_bt709(colors, transfer, 1000)
    assert to_bt709(signal, transfer, 1000) == pytest.approx(colors, abs=2e-3)
    light = np.random.default_rng(1).uniform(1, 300, (200, 3))
    assert hlg_to_light(light_to_hlg(light)) == pytest.approx(light, rel=1e-3)


def test_white_paint_is_as_bright_as_its_source_at_most_and_white_paper_at_least() -> None:
    def painted(nits: float) -> float:
        """Signal of white paint where the source is grey of so many cd/m2."""
        expander = ToneExpander(PQ, 1000, source_share=0)
        signal = np.full((HEIGHT, WIDTH, 3), 65535 * light_to_pq(np.array(nits)), np.uint16)
        return float(expander(np.full((HEIGHT, WIDTH, 3), 255, np.uint8), signal).mean() / 65535)

    paper, bright = (float(light_to_pq(np.array(nits))) for nits in (203, 700))
    assert painted(20) == pytest.approx(paper, abs=0.002)
    assert painted(700) == pytest.approx(bright, abs=0.002)


def test_what_shows_of_the_source_is_exactly_it() -> None:
    signal = np.random.default_rng(0).integers(0, 65536, (HEIGHT, WIDTH, 3)).astype(np.uint16)
    source = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for share in (0.0, 1.0):
        expander = ToneExpander(PQ, 1000, share)
        source = expander._down(av.VideoFrame.from_ndarray(signal, "rgb48le"))
        back = expander(source, signal)
        assert (np.abs(back.astype(int) - signal).max() == 0) == (share == 1)


def test_frames_without_hdr_carry_no_second_picture(tmp_path: Path) -> None:
    source = make_hdr(tmp_path / "a.mp4", PQ, 203)
    for hdr in (False, True):
        file = FileSource(source, hdr=hdr)
        assert (next(iter(file)).signal is not None) == hdr
        file.close()
