"""Make a file of every kind that people have, restyle it at strength 0, and print what went in and what came out.

    python tests/media_zoo.py FOLDER

The right values are in the tests that the makers come from; this is for looking at them all, also with other players.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
from media_files import (
    Sound,
    colorful_picture,
    insert_boxes,
    insert_elements,
    make_video,
    numbered_picture,
    quartered_picture,
    repaint,
)
from PIL import Image
from test_animations import make_alpha_video, make_animation, make_heif_animation
from test_color import make_hdr, make_light, make_matrix
from test_cropping import BOTTOM, LEFT, LIVE, RIGHT, TOP, clap, stereo_and_all_around
from test_images import linear_light
from test_sources import make_two_videos
from test_subtitles import BEGUN, CLEARED, make_pictured, make_subtitled
from test_times import WITH_B_FRAMES, make_film, make_gif, make_recording, make_slide_show

from vidstyle import InputError
from vidstyle.media.animations import AnimationSource, is_animation
from vidstyle.media.images import is_image, upright_size

NTSC = Fraction(30000, 1001)


def make_still(path: Path) -> Path:
    options = {".heic": {"quality": 90}}.get(path.suffix, {})
    Image.fromarray(quartered_picture(96, 64)).save(path, **options)
    return path


def make_dv(path: Path) -> Path:
    pictures = [numbered_picture(n, 720, 576) for n in range(5)]
    return make_video(path, pictures=pictures, times=range(5), codec="dvvideo")


def make_timecode(path: Path) -> Path:
    tags = {"timecode": "00:00:59;25"}
    return make_video(path, time_base=1 / NTSC, rate=NTSC, prepare=lambda stream: stream.metadata.update(tags))


def make_phone(path: Path) -> Path:
    tags = {"com.apple.quicktime.make": "Apple", "creation_time": "2024-02-29T12:34:56.000000Z"}
    options = {"movflags": "use_metadata_tags"}
    turn: Callable[[av.VideoStream], None] = lambda stream: stream.set_display_rotation(90)  # noqa: E731
    return make_video(path, tags=tags, container_options=options, prepare=turn, sounds=[Sound()])


def make_cropped(path: Path) -> Path:
    if path.suffix == ".mp4":
        return insert_boxes(make_video(path), clap(40, 30, 8, -5))
    return insert_elements(make_video(path, container_options=LIVE), {LEFT: 8, RIGHT: 16, TOP: 7, BOTTOM: 1})


def make_floats(path: Path) -> Path:
    cv2.imwrite(str(path), 2 * linear_light(colorful_picture())[..., ::-1])
    return path


ZOO: dict[str, tuple[Callable[[Path], Path], str]] = {
    "film.mp4": (make_film, ".mp4"),
    "slides.mp4": (make_slide_show, ".mp4"),
    "slides.mkv": (make_slide_show, ".webm"),
    "recording.mkv": (make_recording, ".mkv"),
    "b-frames.avi": (lambda p: make_video(p, times=range(20), options=WITH_B_FRAMES), ".mp4"),
    "clock.flv": (lambda p: make_video(p, times=range(0, 800, 33), time_base=Fraction(1, 1000), rate=1000), ".mp4"),
    "tape.dv": (make_dv, ".mp4"),
    "timecode.mov": (make_timecode, ".mov"),
    "phone.mov": (make_phone, ".mp4"),
    "two.mkv": (lambda p: make_two_videos(p, (48, 64), None), ".mp4"),
    "pcm.mkv": (lambda p: make_video(p, sounds=[Sound("pcm_s16le")]), ".mp4"),
    "slow-mp3.mkv": (lambda p: make_video(p, sounds=[Sound("libmp3lame", rate=8000)]), ".mp4"),
    "subrip.mkv": (lambda p: make_subtitled(p.parent, ".mkv", "subrip").rename(p), ".mp4"),
    "mov_text.mp4": (lambda p: make_subtitled(p.parent, ".mp4", "mov_text").rename(p), ".mkv"),
    "pictures.gif": (make_gif, ".mp4"),
    "dots.gif": (make_animation, ".gif"),
    "dots.webp": (make_animation, ".webp"),
    "dots.png": (make_animation, ".apng"),
    "dots.avif": (make_animation, ".webp"),
    "video.mp4": (make_video, ".gif"),
    "alpha.webm": (lambda p: make_alpha_video(p, "libvpx-vp9", "yuva420p", {"auto-alt-ref": "0"}), ".webm"),
    "alpha.mov": (lambda p: make_alpha_video(p, "prores_ks", "yuva444p10le", {"profile": "4"}), ".mov"),
    "animation.mov": (lambda p: make_alpha_video(p, "qtrle", "argb", {}), ".mp4"),
    "pq.mp4": (lambda p: make_hdr(p, 16, 203), ".mp4"),
    "hlg.mp4": (lambda p: make_hdr(p, 18, 203), ".mp4"),
    "kept-pq.mp4": (lambda p: make_hdr(p, 16, 600, peak=1000), ".mp4"),
    "kept-hlg.mp4": (lambda p: make_hdr(p, 18, 600), ".webm"),
    "linear.mkv": (lambda p: make_light(p, 8), ".mp4"),
    "clap.mp4": (make_cropped, ".mp4"),
    "crop.mkv": (make_cropped, ".mkv"),
    "stereo.mp4": (lambda p: insert_boxes(make_video(p), stereo_and_all_around()), ".mp4"),
    "pictures.mkv": (lambda p: make_pictured(p, [(0.1, BEGUN), (0.8, CLEARED)]), ".mkv"),
    "dots-again.webp": (make_animation, ".avif"),
    "burst.heic": (lambda p: make_heif_animation(p, still=True), ".mp4"),
    "floats.tif": (make_floats, ".png"),
    "ycgco.mp4": (lambda p: make_matrix(p, 8), ".mp4"),
    "ictcp.mp4": (lambda p: make_matrix(p, 14), ".mp4"),
    "12:30 clip.mp4": (lambda p: make_video(p, pictures=[colorful_picture(n) for n in range(10)]), ".mp4"),
    "still.avif": (make_still, ".png"),
    "still.heic": (make_still, ".jpg"),
    "still.jp2": (make_still, ".webp"),
    "still.ppm": (make_still, ".avif"),
    "still.tga": (make_still, ".tga"),
    "still.ico": (make_still, ".png"),
}
"""What makes each file, and what becomes of it."""


@dataclass(frozen=True)
class Described:
    """A file in figures, as FFmpeg and Pillow see it."""

    frames: int
    seconds: float
    size: str
    tags: str

    def __str__(self) -> str:
        return f"{self.frames:>4} {self.seconds:>7.3f} s  {self.size:<9} {self.tags[:44]:<44}"


def describe(path: Path) -> Described:
    if is_image(path):
        return Described(1, 0, "{}x{}".format(*upright_size(path)), "")
    if is_animation(path):
        source = AnimationSource(path)
        frames = list(source)
        end = frames[-1].pts + frames[-1].duration
        return Described(len(frames), end / 1000, f"{source.format.width}x{source.format.height}", "")
    with av.open(str(path.absolute())) as container:
        frames = list(container.decode(video=0))
        kinds = "+".join(s.codec_context.name if s.codec_context else s.type for s in container.streams)
        wanted = {"timecode", "creation_time", "com.apple.quicktime.make"}
        tags = dict(container.metadata) | dict(container.streams.video[0].metadata)
        said = " ".join(value for name, value in tags.items() if name in wanted)
        size = f"{frames[0].width}x{frames[0].height}"
        return Described(len(frames), (container.duration or 0) / 1e6, size, f"{kinds} {said}")


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, (make, suffix) in ZOO.items():
        began = time.monotonic()
        source = make(folder / name)
        output = folder / f"{source.name}.painted{suffix}"
        print(f"{name:<16} {describe(source)}")
        try:
            summary = repaint(source, output, overwrite=True, hdr=name.startswith("kept"))
        except InputError as error:
            print(f"{'':16} refused: {error}")
            continue
        print(f"  {suffix:<14} {describe(output)} {time.monotonic() - began:.1f} s")
        for warning in summary.warnings:
            print(f"{'':16} {warning}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
