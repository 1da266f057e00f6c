"""The styles that a visitor can paint with: those that are installed, and their own."""

import re
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vidstyle.demo.originals import Originals
from vidstyle.demo.previews import Previews, as_jpeg, sample_picture
from vidstyle.demo.visitors import Visitor
from vidstyle.errors import InputError
from vidstyle.style_files import SUFFIX, StyleCard, read_card, save_style
from vidstyle.styles import first_style, live_styles, load_style

MIX = re.compile(r"(?P<first>[^+]+)\+(?P<second>[^+]+):(?P<share>[1-9][0-9]?)")
"""The key of a mix of two styles: FIRST+SECOND:PERCENT, of which PERCENT are the second."""
MOST_PARAMETERS = 8_000_000
"""Of an uploaded style; a larger network would keep everyone waiting."""
KEPT_THUMBNAILS = 200
NOT_HERE = "That style is not here; choose another one."
NO_MIX = "These two styles cannot be mixed, since their networks are different; choose other ones."
OWN = "own:"
"""Begins the keys of a visitor's own styles; installed ones go by their names."""


class Gallery:
    """Looks styles up by the keys that the page knows, and paints their thumbnails.

    Args:
        previews: paints thumbnails.
        originals: what installed styles were learnt from.
    """

    def __init__(self, previews: Previews, originals: Originals | None = None) -> None:
        self._previews, self._originals = previews, originals or Originals()
        self._installed = {card.name: card for card in live_styles()}
        if not self._installed:
            raise InputError("no styles are installed; make one with vidstyle train")
        self._thumbnails: OrderedDict[tuple[Path, bool], bytes] = OrderedDict()
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
        if mix := MIX.fullmatch(key):
            return self._mixed(visitor, key, mix["first"], mix["second"], int(mix["share"]) / 100)
        if key.startswith(OWN):
            path = visitor.file(key.removeprefix(OWN), "style").path
            with _in_words(NOT_HERE):
                return read_card(path)
        if key not in self._installed:
            raise InputError(NOT_HERE)
        return self._installed[key]

    def _mixed(self, visitor: Visitor, key: str, first: str, second: str, share: float) -> StyleCard:
        """Of a mix, which is written into a file of the visitor's when it is asked for first."""
        known = next((file for file in visitor.files("mix").values() if file.name == key), None)
        if known is None:
            one, other = self.card(visitor, first).path, self.card(visitor, second).path
            with _in_words(NO_MIX):
                style = load_style(f"{one}:{1 - share:g},{other}:{share:g}")
            path = visitor.new_path(SUFFIX)
            save_style(path, style.network, style.card, style.grams)
            known = visitor.file(visitor.keep(path, key, "mix"))
        with _in_words(NOT_HERE):
            return read_card(known.path)

    def cards(self, visitor: Visitor) -> list[dict[str, Any]]:
        """All styles of a visitor as the page shows them, their own first."""
        originals = {file.name for file in visitor.files("original").values()}
        own = [
            _described(OWN + identity, read_card(file.path), file.name) | {"original": identity in originals}
            for identity, file in reversed(visitor.files("style").items())
        ]
        installed = [
            _described(name, self._installed[name], f"{name}{SUFFIX}")
            | {"original": self._originals.of(name) is not None, "sketch": self._sketch(name).is_file()}
            for name in self.in_order
        ]
        return own + installed

    def thumbnail(self, visitor: Visitor, key: str, *, large: bool = False) -> bytes:
        """The sample picture as a style paints it, a JPEG file."""
        return self._sample(self.card(visitor, key).path, large=large, keeps=MIX.fullmatch(key) is None)

    def sketch(self, name: str) -> Path:
        """A small picture of how an installed style paints, which has come along with it: there at once.

        Raises:
            InputError: if there is none.
        """
        if name not in self._installed or not self._sketch(name).is_file():
            raise InputError("There is no small picture of that style.")
        return self._sketch(name)

    def _sketch(self, name: str) -> Path:
        return self._installed[name].path.with_suffix(".jpg")

    def painted_sample(self, name: str) -> bytes:
        """The same of an installed style, large.

        Raises:
            InputError: if there is no such style.
        """
        if name not in self._installed:
            raise InputError(NOT_HERE)
        return self._sample(self._installed[name].path, large=True)

    def original(self, visitor: Visitor, key: str) -> bytes:
        """The picture that a style is made of, as small as the page shows it, a JPEG file.

        Raises:
            InputError: if there is none.
        """
        if key in self._installed:
            return self._originals.shown(key)
        identity = key.removeprefix(OWN)
        found = next((file for file in visitor.files("original").values() if file.name == identity), None)
        if found is None:
            raise InputError("There is no original of that style here.")
        return found.path.read_bytes()

    def _sample(self, path: Path, *, large: bool = False, keeps: bool = True) -> bytes:
        with self._lock:
            if (path, large) in self._thumbnails:
                self._thumbnails.move_to_end((path, large))
                return self._thumbnails[path, large]
            data = as_jpeg(self._previews.paint(path, sample_picture(large=large)))
            if keeps:
                self._thumbnails[path, large] = data
                if len(self._thumbnails) > KEPT_THUMBNAILS:
                    self._thumbnails.popitem(last=False)
            return data

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


@contextmanager
def _in_words(words: str) -> Iterator[None]:
    """What is said where a visitor's files cannot be read, or no longer: errors of the library name where they lie."""
    try:
        yield
    except InputError as error:
        raise InputError(words) from error


def _described(key: str, card: StyleCard, file: str) -> dict[str, Any]:
    return {
        "key": key,
        "own": key.startswith(OWN),
        "original": False,
        "sketch": False,
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
