"""Pictures of a folder, or a single one, on their way through the pipeline."""

import errno
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from vidstyle.errors import InputError, parameter, reason
from vidstyle.media.frame import SMALLEST_SIDE, Frame
from vidstyle.media.images import LARGEST_IMAGE, Picture, read_cut_off, read_picture, save
from vidstyle.media.suffixes import check_picture_suffix
from vidstyle.output_files import PartFolder, exists_already, move_into_place


@dataclass(frozen=True)
class Kept:
    """What a painting takes over from its picture; see Picture."""

    alpha: np.ndarray | None
    icc_profile: bytes | None
    exif: bytes | None = None


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
            self.details[index] = Kept(picture.alpha, picture.icc_profile, picture.exif)
            yield Frame(picture.pixels, index, Fraction(1), discontinuity=True)
        if skipped == len(self._paths):
            raise InputError(f"{self._paths[0].parent}: none of its pictures can be painted; {self.notes[0]}")

    def _read(self, path: Path) -> Picture:
        try:
            return read_picture(path)
        except InputError:
            if self._strict or (rest := read_cut_off(path)) is None:
                raise
            self.notes.append(f"{path}: is cut off; what there is of it is painted")
            return rest

    def _resized(self, picture: Picture, path: Path) -> Picture:
        height, width = picture.pixels.shape[:2]
        size = size_to_paint(path, (width, height), self._size, self._scale)
        if size == (width, height):
            return picture
        scaled = np.array(Image.fromarray(picture.pixels).resize(size, Image.Resampling.LANCZOS))
        alpha = picture.alpha
        if alpha is not None:
            alpha = np.array(Image.fromarray(alpha).resize(size, Image.Resampling.LANCZOS))
        return Picture(scaled, alpha, picture.icc_profile, picture.exif)


def size_to_paint(
    path: Path, own: tuple[int, int], size: tuple[int, int] | None, scale: float | None
) -> tuple[int, int]:
    """Width and height at which a picture of its `own` is painted, pixels: `size`, or a multiple of its own.

    Raises:
        InputError: for what is too small or too large to paint.
    """
    width, height = size or own
    if scale is not None:
        width, height = (round(side * scale) for side in own)
    if min(width, height) < SMALLEST_SIDE or width * height > LARGEST_IMAGE:
        raise InputError(
            f"{path}: cannot paint at {width}x{height}; it takes {SMALLEST_SIDE} pixels a side to "
            f"{LARGEST_IMAGE // 1_000_000} megapixels, see {parameter('size')}"
        )
    return width, height


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
            save(self._painted / name, Picture(frame.pixels, kept.alpha, kept.icc_profile, kept.exif))
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
