"""All keys at a glance."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from vidstyle.media.images import Picture, write_picture

COLUMNS, WIDTH, GAP, CAPTION = 4, 320, 8, 24
"""Pictures in a row; pixels: the width of one, between them, and of the line below each."""
PAPER, INK = 250, 40


def write_contact_sheet(path: Path, pictures: Sequence[tuple[str, np.ndarray]]) -> None:
    """Write pictures, each with a line of text below it, as one.

    pictures: text, and RGB (H, W, 3) uint8, all in the same proportion.
    """
    height = max(1, round(WIDTH * pictures[0][1].shape[0] / pictures[0][1].shape[1]))
    columns = min(COLUMNS, len(pictures))
    rows = -(-len(pictures) // columns)
    cell = (height + CAPTION + GAP, WIDTH + GAP)
    sheet = np.full((rows * cell[0] + GAP, columns * cell[1] + GAP, 3), PAPER, np.uint8)
    for number, (text, pixels) in enumerate(pictures):
        top, left = GAP + number // columns * cell[0], GAP + number % columns * cell[1]
        sheet[top : top + height, left : left + WIDTH] = cv2.resize(
            pixels, (WIDTH, height), interpolation=cv2.INTER_AREA
        )
        at = (left + 2, top + height + CAPTION - 8)
        cv2.putText(sheet, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.42, (INK,) * 3, 1, cv2.LINE_AA)
    write_picture(path, Picture(sheet), overwrite=True)
