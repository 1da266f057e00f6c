#!/bin/sh
# A loop that Numba keeps on disk may give other numbers in the run that compiles it than in the runs that read it.
#
# A function with cache=True is kept as machine code, together with a copy of each compiled function that it calls and
# that was not inlined.  That copy was optimised twice, once by itself and once as a part of the caller.  In the run that
# compiles both, the linker has met the callee's own machine code before and takes that for every call; in a later run
# only the caller is read, and the copy in it is what is called.  With fastmath the two may sum in another order.  So the
# first run after an installation differs in last digits from all that follow, on the same machine, and a program whose
# decisions hang on such numbers does something else.  Callees with forceinline=True have no copies, and all runs agree.
#
# Seen with numba 0.68.1, llvmlite 0.50.0, numpy 2.4.6, Python 3.11, code for haswell (as NUMBA_CPU_NAME asks for):
#     a called function as it is: run 1 -7.1793622970581055, run 2 -7.17936372756958, run 3 -7.17936372756958
#     with forceinline=True: the same number in all three
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet numba==0.68.1 llvmlite==0.50.0 numpy==2.4.6
cat > loops.py <<'PYTHON'
import os

import numba
import numpy as np

F = np.float32
INLINED = os.environ["INLINED"] == "1"


@numba.njit(cache=True, fastmath=True, error_model="numpy", forceinline=INLINED)
def step(patch, across, down, picture, y, x):
    """Where a patch of 8x8 should go from a place between pixels: Gauss and Newton's step, for x and y."""
    top, left = np.uintp(y), np.uintp(x)
    fy, fx = y - F(top), x - F(left)
    total = sx = sy = wx = wy = xx = xy = yy = F(0)
    for k in range(np.uintp(8)):
        above = picture[top, left + k] + fx * (picture[top, left + k + np.uintp(1)] - picture[top, left + k])
        for r in range(np.uintp(8)):
            t = top + r + np.uintp(1)
            below = picture[t, left + k] + fx * (picture[t, left + k + np.uintp(1)] - picture[t, left + k])
            d = above + fy * (below - above) - patch[r, k]
            above = below
            gx, gy = across[r, k], down[r, k]
            total += d
            sx += gx
            sy += gy
            wx += d * gx
            wy += d * gy
            xx += gx * gx
            xy += gx * gy
            yy += gy * gy
    wx -= total * sx / F(64)
    wy -= total * sy / F(64)
    xx += F(1) - sx * sx / F(64)
    yy += F(1) - sy * sy / F(64)
    xy -= sx * sy / F(64)
    area = xx * yy - xy * xy
    return (xy * wy - yy * wx) / area, (xy * wx - xx * wy) / area


@numba.njit(cache=True, fastmath=True, error_model="numpy")
def summed(patch, across, down, picture):
    s = F(0)
    for i in range(picture.shape[0] - 20):
        for j in range(picture.shape[1] - 20):
            u, v = step(patch, across, down, picture, F(i), F(j))
            y, x = F(i) + min(max(u, F(0)), F(9)), F(j) + min(max(v, F(0)), F(9))
            u, v = step(patch, across, down, picture, y, x)
            a, b = step(patch, across, down, picture, F(i) + F(0.5), F(j) + F(0.25))
            s += u * v + a - b
    return s


random = np.random.default_rng(0)
patch, across, down = random.random((3, 8, 8), dtype=F)
print(summed(patch, across, down, random.random((64, 64), dtype=F)))
PYTHON

three_runs() {
    rm -rf __pycache__
    for _ in 1 2 3; do
        INLINED=$1 NUMBA_CPU_NAME=haswell NUMBA_CPU_FEATURES=+avx,+avx2,+fma venv/bin/python loops.py
    done
}

as_it_is=$(three_runs 0)
inlined=$(three_runs 1)
echo "a called function as it is:" $as_it_is
echo "with forceinline=True:" $inlined
set -- $as_it_is
[ "$1" != "$2" ] || { echo "the first run gives what the second does"; exit 1; }
[ "$2" = "$3" ] || { echo "later runs differ, too"; exit 1; }
set -- $inlined
[ "$1" = "$2" ] && [ "$2" = "$3" ] || { echo "inlined, runs differ, too"; exit 1; }
