"""The pictures of a report, drawn with matplotlib.

Figures are made without pyplot, so that Agg renders them and no screen is needed.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

CURVES = {
    "total": "#333333",
    "content": "#0072b2",
    "style": "#d55e00",
    "temporal": "#009e73",
    "temporal_feature": "#56b4e9",
    "total_variation": "#cc79a7",
    "flicker": "#e69f00",
}
"""Colours that the colour-blind tell apart (Okabe and Ito 2008)."""
SMOOTHING = 25
"""A curve is averaged over this part of its length."""
DPI = 120


def draw_losses(path: Path, title: str, losses: Mapping[str, np.ndarray]) -> None:
    """Weighted terms of the loss over steps, on a logarithmic axis: each step faintly, their running mean boldly.

    losses: `step` and the terms by name, each (steps,).
    """
    figure = Figure(figsize=(9, 5.4), layout="constrained")
    axes = figure.subplots()
    axes.set_yscale("log")
    steps = losses["step"]
    ends = {}
    for name, color in CURVES.items():
        if name not in losses or not (losses[name] > 0).any():
            continue
        values = np.where(losses[name] > 0, losses[name], np.nan)
        smooth = running_mean(values, max(1, len(values) // SMOOTHING))
        axes.plot(steps, values, color=color, alpha=0.18, linewidth=0.8)
        axes.plot(steps, smooth, color=color, linewidth=2)
        ends[name] = smooth[-1]
    _label_ends(axes, steps[-1], ends)
    axes.set(xlabel="step", ylabel="weighted loss", title=title)
    axes.set_xlim(steps[0], steps[-1] if steps[-1] > steps[0] else steps[0] + 1)
    axes.grid(which="major", color="#dddddd", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=DPI)


def draw_progress(path: Path, title: str, columns: Mapping[str, np.ndarray]) -> None:
    """Test photographs at growing step counts, side by side.

    columns: by label, squares below each other, RGB (n S, S, 3) uint8.
    """
    side = next(iter(columns.values())).shape[1]
    count = next(iter(columns.values())).shape[0] // side
    figure = Figure(figsize=(2.1 * len(columns), 2.02 * count + 0.6), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.03, wspace=0, hspace=0)  # type: ignore[union-attr, call-arg]
    grid = figure.subplots(count, len(columns), squeeze=False)
    for column, (label, pictures) in enumerate(columns.items()):
        for row, picture in enumerate(pictures.reshape(count, side, side, 3)):
            _show(grid[row, column], picture)
        grid[0, column].set_title(label, fontsize=11)
    figure.suptitle(f"{title}: photographs that training has not seen", fontsize=13)
    figure.savefig(path, dpi=DPI)


def draw_strip(path: Path, title: str, before: list[np.ndarray], after: list[np.ndarray], stride: int) -> None:
    """Frames of a clip, RGB (H, W, 3) uint8, above what they are painted as; `stride` frames from one to the next."""
    height, width = before[0].shape[:2]
    size = (2.4 * len(before) + 0.4, 2 * 2.4 * height / width + 0.65)
    figure = Figure(figsize=size, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.03, wspace=0, hspace=0)  # type: ignore[union-attr, call-arg]
    grid = figure.subplots(2, len(before), squeeze=False)
    for row, (label, frames) in enumerate((("before", before), ("after", after))):
        for column, frame in enumerate(frames):
            _show(grid[row, column], frame)
        grid[row, 0].set_ylabel(label, fontsize=11)
    for column in range(len(before)):
        grid[0, column].set_title(f"frame {column * stride}", fontsize=10)
    figure.suptitle(f"{title}: a clip", fontsize=13)
    figure.savefig(path, dpi=DPI)


def running_mean(values: np.ndarray, window: int) -> np.ndarray:
    """Mean of (n,) over the last `window` entries, or over as many as there are; those that are nan do not count."""
    known = np.isfinite(values)
    sums, counts = (np.concatenate(([0.0], np.cumsum(x))) for x in (np.where(known, values, 0), known))
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(0, ends - window)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (sums[ends] - sums[starts]) / (counts[ends] - counts[starts])


def _label_ends(axes: Axes, x: float, ends: Mapping[str, float]) -> None:
    """Write the name of each curve beside its end, none upon another."""
    low, high = np.log10(axes.get_ylim())
    gap = (high - low) * 0.05
    place = -np.inf
    for name, value in sorted(ends.items(), key=lambda item: item[1]):
        place = max(float(np.log10(value)), place + gap)
        axes.annotate(
            f"{name.replace('_', ' ')}  {value:.3g}",
            (x, 10**place),
            (8, 0),
            textcoords="offset points",
            color=CURVES[name],
            va="center",
            annotation_clip=False,
        )


def _show(axes: Axes, picture: np.ndarray) -> None:
    axes.imshow(picture, interpolation="lanczos")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
