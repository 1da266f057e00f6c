"""The folder of keys: pictures named after the numbers of frames, painted by anyone with anything."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from vidstyle.errors import InputError, parameter, some_of
from vidstyle.media.images import read_picture, upright_size
from vidstyle.media.mask_files import scaled
from vidstyle.media.suffixes import pictures_by_name

CONTACT_SHEET = "contact_sheet.jpg"
"""What shows all keys at a glance, and is none."""
STRETCHED = 1.12
"""By which the sides of a key may be in another proportion than the frame's: programs that paint take multiples of 64
pixels."""
ALIKE_WIDTH = 64
"""Pixels along a picture in which a key and its frame are compared."""
STRANGE = 0.12
"""How far a key fits its frame, from 0 to 1, below which it may be of another film."""
UNPAINTED_LEVELS = 1.5
"""Grey levels up to which a key, made small, may differ from its frame on average, and be the frame."""
NAMED = 5


@dataclass(frozen=True)
class KeyFile:
    """A painted frame.

    Attributes:
        index: number of its frame in the film, from 0 on.
        path: the picture.
    """

    index: int
    path: Path


def key_name(index: int) -> str:
    """What the picture of a frame is called."""
    return f"{index:06}.png"


def frame_number(path: Path) -> int | None:
    """The last number in a file's name; None if there is none."""
    found = re.findall(r"\d+", path.stem)
    return int(found[-1]) if found and path.name != CONTACT_SHEET else None


def find_keys(folder: Path, what: str = "keys") -> tuple[list[KeyFile], list[str]]:
    """The keys in a folder in the order of their frames, and a line for what is none.

    what: the parameter that names the folder.

    Raises:
        InputError: if there is none, there is no such folder, or two are of the same frame.
    """
    if not folder.is_dir():
        raise InputError(
            f"{parameter(what, folder)}: no such folder; `vidstyle keys` makes one with the frames to paint"
        )
    keys: dict[int, Path] = {}
    nameless = []
    for path in pictures_by_name(folder):
        index = frame_number(path)
        if index is None:
            nameless += [path.name] if path.name != CONTACT_SHEET else []
        elif index in keys:
            raise InputError(f"{path}: is of the same frame as {keys[index].name}; keep one of them")
        else:
            keys[index] = path
    if not keys:
        raise InputError(
            f"{folder}: has no keys: pictures that are named after the numbers of their frames, such as {key_name(120)}"
        )
    notes = (
        [f"{folder}: {len(nameless)} left out, whose names have no number of a frame: {some_of(nameless, NAMED)}"]
        if nameless
        else []
    )
    return [KeyFile(index, keys[index]) for index in sorted(keys)], notes


def check_shape(path: Path, size: tuple[int, int]) -> tuple[int, int]:
    """Width and height of a picture that is to cover frames of `size`.

    Raises:
        InputError: if it is none, or its sides are in another proportion.
    """
    width, height = upright_size(path)
    stretched = width * size[1] / (height * size[0])
    if not 1 / STRETCHED <= stretched <= STRETCHED:
        raise InputError(
            f"{path}: is {width}x{height}, and the frames are {size[0]}x{size[1]}; scale it to their proportions, "
            f"without cropping it"
        )
    return width, height


def read_key(path: Path, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray | None]:
    """A painted frame at `size` (width, height): RGB (H, W, 3) uint8, and how opaque it is, (H, W) uint8 or None.

    Raises:
        InputError: if it cannot be read.
    """
    picture = read_picture(path)
    pixels = scaled(picture.pixels, size)
    alpha = None if picture.alpha is None or picture.alpha.min() == 255 else scaled(picture.alpha, size)
    return pixels, alpha


def likeness(key: np.ndarray, frame: np.ndarray) -> float:
    """How far a painting fits a frame, 0 to 1: the correlation of their luma or of their edges, whichever is larger.

    key, frame: RGB (H, W, 3) uint8, of any sizes.
    """
    one, other = _made_small(*(cv2.cvtColor(p, cv2.COLOR_RGB2GRAY) for p in (key, frame)))
    pairs = [(one.astype(np.float32), other.astype(np.float32)), (_edges(one), _edges(other))]
    return max(abs(_correlation(a, b)) for a, b in pairs)


def is_unpainted(key: np.ndarray, frame: np.ndarray) -> bool:
    """Whether a key is the frame as it was; both RGB (H, W, 3) uint8, of any sizes."""
    return float(cv2.absdiff(*_made_small(key, frame)).mean()) <= UNPAINTED_LEVELS


def _made_small(key: np.ndarray, frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both at ALIKE_WIDTH, in the frame's proportions."""
    size = ALIKE_WIDTH, max(8, round(ALIKE_WIDTH * frame.shape[0] / frame.shape[1]))
    one, other = (cv2.resize(p, size, interpolation=cv2.INTER_AREA) for p in (key, frame))
    return one, other


def _edges(luma: np.ndarray) -> np.ndarray:
    across, down = cv2.Scharr(luma, cv2.CV_32F, 1, 0), cv2.Scharr(luma, cv2.CV_32F, 0, 1)
    return cv2.blur(cv2.magnitude(across, down), (3, 3))


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    a, b = one - one.mean(), other - other.mean()
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    # Two pictures of one colour each fit.
    return float((a * b).sum()) / scale if scale > 1e-3 else float(np.ptp(one) < 1 and np.ptp(other) < 1)


def find_masks(mask: Path | None) -> tuple[dict[int, Path], Path | None]:
    """Masks by the numbers of their frames, or the one of all frames."""
    if mask is None:
        return {}, None
    if not mask.is_dir():
        return {}, mask
    numbered = {frame_number(path): path for path in pictures_by_name(mask)}
    found = {index: path for index, path in numbered.items() if index is not None}
    if not found:
        raise InputError(f"{parameter('mask', mask)}: has no pictures that are named after the numbers of frames")
    return found, None


def sha256_of(path: Path) -> str:
    """Of what a file holds, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
