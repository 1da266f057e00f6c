"""Frames of the sample clip, as filmed and as painted, each in another style: the README's picture.

python examples/before_after.py [PICTURE.jpg] [--style NAME ...]
"""

import argparse
import itertools
import tempfile
from pathlib import Path

import av
import numpy as np
from PIL import Image

import vidstyle

SECONDS = (0.5, 2.5, 5.5, 7.5)
STYLES = ("starry_night", "great_wave", "jourdans_cottage", "the_scream")
WIDTH, GAP = 398, 2
"""Pixels of a picture, and between two."""


def frames_of(path: Path) -> list[Image.Image]:
    """Those at SECONDS, small."""
    with av.open(str(path)) as container:
        frames = [(frame.time or 0.0, frame) for frame in container.decode(video=0)]
    chosen = [min(frames, key=lambda frame: abs(frame[0] - second))[1] for second in SECONDS]
    height = round(WIDTH * chosen[0].height / chosen[0].width)
    return [
        Image.fromarray(f.to_ndarray(format="rgb24")).resize((WIDTH, height), Image.Resampling.LANCZOS) for f in chosen
    ]


def main() -> None:
    """Paint the clip, and put both rows on one sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sheet", nargs="?", type=Path, default=Path("before_after.jpg"))
    parser.add_argument("--style", nargs="+", default=STYLES, help="Of the frames in turn.")
    args = parser.parse_args()
    clip = Path(__file__).with_name("harbour.mp4")
    with tempfile.TemporaryDirectory() as folder:
        painted = {}
        for style in dict.fromkeys(args.style[: len(SECONDS)]):
            file = Path(folder) / f"{style}.mp4"
            vidstyle.restyle(clip, file, style=style)
            painted[style] = frames_of(file)
        styles = itertools.islice(itertools.cycle(args.style), len(SECONDS))
        rows = [frames_of(clip), [painted[style][column] for column, style in enumerate(styles)]]
    across, down = WIDTH + GAP, rows[0][0].height + GAP
    sheet = Image.fromarray(np.full((2 * down - GAP, len(SECONDS) * across - GAP, 3), 255, np.uint8))
    for row, pictures in enumerate(rows):
        for column, picture in enumerate(pictures):
            sheet.paste(picture, (column * across, row * down))
    sheet.save(args.sheet, quality=88, optimize=True)


if __name__ == "__main__":
    main()
