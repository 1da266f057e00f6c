#!/bin/sh
# The duration that FFmpeg gives to a frame from MP4 is that of another frame where B-frames and a variable rate meet.
#
# MP4 writes down by how much decoding times differ (stts), and frames are decoded in another order than they are
# shown in.  FFmpeg 8.1 hands those steps out as the durations of the packets, and of the frames decoded from them.
# Whoever adds the last frame's duration to its pts gets a wrong end of the video; the length of the track, a sum of
# the same numbers, may lie before the last frame is shown.  Right is: a frame lasts until the pts of the next one, and
# the last one until the end of the edit list.
#
# Seen with PyAV 18.1.0 (FFmpeg 8.1.2), numpy 2.4.6, Python 3.11:
#     shown 0.00 s, lasts 1.00 s, is said to last 1.00 s
#     shown 1.00 s, lasts 0.50 s, is said to last 0.50 s
#     shown 1.50 s, lasts 1.00 s, is said to last 1.00 s
#     shown 2.50 s, lasts 0.03 s, is said to last 1.00 s
#     shown 2.53 s, lasts 0.47 s, is said to last 0.50 s
#     shown 3.00 s, lasts 1.50 s, is said to last 1.50 s
#     shown 4.50 s, lasts 2.00 s, is said to last 0.03 s
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet av==18.1.0 numpy==2.4.6
venv/bin/python - <<'PYTHON'
from fractions import Fraction

import av
import numpy as np
from av.codec.context import Flags

times = [0, 100, 150, 250, 253, 300, 450, 650]  # hundredths of a second; the last one is the end
with av.open("clip.mp4", "w") as output:
    stream = output.add_stream("libx264", rate=25, options={"x264-params": "bframes=3:b-adapt=0"})
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    stream.codec_context.time_base = Fraction(1, 100)
    stream.codec_context.flags |= Flags.frame_duration
    for number, (pts, end) in enumerate(zip(times, times[1:])):
        frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 20 * number, np.uint8), "rgb24")
        frame.pts, frame.time_base, frame.duration = pts, Fraction(1, 100), end - pts
        output.mux(stream.encode(frame))
    output.mux(stream.encode(None))

wrong = 0
with av.open("clip.mp4") as container:
    for frame, begin, end in zip(container.decode(video=0), times, times[1:]):
        lasts, told = (end - begin) / 100, float(frame.duration * frame.time_base)
        print(f"shown {begin / 100:.2f} s, lasts {lasts:.2f} s, is said to last {told:.2f} s")
        wrong += abs(lasts - told) > 0.001
if not wrong:
    raise SystemExit("every frame is said to last as long as it does: this has changed")
PYTHON
