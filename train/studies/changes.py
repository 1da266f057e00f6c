"""What a picture should change of the real-time network: all weights, by low rank, or scales and shifts alone.

    python train/studies/changes.py FOLDER [--minutes N]

Trains train/meta_realtime.toml three times for the same time, unless it is in FOLDER already, and measures photographs
and pictures that were held out.  Makes changes.md in --out.
"""

import argparse
import dataclasses
from pathlib import Path

import torch
from sample_runs import milliseconds
from sheets import HERE, folder

from vidstyle.nets import MetaNetwork
from vidstyle.style_files import SUFFIX, load_style_file, read_card
from vidstyle.training.make_style import make_style
from vidstyle.training.recipe import load_recipe

CHANGES = {
    "all weights, from a bank of 24 kernels": {"kernels": 24, "rank": 0},
    "low rank, 24 changes": {"kernels": 0, "rank": 24},
    "scales and shifts": {"kernels": 0, "rank": 0},
}


def writing_time(path: Path) -> float:
    """Milliseconds to write a network's weights for one picture."""
    meta = load_style_file(path).network
    assert isinstance(meta, MetaNetwork)
    picture = torch.rand(1, 3, 360, 480)
    with torch.inference_mode():
        return milliseconds(lambda: meta.write_weights(picture))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=folder, help="for what is trained")
    parser.add_argument("--minutes", type=float, default=10.0, help="for each")
    parser.add_argument("--out", type=folder, default=HERE)
    args = parser.parse_args()
    recipe = load_recipe(HERE.parent / "meta_realtime.toml")
    rows = []
    for index, (name, arguments) in enumerate(CHANGES.items()):
        path = args.folder / f"{index}{SUFFIX}"
        if not path.is_file():
            network = dataclasses.replace(recipe.network, arguments=recipe.network.arguments | arguments)
            schedule = dataclasses.replace(recipe.schedule, minutes=args.minutes)
            make_style(dataclasses.replace(recipe, name=name, network=network, schedule=schedule), path, device="cpu")
        found = read_card(path).metrics
        rows.append(
            f"| {name} | {found['style_distance']:.3f} | {found['content_distance']:.2f} | {writing_time(path):.0f} "
            f"| {path.stat().st_size / 1e6:.1f} |"
        )
        print(rows[-1], flush=True)
    lines = [
        f"`python train/studies/changes.py FOLDER --minutes {args.minutes:g}`: photographs and pictures held out,",
        f"by {recipe.loss.perceptual}.",
        "",
        "| what a picture changes | style distance | content distance | to write them, ms | MB |",
        f"|{'---|' * 5}",
        *rows,
    ]
    (args.out / "changes.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
