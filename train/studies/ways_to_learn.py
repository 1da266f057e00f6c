"""What discriminators bring: one style learnt from Gram matrices, against an adversary, and by CycleGAN.

    python train/studies/ways_to_learn.py --data DIR --perceptual-weights DIR [--steps 150]

All start from The Starry Night's real-time network and take as many steps.  Makes ways_to_learn.md and .jpg in --out;
distances as in form.py.
"""

import argparse
import dataclasses
import time
from pathlib import Path

import numpy as np
from form import all_frames, measured, painted, widened
from sheets import HERE, draw_sheet, folder

from vidstyle.perception.objective import Loss
from vidstyle.perception.perceptual_network import PerceptualNetwork
from vidstyle.training.make_style import TRAINERS
from vidstyle.training.recipe import Data, NetworkChoice, Recipe, Schedule, StyleSource

ONE, OTHERS = "aesust_33.jpg", ("aams_puluowangsi.jpg", "starry_night.jpg")
"""Van Gogh's mountainous landscape behind Saint-Paul, and two more by the same hand; in the public domain."""
FOUR = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")


def recipes(data: Path, weights: Path, steps: int) -> dict[str, Recipe]:
    """What is held against each other, by name."""
    one = data / "styles" / ONE
    several = (one, *(data / "styles" / name for name in OTHERS))
    gram = Recipe(
        name="study",
        style=StyleSource(image=one),
        data=Data(photos=data / "photos", perceptual=weights),
        network=NetworkChoice(init=HERE.parent / "starts" / "starry_night.safetensors"),
        loss=Loss(perceptual="vgg19-distilled", content_layers=("relu3_1",), style_layers=FOUR, style=8),
        schedule=Schedule(steps=steps, batch=1, crop=160, learning_rate=1e-3, warm_up=10),
    )
    deeper = dataclasses.replace(
        gram.loss, style_layers=(*FOUR, "relu5_1"), style_layer_weights=(1, 1, 1, 1, 2), style=12
    )

    def against(loss: Loss, ratio: float) -> Loss:
        return dataclasses.replace(loss, adversarial=ratio)

    return {
        "Gram matrices": gram,
        "and relu5_1": dataclasses.replace(gram, loss=deeper),
        "adversary 0.5": dataclasses.replace(gram, loss=against(gram.loss, 0.5)),
        "adversary 2": dataclasses.replace(gram, loss=against(gram.loss, 2.0)),
        "adversary 2, no Gram": dataclasses.replace(gram, loss=dataclasses.replace(against(gram.loss, 2.0), style=0.0)),
        "relu5_1, adversary 0.5": dataclasses.replace(gram, loss=against(deeper, 0.5)),
        "CycleGAN, three pictures": dataclasses.replace(
            gram,
            method="cyclegan",
            style=StyleSource(image=several),
            schedule=dataclasses.replace(gram.schedule, learning_rate=4e-4),
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with clips/, photos/ and styles/")
    parser.add_argument("--perceptual-weights", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--only", nargs="+", help="names of rows")
    parser.add_argument("--out", type=folder, default=HERE)
    args = parser.parse_args()
    frames = all_frames(args.data / "clips")
    judge = PerceptualNetwork("vgg19-hybrid", args.perceptual_weights)
    sheet: dict[str, list[np.ndarray]] = {"source": [widened(frame) for frame in frames.values()]}
    lines = [
        f"{args.steps} steps each, of one crop of 160 pixels; distances are means of {len(frames)} frames: "
        "`python train/studies/ways_to_learn.py`.",
        "",
        "| | style | structure | content | grid, dB | ms a step |",
        "|---|---|---|---|---|---|",
    ]
    for name, recipe in recipes(args.data, args.perceptual_weights, args.steps).items():
        if args.only and name not in args.only:
            continue
        trainer = TRAINERS[recipe.method](recipe)
        began = time.process_time()
        for _ in trainer.run():
            pass
        spent = 1000 * (time.process_time() - began) / trainer.step
        paintings = painted(trainer.network.eval(), [*frames.values()])
        means = measured(judge, [paintings], args.data / "styles" / ONE, [*frames.values()])[0].mean(0)
        style, structure, content, grid = means
        lines.append(f"| {name} | {style:.3f} | {structure:.3f} | {content:.3f} | {grid:.0f} | {spent:.0f} |")
        print(lines[-1], flush=True)
        sheet[name] = [widened(painting) for painting in paintings]
    (args.out / "ways_to_learn.md").write_text("\n".join(lines) + "\n")
    draw_sheet(args.out / "ways_to_learn.jpg", "Gram matrices, adversaries, CycleGAN", sheet, list(frames))


if __name__ == "__main__":
    main()
