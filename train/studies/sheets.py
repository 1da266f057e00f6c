"""Sheets of labelled pictures, and where the studies put them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

HERE = Path(__file__).parent
DPI = 110


def folder(name: str) -> Path:
    """An argument that names a folder to write to: it is made before hours of work, if it is not there."""
    path = Path(name)
    path.mkdir(parents=True, exist_ok=True)
    return path


def draw_sheet(path: Path, title: str, rows: Mapping[str, Sequence[np.ndarray]], columns: Sequence[str]) -> None:
    """Pictures in rows and columns with their labels, as a JPEG."""
    height, width = next(iter(rows.values()))[0].shape[:2]
    size = (2.6 * len(columns) + 0.4, 2.6 * height / width * len(rows) + 0.8)
    figure = Figure(figsize=size, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.03, wspace=0, hspace=0)
    grid = figure.subplots(len(rows), len(columns), squeeze=False)
    for row, (label, pictures) in zip(grid, rows.items(), strict=True):
        for axes, picture in zip(row, pictures, strict=True):
            show(axes, picture)
        row[0].set_ylabel(label, fontsize=10)
    for axes, label in zip(grid[0], columns, strict=True):
        axes.set_title(label, fontsize=10)
    figure.suptitle(title, fontsize=12)
    figure.savefig(path, dpi=DPI, pil_kwargs={"quality": 88})


def show(axes: Axes, picture: np.ndarray) -> None:
    """A picture without axes."""
    axes.imshow(picture, interpolation="lanczos")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
