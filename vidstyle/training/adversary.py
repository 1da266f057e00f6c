"""Discriminators that learn along with a painter, and the crops of real paintings that they learn from."""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from vidstyle.media.images import read_opaque, resize_shorter_side
from vidstyle.nets.discriminator import ScaledDiscriminators, hinge_of_both, hinge_of_painter
from vidstyle.perception.tensors import to_tensor
from vidstyle.training.balance import EVERY, Balance
from vidstyle.training.checkpoint import optimiser_tensors, put_into_optimiser
from vidstyle.training.distributed import Team

LEARNING_RATE, BETAS = 4e-4, (0.5, 0.999)
"""Of the discriminators: twice what painters are trained with in Zhu et al. 2017 (Heusel et al. 2017, "TTUR")."""


class PaintedCrops:
    """Random crops of pictures by one hand, each as likely as any other of them.

    A batch depends on the seed and its step alone.

    Args:
        paths: of the pictures.
        crop, batch: side of the crops, pixels, and how many there are at a time.
        shorter_side: that pictures are scaled to, pixels; at least the crop.
        seed: of the crops.
    """

    def __init__(self, paths: Sequence[Path], *, crop: int, batch: int, shorter_side: int, seed: int) -> None:
        self.crop, self.batch_size, self.seed = crop, batch, seed
        self.pictures = [resize_shorter_side(read_opaque(path), max(crop, shorter_side)) for path in paths]

    def batch(self, step: int) -> Tensor:
        """The crops of `step`: (N, 3, crop, crop) float32 in [0, 1]."""
        rngs = (random.Random(f"{self.seed}/{step}/{i}/painted") for i in range(self.batch_size))
        return torch.stack([self._crop(rng) for rng in rngs])

    def _crop(self, rng: random.Random) -> Tensor:
        picture = rng.choice(self.pictures)
        top, left = (rng.randint(0, length - self.crop) for length in picture.shape[:2])
        crop = to_tensor(picture[top : top + self.crop, left : left + self.crop])
        return crop.flip(-1) if rng.random() < 0.5 else crop


class Adversary:
    """Learns to tell real paintings from painted photographs, and says how well these pass.

    Draws its first weights from torch's generator.

    Args:
        device: where.
        team: the processes that train together.
        ratio: gradient of what it says at the painting, as a multiple of that of content's; as it comes if None.
    """

    def __init__(self, device: torch.device, team: Team, ratio: float | None = None) -> None:
        self.discriminators = ScaledDiscriminators().to(device)
        self.optimiser = torch.optim.Adam(self.discriminators.parameters(), lr=LEARNING_RATE, betas=BETAS)
        self.balance = None if ratio is None else Balance(ratio)
        self._device, self._team = device, team

    def learn(self, real: Tensor, painted: Tensor) -> float:
        """One step on RGB (N, 3, H, W) in [0, 1] of each kind; returns the loss before it."""
        self.discriminators.requires_grad_(True)
        painted = painted.detach().float()
        loss = hinge_of_both(self.discriminators(real.to(self._device)), self.discriminators(painted))
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        for parameter in self.discriminators.parameters():
            assert parameter.grad is not None
            parameter.grad = self._team.mean(parameter.grad)
        self.optimiser.step()
        return loss.item()

    def term(self, painted: Tensor) -> Tensor:
        """What a painter of RGB (N, 3, H, W) is to make small; to be balanced by `balanced`."""
        self.discriminators.requires_grad_(False)
        return hinge_of_painter(self.discriminators(painted.float()))

    def balanced(self, painted: Tensor, content: Tensor, step: int) -> Tensor:
        """`term`, scaled until its gradient at `painted` is `ratio` times that of the scalar `content`."""
        assert self.balance is not None
        term = self.term(painted)
        if step % EVERY == 0:
            self.balance.measure(content, term, painted, self._team)
        return term * (self.balance.scale or 1.0)

    def tensors(self) -> dict[str, Tensor]:
        """Its state, for a checkpoint."""
        kept = {f"network.{name}": value for name, value in self.discriminators.state_dict().items()}
        kept |= {f"optimiser.{name}": value for name, value in optimiser_tensors(self.optimiser).items()}
        if self.balance is not None and self.balance.scale is not None:
            kept["balance.scale"] = torch.tensor(self.balance.scale, dtype=torch.float64)
        return kept

    def take(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from what `tensors` gave."""
        parts: dict[str, dict[str, Tensor]] = {"network": {}, "optimiser": {}, "balance": {}}
        for name, value in tensors.items():
            part, _, rest = name.partition(".")
            parts[part][rest] = value
        self.discriminators.load_state_dict(parts["network"])
        put_into_optimiser(self.optimiser, parts["optimiser"])
        if self.balance is not None and "scale" in parts["balance"]:
            self.balance.scale = parts["balance"]["scale"].item()
