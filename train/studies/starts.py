"""Noise against content as a start, for each preset that is given either.

    python train/studies/starts.py --style starry_night.jpg --perceptual-weights DIR

Makes starts.jpg: both at growing step counts.
"""

from sample_runs import arguments, painted
from sheets import HERE, draw_sheet

SHARES = (0.05, 0.2, 0.5, 1.0)
PRESETS = ("gatys", "adam")


def main() -> None:
    args = arguments(__doc__, size=256, steps=100)
    rows = {}
    for preset in PRESETS:
        for init in ("noise", "content"):
            run = painted(args, preset=preset, init=init)
            rows[f"{preset}, {init}"] = [run[max(1, round(share * len(run))) - 1][1] for share in SHARES]
    columns = [f"step {max(1, round(share * args.steps))}" for share in SHARES]
    draw_sheet(HERE / "starts.jpg", "Starting from noise and from the content", rows, columns)


if __name__ == "__main__":
    main()
