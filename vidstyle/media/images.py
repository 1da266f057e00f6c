"""Still pictures: reading and writing them."""

import contextlib
import errno
import struct
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageOps

from vidstyle.errors import InputError, reason
from vidstyle.media.color import over_white
from vidstyle.media.frame import SMALLEST_SIDE, Frame
from vidstyle.media.sinks import move_into_place

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
"""What Pillow may read; it knows others that run programs or are videos."""
ANIMATIONS = {"GIF", "PNG", "WEBP"}
DAMAGE = (OSError, SyntaxError, ValueError, EOFError, struct.error, OverflowError)
"""What Pillow raises for files that are not what they say."""
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
OPAQUE_SUFFIXES = frozenset({".jpg", ".jpeg", ".bmp"})
LARGEST_IMAGE = 100_000_000
"""Pixels; a larger picture would take more memory than most machines have."""


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
    """Whether a file is a still picture, by its content; GIFs and animated PNG and WebP are videos."""
    try:
        with _opened(path) as image:
            animated = image.format in ANIMATIONS and getattr(image, "n_frames", 1) > 1
            return image.format != "GIF" and not animated
    except Image.DecompressionBombError:
        return True
    except DAMAGE:
        return False


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    with warnings.catch_warnings():
        # The limit is ours; nor is damage that Pillow can live with worth a line.
        warnings.simplefilter("ignore")
        with Image.open(path, formats=FORMATS) as image:
            yield image


def read_picture(path: Path) -> Picture:
    """Read a picture of any mode and depth as RGB, upright.

    Raises:
        InputError: for what is no picture, is damaged, or has more than LARGEST_IMAGE pixels.
    """
    try:
        with _opened(path) as image:
            if image.width * image.height > LARGEST_IMAGE:
                raise Image.DecompressionBombError
            return _upright(image)
    except Image.DecompressionBombError as error:
        raise InputError(f"{path}: more than {LARGEST_IMAGE // 1_000_000} megapixels; scale it down first") from error
    except DAMAGE as error:
        raise InputError(f"{path}: not a picture that can be read ({error})") from error


def _upright(image: Image.Image) -> Picture:
    profile = image.info.get("icc_profile")
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I"):
        # 16 bits, which Pillow would cut off rather than scale.
        levels = (np.asarray(upright).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)
        return Picture(np.repeat(levels[..., None], 3, axis=2))
    alpha = None
    if upright.has_transparency_data:
        upright = upright.convert("RGBA")
        alpha = np.array(upright.getchannel("A"))
    # The profile of CMYK does not describe what Pillow turns it into.
    kept = profile if upright.mode in {"RGB", "RGBA"} else None
    return Picture(np.array(upright.convert("RGB")), alpha, kept)


def read_image(path: Path) -> np.ndarray:
    """RGB (H, W, 3) uint8, upright; see read_picture."""
    return read_picture(path).pixels


def read_opaque(path: Path) -> np.ndarray:
    """A picture as RGB (H, W, 3) uint8, upright, what is transparent laid on white.

    Raises:
        InputError: see read_picture.
    """
    picture = read_picture(path)
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
    image.save(path, **options)


class PictureSource:
    """Pictures as frames, one file each; pts is the index of the file.

    Args:
        paths: the files.
        size: (width, height) of the frames to give; each picture's own by default.
        scale: multiple of each picture's own size, in place of `size`.
        strict: whether a picture that cannot be read is an error; it is skipped and noted otherwise.

    Attributes:
        details: by index, the picture that a frame came from; whoever writes it takes it out.
        notes: a line for each picture that was skipped.

    Raises:
        InputError: while iterating, at a picture that cannot be read if it is to be strict, and at the end if
            there was none that could.
    """

    def __init__(self, paths: list[Path], size: tuple[int, int] | None, scale: float | None, *, strict: bool) -> None:
        self._paths, self._size, self._scale, self._strict = paths, size, scale, strict
        self.details: dict[int, Picture] = {}
        self.notes: list[str] = []

    def __iter__(self) -> Iterator[Frame]:
        for index, path in enumerate(self._paths):
            try:
                picture = self._resized(read_picture(path), path)
            except InputError as error:
                if self._strict:
                    raise
                self.notes.append(f"{error}; skipped")
                continue
            self.details[index] = picture
            yield Frame(picture.pixels, index, Fraction(1), discontinuity=True)
        if len(self.notes) == len(self._paths):
            raise InputError(f"{self._paths[0].parent}: none of its pictures can be painted; {self.notes[0]}")

    def _resized(self, picture: Picture, path: Path) -> Picture:
        height, width = picture.pixels.shape[:2]
        size = self._size or (width, height)
        if self._scale is not None:
            size = (round(width * self._scale), round(height * self._scale))
        if min(size) < SMALLEST_SIDE or size[0] * size[1] > LARGEST_IMAGE:
            raise InputError(
                f"{path}: cannot paint at {size[0]}x{size[1]}; it takes {SMALLEST_SIDE} pixels a side to "
                f"{LARGEST_IMAGE // 1_000_000} megapixels, see --size"
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

    def __init__(self, folder: Path, names: list[str], details: dict[int, Picture], *, overwrite: bool) -> None:
        for name in names:
            check_picture_suffix(folder / name)
        self._folder, self._names, self._details, self._overwrite = folder, names, details, overwrite
        self._new = not folder.exists()
        self.width = self.height = 0
        try:
            self._staging = tempfile.TemporaryDirectory(
                prefix=".vidstyle-", suffix=".part", dir=folder.resolve().parent if self._new else folder
            )
            # The hidden folder is for nobody else to read, this one may be.
            self._painted = Path(self._staging.name) / "painted"
            self._painted.mkdir()
        except OSError as error:
            raise InputError(f"{folder}: cannot write there: {error.strerror}") from error

    def write(self, frame: Frame) -> None:
        """Write one picture.  Raises InputError when the disk is full, and for sizes that the format cannot hold."""
        source = self._details.pop(frame.pts)
        name = self._names[frame.pts]
        try:
            _save(self._painted / name, Picture(frame.pixels, source.alpha, source.icc_profile))
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
                raise InputError(f"{self._folder}: exists already; --overwrite replaces it") from error
            raise InputError(f"{self._folder}: cannot be written: {error.strerror}") from error
        finally:
            self.abort()

    def abort(self) -> None:
        """Remove what was written, unless `close` has moved it."""
        self._staging.cleanup()
