"""Animations and transparency: in and out of GIF, APNG, WebP, AVIF and video."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from media_files import (
    HEIGHT,
    WIDTH,
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
from PIL import Image

from vidstyle.errors import VidstyleError
from vidstyle.media.animations import AnimationSource, is_animation
from vidstyle.media.avif_sink import AvifSink
from vidstyle.media.color import without_what_is_hidden
from vidstyle.media.containers import plays_of
from vidstyle.media.frame import Frame, VideoFormat
from vidstyle.media.sinks import FileSink
from vidstyle.media.sources import FileSource

DELAYS = (100, 250, 70, 400)
"""Milliseconds."""


def dots() -> list[Image.Image]:
    """Red dots that move to the right on nothing."""
    pictures = []
    for number in range(len(DELAYS)):
        picture = Image.new("RGBA", (WIDTH, HEIGHT), (0, 255, 0, 0))
        picture.paste((200, 30, 30, 255), (10 * number, 10, 10 * number + 20, 30))
        pictures.append(picture)
    return pictures


def make_animation(path: Path, **options: Any) -> Path:
    first, *others = dots()
    lossless = {".webp": {"lossless": True, "exact": True}, ".avif": {"quality": 100}, ".gif": {"disposal": 2}}
    options = {"duration": list(DELAYS)} | lossless.get(path.suffix, {}) | options
    first.save(path, save_all=True, append_images=others, **options)
    return path


def transparent_frames(path: Path) -> list[tuple[Fraction, int, np.ndarray, np.ndarray]]:
    """Time and duration in milliseconds, RGB and alpha of every frame."""
    source = AnimationSource(path) if is_animation(path) else FileSource(path)
    assert source.format.alpha
    source.cut_out = True
    frames = list(source)
    source.close()
    scale = source.format.time_base * 1000
    return [(f.pts * scale, round(f.duration * scale), f.pixels, f.alpha) for f in frames if f.alpha is not None]


@pytest.mark.parametrize("output", [".gif", ".apng", ".png", ".webp", ".avif", ".webm", ".mov", ".mkv"])
@pytest.mark.parametrize("source", [".gif", ".png", ".webp", ".avif"])
def test_animations_become_each_other_with_delays_and_transparency(tmp_path: Path, source: str, output: str) -> None:
    options = {"codec": "ffv1"} if output == ".mkv" else {}
    summary = repaint(make_animation(tmp_path / f"a{source}"), tmp_path / f"b{output}", **options)
    assert (summary.frames, summary.warnings) == (4, [])
    frames = transparent_frames(tmp_path / f"b{output}")
    assert [time for time, *_ in frames] == [0, 100, 350, 420]
    assert [duration for _, duration, *_ in frames] == list(DELAYS)
    for number, (_, _, pixels, alpha) in enumerate(frames):
        assert alpha[2, 2] < 8
        assert alpha[20, 10 * number + 10] > 247
        assert np.abs(pixels[20, 10 * number + 10].astype(int) - (200, 30, 30)).max() < 24


def test_where_there_is_no_transparency_the_painting_lies_on_a_colour(tmp_path: Path) -> None:
    source = make_animation(tmp_path / "a.gif")
    (note,) = repaint(source, tmp_path / "b.mp4", background=(0, 0, 255)).warnings
    assert "has no transparency" in note
    back = FileSource(tmp_path / "b.mp4")
    pixels = next(iter(back)).pixels
    back.close()
    assert np.abs(pixels[40, 50].astype(int) - (0, 0, 255)).max() < 20
    assert np.abs(pixels[20, 10].astype(int) - (200, 30, 30)).max() < 24


@pytest.mark.parametrize(("loop", "plays"), [(None, 1), (0, 0), (2, 3)])
@pytest.mark.parametrize("output", [".gif", ".apng", ".webp"])
def test_animations_are_played_as_often_as_before(tmp_path: Path, loop: int | None, plays: int, output: str) -> None:
    source = make_animation(tmp_path / "a.gif", **({} if loop is None else {"loop": loop}))
    assert plays_of(source) == plays
    repaint(source, tmp_path / f"b{output}")
    assert plays_of(tmp_path / f"b{output}") == plays
    repaint(tmp_path / f"b{output}", tmp_path / "c.gif")
    assert plays_of(tmp_path / "c.gif") == plays


def test_a_video_becomes_an_animation(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mp4")
    for name in ("b.webp", "b.apng", "b.avif"):
        assert repaint(source, tmp_path / name).frames == 10
        animation = AnimationSource(tmp_path / name)
        assert [frame.pts for frame in animation] == [40 * n for n in range(10)]
        animation.close()


def test_a_picture_for_programs_that_know_no_animation_is_no_frame(tmp_path: Path) -> None:
    first, *others = dots()
    cover = Image.new("RGBA", first.size, (0, 0, 0, 255))
    cover.save(tmp_path / "a.png", save_all=True, append_images=[first, *others], default_image=True, duration=100)
    frames = transparent_frames(tmp_path / "a.png")
    assert len(frames) == 4
    assert frames[0][3][2, 2] == 0


@pytest.mark.parametrize("duration", [0, 10])
@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp"])
def test_what_is_shown_for_no_time_is_shown_for_a_tenth_of_a_second(tmp_path: Path, suffix: str, duration: int) -> None:
    make_animation(tmp_path / f"a{suffix}", duration=duration)
    assert [duration for _, duration, *_ in transparent_frames(tmp_path / f"a{suffix}")] == [100] * 4


def test_a_part_of_an_animation(tmp_path: Path) -> None:
    source = make_animation(tmp_path / "a.webp")
    repaint(source, tmp_path / "b.webp", start=0.1, end=0.4, size=(32, 32))
    frames = transparent_frames(tmp_path / "b.webp")
    assert [(time, duration) for time, duration, *_ in frames] == [(0, 250), (250, 50)]
    assert frames[0][2].shape == (32, 32, 3)


@pytest.mark.parametrize("suffix", [".png", ".avif"])
def test_what_is_opaque_stays_so(tmp_path: Path, suffix: str) -> None:
    first, *others = (Image.fromarray(colorful_picture(n)) for n in range(4))
    first.save(tmp_path / f"a{suffix}", save_all=True, append_images=others, duration=100)
    repaint(tmp_path / f"a{suffix}", tmp_path / "b.png")
    with Image.open(tmp_path / "b.png") as image:
        assert (image.mode, image.n_frames) == ("RGB", 4)


@pytest.mark.parametrize("suffix", [".webp", ".avif", ".apng", ".gif"])
def test_animations_have_the_colours_of_their_source(tmp_path: Path, suffix: str) -> None:
    # The matrix of YUV is another one for HD, which WebP does not know.
    for height in (48, 720):
        picture = np.full((height, 32, 3), (200, 40, 40), np.uint8)
        pictures = [picture] * 2
        source = make_video(tmp_path / "a.mkv", pictures=pictures, times=[0, 1], codec="ffv1", pixel_format="bgr0")
        repaint(source, tmp_path / f"b{suffix}", overwrite=True)
        with Image.open(tmp_path / f"b{suffix}") as image:
            assert np.abs(np.asarray(image.convert("RGB")).astype(int) - picture).max() <= 3


def make_alpha_video(path: Path, codec: str, pixel_format: str, options: dict[str, str]) -> Path:
    """Ten frames whose left half is not there; what is hidden is green."""

    def halved(frame: VideoFrame) -> VideoFrame:
        rgba = np.dstack([frame.to_ndarray(), np.full((HEIGHT, WIDTH), 255, np.uint8)])
        rgba[:, : WIDTH // 2] = (0, 255, 0, 0)
        return VideoFrame.from_ndarray(rgba, "rgba").reformat(format=pixel_format)

    return make_video(path, codec=codec, pixel_format=pixel_format, options=options, encoded=halved)


@pytest.mark.parametrize(
    ("suffix", "codec", "pixel_format", "options"),
    [
        (".webm", "libvpx-vp9", "yuva420p", {"auto-alt-ref": "0"}),
        (".webm", "libvpx", "yuva420p", {"auto-alt-ref": "0", "b": "2M"}),
        (".mov", "prores_ks", "yuva444p10le", {"profile": "4"}),
        (".mov", "qtrle", "argb", {}),
        (".mov", "png", "rgba", {}),
        (".mkv", "ffv1", "yuva420p", {}),
        (".mkv", "ffv1", "bgra", {}),
    ],
)
def test_transparent_video_is_cut_out_by_the_alpha_of_its_source(
    tmp_path: Path, suffix: str, codec: str, pixel_format: str, options: dict[str, str]
) -> None:
    source = make_alpha_video(tmp_path / f"a{suffix}", codec, pixel_format, options)
    for name in ("b.webm", "b.mov", "b.webp"):
        assert repaint(source, tmp_path / name).warnings == []
        frames = transparent_frames(tmp_path / name)
        assert len(frames) == 10
        for number, (_, _, pixels, alpha) in enumerate(frames):
            assert alpha[24, 8] < 8
            assert alpha[24, 56] > 247
            assert abs(int(pixels[24, 56, 0]) - numbered_picture(number)[0, 0, 0]) < 10
    (note,) = repaint(source, tmp_path / "b.mp4").warnings
    assert note == f"{tmp_path / 'b.mp4'}: has no transparency as h264; the painting lies on the background"
    with av.open(str(tmp_path / "b.mp4")) as container:
        pixels = next(container.decode(video=0)).to_ndarray(format="rgb24")
    assert pixels[24, 8].min() > 245


def test_colours_under_transparent_pixels_do_not_bleed() -> None:
    rgba = np.zeros((16, 48, 4), np.uint8)
    rgba[:, :8] = (200, 0, 0, 255)
    rgba[:, 8:] = (0, 255, 0, 0)
    seen = without_what_is_hidden(rgba)
    assert (seen[:, :12] == (200, 0, 0)).all()
    assert (seen[:, 40:] == 255).all()


def make_heif_animation(path: Path, *, still: bool) -> Path:
    """An animation as phones and cameras write it, alone or beside a still."""
    film = make_video(path.with_suffix(".mp4"), codec="libx265", options={"x265-params": "log-level=error"})
    content = bytearray(film.read_bytes())
    begin = int.from_bytes(content[:4], "big")
    head = b"\0\0\0\x14ftyphevc\0\0\0\0msf1"
    if still:
        Image.fromarray(numbered_picture(20)).save(path.with_name("still.heic"))
        head = path.with_name("still.heic").read_bytes().replace(b"miaf", b"msf1", 1)
    # Where the frames lie is counted from the beginning of the file.
    places = content.index(b"stco") + 8
    for number in range(int.from_bytes(content[places : places + 4], "big")):
        at = places + 4 + 4 * number
        moved = int.from_bytes(content[at : at + 4], "big") + len(head) - begin
        content[at : at + 4] = moved.to_bytes(4, "big")
    path.write_bytes(head + content[begin:].replace(b"vide", b"pict", 1))
    return path


@pytest.mark.parametrize("still", [False, True])
def test_an_animation_in_heif_is_painted_whole(tmp_path: Path, still: bool) -> None:
    source = make_heif_animation(tmp_path / "a.heic", still=still)
    assert repaint(source, tmp_path / "b.mp4").frames == 10
    assert read_numbers(tmp_path / "b.mp4") == list(range(10))
    assert repaint(source, tmp_path / "b.png").frames == 10


def test_a_gif_has_one_palette_and_draws_nothing_anew_that_stands_still(tmp_path: Path) -> None:
    still = colorful_picture(0, 96, 96)
    noise = np.random.default_rng(0)
    pictures = [(still + noise.integers(0, 6, still.shape)).clip(0, 255).astype(np.uint8) for _ in range(10)]
    source = make_video(tmp_path / "a.mkv", pictures=pictures, codec="ffv1", pixel_format="bgr0")
    repaint(source, tmp_path / "b.gif")
    sizes = [len(data) for _, data in read_packets(tmp_path / "b.gif", 0)]
    assert len(sizes) == 10
    assert max(sizes[1:]) < sizes[0] / 20
    shown = read_video(tmp_path / "b.gif")
    assert min(psnr(pixels, picture) for (_, pixels), picture in zip(shown, pictures, strict=True)) > 30
    colors = np.unique(np.concatenate([pixels.reshape(-1, 3) for _, pixels in shown]), axis=0)
    assert len(colors) <= 256


def test_an_aborted_gif_or_avif_leaves_nothing(tmp_path: Path) -> None:
    video = VideoFormat(WIDTH, HEIGHT, Fraction(1, 25), Fraction(25), alpha=True)
    for sink in (FileSink(tmp_path / "a.gif", video), AvifSink(tmp_path / "a.avif", video)):
        sink.write(Frame(numbered_picture(0), 0, Fraction(1, 25), 1))
        sink.abort()
        with pytest.raises(VidstyleError, match="aborted"):
            sink.write(Frame(numbered_picture(1), 1, Fraction(1, 25), 1))
        with pytest.raises(VidstyleError, match="aborted"):
            sink.close()
    assert list(tmp_path.iterdir()) == []


def test_a_gif_has_fifty_frames_a_second_at_most(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mp4", times=range(24), time_base=Fraction(1, 240), rate=240)
    repaint(source, tmp_path / "b.gif")
    assert read_times(tmp_path / "b.gif") == [Fraction(n, 50) for n in range(6)]
    assert read_numbers(tmp_path / "b.gif")[0] == 0


@pytest.mark.parametrize("frames", [1, 10, 11])
def test_the_last_frame_of_a_gif_is_shown_until_those_end_that_were_left_out(tmp_path: Path, frames: int) -> None:
    source = make_video(tmp_path / "a.mp4", times=range(frames), time_base=Fraction(1, 100), rate=100)
    repaint(source, tmp_path / "b.gif")
    with Image.open(tmp_path / "b.gif") as image:
        delays = [(image.seek(n), image.info["duration"])[1] for n in range(image.n_frames)]
    assert delays == [20] * -(-frames // 2), "10 ms would be 100 to every reader"
