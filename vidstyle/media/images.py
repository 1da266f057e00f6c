"""Still pictures: reading and writing them."""

import contextlib
import errno
import io
import math
import struct
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
from PIL import ExifTags, Image

from vidstyle.errors import InputError, parameter, reason
from vidstyle.media.color import over_white
from vidstyle.media.frame import SMALLEST_SIDE, Frame
from vidstyle.output_files import PartFolder, exists_already, is_hidden, move_into_place, written_beside

with contextlib.suppress(ImportError):
    # What iPhones take, whole where it is stored in tiles, and upright.
    from pillow_heif import HeifImagePlugin  # noqa: F401 (it makes itself known to Pillow)

FORMATS = ("AVIF", "BMP", "GIF", "HEIF", "ICO", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
"""What Pillow may read; it knows others that run programs or are videos."""
BY_SUFFIX = MappingProxyType({".tga": ("TGA",)})
"""Formats of which nothing in the file tells, so that other files may be taken for them."""
ANIMATIONS = {"AVIF", "GIF", "PNG", "WEBP"}
DAMAGE = (OSError, SyntaxError, ValueError, EOFError, struct.error, OverflowError)
"""What Pillow raises for files that are not what they say."""
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".avif", ".jp2", ".ppm", ".tga"})
"""Of pictures that are written."""
INSTEAD = MappingProxyType(
    {".heic": ".jpg", ".heif": ".jpg", ".hif": ".jpg", ".ico": ".png", ".j2k": ".jp2", ".pgm": ".png", ".pnm": ".ppm"}
)
"""What pictures that are read only are written as."""
READ_SUFFIXES = IMAGE_SUFFIXES | frozenset(INSTEAD)
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


@dataclass(frozen=True)
class Picture:
    """A still picture, upright.

    Attributes:
        pixels: RGB (H, W, 3) uint8.
        alpha: (H, W) uint8, None if the picture is opaque.
        icc_profile: as it was in the file.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    icc_profile: bytes | None = None


def is_image(path: Path) -> bool:
    """Whether a file is a still picture, by its content; GIFs and animated PNG, WebP and AVIF are videos."""
    try:
        with _opened(path) as image:
            return image.format != "GIF" and not _is_animated(image)
    except Image.DecompressionBombError:
        return True
    except DAMAGE:
        return False


def pictures_by_name(folder: Path) -> list[Path]:
    """Those of a folder's files that are pictures by their suffix, in order; hidden and half-written ones are none."""
    found = (path for path in folder.iterdir() if path.suffix.lower() in READ_SUFFIXES)
    return sorted(path for path in found if not is_hidden(path) and path.is_file())


def pictures_in(folder: Path) -> list[Path]:
    """The pictures of a folder, by their suffix, in order.

    Raises:
        InputError: if there is none.
    """
    pictures = pictures_by_name(folder)
    if not pictures:
        raise InputError(f"{folder}: no pictures in this folder ({', '.join(sorted(READ_SUFFIXES))})")
    return pictures


def left_out_of(folder: Path) -> list[str]:
    """The names of what `pictures_in` does not take of a folder, hidden files aside."""
    taken = set(pictures_in(folder))
    return sorted(p.name for p in folder.iterdir() if p not in taken and not is_hidden(p))


def written_names(pictures: Sequence[Path]) -> list[str]:
    """Under which name each picture is written: its own, but for formats that are read only; no two are alike."""
    taken = {p.name.lower() for p in pictures if p.suffix.lower() in IMAGE_SUFFIXES}
    names = []
    for picture in pictures:
        name, suffix = picture.name, INSTEAD.get(picture.suffix.lower())
        if suffix is not None:
            name = picture.stem + suffix
            if name.lower() in taken:
                name = picture.name + suffix
            taken.add(name.lower())
        names.append(name)
    return names


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
        with _opened(path) as image:
            if image.width * image.height > LARGEST_IMAGE:
                raise Image.DecompressionBombError
            return _upright(image, pixels)
    except Image.DecompressionBombError as error:
        raise InputError(f"{path}: more than {LARGEST_IMAGE // 1_000_000} megapixels; scale it down first") from error
    except MemoryError as error:
        raise InputError(f"{path}: there is not enough memory to read it; scale it down first") from error
    except DAMAGE as error:
        raise InputError(f"{path}: not a picture that can be read ({error})") from error


def _read_cut_off(path: Path) -> Picture | None:
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


def _upright(image: Image.Image, enough: int | None) -> Picture:
    divisor = 1
    if enough is not None:
        divisor = max(1, min(math.isqrt(image.width * image.height // enough), *image.size))
        whole = image.width
        image.draft(None, (image.width // divisor, image.height // divisor))
        divisor = max(1, divisor * image.width // whole)
    image.load()
    transparent = image.has_transparency_data and not image.mode.startswith("I")
    # The profile of CMYK does not describe what Pillow turns it into.
    profile = image.info.get("icc_profile") if transparent or image.mode in {"RGB", "RGBA"} else None
    turned = _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1), np.asarray)
    pixels = _as_array(image, divisor, "RGBA" if transparent else "RGB")
    image.close()
    # A picture of a hundred megapixels shall not be here twice because of an order of axes.
    pixels = turned(pixels)
    alpha = np.ascontiguousarray(pixels[..., 3]) if transparent else None
    return Picture(np.ascontiguousarray(pixels[..., :3]), alpha, profile)


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
        part[:] = values if divisor == 1 else cv2.resize(values, (width, len(part)), interpolation=cv2.INTER_AREA)
    return pixels


def read_image(path: Path, *, pixels: int | None = None) -> np.ndarray:
    """RGB (H, W, 3) uint8, upright; see read_picture."""
    return read_picture(path, pixels=pixels).pixels


def upright_size(path: Path) -> tuple[int, int]:
    """Width and height of a picture when it is upright, without decoding it.

    Raises:
        InputError: for what is no picture.
    """
    try:
        with _opened(path) as image:
            width, height = image.size
            # Of a TIFF file, Pillow gives the size upright.
            lies = image.format != "TIFF" and image.getexif().get(ExifTags.Base.Orientation, 1) in {5, 6, 7, 8}
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


def check_picture_suffix(path: Path) -> None:
    """Raises InputError unless the suffix of `path` is that of a picture format that can be written."""
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        raise InputError(f"{path}: no picture format; use one of {', '.join(sorted(IMAGE_SUFFIXES))}")


def write_picture(path: Path, picture: Picture, *, overwrite: bool) -> None:
    """Write a picture; it appears whole or not at all.  What is transparent is laid on white where it has to be.

    Raises:
        InputError: if it exists and may not be replaced, cannot be written, or is too large for its format.
    """
    check_picture_suffix(path)
    with written_beside(path, overwrite=overwrite) as partial:
        try:
            _save(partial, picture)
        except ValueError as error:
            raise InputError(f"{path}: cannot be written: {reason(error)}") from error


def _save(path: Path, picture: Picture) -> None:
    suffix = path.suffix.lower()
    pixels, alpha = picture.pixels, picture.alpha
    if alpha is not None and suffix in OPAQUE_SUFFIXES:
        pixels, alpha = over_white(np.dstack([pixels, alpha])), None
    image = Image.fromarray(pixels)
    if alpha is not None:
        image.putalpha(Image.fromarray(alpha))
    options: dict[str, Any] = {"icc_profile": picture.icc_profile} if picture.icc_profile else {}
    if suffix in {".jpg", ".jpeg"}:
        options |= {"quality": 95, "subsampling": 0}
    elif suffix == ".webp":
        options |= {"quality": 95}
    elif suffix == ".avif":
        options |= {"quality": 92, "subsampling": "4:4:4"}
    elif suffix == ".jp2":
        options |= {"irreversible": False}
    image.save(path, **options)


@dataclass(frozen=True)
class Kept:
    """What a painting takes over from its picture; see Picture."""

    alpha: np.ndarray | None
    icc_profile: bytes | None


class PictureSource:
    """Pictures as frames, one file each; pts is the index of the file.

    Args:
        paths: the files.
        size: (width, height) of the frames to give; each picture's own by default.
        scale: multiple of each picture's own size, in place of `size`.
        strict: whether a picture that cannot be read, or is cut off, is an error; otherwise a JPEG that is cut off is
            read as far as it goes, others are skipped, and both are noted.
        skips: whether to go on after a picture that cannot be read, where it need not be strict.

    Attributes:
        details: by index, what the painting of a frame takes over; whoever writes it takes it out.
        notes: a line for each picture that was skipped or cut off.

    Raises:
        InputError: while iterating, at a picture that cannot be read if it is to be strict, and at the end if
            there was none that could.
    """

    def __init__(
        self,
        paths: list[Path],
        size: tuple[int, int] | None,
        scale: float | None,
        *,
        strict: bool,
        skips: bool = True,
    ) -> None:
        self._paths, self._size, self._scale = paths, size, scale
        self._strict, self._skips = strict, skips
        self.details: dict[int, Kept] = {}
        self.notes: list[str] = []

    def __iter__(self) -> Iterator[Frame]:
        skipped = 0
        for index, path in enumerate(self._paths):
            try:
                picture = self._resized(self._read(path), path)
            except InputError as error:
                if self._strict or not self._skips:
                    raise
                self.notes.append(f"{error}; skipped")
                skipped += 1
                continue
            self.details[index] = Kept(picture.alpha, picture.icc_profile)
            yield Frame(picture.pixels, index, Fraction(1), discontinuity=True)
        if skipped == len(self._paths):
            raise InputError(f"{self._paths[0].parent}: none of its pictures can be painted; {self.notes[0]}")

    def _read(self, path: Path) -> Picture:
        try:
            return read_picture(path)
        except InputError:
            if self._strict or (rest := _read_cut_off(path)) is None:
                raise
            self.notes.append(f"{path}: is cut off; what there is of it is painted")
            return rest

    def _resized(self, picture: Picture, path: Path) -> Picture:
        height, width = picture.pixels.shape[:2]
        size = self._size or (width, height)
        if self._scale is not None:
            size = (round(width * self._scale), round(height * self._scale))
        if min(size) < SMALLEST_SIDE or size[0] * size[1] > LARGEST_IMAGE:
            raise InputError(
                f"{path}: cannot paint at {size[0]}x{size[1]}; it takes {SMALLEST_SIDE} pixels a side to "
                f"{LARGEST_IMAGE // 1_000_000} megapixels, see {parameter('size')}"
            )
        if size == (width, height):
            return picture
        scaled = np.array(Image.fromarray(picture.pixels).resize(size, Image.Resampling.LANCZOS))
        alpha = picture.alpha
        if alpha is not None:
            alpha = np.array(Image.fromarray(alpha).resize(size, Image.Resampling.LANCZOS))
        return Picture(scaled, alpha, picture.icc_profile)


class PictureSink:
    """Writes each frame under the name at the index that is its pts, with the transparency of its source.

    Pictures are written into a hidden folder and moved on `close`; `abort` leaves nothing.

    Args:
        folder: where the pictures come to lie; made if it is not there.
        names: of the files; a suffix is a format.
        details: see PictureSource.
        overwrite: whether existing files may be replaced.

    Attributes:
        width, height: of the last picture, pixels.

    Raises:
        InputError: for a suffix that is no picture format, and if nothing can be written there.
    """

    def __init__(self, folder: Path, names: list[str], details: dict[int, Kept], *, overwrite: bool) -> None:
        for name in names:
            check_picture_suffix(folder / name)
        self._folder, self._names, self._details, self._overwrite = folder, names, details, overwrite
        self._new = not folder.exists()
        self.width = self.height = 0
        try:
            target = folder / names[0] if len(names) == 1 else folder
            self._part = PartFolder(target, folder.resolve().parent if self._new else folder)
            self._painted = self._part.path
        except OSError as error:
            raise InputError(f"{folder}: cannot write there: {error.strerror}") from error

    def write(self, frame: Frame) -> None:
        """Write one picture.  Raises InputError when the disk is full, and for sizes that the format cannot hold."""
        kept = self._details.pop(frame.pts)
        name = self._names[frame.pts]
        try:
            _save(self._painted / name, Picture(frame.pixels, kept.alpha, kept.icc_profile))
        except (OSError, ValueError) as error:
            raise InputError(f"{self._folder / name}: cannot be written: {reason(error)}") from error
        self.height, self.width = frame.pixels.shape[:2]

    def close(self) -> None:
        """Give all pictures their names."""
        try:
            if self._new and not self._overwrite:
                # In one step, which fails if somebody else has made and filled the folder meanwhile.
                self._painted.rename(self._folder)
                return
            self._folder.mkdir(exist_ok=True)
            for picture in sorted(self._painted.iterdir()):
                move_into_place(picture, self._folder / picture.name, overwrite=self._overwrite)
        except OSError as error:
            if error.errno in {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR}:
                raise exists_already(self._folder) from error
            raise InputError(f"{self._folder}: cannot be written: {error.strerror}") from error
        finally:
            self.abort()

    def abort(self) -> None:
        """Remove what was written, unless `close` has moved it."""
        self._part.discard()
