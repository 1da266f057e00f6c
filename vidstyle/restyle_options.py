"""What can be asked of `restyle`, and what of it can be refused before a style or torch is loaded."""

import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Annotated, TypedDict

from pydantic import Field

from vidstyle.errors import InputError, parameter
from vidstyle.output_files import check_folder, check_link, check_output, exists_already
from vidstyle.steps import MOST_STEPS
from vidstyle.validation import validated

URL_IN_PATH = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+):/+(.*)")
"""Path has taken one of the two slashes of a URL."""
ANIMATED_SUFFIXES = frozenset({".webp", ".avif"})
"""Of pictures that a video may become as well."""

CONTAINERS = (".mp4", ".mov", ".mkv", ".gif", ".webp", ".png")
"""Of a video, where the source's own cannot be written; the first that holds the codec."""

SMALLEST_STROKE, LARGEST_STROKE = 0.125, 8.0

Strength = Annotated[float, Field(ge=0, le=1, description="takes 0 (the source) to 1 (the painting)")]
StrokeSize = Annotated[
    float,
    Field(
        ge=SMALLEST_STROKE,
        le=LARGEST_STROKE,
        description=f"takes {SMALLEST_STROKE:g} (fine) to {LARGEST_STROKE:g} (broad)",
    ),
]
Steps = Annotated[int | None, Field(ge=0, le=MOST_STEPS, description=f"takes 0 (none) to {MOST_STEPS} steps")]
Side = Annotated[int, Field(strict=True)]
Size = Annotated[tuple[Side, Side] | None, Field(strict=False, description="takes width and height, pixels")]
Byte = Annotated[int, Field(ge=0, le=255)]
BackgroundColor = Annotated[
    tuple[Byte, Byte, Byte], Field(strict=False, description="takes red, green and blue, 0 to 255")
]


@validated
class Options:
    """How to paint; see `vidstyle restyle --help`.

    Attributes:
        device: `auto`, `cpu`, `cuda[:N]`, `mps`, `xpu[:N]`, or OpenVINO's `GPU` and `NPU`.
        engine: `auto`, `torch`, `openvino` or `cuda`; see vidstyle.engines.choose_engine.
        size: (width, height) of what the network sees and the output has; the input's own if None.
        scale: multiple of the input's size, in place of `size`.
        strength: 0 is the source, 1 the painting, between is a blend.
        keep_colors: the source's colours with the painting's luminance.
        steady: carry the paint along with what moves in a video, so that it does not flicker.
        stroke_size: of strokes against the frame, as a multiple of that in the pictures of styles.
        optimise: steps by which each painting is brought nearer to the style's picture; a fifth of them where it goes
            on from the paint that is there already.  As the style has it if None: those of any picture 8; others 6 for
            the first painting of each shot of a video that is steady, and none else.
        codec: of a video; chosen by the container if None.
        quality: CRF or quantiser of the codec, smaller is better; if None a sane default, with which a painting takes
            no more than a few times as many bits as its source (vidstyle.media.bit_rates).
        bitrate: bits a second of a video, in place of quality.
        max_size: bytes of a video's file, in place of quality.
        mask: a picture, or a video of the same length, that is white where the painting shows; None if it does
            everywhere.
        start, end: part of a video to paint, seconds.
        hdr: of a video in PQ or HLG, keep its dynamic range, in ten bits.
        background: RGB that transparency is laid on where the output has none.
        audio: whether audio and subtitle tracks come along.
        overwrite: whether existing output may be replaced.
        strict: whether damaged input is an error rather than a warning.
    """

    device: str = "auto"
    engine: str = "auto"
    size: Size = None
    scale: Annotated[float | None, Field(gt=0, le=16, description="takes a factor above 0 and up to 16")] = None
    strength: Strength = 1.0
    keep_colors: bool = False
    steady: bool = True
    stroke_size: StrokeSize = 1.0
    optimise: Steps = None
    codec: str | None = None
    quality: int | None = None
    bitrate: Annotated[int | None, Field(ge=20_000, description="takes bits a second, 20000 or more")] = None
    max_size: Annotated[int | None, Field(gt=0, description="takes bytes above 0")] = None
    mask: Path | None = None
    start: Annotated[float | None, Field(ge=0, allow_inf_nan=False, description="takes seconds from the beginning")] = (
        None
    )
    end: Annotated[float | None, Field(allow_inf_nan=False, description="takes seconds from the beginning")] = None
    hdr: bool = False
    background: BackgroundColor = (255, 255, 255)
    audio: bool = True
    overwrite: bool = False
    strict: bool = False

    def __post_init__(self) -> None:
        if self.size and self.scale is not None:
            raise InputError(f"{parameter('size')} and {parameter('scale')}: give one of the two")
        if self.end is not None and not (self.start or 0) < self.end:
            raise InputError(f"{parameter('end', self.end)}: must come after {parameter('start', self.start or 0)}")
        sizes = [name for name in ("quality", "bitrate", "max_size") if getattr(self, name) is not None]
        if len(sizes) > 1:
            raise InputError(f"{parameter(sizes[0])} and {parameter(sizes[1])}: give one of the two")


class OptionFields(TypedDict, total=False):
    """The fields of Options, for functions that take them by name."""

    device: str
    engine: str
    size: tuple[int, int] | None
    scale: float | None
    strength: float
    keep_colors: bool
    steady: bool
    stroke_size: float
    optimise: int | None
    codec: str | None
    quality: int | None
    bitrate: int | None
    max_size: int | None
    mask: Path | None
    start: float | None
    end: float | None
    hdr: bool
    background: tuple[int, int, int]
    audio: bool
    overwrite: bool
    strict: bool


def output_beside(source: Path, label: str, codec: str | None = None) -> Path:
    """What a painting is called where nobody has named it: `clip.starry_night.mp4` beside `clip.mp4`.

    It is of the source's kind and in its container or format, where such a file can be written.

    Args:
        source: a file or a folder.
        label: of the style, see vidstyle.styles.label_of.
        codec: of a video; chosen by the container if None.
    """
    from vidstyle.media.images import is_image

    named = Path(os.path.abspath(source)) if source.name in ("", "..") else source
    if source.is_dir():
        return named.parent / f"{named.name}.{label}"
    return named.parent / f"{named.stem}.{label}{suffix_of_output(source, codec, picture=is_image(source))}"


def suffix_of_output(source: Path, codec: str | None, *, picture: bool) -> str:
    """That of a source, or where no such file can be written, of one that can hold the same.

    Args:
        source: a file.
        codec: of a video; chosen by the container if None.
        picture: whether it is a picture rather than a video.
    """
    from vidstyle.media.suffixes import IMAGE_SUFFIXES

    suffix = source.suffix
    if picture:
        return suffix if suffix.lower() in IMAGE_SUFFIXES else ".png"
    return next((one for one in (suffix, *CONTAINERS) if _holds_video(one, codec)), ".mp4")


@lru_cache(maxsize=256)
def _holds_video(suffix: str, codec: str | None) -> bool:
    from vidstyle.media.output_containers import check_video_name

    try:
        check_video_name(Path(f"video{suffix}"), codec, None)
    except InputError:
        return False
    return True


def check_request(source: Path, output: Path, options: Options) -> None:
    """Raises InputError for what cannot be, as far as names and options tell; nothing is written.

    Args:
        source, output: files, or two folders.
        options: how to paint.
    """
    for path in (source, output):
        url = URL_IN_PATH.fullmatch(str(path))
        if url and not path.parent.exists():
            said = f"{url[1]}://{url[2]}: a URL, where restyle takes files"
            raise InputError(f"{said}; save it as one first, or paint it while it plays, with `vidstyle live`")
    _check_paths(source, output, options)
    if options.mask is not None and options.mask.is_dir():
        raise InputError(f"{parameter('mask', options.mask)}: a folder of masks goes with {parameter('keys')}")
    if options.mask is not None and not options.mask.is_file():
        raise InputError(f"{parameter('mask', options.mask)}: no such picture or video")
    from vidstyle.media.images import is_image, refuse_unread
    from vidstyle.media.suffixes import IMAGE_SUFFIXES, READ_SUFFIXES, check_picture_suffix, pictures_in

    refuse_unread(source)
    pictures = pictures_in(source) if source.is_dir() else [source] if is_image(source) else []
    if pictures:
        for option in ("codec", "quality", "bitrate", "max_size", "start", "end"):
            if getattr(options, option) is not None:
                raise InputError(f"{parameter(option)}: is for videos, and {pictures[0]} is a picture")
        if options.hdr:
            raise InputError(f"{parameter('hdr')}: is for videos, and {pictures[0]} is a picture")
        if not source.is_dir():
            check_picture_suffix(output)
    elif output.suffix.lower() in IMAGE_SUFFIXES - ANIMATED_SUFFIXES and not _may_be_animated(source, output):
        if source.suffix.lower() in READ_SUFFIXES - ANIMATED_SUFFIXES:
            raise InputError(f"{source}: not a picture that can be read; was it cut off?")
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
