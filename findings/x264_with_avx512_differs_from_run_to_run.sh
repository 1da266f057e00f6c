#!/bin/sh
# With AVX-512, x264 writes another file of the same frames now and then at some widths; with asm=AVX2 it never does.
#
# One thread does not help.  Without B-frames, or without its tree of blocks (mbtree=0), files are the same.  Seen at
# 320 and 480 pixels of width (20 and 30 blocks), not at 256, 352, 384, 640 and 1280.  What memory held before seems to
# decide.
#
# Seen with PyAV 18.1.0 (FFmpeg 8.1.2), numpy 2.4.6, opencv-python-headless 5.0.0.93, Python 3.11, on a processor with
# AVX-512 (different files of 40 runs; how many varies):
#     320x176: as it chooses 4, asm=AVX2 1, mbtree=0 1
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet av==18.1.0 numpy==2.4.6 opencv-python-headless==5.0.0.93
venv/bin/python - <<'PYTHON'
import hashlib
import io

import av
import cv2
import numpy as np

RUNS = 40
CPU_AVX_512F = 13

if not cv2.checkHardwareSupport(CPU_AVX_512F):
    print("this processor has no AVX-512: nothing to see")
    raise SystemExit

chance = np.random.default_rng(0)
canvas = np.kron(chance.integers(0, 256, (60, 100, 3)), np.ones((8, 8, 1))).astype(int)
frames = []
for number in range(60):
    view = canvas[number : number + 176, 3 * number : 3 * number + 320]
    frames.append(np.clip(view + chance.integers(-12, 13, view.shape), 0, 255).astype(np.uint8))


def encode(options: dict[str, str]) -> str:
    written = hashlib.sha256()
    with av.open(io.BytesIO(), "w", format="matroska") as container:
        stream = container.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 320, 176, "yuv420p"
        for frame in frames:
            planes = av.VideoFrame.from_ndarray(frame).reformat(format="yuv420p")
            hashlib.sha256(planes.to_ndarray().tobytes()).digest()  # memory that comes and goes
            for packet in stream.encode(planes):
                written.update(bytes(packet))
        for packet in stream.encode(None):
            written.update(bytes(packet))
    return written.hexdigest()


base = {"preset": "veryfast", "crf": "20", "threads": "1"}
cases = {"as it chooses": {}, "asm=AVX2": {"x264-params": "asm=AVX2"}, "mbtree=0": {"x264-params": "mbtree=0"}}
found = {case: len({encode(base | options) for _ in range(RUNS)}) for case, options in cases.items()}
print("320x176: " + ", ".join(f"{case} {count}" for case, count in found.items()))
if any((count > 1) != (case == "as it chooses") for case, count in found.items()):
    raise SystemExit("this has changed")
PYTHON
