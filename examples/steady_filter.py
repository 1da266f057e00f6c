"""OpenCV's own stylization filter, which flickers on video, made steady: steady_filter.py IN.mp4 OUT.mp4"""

import sys
from pathlib import Path

import cv2
import numpy as np

from vidstyle.media.sinks import FileSink
from vidstyle.media.sources import FileSource
from vidstyle.stream import Stream


class Filter:
    """A painter is anything that makes a picture of a frame."""

    def paint(self, frame: np.ndarray) -> np.ndarray:
        """RGB (H, W, 3) uint8 of the same."""
        return np.asarray(cv2.stylization(frame, sigma_s=60, sigma_r=0.45))


if __name__ == "__main__":
    source = FileSource(Path(sys.argv[1]))
    sink, stream = FileSink(Path(sys.argv[2]), source.format), Stream([(0.0, Filter())])
    for frame in source:
        stream.submit(frame)
        sink.write(stream.result())
    sink.close()
    stream.close()
    source.close()
