"""One frame in several styles, side by side: to choose before painting all of a video."""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vidstyle.errors import InputError, parameter
from vidstyle.media.images import is_image, read_opaque
from vidstyle.processor import usable_cores
from vidstyle.restyle_options import Options
from vidstyle.stream.composing import Look
from vidstyle.stream.lifting import STROKE_ROWS, painted_size
from vidstyle.stream.planes import picture_size
from vidstyle.stream.single_frames import painted_alone
from vidstyle.styles import label_of, live_styles, load_style
from vidstyle.video_runs import open_painter

MOST_AT_ONCE = 4
"""Styles that are painted side by side."""
WIDTH, LINE, MOST_COLUMNS = 420, 26, 4
"""Pixels of one picture and of the words below it, and how many stand beside each other."""
PAPER, INK, FONT_SIZE = "white", "black", 14


@dataclass(frozen=True)
class Cell:
    """One picture of the sheet.

    Attributes:
        name: what is written below it.
        picture: of any size.
    """

    name: str
    picture: Image.Image


def frame_at(source: Path, seconds: float | None = None) -> np.ndarray:
    """The frame of a video at a time, or a picture: RGB (H, W, 3) uint8, no larger than strokes need it.

    Args:
        source: the file.
        seconds: from the beginning; the first frame if None.

    Raises:
        InputError: for what cannot be read, a time after the end, and one of a picture.
    """
    from vidstyle.media.animations import AnimationSource, is_animation
    from vidstyle.media.sources import FileSource

    _check_is_file(source)
    if is_image(source):
        if seconds is not None:
            raise InputError(f"{parameter('at')}: is for videos, and {source} is a picture")
        pixels = read_opaque(source)
    else:
        video = AnimationSource(source, start=seconds) if is_animation(source) else FileSource(source, start=seconds)
        try:
            pixels = next(iter(video)).pixels
        finally:
            video.close()
    factor = min(1.0, STROKE_ROWS / min(pixels.shape[:2]))
    size = (round(pixels.shape[1] * factor), round(pixels.shape[0] * factor))
    image = Image.fromarray(pixels)
    # A copy, since what Pillow gives cannot be written to, of which torch warns.
    return np.array(image if factor == 1 else image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3))


def _check_is_file(source: Path) -> None:
    if not source.is_file():
        raise InputError(f"{source}: {'is a folder' if source.is_dir() else 'no such file'}")


def frame_and_cells(
    source: Path, seconds: float | None, styles: Sequence[str | Path] = (), options: Options | None = None
) -> Iterator[Cell]:
    """The same as `paint_cells` of what `frame_at` gives, which is read while what paints is loaded.

    Raises:
        InputError: as both of them; for styles that cannot be before anything is loaded.
    """
    for style in styles:
        label_of([(0.0, style)])
    _check_is_file(source)
    with ThreadPoolExecutor(1, thread_name_prefix="vidstyle-sheet") as reader:
        reading = reader.submit(frame_at, source, seconds)
        # This takes longer than all else together.
        import_module("torch")
        yield from paint_cells(reading.result(), styles, options)


def paint_cells(frame: np.ndarray, styles: Sequence[str | Path] = (), options: Options | None = None) -> Iterator[Cell]:
    """The frame itself, and as each style paints it, one after the other.

    Args:
        frame: see `frame_at`.
        styles: as load_style takes them; all that paint live if there are none.
        options: device, strength, colours and strokes.

    Raises:
        InputError: for options and styles that cannot be; the latter before anything is painted.
    """
    options = options or Options()
    chosen = list(styles) or [card.name for card in live_styles()]
    names = [label_of([(0.0, style)]) for style in chosen]
    yield Cell("as it is", Image.fromarray(frame))
    size = painted_size(picture_size(frame), options.stroke_size)
    look = Look(options.strength, options.keep_colors)

    def painted(style: str | Path) -> np.ndarray:
        # OpenVINO would compile each network for one frame.
        painter = open_painter(load_style(style), options, sizes_vary=True)
        try:
            return painted_alone(painter, frame, size, look)
        finally:
            painter.close()

    with workers_of_their_own() as workers:
        for name, picture in zip(names, workers.map(painted, chosen), strict=True):
            yield Cell(name, Image.fromarray(picture))


@contextmanager
def workers_of_their_own() -> Iterator[ThreadPoolExecutor]:
    """Threads that work side by side, each with one core for what it loads: small layers are not shared out."""
    import torch

    at_once = min(usable_cores(), MOST_AT_ONCE)
    workers = ThreadPoolExecutor(
        at_once, thread_name_prefix="vidstyle-sheet", initializer=torch.set_num_threads, initargs=(1,)
    )
    try:
        yield workers
    finally:
        workers.shutdown(cancel_futures=True)


def sheet_of(cells: Iterable[Cell], columns: int | None = None) -> Image.Image:
    """All of them on one sheet, each with its name below it."""
    cells = list(cells)
    columns = columns or min(MOST_COLUMNS, max(1, round(len(cells) ** 0.5)))
    ratio = cells[0].picture.height / cells[0].picture.width
    width, height = (WIDTH, round(WIDTH * ratio)) if ratio <= 1 else (round(WIDTH / ratio), WIDTH)
    rows = -(-len(cells) // columns)
    sheet = Image.new("RGB", (columns * width, rows * (height + LINE)), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(FONT_SIZE)
    for index, cell in enumerate(cells):
        x, y = index % columns * width, index // columns * (height + LINE)
        sheet.paste(cell.picture.convert("RGB").resize((width, height), Image.Resampling.LANCZOS), (x, y))
        draw.text((x + 4, y + height + 4), plain_letters(cell.name), INK, font)
    return sheet


def plain_letters(text: str) -> str:
    """Without accents, which Pillow's own font lacks."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
