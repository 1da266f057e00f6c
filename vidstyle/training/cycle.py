"""CycleGAN (Zhu et al. 2017): a style from photographs and a collection of pictures by one hand, without pairs.

One network paints, another turns paintings back into photographs, and discriminators tell what either makes from what
is real.  What the first one has learnt is a style as any other.
"""

import dataclasses
import random
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vidstyle.errors import InputError
from vidstyle.nets import MetaNetwork
from vidstyle.nets.canvas import turned_coordinates
from vidstyle.nets.discriminator import LEAST_SIDE
from vidstyle.nets.realtime import USUAL_SPREAD, measure_light
from vidstyle.perception import losses
from vidstyle.perception.objective import Loss, Objective
from vidstyle.perception.perceptual_network import PerceptualNetwork
from vidstyle.perception.photographs import Photographs
from vidstyle.perception.tensors import load_style_image
from vidstyle.training.adversary import BETAS, Adversary, PaintedCrops
from vidstyle.training.distributed import Team
from vidstyle.training.loop import TrainingLoop
from vidstyle.training.recipe import Recipe
from vidstyle.training.residual_blocks import painter_in, recompute_blocks
from vidstyle.training.starting_network import fresh_network

UNKNOWN = {
    "network": ("init_share", "experts", "train_encoder"),
    "data": ("clips",),
    "schedule": ("surround", "inversion_steps", "clip_share", "span", "finish_steps", "finish_crop", "finish_share"),
}
"""Words of a recipe's parts that mean nothing here."""
TAKEN = ("perceptual", "style_layers", "adversarial", "cycle", "identity")
"""Words of its loss that do; the first two for what is measured of a style at the end."""
HISTORY = 50
"""Pictures made earlier that discriminators see again (Shrivastava et al. 2017, section 2.3)."""


class PictureHistory:
    """The last pictures that a network has made, in no order."""

    def __init__(self) -> None:
        self.pictures: list[Tensor] = []

    def exchanged(self, made: Tensor, rng: random.Random) -> Tensor:
        """`made`, (N, 3, H, W) in [0, 1], but for half of them one each that was made earlier; remembers `made`."""
        shown = []
        for picture in made.detach():
            # In bytes, since fifty pictures are many, and go into checkpoints.
            kept = (picture.float().clamp(0, 1) * 255).round().byte()
            if len(self.pictures) < HISTORY:
                self.pictures.append(kept)
                shown.append(picture)
            elif rng.random() < 0.5:
                place = rng.randrange(HISTORY)
                shown.append(self.pictures[place].to(picture.dtype) / 255)
                self.pictures[place] = kept
            else:
                shown.append(picture)
        return torch.stack(shown)


class CycleTrainer(TrainingLoop):
    """Trains a style by CycleGAN; takes what Trainer takes, and does not train in a team.

    Brightness is no part of what a real-time network is given, so pictures are compared in the light that it sees
    them in, see `in_usual_light`.

    Attributes:
        inverse: turns paintings into photographs.

    Raises:
        InputError: for what a recipe of this method cannot say.
    """

    def __init__(
        self,
        recipe: Recipe,
        *,
        device: str = "cpu",
        checkpoint: Path | None = None,
        resume: bool = False,
        checkpoint_every: int = 200,
        recompute_activations: bool = False,
        team: Team | None = None,
    ) -> None:
        super().__init__(recipe, device=device, checkpoint=checkpoint, checkpoint_every=checkpoint_every, team=team)
        _check(recipe, self.team)
        schedule, loss = recipe.schedule, recipe.loss
        torch.manual_seed(schedule.seed)
        self.network = fresh_network(recipe).to(self.device)
        if isinstance(self.network, MetaNetwork):
            raise InputError(f"method cyclegan makes styles, and {recipe.network.name} is no network of a style's")
        self.inverse = _way_back(recipe).to(self.device)
        self._painted_by = Adversary(self.device, self.team)
        self._photographed = Adversary(self.device, self.team)
        self._paintings, self._photos_made = PictureHistory(), PictureHistory()
        crops = {"crop": schedule.crop, "batch": schedule.batch, "seed": schedule.seed}
        self.photographs = Photographs(recipe.data.photos, scales=schedule.scales, **crops)
        self.painted_crops = PaintedCrops(recipe.style.pictures, shorter_side=recipe.style.shorter_side, **crops)
        perceptual = PerceptualNetwork(loss.perceptual, recipe.data.perceptual).to(self.device)
        pictures = (load_style_image(path, recipe.style.shorter_side) for path in recipe.style.pictures)
        self.objective = Objective(loss, perceptual, *(picture.to(self.device) for picture in pictures))
        for network in (self.network, self.inverse):
            network.to(memory_format=torch.channels_last)
            if recompute_activations:
                recompute_blocks(network)
        learning = [*self.network.parameters(), *self.inverse.parameters()]
        self.optimiser = torch.optim.AdamW(learning, lr=0.0, betas=BETAS, weight_decay=0.0)
        if resume:
            self._resume()
        self.inverse.train()

    def _material(self, step: int) -> tuple[Tensor, Tensor]:
        """Photographs and crops of paintings, (N, 3, H, W) each."""
        return self.photographs.batch(step), self.painted_crops.batch(step)

    def _train_step(self, photos: Tensor, paintings: Tensor) -> dict[str, float]:
        weights = self.recipe.loss
        self._prepare_step()
        photos, paintings = photos.to(self.device), paintings.to(self.device)
        # What the inverse makes has the light that the network gives to whatever it is shown.
        real = in_usual_light(photos)
        painted, photographed = _made(self.network, photos), _made(self.inverse, paintings)
        cycle = _far(_made(self.inverse, painted), photos) + _far(_made(self.network, photographed), paintings)
        identity = _far(_made(self.inverse, photos), photos) + _far(_made(self.network, paintings), paintings)
        passing = self._painted_by.term(painted) + self._photographed.term(photographed)
        terms = {
            "adversarial": (weights.adversarial or 1.0) * passing,
            "cycle": weights.cycle * cycle,
            "identity": weights.identity * identity,
        }
        total = losses.total(terms)
        reported = torch.stack((*terms.values(), total)).tolist()
        self._descend(total, reported[-1])
        rng = random.Random(f"{self.recipe.schedule.seed}/{self.step}/history")
        self._painted_by.learn(paintings, self._paintings.exchanged(painted, rng))
        self._photographed.learn(real, self._photos_made.exchanged(photographed, rng))
        return dict(zip((*terms, "total"), reported, strict=True))

    def _kept(self) -> tuple[float | None, dict[str, Tensor]]:
        parts: dict[str, Mapping[str, Tensor]] = {
            "inverse": self.inverse.state_dict(),
            "painted": self._painted_by.tensors(),
            "photographed": self._photographed.tensors(),
            "paintings": _numbered(self._paintings.pictures),
            "photos_made": _numbered(self._photos_made.pictures),
        }
        return None, {f"{part}.{name}": value for part, kept in parts.items() for name, value in kept.items()}

    def _take(self, scale: float | None, adversary: dict[str, Tensor]) -> None:
        def of(part: str) -> dict[str, Tensor]:
            return {
                name.removeprefix(f"{part}."): value.to(self.device)
                for name, value in adversary.items()
                if name.startswith(f"{part}.")
            }

        self.inverse.load_state_dict(of("inverse"))
        self._painted_by.take(of("painted"))
        self._photographed.take(of("photographed"))
        for history, part in ((self._paintings, "paintings"), (self._photos_made, "photos_made")):
            history.pictures = [picture for _, picture in sorted(of(part).items())]


def in_usual_light(pictures: Tensor) -> Tensor:
    """RGB (N, 3, H, W) with the mean and spread of luminance that a real-time network is given, about 1/2."""
    mean, spread = measure_light(pictures).to(pictures.dtype)[..., None, None, None].unbind(1)
    return (pictures - mean) * (USUAL_SPREAD / spread) + 0.5


def _way_back(recipe: Recipe) -> nn.Module:
    """A network that starts where the recipe's does, but draws no strokes: photographs have none."""
    plain = {name: value for name, value in recipe.network.arguments.items() if name != "strokes"}
    return fresh_network(dataclasses.replace(recipe, network=dataclasses.replace(recipe.network, arguments=plain)))


def _check(recipe: Recipe, team: Team) -> None:
    if team.size > 1:
        raise InputError("method cyclegan trains in one process; start it without torchrun")
    if recipe.schedule.crop < LEAST_SIDE:
        raise InputError(f"schedule.crop is {recipe.schedule.crop}; method cyclegan takes at least {LEAST_SIDE}")
    unknown = UNKNOWN | {"loss": tuple(f.name for f in dataclasses.fields(Loss) if f.name not in TAKEN)}
    given = [
        f"{part}.{one.name}"
        for part, names in unknown.items()
        for one in dataclasses.fields(getattr(recipe, part))
        if one.name in names and getattr(getattr(recipe, part), one.name) != one.default
    ]
    if given:
        raise InputError(f"method cyclegan takes no {', '.join(given)}; leave that out of the recipe")


def _made(network: nn.Module, pictures: Tensor) -> Tensor:
    """What a network makes of RGB (N, 3, H, W), on a canvas that lies anywhere."""
    painter = painter_in(network)
    if painter is None:
        # What a module is called with has no types.
        return cast(Tensor, network(pictures))
    size = painter.canvas_size(*pictures.shape[-2:])
    places = torch.cat([turned_coordinates(*size) for _ in pictures]).to(pictures.device)
    return cast(Tensor, painter(pictures, painter.canvas_at(places)))


def _far(made: Tensor, wanted: Tensor) -> Tensor:
    """Mean absolute difference in the same light."""
    return F.l1_loss(in_usual_light(made), in_usual_light(wanted))


def _numbered(pictures: list[Tensor]) -> dict[str, Tensor]:
    return {f"{number:03}": picture for number, picture in enumerate(pictures)}
