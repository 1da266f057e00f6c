"""Content weight against style weight: from style alone to content alone.

    python train/studies/weights_grid.py --style starry_night.jpg --perceptual-weights DIR

Makes weights_grid.jpg.
"""

from sample_runs import arguments, painted
from sheets import HERE, draw_sheet

CONTENT = (0, 0.3, 1, 3)
STYLE = (0, 3, 10, 30)


def main() -> None:
    args = arguments(__doc__, size=256, steps=40)
    rows = {}
    for content in CONTENT:
        row = []
        for style in STYLE:
            if content == style == 0:
                # Nothing to do: the start.
                row.append(painted(args, content_weight=1.0, style_weight=0.0, steps=1)[-1][1])
                continue
            row.append(painted(args, content_weight=float(content), style_weight=float(style))[-1][1])
        rows[f"content {content:g}"] = row
    draw_sheet(HERE / "weights_grid.jpg", "Weights of content and style", rows, [f"style {style:g}" for style in STYLE])


if __name__ == "__main__":
    main()
