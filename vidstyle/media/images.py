"""Still pictures: reading and writing them."""

import contextlib
import io
import math
import struct
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
from PIL import (
    AvifImagePlugin,  # noqa: F401 (this and others make their formats known to Pillow)
    ExifTags,
    IcoImagePlugin,  # noqa: F401
    Image,
    Jpeg2KImagePlugin,  # noqa: F401
    TgaImagePlugin,  # noqa: F401
    TiffImagePlugin,  # noqa: F401
    WebPImagePlugin,  # noqa: F401
)

from vidstyle.errors import InputError, reason
from vidstyle.media.color import over_white
from vidstyle.media.float_tiff import HEIGHT, ORIENTATION, WIDTH, read_float_tiff, tags_of
from vidstyle.media.structure import is_heif_sequence
from vidstyle.media.suffixes import check_picture_suffix
from vidstyle.output_files import written_beside

with contextlib.suppress(ImportError):
    # What iPhones take, whole where it is stored in tiles, and upright.
    from pillow_heif import HeifImagePlugin  # noqa: F401 (it makes itself known to Pillow)

# With those above, all that is read here: missing one, Pillow would look through four times as many.
Image.preinit()

FORMATS = ("AVIF", "BMP", "GIF", "HEIF", "ICO", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
"""What Pillow may read; it knows others that run programs or are videos."""
BY_SUFFIX = MappingProxyType({".tga": ("TGA",)})
"""Formats of which nothing in the file tells, so that other files may be taken for them."""
ANIMATIONS = {"AVIF", "GIF", "PNG", "WEBP"}
DAMAGE = (OSError, SyntaxError, ValueError, EOFError, struct.error, OverflowError)
"""What Pillow raises for files that are not what they say."""
OPAQUE_SUFFIXES = frozenset({".jpg", ".jpeg", ".bmp", ".ppm"})
UNREAD = MappingProxyType(
    {
        b"\xff\x0a": "JPEG XL",
        b"\0\0\0\x0cJXL ": "JPEG XL",
        b"8BPS": "Photoshop's format",
        b"FUJIFILMCCD-RAW": "raw data of a camera",
        b"II*\0\x10\0\0\0CR": "raw data of a camera",
        b"v/1\x01": "OpenEXR",
        b"#?RADIANCE": "Radiance HDR",
    }
)
"""Pictures that are known by their first bytes, and not read."""
LARGEST_IMAGE = 100_000_000
"""Pixels; a larger picture would take more memory than most machines have."""
STRIP_PIXELS = 4_000_000
"""Of a picture, converted at a time."""
_TURNS: dict[object, Callable[[np.ndarray], np.ndarray]] = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a.swapaxes(0, 1)[:, ::-1],
    7: lambda a: a.swapaxes(0, 1)[::-1, ::-1],
    8: lambda a: a.swapaxes(0, 1)[::-1],
}
"""How to set pixels (H, W, C) upright, by the orientation in Exif."""
LYING = frozenset({5, 6, 7, 8})
"""Those that swap width and height."""


EXIF_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".avif", ".tif", ".tiff"})
"""Formats that say when, where and with what a picture was taken."""
KEPT_TAGS = (
    ExifTags.Base.ImageDescription,
    ExifTags.Base.Make,
    ExifTags.Base.Model,
    ExifTags.Base.DateTime,
    ExifTags.Base.Artist,
    ExifTags.Base.Copyright,
)
"""Of a picture itself; others describe its pixels, which a painting has others of."""
PIXEL_TAGS = frozenset(
    {
        ExifTags.Base.ExifImageWidth,
        ExifTags.Base.ExifImageHeight,
        ExifTags.Base.ColorSpace,
        ExifTags.Base.MakerNote,
        ExifTags.Base.ExifInteroperabilityOffset,
        ExifTags.Base.ComponentsConfiguration,
        ExifTags.Base.CompressedBitsPerPixel,
    }
)
"""Of how it was taken, those that describe its pixels or point into its file."""


@dataclass(frozen=True)
class Picture:
    """A still picture, upright.

    Attributes:
        pixels: RGB (H, W, 3) uint8.
        alpha: (H, W) uint8, None if the picture is opaque.
        icc_profile: as it was in the file.
        exif: when, where and with what it was taken, as `kept_exif` gives it.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    icc_profile: bytes | None = None
    exif: bytes | None = None


def is_image(path: Path) -> bool:
    """Whether a file is a still picture, by its content; GIFs and animated PNG, WebP, AVIF and HEIF are videos."""
    if tags_of(path) is not None:
        return True
    if is_heif_sequence(path):
        return False
    try:
        with _opened(path) as image:
            return image.format != "GIF" and not _is_animated(image)
    except Image.DecompressionBombError:
        return True
    except DAMAGE:
        return False


def refuse_unread(path: Path) -> None:
    """Raises InputError for a picture in a format that is known and not read."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        begin = file.read(16)
        for magic, name in UNREAD.items():
            if begin.startswith(magic):
                raise InputError(f"{path}: {name}, which is not read here; convert it to PNG or AVIF first")


def _is_animated(image: Image.Image) -> bool:
    return image.format in ANIMATIONS and getattr(image, "n_frames", 1) > 1


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    with warnings.catch_warnings():
        # The limit is ours; nor is damage that Pillow can live with worth a line.
        warnings.simplefilter("ignore")
        with Image.open(path, formats=FORMATS + BY_SUFFIX.get(path.suffix.lower(), ())) as image:
            yield image


def read_picture(path: Path, *, pixels: int | None = None) -> Picture:
    """Read a picture of any mode and depth as RGB, upright.

    Beside the result there is one copy of the picture in memory, as Pillow decodes it.

    Args:
        path: the file.
        pixels: how many are enough; of a larger picture both sides are read at a half, a third, ... as long as
            so many remain.  JPEG files are not even decoded at full size then.

    Raises:
        InputError: for what is no picture, is damaged, has more than LARGEST_IMAGE pixels, or more than there is
            memory for.
    """
    refuse_unread(path)
    try:
        if (tags := tags_of(path)) is not None:
            if tags[WIDTH] * tags[HEIGHT] > LARGEST_IMAGE:
                raise Image.DecompressionBombError
            return _picture(read_float_tiff(path), tags.get(ORIENTATION, 1), pixels)
        with _opened(path) as image:
            if image.width * image.height > LARGEST_IMAGE:
                raise Image.DecompressionBombError
            return _upright(image, pixels, path)
    except Image.DecompressionBombError as error:
        raise InputError(f"{path}: more than {LARGEST_IMAGE // 1_000_000} megapixels; scale it down first") from error
    except MemoryError as error:
        raise InputError(f"{path}: there is not enough memory to read it; scale it down first") from error
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except DAMAGE as error:
        raise InputError(f"{path}: not a picture that can be read ({reason(error)})") from error


def read_cut_off(path: Path) -> Picture | None:
    """A JPEG whose end is missing, as far as it goes; None for what is none, or has nothing of its picture."""
    try:
        data = path.read_bytes()
        if not data.startswith(b"\xff\xd8") or b"\xff\xda" not in data:
            return None
        # With an end of its own it is read like any other, and what is missing is grey.
        with Image.open(io.BytesIO(data + b"\xff\xd9"), formats=("JPEG",)) as image:
            return _upright(image, None) if image.width * image.height <= LARGEST_IMAGE else None
    except (*DAMAGE, MemoryError, Image.DecompressionBombError):
        return None


def kept_exif(image: Image.Image) -> bytes | None:
    """What a painting keeps of a picture's Exif; None where there is nothing, or nothing that can be read."""
    try:
        found = image.getexif()
        kept = Image.Exif()
        for tag in KEPT_TAGS:
            if tag in found:
                kept[tag] = found[tag]
        for block in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
            inside = {tag: value for tag, value in found.get_ifd(block).items() if tag not in PIXEL_TAGS}
            if inside:
                kept[block] = inside
        return kept.tobytes() if len(kept) else None
    except Exception:  # whatever a damaged one makes Pillow raise: the picture itself may be well
        return None


def _upright(image: Image.Image, enough: int | None, path: Path | None = None) -> Picture:
    """A picture that Pillow has opened, from `path` if it lies there; for `enough` see read_picture."""
    divisor = 1
    if enough is not None:
        divisor = max(1, min(math.isqrt(image.width * image.height // enough), *image.size))
        whole = image.width
        image.draft(None, (image.width // divisor, image.height // divisor))
        divisor = max(1, divisor * image.width // whole)
    orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    profile, exif = image.info.get("icc_profile"), kept_exif(image)
    direct = None if path is None else _read_directly(image, path)
    if direct is None:
        image.load()
        # Pillow sets TIFF files upright itself while it loads them, and says so.
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        transparent = image.has_transparency_data and not image.mode.startswith("I")
        pixels = _as_array(image, divisor, "RGBA" if transparent else "RGB")
    else:
        pixels = _reduced(direct, divisor)
    image.close()
    # The profile of CMYK or of greys does not describe what Pillow turns them into.
    fits = profile is not None and profile[16:20] == b"RGB "
    return _picture(pixels, orientation, icc_profile=profile if fits else None, exif=exif)


def _picture(
    pixels: np.ndarray,
    orientation: object,
    enough: int | None = None,
    icc_profile: bytes | None = None,
    exif: bytes | None = None,
) -> Picture:
    """RGB or RGBA (H, W, 3 or 4) uint8 as a picture; for `enough` see read_picture."""
    if enough is not None:
        pixels = _reduced(pixels, max(1, math.isqrt(pixels.shape[0] * pixels.shape[1] // enough)))
    # A picture of a hundred megapixels shall not be here twice because of an order of axes.
    pixels = _TURNS.get(orientation, np.asarray)(pixels)
    alpha = np.ascontiguousarray(pixels[..., 3]) if pixels.shape[2] == 4 else None
    return Picture(np.ascontiguousarray(pixels[..., :3]), alpha, icc_profile, exif)


def _read_directly(image: Image.Image, path: Path) -> np.ndarray | None:
    """RGB or RGBA (H, W, 3 or 4) uint8 of a WebP, which Pillow reads as if it were an animation, with four pictures of
    it in memory; None of everything else."""
    if image.format != "WEBP":
        return None
    pixels = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.ndim != 3:
        return None
    transparent = pixels.shape[2] == 4
    cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA if transparent else cv2.COLOR_BGR2RGB, dst=pixels)
    return pixels


def _reduced(pixels: np.ndarray, divisor: int) -> np.ndarray:
    """Pixels with both sides divided."""
    height, width = (side // divisor for side in pixels.shape[:2])
    if divisor == 1:
        return pixels
    whole = pixels[: height * divisor, : width * divisor]
    return np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA))


def _as_array(image: Image.Image, divisor: int, mode: str) -> np.ndarray:
    """(H / divisor, W / divisor, 3 or 4) uint8, converted strip by strip, so that no second copy comes to be."""
    width, height = (side // divisor for side in image.size)
    pixels = np.empty((height, width, len(mode)), np.uint8)
    rows = max(1, STRIP_PIXELS // (image.width * divisor))
    for top in range(0, height, rows):
        part = pixels[top : top + rows]
        strip = image.crop((0, top * divisor, width * divisor, (top + len(part)) * divisor))
        if strip.mode.startswith("I"):
            # 16 bits, which Pillow would cut off rather than scale.
            levels = (np.asarray(strip).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)
            strip = Image.fromarray(levels)
        values = np.asarray(strip if strip.mode == mode else strip.convert(mode))
        part[:] = _reduced(values, divisor)
    return pixels


def read_image(path: Path, *, pixels: int | None = None) -> np.ndarray:
    """RGB (H, W, 3) uint8, upright; see read_picture."""
    return read_picture(path, pixels=pixels).pixels


def upright_size(path: Path) -> tuple[int, int]:
    """Width and height of a picture when it is upright, without decoding it.

    Raises:
        InputError: for what is no picture.
    """
    if (tags := tags_of(path)) is not None:
        lies = tags.get(ORIENTATION, 1) in LYING
        return (tags[HEIGHT], tags[WIDTH]) if lies else (tags[WIDTH], tags[HEIGHT])
    try:
        with _opened(path) as image:
            width, height = image.size
            # Of a TIFF file, Pillow gives the size upright.
            lies = image.format != "TIFF" and image.getexif().get(ExifTags.Base.Orientation, 1) in LYING
    except (*DAMAGE, Image.DecompressionBombError) as error:
        raise InputError(f"{path}: not a picture that can be read ({error})") from error
    return (height, width) if lies else (width, height)


def read_opaque(path: Path, *, pixels: int | None = None) -> np.ndarray:
    """A picture as RGB (H, W, 3) uint8, upright, what is transparent laid on white.

    Args:
        path: the file.
        pixels: how many are enough, see read_picture.

    Raises:
        InputError: see read_picture.
    """
    picture = read_picture(path, pixels=pixels)
    return picture.pixels if picture.alpha is None else over_white(np.dstack([picture.pixels, picture.alpha]))


def resize_shorter_side(rgb: np.ndarray, side: int) -> np.ndarray:
    """Scale (H, W, 3) so that its shorter side has `side` pixels.

    What is enlarged stays soft: a style that is learnt from a small picture must not have edges that bicubic
    interpolation put there.
    """
    height, width = rgb.shape[:2]
    scale = side / min(height, width)
    size = (max(side, round(width * scale)), max(side, round(height * scale)))
    return cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)


def write_picture(path: Path, picture: Picture, *, overwrite: bool) -> None:
    """Write a picture; it appears whole or not at all.  What is transparent is laid on white where it has to be.

    Raises:
        InputError: if it exists and may not be replaced, cannot be written, or is too large for its format.
    """
    check_picture_suffix(path)
    with written_beside(path, overwrite=overwrite) as partial:
        try:
            save(partial, picture)
        except ValueError as error:
            raise InputError(f"{path}: cannot be written: {reason(error)}") from error


def save(path: Path, picture: Picture) -> None:
    """Write a picture in place; see write_picture.  Raises OSError and ValueError."""
    suffix = path.suffix.lower()
    pixels, alpha = picture.pixels, picture.alpha
    if alpha is not None and suffix in OPAQUE_SUFFIXES:
        pixels, alpha = over_white(np.dstack([pixels, alpha])), None
    image = Image.fromarray(pixels)
    if alpha is not None:
        image.putalpha(Image.fromarray(alpha))
    options: dict[str, Any] = {"icc_profile": picture.icc_profile} if picture.icc_profile else {}
    if picture.exif is not None and suffix in EXIF_SUFFIXES:
        options["exif"] = picture.exif
    if suffix in {".jpg", ".jpeg"}:
        options |= {"quality": 95, "subsampling": 0}
    elif suffix == ".webp":
        options |= {"quality": 95}
    elif suffix == ".avif":
        options |= {"quality": 92, "subsampling": "4:4:4"}
    elif suffix == ".jp2":
        options |= {"irreversible": False}
    image.save(path, **options)
