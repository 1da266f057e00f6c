"""The paintings that installed styles were learnt from, as far as whoever runs the demo has pictures of them: works in
the public domain, of which no picture with a licence to ship was at hand."""

import threading
from pathlib import Path

from vidstyle.demo.pictures import read_shown
from vidstyle.demo.previews import SAMPLE_SIDE, as_jpeg, shrunk
from vidstyle.errors import InputError, parameter
from vidstyle.media.suffixes import pictures_by_name


class Originals:
    """Pictures of a folder, each under the name of a style.

    A style whose own name is not there has that of which its name is made: `starry_night.jpg` is shown beside
    `starry_night_large` and `johnson_starry_night`, too.

    Args:
        folder: of pictures; None for none.

    Raises:
        InputError: if there is no picture in it.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._pictures = {} if folder is None else {path.stem: path for path in pictures_by_name(folder)}
        if folder is not None and not self._pictures:
            raise InputError(f"{parameter('paintings', folder)}: no pictures in this folder")
        self._shown: dict[Path, bytes] = {}
        self._lock = threading.Lock()

    def of(self, style: str) -> Path | None:
        """The picture of an installed style's painting; None if it is not here."""
        within = [name for name in self._pictures if f"_{name}_" in f"_{style}_"]
        return self._pictures[max(within, key=len)] if within else None

    def shown(self, style: str) -> bytes:
        """The same as small as the page shows it, a JPEG file.

        Raises:
            InputError: if there is none, or it cannot be read.
        """
        path = self.of(style)
        if path is None:
            raise InputError("There is no original of that style here.")
        with self._lock:
            if path not in self._shown:
                self._shown[path] = as_jpeg(shrunk(read_shown(path), SAMPLE_SIDE))
            return self._shown[path]
