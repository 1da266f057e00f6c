#!/bin/sh
# Pillow reads an animated WebP whose canvas is transparent as opaque and black, if all that is drawn on it is opaque.
#
# libwebp cuts each picture of an animation down to the rectangle that changes.  Where all of those are opaque it leaves
# the flag of transparency (VP8X, bit 4) out of the header, though the canvas around them is transparent, which is how
# browsers show it.  Pillow goes by the flag: its frames are RGB, and what is around the rectangles is black, also in
# files that Pillow has written itself from RGBA.  With the flag set in the bytes, the same file is read right.
#
# Seen with Pillow 12.3.0, Python 3.11:
#     written: RGBA, corner (0, 0, 0, 0)
#     read: RGB, corner (0, 0, 0, 255)
#     read with the flag set: RGBA, corner (0, 0, 0, 0)
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet pillow==12.3.0
venv/bin/python - <<'PYTHON'
import io
from pathlib import Path

from PIL import Image

pictures = []
for number in range(3):
    picture = Image.new("RGBA", (64, 48), (0, 0, 0, 0))
    picture.paste((200, 0, 0, 255), (10 * number, 10, 10 * number + 20, 30))
    pictures.append(picture)
print(f"written: {pictures[0].mode}, corner {pictures[0].getpixel((63, 47))}")
pictures[0].save("dots.webp", save_all=True, append_images=pictures[1:], duration=100, lossless=True)
data = bytearray(Path("dots.webp").read_bytes())


def corner(words: str) -> tuple[int, ...]:
    with Image.open(io.BytesIO(data)) as image:
        pixel = image.convert("RGBA").getpixel((63, 47))
        print(f"{words}: {image.mode}, corner {pixel}")
    return pixel


wrong = corner("read")
data[20] |= 0x10
right = corner("read with the flag set")
if wrong == right or right[3] != 0:
    raise SystemExit("this has changed")
PYTHON
