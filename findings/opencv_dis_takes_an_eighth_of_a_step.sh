#!/bin/sh
# Each step of the gradient descent of OpenCV's DIS optical flow is an eighth of the step that it has worked out.
#
# DISOpticalFlow moves patches by inverse search: slopes, over squared slopes, times what differs.  For a picture whose
# luma is nearly a plane around a patch, one such step of Gauss and Newton ends where the patch belongs.  OpenCV takes
# slopes from a Sobel filter, eight times the slope a pixel, and divides by their squares, 64 times as large; so a step
# goes an eighth of the way, n steps 1 - (7/8)^n, and setGradientDescentIterations(16) of a shift of one pixel ends 0.12
# short.  With mean normalisation, which is the default, it is less still.  On several levels the neighbours and what the
# coarser level found make up for it.  Whoever writes the search anew takes one step in place of eight; whoever wants
# OpenCV's own to converge asks for more steps than the 12 to 25 of its presets.
#
# Seen with opencv-python 5.0.0.93, numpy 2.4.6, Python 3.11; a shift of one pixel, one level, no neighbours:
#     steps  1: moved 0.125, 1 - (7/8)^n is 0.125
#     steps  2: moved 0.235, 1 - (7/8)^n is 0.234
#     steps  4: moved 0.415, 1 - (7/8)^n is 0.414
#     steps  8: moved 0.657, 1 - (7/8)^n is 0.656
#     steps 16: moved 0.882, 1 - (7/8)^n is 0.882
#     steps 32: moved 0.986, 1 - (7/8)^n is 0.986
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet opencv-python==5.0.0.93 numpy==2.4.6
venv/bin/python - <<'PYTHON'
import cv2
import numpy as np

down, across = np.mgrid[:40, :40].astype(np.float32)


def waves(shift: float) -> np.ndarray:
    return np.rint(128 + 50 * np.sin((across - shift) / 4) + 50 * np.cos(down / 5)).astype(np.uint8)


search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
search.setFinestScale(0)
search.setUseSpatialPropagation(False)
search.setUseMeanNormalization(False)
search.setVariationalRefinementIterations(0)
for steps in (1, 2, 4, 8, 16, 32):
    search.setGradientDescentIterations(steps)
    flow = search.calc(waves(0), waves(1), np.zeros((40, 40, 2), np.float32))
    moved, eighths = float(np.median(flow[10:-10, 10:-10, 0])), 1 - (7 / 8) ** steps
    print(f"steps {steps:2}: moved {moved:.3f}, 1 - (7/8)^n is {eighths:.3f}")
    assert abs(moved - eighths) < 0.01, "the step is no eighth any more"
PYTHON
