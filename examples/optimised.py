"""A photograph and a frame as a style paints them, and brought nearer to its picture: the picture of docs/styles.md.

python examples/optimised.py [PICTURE.jpg] [--steps N]
"""

import argparse
from pathlib import Path

import av
import numpy as np
from PIL import Image

import vidstyle
from vidstyle.shipped import PHOTOS

SIZE, GAP = (480, 270), 2
"""Width and height of each, and pixels between two."""
SECOND = 0.3
"""Of the frame."""


def portrait() -> np.ndarray:
    """RGB (H, W, 3) uint8."""
    with Image.open(PHOTOS / "astronaut.jpg") as image:
        width, height = SIZE
        large = image.convert("RGB").resize((width, round(width * image.height / image.width)))
        return np.asarray(large.crop((0, 0, width, height)))


def harbour() -> np.ndarray:
    """A frame of the sample clip, RGB (H, W, 3) uint8."""
    with av.open(str(Path(__file__).with_name("harbour.mp4"))) as container:
        frame = next(frame for frame in container.decode(video=0) if (frame.time or 0.0) >= SECOND)
    return frame.to_ndarray(format="rgb24", width=SIZE[0], height=SIZE[1])


def main() -> None:
    """Paint both twice, and put all on one sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sheet", nargs="?", type=Path, default=Path("optimised.jpg"))
    parser.add_argument("--steps", type=int, default=8)
    args = parser.parse_args()
    rows = []
    for style, picture in (("the_scream", portrait()), ("starry_night", harbour())):
        paintings = []
        for steps in (0, args.steps):
            with vidstyle.Painter(style, steady=False, optimise=steps) as paint:
                paintings.append(np.asarray(paint(picture)))
        rows.append(np.hstack((paintings[0], np.full((SIZE[1], GAP, 3), 255, np.uint8), paintings[1])))
    between = np.full((GAP, rows[0].shape[1], 3), 255, np.uint8)
    Image.fromarray(np.vstack((rows[0], between, rows[1]))).save(args.sheet, quality=88)


if __name__ == "__main__":
    main()
