"""The window that shows live pictures, and its keys."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np

from vidstyle.errors import InputError, parameter
from vidstyle.media.captions import captioned
from vidstyle.media.fitting_bars import with_bars
from vidstyle.media.frame import Frame

ARROWS = MappingProxyType(
    {
        # X11 keysyms, Windows virtual keys, and what Cocoa calls its function keys.
        65361: "left",
        65362: "up",
        65363: "right",
        65364: "down",
        0x250000: "left",
        0x260000: "up",
        0x270000: "right",
        0x280000: "down",
        63234: "left",
        63232: "up",
        63235: "right",
        63233: "down",
    }
)
NARROW = 4
"""Pixels of black that are not worth drawing."""
NAMED_KEYS = MappingProxyType({32: "space", 27: "q"})


def check_window() -> None:
    """Raises InputError, with a way out, where no window can be opened."""
    instead = f"or name another {parameter('to')}, such as out.mp4"
    if "GUI:                           NONE" in cv2.getBuildInformation():
        raise InputError(
            f"{parameter('to', 'window')}: this OpenCV has no windows; pip uninstall opencv-python-headless, then "
            f"pip install --force-reinstall opencv-python, {instead}"
        )
    # Qt would end the whole process.
    if sys.platform.startswith("linux") and not _x11_answers(os.environ.get("DISPLAY", "")):
        raise InputError(f"{parameter('to', 'window')}: no display here; set DISPLAY to that of an X server, {instead}")


def _x11_answers(display: str) -> bool:
    """Whether there is an X server; one on another machine is taken at its word."""
    if display.startswith(":"):
        return Path("/tmp/.X11-unix", f"X{display[1:].partition('.')[0]}").exists()
    return bool(display)


class WindowSink:
    """A window.  All of it happens in one thread, which macOS wants to be the main one.

    Attributes:
        lines: of text over the picture.

    Raises:
        InputError: see check_window.
    """

    name, waiting, repeats, planes, notice = "window", 1, None, False, ""

    def __init__(self, title: str, width: int, height: int) -> None:
        check_window()
        self._title, self._full_screen = title, False
        # Of any shape: what OpenCV leaves beside a picture that keeps its own is grey, and its size is not told.
        cv2.namedWindow(title, cv2.WINDOW_NORMAL | cv2.WINDOW_FREERATIO | cv2.WINDOW_GUI_NORMAL)
        cv2.resizeWindow(title, width, height)
        self._pixels: np.ndarray | None = None
        self.lines: Sequence[str] = ()

    def write(self, frame: Frame) -> None:
        """Show a frame, below `lines`."""
        self._pixels = frame.pixels
        self._draw()

    def say(self, lines: Sequence[str]) -> None:
        """Show the last frame below other lines."""
        if lines != self.lines and self._pixels is not None:
            self.lines = lines
            self._draw()

    def _draw(self) -> None:
        assert self._pixels is not None
        shown = captioned(self._pixels, self.lines)
        _, _, width, height = cv2.getWindowImageRect(self._title)
        if width > 0 < height:
            shown = beside_black(shown, width / height)
        cv2.imshow(self._title, cv2.cvtColor(shown, cv2.COLOR_RGB2BGR))

    def show_full_screen(self, wanted: bool) -> None:
        """Fill the screen, or not."""
        if wanted != self._full_screen:
            self._full_screen = wanted
            mode = cv2.WINDOW_FULLSCREEN if wanted else cv2.WINDOW_NORMAL
            cv2.setWindowProperty(self._title, cv2.WND_PROP_FULLSCREEN, mode)

    def key(self) -> str | None:
        """The key that was pressed, None if none was; `q` also when the window was closed.  Draws the window."""
        code = cv2.waitKeyEx(1)
        if self._pixels is not None and cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) < 1:
            return "q"
        return key_name(code)

    def close(self) -> None:
        """Close the window."""
        with contextlib.suppress(cv2.error):
            cv2.destroyWindow(self._title)
            cv2.waitKeyEx(1)


def key_name(code: int) -> str | None:
    """The name of a key in what OpenCV's waitKeyEx gives, on any platform; None for no key and those without use."""
    if code in ARROWS:
        return ARROWS[code]
    # Some systems add the state of the shift keys above the character.
    character = code & 0xFFFF if code > 0 else 0
    if character in NAMED_KEYS:
        return NAMED_KEYS[character]
    return chr(character).lower() if 32 < character < 127 else None


def beside_black(pixels: np.ndarray, shape: float) -> np.ndarray:
    """RGB (H, W, 3) uint8 in the middle of black of another shape, width over height; itself if it has that shape."""
    height, width = pixels.shape[:2]
    size = max(width, round(height * shape)), max(height, round(width / shape))
    if max(size[0] - width, size[1] - height) < NARROW:
        return pixels
    return with_bars(pixels, size)
