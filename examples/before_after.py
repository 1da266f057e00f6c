"""Frames of a video, as filmed and as painted, each in another style: the README's picture.

python examples/before_after.py [PICTURE.jpg] [--clip VIDEO] [--style NAME|FILE ...]
"""

import argparse
import itertools
import tempfile
from pathlib import Path

import av
import numpy as np
from PIL import Image

import vidstyle

MOMENTS = (0.06, 0.31, 0.68, 0.93)
STYLES = ("starry_night", "great_wave", "jourdans_cottage", "the_scream")
WIDTH, GAP = 398, 2
"""Pixels of a picture, and between two."""


def frames_of(path: Path) -> list[Image.Image]:
    """Those at MOMENTS, small."""
    with av.open(str(path)) as container:
        count = sum(1 for _ in container.decode(video=0))
    wanted = [round(moment * (count - 1)) for moment in MOMENTS]
    with av.open(str(path)) as container:
        frames = {number: frame for number, frame in enumerate(container.decode(video=0)) if number in wanted}
    chosen = [frames[number] for number in wanted]
    height = round(WIDTH * chosen[0].height / chosen[0].width)
    return [
        Image.fromarray(f.to_ndarray(format="rgb24")).resize((WIDTH, height), Image.Resampling.LANCZOS) for f in chosen
    ]


def main() -> None:
    """Paint the clip, and put both rows on one sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sheet", nargs="?", type=Path, default=Path("before_after.jpg"))
    parser.add_argument("--clip", type=Path, default=Path(__file__).with_name("harbour.mp4"), help="The video.")
    parser.add_argument("--style", nargs="+", default=STYLES, help="Of the frames in turn.")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        painted = {}
        for number, style in enumerate(dict.fromkeys(args.style[: len(MOMENTS)])):
            file = Path(folder) / f"{number}.mp4"
            vidstyle.restyle(args.clip, file, style=style)
            painted[style] = frames_of(file)
        styles = itertools.islice(itertools.cycle(args.style), len(MOMENTS))
        rows = [frames_of(args.clip), [painted[style][column] for column, style in enumerate(styles)]]
    across, down = WIDTH + GAP, rows[0][0].height + GAP
    sheet = Image.fromarray(np.full((2 * down - GAP, len(MOMENTS) * across - GAP, 3), 255, np.uint8))
    for row, pictures in enumerate(rows):
        for column, picture in enumerate(pictures):
            sheet.paste(picture, (column * across, row * down))
    sheet.save(args.sheet, quality=88, optimize=True)


if __name__ == "__main__":
    main()
