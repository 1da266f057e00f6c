"""`vidstyle keys`: write the frames of a film that are worth painting."""

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from vidstyle.errors import InputError, reason
from vidstyle.keys.choosing import WHY, Choice, check_cover, chosen
from vidstyle.keys.contact_sheets import WIDTH, write_contact_sheet
from vidstyle.keys.key_files import CONTACT_SHEET, key_name
from vidstyle.keys.key_requests import COVER
from vidstyle.keys.scouting import Seen, scouted
from vidstyle.media.images import Picture, write_picture
from vidstyle.media.suffixes import pictures_by_name
from vidstyle.output_files import exists_already
from vidstyle.restyle_options import Options
from vidstyle.stream.lifting import painted_size
from vidstyle.video_runs import video_source


@dataclass(frozen=True)
class KeyFrames:
    """The frames that were written.

    Attributes:
        frames: of the film.
        keys: numbers of those that are worth painting, each with the reason, see vidstyle.keys.choosing.WHY.
        files: where they are.
    """

    frames: int
    keys: list[tuple[int, str]]
    files: list[Path]


def write_key_frames(
    film: Path,
    folder: Path,
    *,
    cover: float = COVER,
    overwrite: bool = False,
    on_progress: Callable[[int, int | None], None] = lambda *_: None,
) -> KeyFrames:
    """Write the frames of a film that are worth painting, and a contact sheet of them.

    Args:
        film: a video file.
        folder: where they come to lie as `000120.png`; made if it is not there.
        cover: share of every frame of the film that one of them has to see.
        overwrite: replace pictures that are there.
        on_progress: called with the frames that have been looked at, and how many there are, if anybody knows.

    Raises:
        InputError: for a film that cannot be read, and a folder that has keys or cannot be written to.
    """
    check_cover(cover)
    _check_folder(folder, overwrite=overwrite)
    found, frames = choose_keys(film, cover, on_progress)
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made: {reason(error)}") from error
    files = _write(film, folder, found, overwrite=overwrite)
    return KeyFrames(frames, [(choice.index, choice.why) for choice in found], files)


def choose_keys(
    film: Path,
    cover: float = COVER,
    on_progress: Callable[[int, int | None], None] = lambda *_: None,
    most_moved: float = math.inf,
) -> tuple[list[Choice], int]:
    """The frames of a film that are worth painting, and how many frames it has; see `write_key_frames`.

    most_moved: see vidstyle.keys.choosing.chosen.
    """
    with contextlib.closing(video_source(film, Options())) as whole:
        size = painted_size((whole.format.width, whole.format.height))
        expected = whole.format.frames
    frames = 0
    source = video_source(film, Options(size=size))

    def counted(seen: Iterable[Seen]) -> Iterator[Seen]:
        nonlocal frames
        for frame in seen:
            frames += 1
            on_progress(frames, expected)
            yield frame

    with contextlib.closing(source), contextlib.closing(scouted(source)) as seen:
        found = list(chosen(counted(seen), cover, most_moved))
    return found, frames


def _check_folder(folder: Path, *, overwrite: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file; name a folder for the frames to paint")
    if not folder.parent.is_dir():
        raise InputError(f"{folder}: the folder {folder.parent} does not exist; make it first")
    if folder.is_dir() and not overwrite and pictures_by_name(folder):
        raise exists_already(pictures_by_name(folder)[0])


def key_pixels(film: Path, wanted: Sequence[int]) -> Iterator[tuple[int, np.ndarray]]:
    """The frames of a film with certain numbers, in order: each with its number, RGB (H, W, 3) uint8."""
    left = set(wanted)
    with contextlib.closing(video_source(film, Options())) as source:
        for index, frame in enumerate(source):
            if index in left:
                left.discard(index)
                yield index, frame.pixels
            if not left:
                break


def _write(film: Path, folder: Path, found: Sequence[Choice], *, overwrite: bool) -> list[Path]:
    why = {choice.index: choice.why for choice in found}
    with contextlib.closing(video_source(film, Options())) as source:
        rate = source.format.rate
    files, sheet = [], []
    for index, pixels in key_pixels(film, list(why)):
        path = folder / key_name(index)
        write_picture(path, Picture(pixels), overwrite=overwrite)
        files.append(path)
        sheet.append((f"{index:06}  {float(index / rate):.1f} s  {WHY[why[index]]}", _small(pixels)))
    if not overwrite and (folder / CONTACT_SHEET).exists():
        raise exists_already(folder / CONTACT_SHEET)
    write_contact_sheet(folder / CONTACT_SHEET, sheet)
    return files


def _small(pixels: np.ndarray) -> np.ndarray:
    """As it is on the contact sheet; a film may have thousands of keys."""
    height = max(1, round(WIDTH * pixels.shape[0] / pixels.shape[1]))
    return np.asarray(cv2.resize(pixels, (WIDTH, height), interpolation=cv2.INTER_AREA))
