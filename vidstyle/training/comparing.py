"""Which of two styles does better at what a training asks for, so that none is replaced by a worse one."""

import copy
from pathlib import Path
from statistics import geometric_mean

import torch
from torch import nn

from vidstyle.errors import InputError
from vidstyle.nets import MetaNetwork
from vidstyle.perception import losses
from vidstyle.style_files import load_style_file
from vidstyle.training.starting_network import fresh_network
from vidstyle.training.trainer import Trainer

COMPARED_SIDE = 256
"""Pixels; side of the held-back photographs that styles are compared on."""
ALIKE = 0.01
"""Share by which two losses may differ and be the same."""


def keep_the_better(trainer: Trainer) -> bool:
    """Go back to what the training has started from, if that does better; whether it did.

    A training that starts from nothing is better than that.
    """
    if trainer.recipe.network.init is None:
        return False
    start = fresh_network(trainer.recipe).to(trainer.device)
    if held_back_loss(trainer, trainer.network) <= held_back_loss(trainer, start):
        return False
    trainer.network.load_state_dict(start.state_dict())
    return True


def does_better(path: Path, trainer: Trainer) -> bool:
    """Whether there is a style in a file that does better than what has been trained."""
    if not path.exists():
        return False
    try:
        there = load_style_file(path).network
    except InputError:
        return False
    if isinstance(there, MetaNetwork):
        return False
    return held_back_loss(trainer, there) * (1 + ALIKE) < held_back_loss(trainer, trainer.network)


@torch.inference_mode()
def held_back_loss(trainer: Trainer, network: nn.Module) -> float:
    """What is minimised, on photographs held back from training: content, style, and what keeps pictures clean.

    The geometric mean, so that each photograph counts as much: one that is all black is ten times as far from a style.
    """
    network = copy.deepcopy(network).to(trainer.device).eval()
    trainer.objective.perceptual.float()
    found = []
    for photo in trainer.photographs.held_back(COMPARED_SIDE):
        source = photo[None].to(trainer.device)
        found.append(float(losses.total(trainer.objective(source, network(source)))))
    return geometric_mean(found) if found else 0.0
