#!/bin/sh
# With PyAV, a frame whose `side_data` was looked at stays in memory until Python's collector of circles comes by.
#
# The frame keeps the container of its side data, and that keeps the frame.  The collector goes by the number of Python
# objects, and a frame is one object of megabytes: a program with many other objects holds hundreds of such frames.
# SideDataContainer(frame), which the frame does not keep, is free of that.
#
# Seen with PyAV 18.1.0 (FFmpeg 8.1.2), numpy 2.4.6, Python 3.11:
#     of 20 frames of 1280x720 stay: without a look 0, after a look at side_data 20, at a SideDataContainer 0
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet av==18.1.0 numpy==2.4.6
venv/bin/python - <<'PYTHON'
import gc
from collections.abc import Callable

import av
import numpy as np
from av.sidedata.sidedata import SideDataContainer

with av.open("film.mp4", "w") as container:
    stream = container.add_stream("libx264", rate=25)
    stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
    for number in range(4):
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((720, 1280, 3), number, np.uint8))))
    container.mux(stream.encode())


def staying(look: Callable[[av.VideoFrame], object]) -> int:
    gc.collect()
    gc.disable()
    for _ in range(20):
        with av.open("film.mp4") as container:
            frame = next(container.decode(video=0))
            look(frame)
        del frame
    gc.enable()
    return sum(isinstance(thing, av.VideoFrame) for thing in gc.get_objects())


plain = staying(lambda frame: None)
looked = staying(lambda frame: frame.side_data)
beside = staying(SideDataContainer)
print(
    f"of 20 frames of 1280x720 stay: without a look {plain}, after a look at side_data {looked}, "
    f"at a SideDataContainer {beside}"
)
if (plain, looked, beside) != (0, 20, 0):
    raise SystemExit("this has changed")
PYTHON
