"""One frame of the sample clip in every installed style, side by side.

python examples/gallery.py [PICTURE.jpg [FOLDER]]

With a folder, each painting goes there, too, small: `examples/gallery.py docs/images/gallery.jpg weights` makes all
that the README and `vidstyle styles` show.
"""

import argparse
import unicodedata
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont

import vidstyle

SECOND = 1.0
COLUMNS = 3
WIDTH = 420
"""Pixels of one picture."""
LINE = 26
"""Pixels of the words below it."""
SMALL = (240, 135)
"""Pixels of what goes into the folder."""


def plain(text: str) -> str:
    """Without accents, which Pillow's own font lacks."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def main() -> None:
    """Paint, and put the paintings on one sheet with their titles."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sheet", nargs="?", type=Path, default=Path("painted.jpg"))
    parser.add_argument("folder", nargs="?", type=Path)
    args = parser.parse_args()
    with av.open(str(Path(__file__).with_name("harbour.mp4"))) as container:
        frame = next(f.to_ndarray(format="rgb24") for f in container.decode(video=0) if f.time >= SECOND)

    styles = vidstyle.list_styles()
    height = WIDTH * frame.shape[0] // frame.shape[1]
    rows = -(-len(styles) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * WIDTH, rows * (height + LINE)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for index, card in enumerate(styles):
        painter = vidstyle.Painter(card.name)
        painted: np.ndarray = painter(frame)
        painter.close()
        painting = Image.fromarray(painted)
        if args.folder:
            painting.resize(SMALL, Image.Resampling.LANCZOS).save(args.folder / f"{card.name}.jpg", quality=85)
        x, y = index % COLUMNS * WIDTH, index // COLUMNS * (height + LINE)
        sheet.paste(painting.resize((WIDTH, height), Image.Resampling.LANCZOS), (x, y))
        draw.text((x + 4, y + height + 4), plain(f"{card.name}: {card.title}"), "black", font)
    sheet.save(args.sheet, quality=85)
    print(f"wrote {args.sheet}: {len(styles)} styles")


if __name__ == "__main__":
    main()
