"""Pictures that are saved while one watches: whole, or not at all and said so."""

import threading
from pathlib import Path

import numpy as np

from vidstyle.errors import VidstyleError, reason
from vidstyle.live.arranging import Colors
from vidstyle.live.file_names import new_file
from vidstyle.live.keyboard import LiveState
from vidstyle.media.frame import Color
from vidstyle.output_files import Part

FINISH_SECONDS = 5.0
"""How long a picture that is being saved is waited for at the end."""


class Snapshots:
    """Saves pictures in threads of their own, when a state asks for them.

    Args:
        state: asks for them, and says what has been saved.
        color: of frames that come in planes.

    Attributes:
        saved: files that are complete.
        failed: those that could not be made, each with the reason, a line each.
    """

    def __init__(self, state: LiveState, color: Color | None) -> None:
        self._state, self._colors = state, Colors(color)
        self._asked = self._told = 0
        self.saved: list[Path] = []
        self.failed: list[str] = []
        self._writing: list[tuple[threading.Thread, Path]] = []
        self._parts: dict[Path, Part] = {}

    def update(self, shown: np.ndarray | None) -> None:
        """Begin to save what is shown, if the state asks for it and there is anything."""
        if self._state.pictures > self._asked and shown is not None:
            self._asked = self._state.pictures
            self._begin(self._colors.rgb(shown), new_file(".png", [path for _, path in self._writing]))
        if len(self.saved) > self._told:
            self._told = len(self.saved)
            self._state.say(f"saved {self.saved[-1]}")

    def finish(self, seconds: float = FINISH_SECONDS) -> None:
        """Wait for what is being written."""
        for thread, path in self._writing:
            thread.join(seconds)
            if thread.is_alive():
                self._parts[path].discard()
                self.failed.append(f"{path}: not saved (writing it took too long)")

    def _begin(self, rgb: np.ndarray, path: Path) -> None:
        """Begin to write RGB (H, W, 3) uint8, as PNG."""
        try:
            self._parts[path] = Part(path)
        except VidstyleError as error:
            self.failed.append(f"{path}: not saved ({reason(error)})")
            return
        thread = threading.Thread(target=self._save, args=(rgb, path), name="vidstyle-picture", daemon=True)
        self._writing.append((thread, path))
        thread.start()

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
