"""The styles that a visitor can paint with: those that are installed, and their own."""

import threading
from pathlib import Path
from typing import Any

from vidstyle.demo.previews import Previews, as_jpeg, sample_picture
from vidstyle.demo.visitors import Visitor
from vidstyle.errors import InputError
from vidstyle.style_files import StyleCard, read_card
from vidstyle.styles import first_style, live_styles, load_style

MOST_PARAMETERS = 8_000_000
"""Of an uploaded style; a larger network would keep everyone waiting."""
OWN = "own:"
"""Begins the keys of a visitor's own styles; installed ones go by their names."""


class Gallery:
    """Looks styles up by the keys that the page knows, and paints their thumbnails.

    Args:
        previews: paints thumbnails.
    """

    def __init__(self, previews: Previews) -> None:
        self._previews = previews
        self._installed = {card.name: card for card in live_styles()}
        if not self._installed:
            raise InputError("no styles are installed; make one with vidstyle train")
        self._thumbnails: dict[Path, bytes] = {}
        self._lock = threading.Lock()

    @property
    def first(self) -> str:
        """The style that a page begins with."""
        return first_style(list(self._installed))

    @property
    def in_order(self) -> list[str]:
        """The installed styles, that to begin with before the others."""
        return [self.first, *(name for name in self._installed if name != self.first)]

    def card(self, visitor: Visitor, key: str) -> StyleCard:
        """What is known of a style.

        Raises:
            InputError: if this visitor has no such style.
        """
        if key.startswith(OWN):
            return read_card(visitor.file(key.removeprefix(OWN), "style").path)
        if key not in self._installed:
            raise InputError("That style is not here; choose another one.")
        return self._installed[key]

    def cards(self, visitor: Visitor) -> list[dict[str, Any]]:
        """All styles of a visitor as the page shows them, their own first."""
        own = [
            _described(OWN + identity, read_card(file.path), file.name)
            for identity, file in reversed(visitor.files("style").items())
        ]
        return own + [_described(name, card, f"{name}.safetensors") for name, card in self._installed.items()]

    def thumbnail(self, visitor: Visitor, key: str) -> bytes:
        """The sample picture as a style paints it, a JPEG file."""
        path = self.card(visitor, key).path
        with self._lock:
            if path not in self._thumbnails:
                self._thumbnails[path] = as_jpeg(self._previews.paint(path, sample_picture()))
            return self._thumbnails[path]

    def admit(self, path: Path) -> StyleCard:
        """Check an uploaded file, which is hostile until it has painted.

        Raises:
            InputError: unless it is a style of sensible size that paints.
        """
        card = read_card(path)
        if card.parameters > MOST_PARAMETERS:
            raise InputError(f"{path}: {card.parameters:,} parameters; {MOST_PARAMETERS:,} is the most here")
        load_style(path)
        self._previews.paint(path, sample_picture())
        return card


def _described(key: str, card: StyleCard, file: str) -> dict[str, Any]:
    return {
        "key": key,
        "own": key.startswith(OWN),
        "title": card.title or Path(file).stem,
        "artist": card.artist,
        "year": card.year,
        "licence": card.licence,
        "file": file,
        "network": card.network,
        "parameters": card.parameters,
        "bytes": card.bytes,
        "metrics": card.metrics,
    }
