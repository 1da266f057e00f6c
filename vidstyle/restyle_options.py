"""What can be asked of `restyle`, and what of it can be refused before a style or torch is loaded."""

import math
import re
from dataclasses import dataclass
from pathlib import Path

from vidstyle.errors import InputError, parameter
from vidstyle.output_files import check_folder, check_link, check_output, exists_already

ANIMATED_SUFFIXES = frozenset({".webp", ".avif"})
"""Of pictures that a video may become as well."""

SMALLEST_STROKE, LARGEST_STROKE = 0.125, 8.0


@dataclass(frozen=True)
class Options:
    """How to paint; see `vidstyle restyle --help`.

    Attributes:
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        engine: `auto`, `torch`, `openvino` or `cuda`; see vidstyle.engines.choose_engine.
        size: (width, height) of what the network sees and the output has; the input's own if None.
        scale: multiple of the input's size, in place of `size`.
        strength: 0 is the source, 1 the painting, between is a blend.
        keep_colors: the source's colours with the painting's luminance.
        steady: carry the paint along with what moves in a video, so that it does not flicker.
        stroke_size: of strokes against the frame, as a multiple of that in the pictures of styles.
        codec: of a video; chosen by the container if None.
        quality: CRF or quantiser of the codec, smaller is better; a sane default if None.
        start, end: part of a video to paint, seconds.
        hdr: of a video in PQ or HLG, keep its dynamic range, in ten bits.
        background: RGB that transparency is laid on where the output has none.
        audio: whether audio and subtitle tracks come along.
        overwrite: whether existing output may be replaced.
        strict: whether damaged input is an error rather than a warning.
    """

    device: str = "auto"
    engine: str = "auto"
    size: tuple[int, int] | None = None
    scale: float | None = None
    strength: float = 1.0
    keep_colors: bool = False
    steady: bool = True
    stroke_size: float = 1.0
    codec: str | None = None
    quality: int | None = None
    start: float | None = None
    end: float | None = None
    hdr: bool = False
    background: tuple[int, int, int] = (255, 255, 255)
    audio: bool = True
    overwrite: bool = False
    strict: bool = False

    def check(self) -> None:
        """Raises InputError for values that cannot be."""
        if not 0 <= self.strength <= 1:
            raise InputError(f"{parameter('strength', self.strength)}: takes 0 (the source) to 1 (the painting)")
        check_stroke_size(self.stroke_size)
        if self.size and self.scale is not None:
            raise InputError(f"{parameter('size')} and {parameter('scale')}: give one of the two")
        if self.scale is not None and not 0 < self.scale <= 16:
            raise InputError(f"{parameter('scale', self.scale)}: takes a factor above 0 and up to 16")
        if self.start is not None and not 0 <= self.start < math.inf:
            raise InputError(f"{parameter('start', self.start)}: takes seconds from the beginning")
        if self.end is not None and not (self.start or 0) < self.end < math.inf:
            raise InputError(f"{parameter('end', self.end)}: must come after {parameter('start', self.start or 0)}")


def check_stroke_size(stroke_size: float) -> None:
    """Raises InputError for what no strokes can be."""
    if not SMALLEST_STROKE <= stroke_size <= LARGEST_STROKE:
        limits = f"{SMALLEST_STROKE:g} (fine) to {LARGEST_STROKE:g} (broad)"
        raise InputError(f"{parameter('stroke_size', stroke_size)}: takes {limits}")


def check_request(source: Path, output: Path, options: Options) -> None:
    """Raises InputError for what cannot be, as far as names and options tell; nothing is written.

    Args:
        source, output: files, or two folders.
        options: how to paint.
    """
    options.check()
    for path in (source, output):
        # Path has taken one of the two slashes of a URL.
        url = re.fullmatch(r"([a-zA-Z][a-zA-Z0-9+.-]+):/+(.*)", str(path))
        if url and not path.parent.exists():
            said = f"{url[1]}://{url[2]}: a URL, where restyle takes files"
            raise InputError(f"{said}; save it as one first, or paint it while it plays, with `vidstyle live`")
    _check_paths(source, output, options)
    from vidstyle.media.images import IMAGE_SUFFIXES, check_picture_suffix, is_image, pictures_in, refuse_unread

    refuse_unread(source)
    pictures = pictures_in(source) if source.is_dir() else [source] if is_image(source) else []
    if pictures:
        for option in ("codec", "quality", "start", "end"):
            if getattr(options, option) is not None:
                raise InputError(f"{parameter(option)}: is for videos, and {pictures[0]} is a picture")
        if options.hdr:
            raise InputError(f"{parameter('hdr')}: is for videos, and {pictures[0]} is a picture")
        if not source.is_dir():
            check_picture_suffix(output)
    elif output.suffix.lower() in IMAGE_SUFFIXES - ANIMATED_SUFFIXES and not _may_be_animated(source, output):
        raise InputError(f"{output}: a picture, but {source.name} is a video; name a video file")
    else:
        from vidstyle.media.output_containers import check_video_name

        check_video_name(output, options.codec, options.quality, hdr=options.hdr)


def _may_be_animated(source: Path, output: Path) -> bool:
    """Whether an animation becomes an animated PNG; of a film, somebody who names a PNG wants one picture."""
    from vidstyle.media.animations import is_animation
    from vidstyle.media.structure import is_heif_sequence

    animated = is_animation(source) or is_heif_sequence(source) or source.suffix.lower() == ".gif"
    return output.suffix.lower() == ".png" and animated


def _check_paths(source: Path, output: Path, options: Options) -> None:
    for path in (source, output):
        try:
            path.exists()
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from error
    if not source.exists():
        raise InputError(f"{source}: no such file")
    if not source.is_file() and not source.is_dir():
        raise InputError(f"{source}: is neither a file nor a folder")
    check_link(output)
    check_folder(output)
    if output.exists():
        if source.samefile(output):
            raise InputError(f"{output}: is the input itself; choose another name")
        if output.is_dir() and not source.is_dir():
            raise InputError(f"{output}: is a folder; name a file in it")
        if not output.is_dir() and not output.is_file():
            check_output(output, overwrite=True)
        if source.is_dir() and not output.is_dir():
            raise InputError(f"{output}: is a file; a folder of pictures becomes a folder")
        if not options.overwrite and not (output.is_dir() and not any(output.iterdir())):
            raise exists_already(output)
