"""A folder of frames to paint while one watches: saved there, painted in any program, and worn when they are saved."""

import contextlib
import queue
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from vidstyle.errors import InputError, VidstyleError, reason
from vidstyle.keys.key_files import check_shape, frame_number, key_name, read_key
from vidstyle.keys.key_requests import LEARN_SECONDS
from vidstyle.live.snapshots import FINISH_SECONDS
from vidstyle.media.images import Picture, read_image, write_picture
from vidstyle.media.suffixes import pictures_by_name
from vidstyle.style_files import Style

T = TypeVar("T")

SOURCES = ".frames"
"""Folder in the folder, of the frames as they were."""
LOOK_SECONDS = 0.2
MOST_WAITING = 2
"""Frames that may wait to be saved: whoever holds a key down asks for thirty a second."""


@dataclass(frozen=True)
class WornKey:
    """A painted frame: its file's name, the frame and the painting, RGB (H, W, 3) uint8 both."""

    name: str
    source: np.ndarray
    painting: np.ndarray


class WatchedKeys:
    """Saves frames in a folder, looks what has been painted there and learns from it, in a thread each.

    Args:
        folder: made if it is not there.
        learn_seconds: for how long a network learns from each painted frame; 0 for not at all.

    Attributes:
        problem: what cannot be worn or saved, for whoever watches; empty if all can.
        failed: frames that could not be saved, each with the reason, a line each.

    Raises:
        InputError: for a folder that cannot be made.
    """

    def __init__(self, folder: Path, learn_seconds: float = LEARN_SECONDS) -> None:
        self._folder, self._sources, self._seconds = folder, folder / SOURCES, learn_seconds
        try:
            self._sources.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{folder}: cannot be made: {reason(error)}") from error
        self._known: dict[Path, tuple[int, int]] = {}
        self._asked: queue.SimpleQueue[np.ndarray | None] = queue.SimpleQueue()
        self._saved: queue.SimpleQueue[Path] = queue.SimpleQueue()
        self._found: queue.SimpleQueue[WornKey] = queue.SimpleQueue()
        self._learnt: queue.SimpleQueue[Style] = queue.SimpleQueue()
        self._lessons: queue.SimpleQueue[tuple[WornKey, Path] | None] = queue.SimpleQueue()
        self._closed = threading.Event()
        self.problem = ""
        self.failed: list[str] = []
        self._saving = threading.Thread(target=self._save_all, name="vidstyle-keys", daemon=True)
        self._saving.start()
        for body in (self._watch, self._learn):
            threading.Thread(target=body, name="vidstyle-keys", daemon=True).start()

    @property
    def has_room(self) -> bool:
        """Whether one more frame may wait to be saved."""
        return self._asked.qsize() < MOST_WAITING

    def save(self, rgb: np.ndarray) -> None:
        """Begin to save a frame to be painted, RGB (H, W, 3) uint8."""
        self._asked.put(rgb)

    def saved(self) -> list[Path]:
        """What has been saved since this was asked last."""
        return _all(self._saved)

    def painted(self) -> list[WornKey]:
        """What has been painted since this was asked last."""
        return _all(self._found)

    def learnt(self) -> list[Style]:
        """What has been learnt since this was asked last."""
        return _all(self._learnt)

    def close(self) -> None:
        """Look no more, once what was to be saved is."""
        self._closed.set()
        self._lessons.put(None)
        self._asked.put(None)
        self._saving.join(FINISH_SECONDS)
        if self._saving.is_alive():
            self.failed.append(f"{self._folder}: a frame to paint is not saved (writing it took too long)")

    def _save_all(self) -> None:
        while (rgb := self._asked.get()) is not None:
            try:
                self._saved.put(self._save(rgb))
            except (OSError, VidstyleError) as error:
                self.problem = str(error) if isinstance(error, VidstyleError) else f"{self._folder}: {reason(error)}"
                self.failed.append(self.problem)

    def _save(self, rgb: np.ndarray) -> Path:
        numbers = [frame_number(path) for path in pictures_by_name(self._folder)]
        path = self._folder / key_name(1 + max((n for n in numbers if n is not None), default=-1))
        # First of all what the painting is compared with: whatever is in the folder is looked at.
        write_picture(self._sources / path.name, Picture(rgb), overwrite=True)
        write_picture(path, Picture(rgb), overwrite=False)
        return path

    def _watch(self) -> None:
        while not self._closed.wait(LOOK_SECONDS):
            with contextlib.suppress(OSError):
                for path in pictures_by_name(self._folder):
                    self._look_at(path)

    def _look_at(self, path: Path) -> None:
        status = path.stat()
        state = (status.st_mtime_ns, status.st_size)
        if self._known.get(path) == state:
            return
        source = self._sources / path.with_suffix(".png").name
        if not source.is_file():
            self.problem = f"{path.name}: of no frame that was saved here; press k for one to paint"
            self._known[path] = state
            return
        try:
            frame = read_image(source)
            size = (frame.shape[1], frame.shape[0])
            check_shape(path, size)
            painting, alpha = read_key(path, size)
        except InputError as error:
            # It may be half written: then it will change again.
            self.problem = str(error)
            self._known[path] = state
            return
        self._known[path] = state
        if alpha is not None:
            share = alpha[..., None].astype(np.float32) / 255
            painting = np.rint(frame + share * (painting.astype(np.float32) - frame)).astype(np.uint8)
        if np.array_equal(painting, frame):
            return  # as it was saved here
        self.problem = ""
        key = WornKey(path.name, frame, painting)
        self._found.put(key)
        self._lessons.put((key, path))

    def _learn(self) -> None:
        from vidstyle.keys.learning import style_of_keys

        pairs: dict[str, WornKey] = {}
        while (lesson := self._lessons.get()) is not None and not self._closed.is_set():
            key, path = lesson
            pairs[key.name] = key
            if self._seconds <= 0 or not self._lessons.empty():
                continue
            try:
                style = style_of_keys([(k.source, k.painting, None) for k in pairs.values()], self._seconds, path)
            except VidstyleError as error:
                self.problem = str(error)
                continue
            self._learnt.put(style)


def _all(found: "queue.SimpleQueue[T]") -> list[T]:
    result = []
    with contextlib.suppress(queue.Empty):
        while True:
            result.append(found.get_nowait())
    return result
