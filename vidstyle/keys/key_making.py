"""Keys that are painted here, one by one, by whatever paints: kept in a folder, and painted once."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from vidstyle.keys.choosing import MOST_MOVED
from vidstyle.keys.drawing import moved
from vidstyle.keys.key_files import sha256_of
from vidstyle.keys.key_frames import choose_keys
from vidstyle.keys.key_requests import COVER
from vidstyle.keys.scouting import Seen, scouted
from vidstyle.keys.traces import Walk, walked_on
from vidstyle.media.images import Picture, read_image, write_picture
from vidstyle.restyle_options import Options
from vidstyle.video_runs import video_source
from vidstyle.work_folders import WorkFolder


@dataclass(frozen=True)
class KeyFrame:
    """A frame that is to be painted.

    Attributes:
        pixels: RGB (H, W, 3) uint8.
        carried: the painting of the key before, moved to where its places are now, RGB (H, W, 3) uint8; None if
            nothing leads there.
        seen: (H, W) float32, how far it can be trusted, 0 to 1; None as well.
        share: of all keys, how many are painted, 0 to 1.
    """

    pixels: np.ndarray
    carried: np.ndarray | None
    seen: np.ndarray | None
    share: float


class KeyPainter(Protocol):
    """What paints keys.

    Attributes:
        settings: what its paintings depend on, as text.
    """

    settings: str

    def paint_key(self, frame: KeyFrame) -> np.ndarray:
        """RGB (H, W, 3) uint8, of any size in the frame's proportions."""
        ...


def paint_keys(
    film: Path,
    folder: Path,
    painter: KeyPainter,
    *,
    cover: float = COVER,
    overwrite: bool = False,
    on_progress: Callable[[int, int], None] = lambda *_: None,
) -> list[int]:
    """Paint the keys of a film into a folder; what is there already, of the same film and settings, is kept.

    Args:
        film: a video file.
        folder: where they come to lie as `000120.png`; made if it is not there.
        painter: what paints them.
        cover: see vidstyle.keys.choosing.chosen.
        overwrite: begin anew where other settings have left keys.
        on_progress: called with the keys that are painted, and how many there will be; what it raises stops the run,
            and what has been painted stays.

    Returns:
        The numbers of their frames.

    Raises:
        InputError: for anything that the caller can mend.
    """
    depends = {"film": sha256_of(film), "cover": cover, "most_moved": MOST_MOVED, "painter": painter.settings}
    with WorkFolder(folder, depends, what="keys", overwrite=overwrite) as painted:
        chosen = painted.note.get("keys")
        if not isinstance(chosen, list) or not all(isinstance(number, int) for number in chosen):
            chosen = [choice.index for choice in choose_keys(film, cover, most_moved=MOST_MOVED)[0]]
            painted.write(depends | {"keys": chosen})
        _paint_missing(film, chosen, painter, painted, on_progress)
    return chosen


def _paint_missing(
    film: Path, chosen: list[int], painter: KeyPainter, folder: WorkFolder, on_progress: Callable[[int, int], None]
) -> None:
    """Paint those of the chosen keys that are not there."""
    done = 0
    on_progress(done, len(chosen))
    last: _Last | None = None
    with contextlib.closing(video_source(film, Options())) as source, contextlib.closing(scouted(source)) as frames:
        for frame in frames:
            if last is not None:
                last = last.on(frame)
            if frame.index not in chosen:
                continue
            path = folder.picture(frame.index)
            if path.exists():
                picture = read_image(path)
            else:
                carried, seen = last.carried(frame.pixels) if last is not None else (None, None)
                picture = painter.paint_key(KeyFrame(frame.pixels, carried, seen, done / len(chosen)))
                write_picture(path, Picture(picture), overwrite=True)
            last = _Last(picture, Walk(frame.small))
            done += 1
            on_progress(done, len(chosen))
            if done == len(chosen):
                break


@dataclass(frozen=True)
class _Last:
    """The key before, on its way to the next."""

    picture: np.ndarray
    walk: Walk

    def on(self, frame: Seen) -> "_Last | None":
        """In the next frame; None after a cut."""
        if frame.begins_shot:
            return None
        walked_on(self.walk, [frame])
        return self

    def carried(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where it is now, with the frame where it shows nothing of it; and how far it can be trusted."""
        height, width = pixels.shape[:2]
        picture = cv2.resize(self.picture, (width, height), interpolation=cv2.INTER_AREA)
        trace = self.walk.trace
        shown = np.asarray(cv2.resize(trace.shown, (width, height), interpolation=cv2.INTER_LINEAR))
        mixed = pixels + shown[..., None] * (moved(picture, trace.shift, cv2.INTER_CUBIC).astype(np.float32) - pixels)
        return np.rint(mixed).clip(0, 255).astype(np.uint8), shown
