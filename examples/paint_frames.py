"""Paint a video frame by frame with the library, and save one frame beside the original.

python examples/paint_frames.py [VIDEO] [PICTURE.png]
"""

import sys
from pathlib import Path

import av
import numpy as np
from PIL import Image

import vidstyle


def main() -> None:
    """Paint the first second of a video; keep its last frame."""
    clip = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("harbour.mp4")
    output = Path(sys.argv[2]) if len(sys.argv) > 2 else Path("painted.png")
    style = vidstyle.load_style("starry_night")
    print(f"{style.card.title}, {style.card.artist}, {style.card.year}")

    painter = vidstyle.Painter(style, strength=0.9)
    with av.open(str(clip)) as container:
        for frame in container.decode(video=0):
            pixels = frame.to_ndarray(format="rgb24")  # (H, W, 3) uint8
            painted = painter(pixels)
            if frame.time >= 1:
                break
    painter.close()
    Image.fromarray(np.hstack([pixels, painted])).save(output)
    print(f"wrote {output}")


if __name__ == "__main__":
    main()
