"""Text over live pictures."""

from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np

FONT = cv2.FONT_HERSHEY_SIMPLEX
TEXT_LINES = 18
"""Of text from top to bottom of a picture, so that the help fits whatever the size."""
TEXT_SCALE = 0.025
"""OpenCV's scale of the font by pixels of a line's height."""
SHADE = 0.35
"""What is left of the light behind text."""


def captioned(pixels: np.ndarray, lines: Sequence[str]) -> np.ndarray:
    """A copy of RGB (H, W, 3) uint8 with lines of text in its upper left corner; itself if there are none.

    Tabs part two columns.  A line that is wider than the picture goes on below, and what finds no room there is left
    out.
    """
    if not lines:
        return pixels
    shown = pixels.copy()
    height = max(10, pixels.shape[0] // TEXT_LINES)
    scale, margin = TEXT_SCALE * height, height // 2

    def width(text: str) -> int:
        return cv2.getTextSize(text, FONT, scale, 1)[0][0]

    room = pixels.shape[1] - 2 * margin
    rows = [row for line in lines for row in _rows(line, lambda text: width(text) <= room)]
    second = max((width(key) for key, meaning in rows if meaning), default=0) + height
    table = max((second + width(meaning) for _, meaning in rows if meaning), default=0)
    for number, (key, meaning) in enumerate(rows[: pixels.shape[0] // height]):
        strip = shown[height * number : height * (number + 1), : (table if meaning else width(key)) + 2 * margin]
        # Shaded and not outlined: outlines of OpenCV 5 are wider than the letters that they belong to.
        strip[:] = strip * SHADE
        for column, text in ((0, key), (second, meaning)):
            cv2.putText(strip, text, (margin + column, height * 3 // 4), FONT, scale, (255, 255, 255), 1, cv2.LINE_AA)
    return shown


def _rows(line: str, fits: Callable[[str], bool]) -> Iterator[tuple[str, str]]:
    """A line in two columns as it is, or one of text in parts that fit."""
    key, tab, meaning = line.partition("\t")
    if tab:
        yield key, meaning
        return
    part = ""
    for word in line.split(" "):
        if part and not fits(f"{part} {word}"):
            yield part, ""
            part = ""
        part = f"{part} {word}" if part else word
        while not fits(part):
            # Such as an address: no word is as long as a picture is wide.
            length = max(1, next(n for n in range(len(part) - 1, -1, -1) if n < 2 or fits(part[:n])))
            yield part[:length], ""
            part = part[length:]
            if len(part) <= 1:
                break
    yield part, ""
