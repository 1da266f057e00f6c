"""Ways to lift a painting of 360 rows to an HD frame, on the same paintings.

    python train/studies/lifting.py FOLDER --clip cutBunny.mp4 --perceptual-weights DIR [--styles NAME ...]

Frames are the harbour's at 1080 rows, with letters in them, as train/studies/hd.py renders it into FOLDER; for the
crops also one of --clip at its own size with strokes three times as large, so that there is as much detail to lift.
Makes lifting.jpg in --out, and prints a table: milliseconds a frame on one core, the figures of hd.py on single frames,
and how far the lifted painting, averaged down to 360 rows, is the painting: energy of the finest octave as a share of
the painting's, and mean difference, grey levels.
"""

import argparse
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import hd
import numpy as np
import torch
from matplotlib.figure import Figure
from sheets import DPI, HERE, folder, show

from vidstyle.perception import metrics
from vidstyle.perception.perceptual_network import PerceptualNetwork
from vidstyle.perception.tensors import load_style_image, to_tensor
from vidstyle.restyle_options import Options
from vidstyle.stream.lifting import lifted, painted_size
from vidstyle.stream.planes import empty, picture_size, planes_of, resized
from vidstyle.styles import load_style
from vidstyle.video_runs import open_painter

Lift = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""Painting, the source at its size, and the source, planes of 4:2:0 each, to planes as large as the source."""
FRAMES = (7,)
STYLES = ["starry_night", "roman_mosaic", "great_wave"]
ROUNDS = 2
SHARE = 0.7
"""Of the source's detail, where it is the same everywhere."""
RADIUS, LEVELS = 2, 100.0
"""Of the guided filter: positions, and the variance of grey levels that counts as none."""
CELL, BINS = 12, 8
"""Positions along a cell of the bilateral grid, and cells over all lumas."""
NEAR = 12.0
"""Grey levels over which joint bilateral upsampling takes neighbours for alike."""


def by_luma(lift: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]) -> Lift:
    """A way that lifts luma (h, w), (h, w), (H, W), float32, as one of pictures; chroma is enlarged."""

    def way(painting: np.ndarray, small: np.ndarray, source: np.ndarray) -> np.ndarray:
        result = empty(picture_size(source), planar=True)
        ours, own, whole = (planes_of(pixels)[0].astype(np.float32) for pixels in (painting, small, source))
        for plane, out in zip(planes_of(painting), planes_of(result), strict=True):
            cv2.resize(plane, (out.shape[1], out.shape[0]), out, interpolation=cv2.INTER_CUBIC)
        planes_of(result)[0][:] = np.clip(np.rint(lift(ours, own, whole)), 0, 255)
        return result

    return way


def _enlarged(field: np.ndarray, like: np.ndarray, way: int = cv2.INTER_CUBIC) -> np.ndarray:
    return np.asarray(cv2.resize(field, like.shape[1::-1], interpolation=way))


def added(painting: np.ndarray, small: np.ndarray, source: np.ndarray) -> np.ndarray:
    """The source's detail, as much of it everywhere."""
    return _enlarged(painting, source) + SHARE * (source - _enlarged(small, source))


def guided(painting: np.ndarray, small: np.ndarray, source: np.ndarray) -> np.ndarray:
    """He and Sun 2015, "Fast Guided Filter": a local linear model of the source, enlarged."""
    side = (2 * RADIUS + 1,) * 2
    mean, means = cv2.blur(small, side), cv2.blur(painting, side)
    gain = (cv2.blur(small * painting, side) - mean * means) / (cv2.blur(small * small, side) - mean * mean + LEVELS)
    offset = means - gain * mean
    return _enlarged(cv2.blur(gain, side), source) * source + _enlarged(cv2.blur(offset, side), source)


def joint_bilateral(painting: np.ndarray, small: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Kopf et al. 2007, equation 3: the nearest positions, those of like luma more."""
    height, width = source.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    y, x = ((at + 0.5) * low / high - 0.5 for at, low, high in zip((y, x), small.shape, source.shape, strict=True))
    total, weights = np.zeros_like(source), np.zeros_like(source)
    low_y, low_x = np.floor(y), np.floor(x)
    for down in range(-1, 3):
        for right in range(-1, 3):
            at_y, at_x = low_y + down, low_x + right
            rows, columns = (np.clip(at, 0, n - 1).astype(int) for at, n in zip((at_y, at_x), small.shape, strict=True))
            far = (at_y - y) ** 2 + (at_x - x) ** 2
            weight = np.exp(-far / (2 * 0.6**2) - (small[rows, columns] - source) ** 2 / (2 * NEAR**2)) + 1e-6
            total += weight * painting[rows, columns]
            weights += weight
    return total / weights


def bilateral_grid(painting: np.ndarray, small: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Chen et al. 2016, "Bilateral Guided Upsampling": linear maps of luma, in cells of places and lumas."""
    gain, offset = _grid(painting, small)
    return _sliced(gain, source) * source + _sliced(offset, source)


def bilateral_grid_and_strokes(painting: np.ndarray, small: np.ndarray, source: np.ndarray) -> np.ndarray:
    """The same, and what the grid has not of the painting, enlarged."""
    gain, offset = _grid(painting, small)
    missing = painting - _sliced(gain, small) * small - _sliced(offset, small)
    return _sliced(gain, source) * source + _sliced(offset, source) + _enlarged(missing, source)


def _grid(painting: np.ndarray, small: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gain and offset, (cells down, cells across, BINS) each."""
    shape = tuple(-(-side // CELL) for side in small.shape)
    y, x = np.mgrid[0 : small.shape[0], 0 : small.shape[1]]
    at = np.ravel_multi_index((y // CELL, x // CELL, (small * (BINS / 256)).astype(int)), (*shape, BINS)).ravel()

    def summed(values: np.ndarray) -> np.ndarray:
        cells = np.bincount(at, values.ravel(), np.prod(shape) * BINS).reshape(*shape, BINS).astype(np.float32)
        cells = cv2.GaussianBlur(cells, (0, 0), 0.8)
        return np.asarray(cv2.GaussianBlur(cells.reshape(-1, BINS), (3, 1), 0.8)).reshape(*shape, BINS)

    count = summed(np.ones_like(small)) + 1e-3
    mean, means = summed(small) / count, summed(painting) / count
    covariance = summed(small * painting) / count - mean * means
    gain = covariance / (summed(small * small) / count - mean * mean + LEVELS)
    return gain, means - gain * mean


def _sliced(grid: np.ndarray, luma: np.ndarray) -> np.ndarray:
    """What a grid (h, w, BINS) says of each place (H, W), linear between its cells."""
    planes = [_enlarged(np.ascontiguousarray(grid[..., bin_]), luma, cv2.INTER_LINEAR) for bin_ in range(BINS)]
    at = np.clip(luma * (BINS / 256) - 0.5, 0, BINS - 1)
    result = np.zeros_like(luma)
    for bin_, plane in enumerate(planes):
        result += plane * np.clip(1 - np.abs(at - bin_), 0, 1)
    return result


WAYS: dict[str, Lift] = {
    "enlarged": by_luma(lambda painting, _, source: _enlarged(painting, source)),
    "detail added": by_luma(added),
    "joint bilateral": by_luma(joint_bilateral),
    "guided filter": by_luma(guided),
    "bilateral grid": by_luma(bilateral_grid),
    "grid and strokes": by_luma(bilateral_grid_and_strokes),
    "vidstyle": lifted,
}


def with_letters(frame: np.ndarray) -> np.ndarray:
    """RGB (H, W, 3) with words in three sizes."""
    frame = frame.copy()
    for size, (x, y), color in ((2.5, (70, 250), (250, 240, 200)), (1.2, (90, 330), (30, 40, 60)), (0.7, (95, 370), 0)):
        shade = (color,) * 3 if isinstance(color, int) else color
        cv2.putText(frame, "Harbour 1889", (x, y), cv2.FONT_HERSHEY_DUPLEX, size, shade, round(2 * size), cv2.LINE_AA)
    return frame


def to_planes(rgb: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420))


def to_rgb(planes: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.cvtColor(planes, cv2.COLOR_YUV2RGB_I420))


def painted(style: str, frames: Mapping[str, tuple[np.ndarray, float]]) -> dict[str, tuple[np.ndarray, ...]]:
    """Painting, small picture and source of each frame, planes, at a size of strokes."""
    painter = open_painter(load_style(style), Options(engine="torch", device="cpu"))
    result = {}
    for name, (frame, strokes) in frames.items():
        source = to_planes(frame)
        small = resized(frame, painted_size(picture_size(frame), strokes))
        painting = painter.start(small).result()
        result[name] = to_planes(painting), resized(source, picture_size(small)), source
    painter.close()
    return result


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=folder)
    parser.add_argument("--clip", type=Path, required=True)
    parser.add_argument("--perceptual-weights", type=Path, required=True)
    parser.add_argument("--styles", nargs="+", default=STYLES)
    parser.add_argument("--out", type=folder, default=HERE)
    args = parser.parse_args()
    perceptual = PerceptualNetwork("vgg19-hybrid", args.perceptual_weights)
    features = hd.Features(perceptual)
    harbour = list(hd.frames_of(hd.rendered(args.folder, max(FRAMES) + 1), max(FRAMES) + 1))
    frames = {f"harbour {index}": (with_letters(harbour[index]), 1.0) for index in FRAMES}
    bunny = list(hd.frames_of(args.clip, 41))[40]
    rows: dict[str, list[list[float]]] = {way: [] for way in WAYS}
    sheet: dict[str, dict[str, np.ndarray]] = {}
    for style in args.styles:
        picture = hd.picture_of(style)
        for name, planes in painted(style, frames | {"clip": (bunny, 3.0)}).items():
            for way, lift in WAYS.items():
                seconds = []
                for _ in range(ROUNDS):
                    begin = time.process_time()
                    result = lift(*planes)
                    seconds.append(time.process_time() - begin)
                if name in frames:
                    rows[way].append([1000 * min(seconds), *_figures(perceptual, features, result, planes, picture)])
                    print(style, way, [round(value, 3) for value in rows[way][-1]], flush=True)
                for crop, (frame, part) in CROPS.items():
                    if frame == name:
                        sheet.setdefault(f"{style}\n{crop}", {"source": to_rgb(planes[2])[part]})[way] = to_rgb(result)[
                            part
                        ]
    _draw(args.out / "lifting.jpg", sheet)
    columns = ("", "ms", "style", "structure", "content", "sharp", "strokes seen", "away", "grid, dB")
    print("| " + " | ".join(columns) + " |\n" + "|---" * len(columns) + "|")
    for way, values in rows.items():
        mean = np.mean(values, 0)
        print(f"| {way} | {mean[0]:.0f} | " + " | ".join(f"{value:.3g}" for value in mean[1:]) + " |")


CROPS = {
    "letters": ("harbour 7", np.s_[180:390, 60:340]),
    "rigging": ("harbour 7", np.s_[560:770, 1000:1280]),
    "eyes": ("clip", np.s_[40:250, 200:480]),
}
"""Frame and part of it, 280x210 pixels."""


def _figures(
    perceptual: PerceptualNetwork,
    features: hd.Features,
    result: np.ndarray,
    planes: tuple[np.ndarray, ...],
    picture: Path,
) -> list[float]:
    ours, source = to_rgb(result), to_rgb(planes[2])
    small, style = to_tensor(hd.seen(ours))[None], load_style_image(picture, hd.SEEN_ROWS)
    near = [metrics.style_distance(features, small, style, layers) for layers in (hd.FINE, hd.STRUCTURE)]
    # In a part of it, which takes less time than all.
    part = np.s_[ours.shape[0] // 4 : -ours.shape[0] // 4, ours.shape[1] // 4 : -ours.shape[1] // 4]
    content = metrics.content_distance(perceptual, to_tensor(ours[part])[None], to_tensor(source[part])[None])
    afar, painting = (cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY) for pixels in (hd.seen(ours), to_rgb(planes[0])))
    strokes = float(hd.finest(afar).sum() / hd.finest(painting).sum())
    away = float(np.abs(afar.astype(float) - painting).mean())
    return [*near, content, hd.sharpness(ours, source), strokes, away, metrics.grid_score(ours)]


def _draw(path: Path, sheet: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    """Crops at 1:1."""
    columns = list(next(iter(sheet.values())))
    height, width = next(iter(next(iter(sheet.values())).values())).shape[:2]
    gap, label = 6, 22
    size = ((width + gap) * len(columns) / DPI, (label + (height + gap) * len(sheet)) / DPI)
    figure = Figure(figsize=size)
    for row, (name, crops) in enumerate(sheet.items()):
        for column, (way, crop) in enumerate(crops.items()):
            left, top = column * (width + gap), label + row * (height + gap)
            box = (
                left / DPI / size[0],
                1 - (top + height) / DPI / size[1],
                width / DPI / size[0],
                height / DPI / size[1],
            )
            axes = figure.add_axes(box)
            show(axes, crop)
            if row == 0:
                axes.set_title(way, fontsize=8, pad=2)
            if column == 0:
                axes.text(4, 14, name.replace("\n", ", "), fontsize=7, color="white")
    figure.savefig(path, dpi=DPI, pil_kwargs={"quality": 78})


if __name__ == "__main__":
    main()
