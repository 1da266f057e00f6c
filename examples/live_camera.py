"""Paint a camera in a window, with something of your own drawn on the painted frame: here, a frame counter.

python examples/live_camera.py [CAMERA] [STYLE]

CAMERA is a number or a video file.  `q` or Escape ends it.
"""

import sys
import time

import cv2  # before anything that loads PyAV: on Linux, windows are OpenCV's only if it comes first
import numpy as np

import vidstyle


def draw(painted: np.ndarray, number: int, fps: float) -> None:
    """Draw on the painted frame, RGB (H, W, 3) uint8; put your own idea here."""
    cv2.putText(painted, f"{number}  {fps:.0f} fps", (16, 32), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (255, 255, 255), 2)


def main() -> None:
    """Read, paint, draw, show, until a key or the end."""
    camera = sys.argv[1] if len(sys.argv) > 1 else "0"
    source = cv2.VideoCapture(int(camera) if camera.isdecimal() else camera)
    source.set(cv2.CAP_PROP_FRAME_WIDTH, 640)
    source.set(cv2.CAP_PROP_FRAME_HEIGHT, 360)
    painter = vidstyle.Painter(sys.argv[2] if len(sys.argv) > 2 else "starry_night")
    begun, number = time.monotonic(), 0
    while True:
        there, frame = source.read()
        if not there:
            break
        painted = painter(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
        number += 1
        draw(painted, number, number / (time.monotonic() - begun))
        cv2.imshow("vidstyle", cv2.cvtColor(painted, cv2.COLOR_RGB2BGR))
        if cv2.waitKey(1) in {ord("q"), 27}:
            break
    painter.close()
    source.release()
    if not number:
        raise SystemExit(f"{camera}: no such camera or video; vidstyle cameras lists what is there")


if __name__ == "__main__":
    main()
