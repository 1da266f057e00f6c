"""Loss against iteration for L-BFGS and Adam, on one and the same objective: that of Gatys et al.

    python train/studies/iterations.py --style starry_night.jpg --perceptual-weights DIR

Makes iterations.jpg: the curves, and the pictures at their ends.
"""

import dataclasses

import numpy as np
from matplotlib.figure import Figure
from sample_runs import arguments, painted
from sheets import DPI, HERE, show

from vidstyle.painting import presets

RATES = (0.01, 0.05, 0.2)


def main() -> None:
    args = arguments(__doc__, size=256, steps=100)
    runs = {"L-BFGS": painted(args, preset="gatys", init="content")}
    for rate in RATES:
        # Only the optimiser differs.
        name = f"gatys with Adam {rate}"
        presets.PRESETS[name] = dataclasses.replace(presets.GATYS, optimiser="adam", rate=rate)
        runs[f"Adam, rate {rate:g}"] = painted(args, preset=name, init="content")
    figure = Figure(figsize=(3 * len(runs), 6.4), layout="constrained")
    grid = figure.add_gridspec(2, len(runs), height_ratios=(2, 1))
    axes = figure.add_subplot(grid[0, :])
    for name, run in runs.items():
        totals = np.array([losses["total"] for losses, _ in run])
        axes.plot(np.arange(1, len(totals) + 1), totals, label=f"{name}: {totals[-1]:.3g}")
    axes.set(yscale="log", xlabel="iteration", ylabel="loss", title="The loss of Gatys et al., two optimisers")
    axes.legend()
    axes.spines[["top", "right"]].set_visible(False)
    for column, (name, run) in enumerate(runs.items()):
        place = figure.add_subplot(grid[1, column])
        show(place, run[-1][1])
        place.set_title(name, fontsize=10)
    figure.savefig(HERE / "iterations.jpg", dpi=DPI, pil_kwargs={"quality": 88})


if __name__ == "__main__":
    main()
