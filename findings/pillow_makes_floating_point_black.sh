#!/bin/sh
# Pillow turns a TIFF of floating point, where 1 is white, into black, and one in colour it does not know at all.
#
# Programs that develop photographs and render scenes write light as numbers from 0 to 1.  Pillow reads a single channel
# of them in the mode F, and converting that to L or RGB cuts the fractions off: a picture of grey is black, without a
# warning.  Three channels are "cannot identify image file".  OpenCV reads both.
#
# Seen with Pillow 12.3.0, opencv-python 5.0.0.93, numpy 2.4.6, Python 3.11:
#     grey: mode F, brightest in RGB 0; by OpenCV 0.9
#     colour: cannot identify; by OpenCV (48, 64, 3) float32
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet pillow==12.3.0 opencv-python==5.0.0.93 numpy==2.4.6
venv/bin/python - <<'PYTHON'
import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

grey = np.linspace(0, 0.9, 64, dtype=np.float32)[None].repeat(48, axis=0)
cv2.imwrite("grey.tif", grey)
cv2.imwrite("colour.tif", grey[..., None].repeat(3, axis=2))
with Image.open("grey.tif") as image:
    brightest = max(band[1] for band in image.convert("RGB").getextrema())
    print(f"grey: mode {image.mode}, brightest in RGB {brightest}; by OpenCV {cv2.imread('grey.tif', -1).max():.1f}")
try:
    Image.open("colour.tif").close()
    known = True
except UnidentifiedImageError:
    known = False
colour = cv2.imread("colour.tif", -1)
print(f"colour: {'known' if known else 'cannot identify'}; by OpenCV {colour.shape} {colour.dtype}")
if brightest > 1 or known:
    raise SystemExit("this has changed")
PYTHON
