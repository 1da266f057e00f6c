#!/bin/sh
# Told a bit rate, x264, x265 and SVT-AV1 write another file of the same frames each time, as their threads happen to run.
#
# For x264 and x265 it is the limit beside the rate (maxrate and bufsize) that does it; the rate alone does not.  One
# thread is the cure: threads=1 for x264, frame-threads=1 with pools=none for x265, lp=1 for SVT-AV1.
#
# Seen with PyAV 18.1.0 (FFmpeg 8.1.2), numpy 2.4.6, Python 3.11, two cores (different files of 6 runs):
#     libx264: rate 1, rate and limit 6, and one thread 1
#     libx265: rate 1, rate and limit 6, and one thread 1
#     libsvtav1: rate 6, rate and one thread 1
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet av==18.1.0 numpy==2.4.6
SVT_LOG=1 venv/bin/python - <<'PYTHON'
import hashlib
import io

import av
import numpy as np

RUNS = 6
RATE = {"b": "400000"}
LIMIT = {"maxrate": "400000", "bufsize": "400000"}
QUIET = "log-level=error"

# Squares that pass by, with noise; every other second they are pale.
chance = np.random.default_rng(0)
canvas = np.kron(chance.integers(0, 256, (90, 180, 3)), np.ones((8, 8, 1))).astype(int)
frames = []
for number in range(150):
    view = canvas[number : number + 360, 5 * number : 5 * number + 640]
    view = view // 4 + 90 if number // 25 % 2 else view
    picture = np.clip(view + chance.integers(-6, 7, view.shape), 0, 255).astype(np.uint8)
    frames.append(av.VideoFrame.from_ndarray(picture).reformat(format="yuv420p").to_ndarray())


def encode(name: str, options: dict[str, str]) -> str:
    written = hashlib.sha256()
    with av.open(io.BytesIO(), "w", format="matroska") as container:
        stream = container.add_stream(name, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        for frame in frames:
            for packet in stream.encode(av.VideoFrame.from_ndarray(frame, format="yuv420p")):
                written.update(bytes(packet))
        for packet in stream.encode(None):
            written.update(bytes(packet))
    return written.hexdigest()


changed = False
for name, cases in {
    "libx264": {
        "rate": RATE,
        "rate and limit": RATE | LIMIT,
        "and one thread": RATE | LIMIT | {"threads": "1"},
    },
    "libx265": {
        "rate": RATE | {"x265-params": QUIET},
        "rate and limit": RATE | LIMIT | {"x265-params": QUIET},
        "and one thread": RATE | LIMIT | {"x265-params": f"{QUIET}:frame-threads=1:pools=none"},
    },
    "libsvtav1": {
        "rate": RATE,
        "rate and one thread": RATE | {"svtav1-params": "lp=1"},
    },
}.items():
    preset = {"preset": "8" if name == "libsvtav1" else "veryfast"}
    found = {case: len({encode(name, preset | options) for _ in range(RUNS)}) for case, options in cases.items()}
    print(f"{name}: " + ", ".join(f"{case} {count}" for case, count in found.items()), flush=True)
    differs = "rate" if name == "libsvtav1" else "rate and limit"
    changed |= any((count > 1) != (case == differs) for case, count in found.items())
if changed:
    raise SystemExit("this has changed")
PYTHON
