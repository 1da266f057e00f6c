"""Visitors' pictures, read one at a time and no larger than they are shown.

A picture of a hundred megapixels in one colour is a file of 300 KB, and takes half a gigabyte to decode.  Whoever sends
many gets them looked at one after the other.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from vidstyle.errors import InputError, VidstyleError
from vidstyle.media.images import is_image, read_image, read_opaque, upright_size

SHOWN_PIXELS = 4_000_000
"""At which pictures are read to be shown, and to be made styles of; both make them smaller still."""
_AT_HAND = threading.Lock()
"""Of the process, since its memory is."""


def read_shown(path: Path) -> np.ndarray:
    """A picture as RGB (H, W, 3) uint8, upright, of SHOWN_PIXELS or up to four times as many.

    Raises:
        InputError: see vidstyle.media.images.read_picture.
    """
    with _AT_HAND:
        return read_image(path, pixels=SHOWN_PIXELS)


def check_picture(path: Path) -> tuple[int, int]:
    """Decode a picture once; its whole width and height.

    Raises:
        InputError: see vidstyle.media.images.read_picture.
    """
    read_shown(path)
    return upright_size(path)


@contextmanager
def picture_for_style(path: Path) -> Iterator[Path | None]:
    """A picture's file, small enough to make a style of whatever its size was; None for what is no picture.

    Raises:
        InputError: see vidstyle.media.images.read_picture.
    """
    small = path.with_suffix(".small.png")
    with _AT_HAND:
        is_small, found = True, is_image(path)
        if found:
            width, height = upright_size(path)
            is_small = width * height <= SHOWN_PIXELS
        if not is_small:
            Image.fromarray(read_opaque(path, pixels=SHOWN_PIXELS)).save(small, compress_level=1)
    try:
        yield (path if is_small else small) if found else None
    except VidstyleError as error:
        raise InputError(str(error).replace(str(small), str(path))) from error
    finally:
        small.unlink(missing_ok=True)
