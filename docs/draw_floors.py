"""Draw the floors of the house and what stands on what: `python docs/draw_floors.py` makes docs/images/floors.svg.

Floors are those of tests/test_layers.py, arrows the imports; one that follows from others is left out.
"""

import sys
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

from test_layers import FILES, FLOORS, PACKAGE, floor, imported, room  # noqa: E402

GROUND = {"errors", *FLOORS[1]}
"""Small modules that anybody may use: their arrows would tell nothing."""


def edges() -> set[tuple[str, str]]:
    """Who imports whom."""
    found = set()
    for path in FILES:
        own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        found |= {(own, room(module)) for _, module in imported(path)}
    return {(own, other) for own, other in found if other and other != own and other not in GROUND}


def reduced(found: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Without what follows from others."""
    below: dict[str, set[str]] = {}
    for own in sorted({own for own, _ in found}, key=floor):
        direct = {other for start, other in found if start == own}
        below[own] = direct.union(*(below.get(other, set()) for other in direct))
    return {
        (own, other)
        for own, other in found
        if not any(other in below.get(between, set()) for start, between in found if start == own)
    }


def main() -> None:
    # Above them all is __main__, which starts the command line.
    places, floors = {}, [sorted(rooms) for rooms in FLOORS[:-1]]
    figure = Figure(figsize=(9, 0.72 * len(floors)), layout="constrained")
    axes = figure.subplots()
    axes.set_axis_off()
    for number, rooms in enumerate(floors):
        axes.axhspan(number - 0.42, number + 0.42, color="#f2efe8" if number % 2 else "#e7e2d6", zorder=0)
        for place, name in enumerate(rooms):
            # Not one above the other, where arrows of those above would pass behind those below.
            x = (place + 1) / (len(rooms) + 1) + (0.16 * (number % 3 - 1) if len(rooms) < 4 else 0.0)
            places[name] = (x, number)
            color = "#777777" if name in GROUND else "black"
            box = {"boxstyle": "round,pad=0.35", "facecolor": "white", "edgecolor": color}
            axes.text(x, number, name, ha="center", va="center", fontsize=9, color=color, bbox=box, zorder=3)
    for own, other in sorted((own, other) for own, other in reduced(edges()) if own in places):
        (x, top), (end, bottom) = places[own], places[other]
        bend = 0.0 if top - bottom == 1 else 0.12 * (1 if x >= end else -1)
        style = {
            "arrowstyle": "-|>",
            "color": "#2f5d8a",
            "connectionstyle": f"arc3,rad={bend}",
            "shrinkB": 9,
            "shrinkA": 9,
        }
        axes.annotate("", (end, bottom + 0.12), (x, top - 0.12), arrowprops=style, zorder=2)
    axes.set(xlim=(0, 1), ylim=(-0.5, len(floors) - 0.5))
    mpl.rcParams |= {"svg.hashsalt": "floors", "svg.fonttype": "none"}
    figure.savefig(HERE / "images" / "floors.svg", metadata={"Date": None})
    if len(sys.argv) > 1:
        figure.savefig(sys.argv[1], dpi=110)


if __name__ == "__main__":
    main()
