"""Files by their names: which are pictures, which videos, and what pictures are written as."""

from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType

from vidstyle.errors import InputError
from vidstyle.output_files import is_hidden

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".avif", ".jp2", ".ppm", ".tga"})
"""Of pictures that are written."""
INSTEAD = MappingProxyType(
    {".heic": ".jpg", ".heif": ".jpg", ".hif": ".jpg", ".ico": ".png", ".j2k": ".jp2", ".pgm": ".png", ".pnm": ".ppm"}
)
"""What pictures that are read only are written as."""
READ_SUFFIXES = IMAGE_SUFFIXES | frozenset(INSTEAD)
VIDEO_SUFFIXES = frozenset(
    f".{name}"
    for line in (
        "3g2 3gp apng asf avi divx dv f4v flv gif ivf m1v m2ts m2v m4v mjpeg mjpg mkv mov mp4 mpe mpeg mpg mts mxf nut",
        "ogm ogv qt rm rmvb ts vob webm wmv y4m",
    )
    for name in line.split()
)
"""By which videos are found in folders; a file that is named is taken whatever it is called."""


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


def check_picture_suffix(path: Path) -> None:
    """Raises InputError unless the suffix of `path` is that of a picture format that can be written."""
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        raise InputError(f"{path}: no picture format; use one of {', '.join(sorted(IMAGE_SUFFIXES))}")
