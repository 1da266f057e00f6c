"""The presets side by side, with style and content distance and the seconds of processor that each took.

    python train/studies/side_by_side.py --style starry_night.jpg --perceptual-weights DIR

Makes side_by_side.jpg.  --steps stands for those of `best`; the others have their own.
"""

import time

import torch
from sample_runs import arguments, harbour, painted
from sheets import HERE, draw_sheet

from vidstyle.painting.optimisation import fit
from vidstyle.painting.presets import PRESETS
from vidstyle.perception import metrics
from vidstyle.perception.perceptual_network import PerceptualNetwork
from vidstyle.perception.tensors import load_style_image, to_tensor

LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")


def main() -> None:
    args = arguments(__doc__, size=256, steps=100)
    network = PerceptualNetwork(args.perceptual, args.perceptual_weights)
    pictures, labels = [], []
    for preset in PRESETS:
        began = time.process_time()
        image = painted(args, preset=preset, steps=args.steps if preset == "best" else None)[-1][1]
        seconds = time.process_time() - began
        source = to_tensor(fit(harbour(), *image.shape[:2]))[None]
        style = load_style_image(args.style, min(image.shape[:2]))
        with torch.inference_mode():
            ours = to_tensor(image)[None]
            far = metrics.style_distance(network, ours, style, LAYERS), metrics.content_distance(network, ours, source)
        pictures.append(image)
        labels.append(f"{preset}\nstyle {far[0]:.3f}, content {far[1]:.2f}, {seconds:.0f} s")
        print(labels[-1].replace("\n", ": "), flush=True)
    draw_sheet(HERE / "side_by_side.jpg", "Presets", {"": pictures}, labels)


if __name__ == "__main__":
    main()
