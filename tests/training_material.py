"""What training needs, made on the spot: small, and fast to train on."""

import itertools
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from vidstyle.perception.perceptual_network import FILES
from vidstyle.training.loop import TrainingLoop

WIDTHS = (4, 6, 8, 8, 8)
"""Channels of the stand-in for VGG-19, by block."""


def write_picture(path: Path, seed: int, size: tuple[int, int] = (96, 80)) -> None:
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (8, 10, 3), dtype=np.uint8))
    coarse.resize(size, Image.Resampling.BICUBIC).save(path)


def write_perceptual_weights(folder: Path, widths: tuple[int, ...] = WIDTHS) -> None:
    """Files of the names and shapes that training expects, narrow and with random filters."""
    folder.mkdir(exist_ok=True)
    generator = torch.Generator().manual_seed(0)

    def conv(channels_in: int, channels_out: int, side: int) -> torch.Tensor:
        scale = (2 / (channels_in * side * side)) ** 0.5
        return scale * torch.randn(channels_out, channels_in, side, side, generator=generator)

    tensors = {"conv0.weight": torch.eye(3)[..., None, None], "conv0.bias": torch.full((3,), -0.5)}
    last = 3
    for block, (width, convs) in enumerate(zip(widths, (2, 2, 4, 4, 1), strict=True), 1):
        for index in range(1, convs + 1):
            tensors[f"conv{block}_{index}.weight"] = conv(last, width, 3)
            tensors[f"conv{block}_{index}.bias"] = torch.zeros(width)
            last = width
        tensors[f"embed{block}_1.weight"] = conv(width, 2 * width, 1)
        tensors[f"embed{block}_1.bias"] = torch.zeros(2 * width)
    save_file(tensors, folder / FILES["vgg19-distilled"])
    near = {k: v for k, v in tensors.items() if k.startswith(("conv0", "conv1", "conv2", "conv3_1"))}
    save_file(near, folder / FILES["vgg19-shallow"])


def make_material(folder: Path) -> Path:
    """Photographs, a style picture, perceptual weights and `train/dots.toml`; returns the folder."""
    (folder / "photos").mkdir()
    (folder / "weights").mkdir()
    (folder / "train").mkdir()
    for seed in range(6):
        write_picture(folder / "photos" / f"{seed}.jpg", seed)
    write_picture(folder / "dots.png", 99)
    write_perceptual_weights(folder)
    (folder / "train" / "dots.toml").write_text(
        """
        [style]
        image = "../dots.png"
        title = "Dots"
        artist = "Nobody"
        year = 1900
        shorter_side = 64
        [data]
        photos = "../photos"
        perceptual = ".."
        [network]
        name = "realtime"
        arguments = {channels = 16, blocks = 1}
        [loss]
        style = 4
        [schedule]
        steps = 30
        batch = 2
        crop = 64
        warm_up = 5
        """
    )
    return folder


def losses_of(trainer: TrainingLoop, steps: int | None = None) -> list[float]:
    """The total loss of each of the next steps, or of all that are left."""
    return [progress.losses["total"] for progress in itertools.islice(trainer.run(), steps)]
