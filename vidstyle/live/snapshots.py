"""Pictures that are saved while one watches: whole, or not at all and said so."""

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vidstyle.errors import VidstyleError, reason
from vidstyle.output_files import Part

FINISH_SECONDS = 5.0
"""How long a picture that is being saved is waited for at the end."""


class Snapshots:
    """Saves pictures in threads of their own.

    Attributes:
        saved: files that are complete.
        failed: those that could not be made, each with the reason, a line each.
    """

    def __init__(self) -> None:
        self.saved: list[Path] = []
        self.failed: list[str] = []
        self._writing: list[tuple[threading.Thread, Path]] = []
        self._parts: dict[Path, Part] = {}

    def save(self, rgb: np.ndarray, path: Path) -> None:
        """Begin to write RGB (H, W, 3) uint8, as PNG."""
        try:
            self._parts[path] = Part(path)
        except VidstyleError as error:
            self.failed.append(f"{path}: not saved ({reason(error)})")
            return
        thread = threading.Thread(target=self._save, args=(rgb, path), name="vidstyle-picture", daemon=True)
        self._writing.append((thread, path))
        thread.start()

    def finish(self, seconds: float = FINISH_SECONDS) -> None:
        """Wait for what is being written."""
        for thread, path in self._writing:
            thread.join(seconds)
            if thread.is_alive():
                self._parts[path].discard()
                self.failed.append(f"{path}: not saved (writing it took too long)")

    @property
    def names(self) -> Sequence[Path]:
        """All that have been asked for."""
        return [path for _, path in self._writing]

    def _save(self, rgb: np.ndarray, path: Path) -> None:
        from PIL import Image

        part = self._parts[path]
        try:
            Image.fromarray(rgb).save(part.path)
            part.publish(overwrite=False)
            self.saved.append(path)
        except (OSError, ValueError, VidstyleError) as error:
            self.failed.append(f"{path}: not saved ({reason(error)})")
        finally:
            part.discard()
