"""The training loop: data, network, optimiser, loop, from top to bottom."""

import itertools
import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vidstyle.errors import InputError, VidstyleError
from vidstyle.nets import MetaNetwork
from vidstyle.nets.adain import MetaAdainNet
from vidstyle.nets.canvas import sample_canvas, turned_coordinates
from vidstyle.perception import losses
from vidstyle.perception.annealing import annealed
from vidstyle.perception.flow import Pair
from vidstyle.perception.objective import Objective
from vidstyle.perception.perceptual_network import PerceptualNetwork
from vidstyle.perception.photographs import Photographs
from vidstyle.perception.tensors import load_style_image
from vidstyle.processor import prefers_bfloat16
from vidstyle.training import balance
from vidstyle.training.checkpoint import Position, load_checkpoint, save_checkpoint
from vidstyle.training.clips import Clips
from vidstyle.training.distributed import Team
from vidstyle.training.moving_pairs import follow_flow, moving_pair
from vidstyle.training.read_ahead import read_ahead
from vidstyle.training.recipe import Recipe
from vidstyle.training.residual_blocks import TrunkOutput, painter_in, recompute_blocks
from vidstyle.training.starting_network import fresh_network, parameter_groups
from vidstyle.training.style_pictures import StylePictures

CALIBRATED = 64
"""Pictures, at the most, that a meta network looks at before training."""


@dataclass(frozen=True)
class TrainingProgress:
    """What one step reports.

    Attributes:
        step: steps done.
        steps: to be done, as far as one can tell.
        losses: the weighted terms of the loss by name, and their sum as `total`.
        seconds: that the step took.
        done: share of the training that is done, 0 to 1.
    """

    step: int
    steps: int
    losses: dict[str, float]
    seconds: float
    done: float


class Trainer:
    """Trains one style, or a network that makes styles of pictures.

    `run` is a generator: whoever drives it shows progress and decides when to stop.

    Args:
        recipe: what to train.
        device: where.
        checkpoint: file that keeps the state, so that a stopped run can go on.
        resume: go on from `checkpoint`; exactly as if it had never stopped, unless the recipe goes by minutes.
        checkpoint_every: steps between checkpoints.
        recompute_activations: keep fewer activations and compute them again for the gradient, which is the same.
            Memory that a step with four crops of 256 pixels takes on a CPU with bfloat16, without and with it: 650 and
            486 MB (realtime, vgg19-hybrid), 499 and 421 MB (realtime, vgg16), 838 and 688 MB (johnson, vgg19-hybrid),
            for 10 to 40 % more time.
        team: the processes that train together; they see the same batches, and each takes its share.
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
        self.recipe = recipe
        self.device = torch.device(device)
        self.checkpoint, self.checkpoint_every = checkpoint, checkpoint_every
        self.team = team or Team()
        torch.manual_seed(recipe.schedule.seed)
        self.network = fresh_network(recipe)
        self.network.to(self.device)
        self._painter = painter_in(self.network)
        (self._painter or self.network).to(memory_format=torch.channels_last)
        self._check_inversion()
        self._open_data()
        self.half = self.device.type in ("cuda", "xpu") or (self.device.type == "cpu" and prefers_bfloat16())
        loss, data = recipe.loss, recipe.data
        perceptual = PerceptualNetwork(
            loss.perceptual, data.perceptual, recompute_activations=recompute_activations
        ).to(self.device)
        if self.pictures is None:
            style = load_style_image(recipe.style.image, recipe.style.shorter_side)
        else:
            style = self.pictures.crop(0)
        self.objective = Objective(loss, perceptual, style.to(self.device))
        perceptual.to(self._feature_dtype).to(memory_format=torch.channels_last)
        if self.device.type == "cuda" and not recompute_activations:
            perceptual.compile_features()
        self.optimiser = torch.optim.AdamW(parameter_groups(self.network, recipe), lr=0.0, weight_decay=0.0)
        self.balance = balance.Balance(loss.balance) if loss.balance else None
        self.step, self.elapsed = 0, 0.0
        self._before_finish: dict[str, Tensor] = {}
        if resume:
            self._resume()
        self._trunk = TrunkOutput(self.network) if loss.temporal_feature else None
        if recompute_activations:
            recompute_blocks(self.network)
        self._paint = self.team.wrap(self.network)

    def _check_inversion(self) -> None:
        loss, schedule = self.recipe.loss, self.recipe.schedule
        if loss.inversion and not isinstance(self.network, MetaAdainNet):
            raise InputError("loss.inversion: this network has no decoder to train with it; set it to 0")
        if schedule.inversion_steps and not loss.inversion:
            raise InputError(
                "schedule.inversion_steps: there is nothing to learn in these; set loss.inversion, as to 3"
            )

    def _open_data(self) -> None:
        schedule, data, paired = self.recipe.schedule, self.recipe.data, self.recipe.loss.paired
        if paired and schedule.batch % 2:
            raise InputError(f"schedule.batch is {schedule.batch}; frames come in pairs, so it must be even")
        if len(schedule.scales) != 2:
            raise InputError(f"schedule.scales has {len(schedule.scales)} entries; it takes the least and the greatest")
        self.photographs = Photographs(
            data.photos, crop=schedule.crop, batch=schedule.batch, seed=schedule.seed, scales=schedule.scales
        )
        self.pictures: StylePictures | None = None
        if isinstance(self.network, MetaNetwork):
            style = self.recipe.style
            self.pictures = StylePictures(
                style.image,
                held_out=style.held_out,
                shorter_side=style.shorter_side,
                seed=schedule.seed,
                seldom=style.seldom,
            )
            if self.recipe.network.init is None:
                seen = range(min(CALIBRATED, len(self.pictures.paths)))
                self.network.calibrate(self.pictures.crop(step).to(self.device) for step in seen)
        self.clips: Clips | None = None
        if data.clips is not None:
            if not paired:
                raise InputError("clips are for the temporal loss: set loss.temporal in the recipe, such as to 20")
            self.clips = Clips(
                data.clips,
                crop=schedule.crop,
                pairs=schedule.batch // 2,
                span=schedule.span,
                seed=schedule.seed,
                share=schedule.clip_share,
            )

    @property
    def done(self) -> float:
        """Share of the training that is done, 0 to 1."""
        schedule = self.recipe.schedule
        return min(1.0, self.elapsed / (60 * schedule.minutes) if schedule.minutes else self.step / self._whole)

    @property
    def _whole(self) -> int:
        """Steps of a training that goes by steps, its finish included."""
        return self.recipe.schedule.steps + self.recipe.schedule.finish_steps

    def _finishing(self, step: int) -> int | None:
        """How many steps of the schedule's finish come before `step`; None for a step that is no part of it."""
        schedule = self.recipe.schedule
        if not schedule.finish_steps or schedule.minutes or step < schedule.steps:
            return None
        return step - schedule.steps

    def learning_rate(self) -> float:
        """Of the next step: warmed up and annealed twice if there is a finish."""
        schedule = self.recipe.schedule
        finishing = self._finishing(self.step)
        step, warm_up = self.step, schedule.warm_up
        if finishing is not None:
            step, warm_up = finishing, schedule.finish_steps // 10
            done = finishing / schedule.finish_steps
        else:
            done = self.done if schedule.minutes else step / schedule.steps
        return annealed(schedule.learning_rate, step=step, warm_up=warm_up, done=done)

    def run(self) -> Iterator[TrainingProgress]:
        """Train from the current step to the last, one `TrainingProgress` a step.

        A checkpoint is written once a step's `TrainingProgress` has been dealt with.

        Raises:
            VidstyleError: when the loss or its gradient is no longer finite; the last checkpoint stays as it was.
        """
        self.network.train()
        begun = time.monotonic() - self.elapsed
        # On a CPU a thread for it takes more from the steps than it saves: 45 ms a step in place of 27 with one crop
        # of 128 pixels on two cores, 213 and 196 with four of 224 in pairs.
        ahead = read_ahead if self.device.type == "cuda" else map
        for material in ahead(self._material, self._steps_ahead()):
            started = time.perf_counter()
            terms = self._train_step(*material)
            self.step += 1
            # All processes have to agree on when to stop.
            self.elapsed = self.team.from_leader(time.monotonic() - begun, self.device)
            done = self.done
            steps = round(self.step / done) if self.recipe.schedule.minutes else self._whole
            yield TrainingProgress(self.step, steps, terms, time.perf_counter() - started, done)
            if done == 1:
                self._end_finish()
            if self.checkpoint and self.team.leads and (self.step % self.checkpoint_every == 0 or done == 1):
                self.save_checkpoint()
            if done == 1:
                return

    def _steps_ahead(self) -> Iterable[int]:
        if self.recipe.schedule.minutes:
            return itertools.count(self.step) if self.done < 1 else ()
        return range(self.step, self._whole)

    def _material(self, step: int) -> tuple[Tensor | None, Pair | None, Tensor | None]:
        """A batch of photographs or one of pairs from clips, and the picture to paint like, if it is not always one."""
        style = self.pictures.crop(step // self.recipe.style.batches) if self.pictures else None
        finishing = self._finishing(step)
        if finishing is not None:
            return self.photographs.batch(finishing, self.recipe.schedule.finish_crop), None, style
        pair = self.clips.batch(step) if self.clips else None
        return (self.photographs.batch(step), None, style) if pair is None else (None, pair, style)

    def _train_step(self, batch: Tensor | None, pair: Pair | None, style: Tensor | None) -> dict[str, float]:
        # Whatever draws from torch's generator in this step depends on the step alone, as the batch does.
        finishing = self._finishing(self.step)
        if finishing == 0:
            # The optimiser begins anew as well.
            self.optimiser.state.clear()
            self._before_finish = {name: value.clone() for name, value in self.network.state_dict().items()}
        torch.manual_seed(hash((self.recipe.schedule.seed, self.step if finishing is None else finishing)) % 2**63)
        for group in self.optimiser.param_groups:
            group["lr"] = group["share"] * self.learning_rate()
        if batch is not None and self.recipe.loss.paired and finishing is None:
            pair = moving_pair(*batch.chunk(2))
        terms = {} if self.step < self.recipe.schedule.inversion_steps else self._painted_terms(batch, pair, style)
        if style is not None and self.recipe.loss.inversion:
            terms["inversion"] = self.recipe.loss.inversion * self._inversion_loss(batch, style)
        total = losses.total(terms)
        # Of all processes, so that they stop together.
        reported = self.team.mean(torch.stack((*terms.values(), total)).detach()).tolist()
        if not math.isfinite(reported[-1]):
            raise VidstyleError(f"the loss is {reported[-1]} at step {self.step}; lower learning_rate in the recipe")
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.schedule.gradient_clip).item()
        # A loss can be finite where its slope is not; one such step would ruin the weights, and the checkpoint.
        if not math.isfinite(norm):
            raise VidstyleError(f"the gradient is {norm} at step {self.step}; lower learning_rate in the recipe")
        self.optimiser.step()
        return dict(zip((*terms, "total"), reported, strict=True))

    def _painted_terms(self, batch: Tensor | None, pair: Pair | None, style: Tensor | None) -> dict[str, Tensor]:
        """The weighted terms of the loss, style against content balanced if the recipe says so."""
        if style is not None:
            self.turn_to(style)
        terms, painted = self._forward(batch, pair)
        if self.balance:
            if self.step % balance.EVERY == 0:
                self.balance.measure(terms["content"], terms["style"], painted, self.team)
            terms["style"] = terms["style"] * (self.balance.scale or 1.0)
        return terms

    def _inversion_loss(self, photographs: Tensor | None, style: Tensor) -> Tensor:
        """On photographs and style picture alike, tiles of the one as large as the others."""
        assert isinstance(self.network, MetaAdainNet)
        images = squares(style, self.recipe.schedule.crop)
        if photographs is not None:
            images = torch.cat((photographs, images))
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            return losses.inversion_loss(self.network.invert(images.to(self.device)))

    def turn_to(self, style: Tensor) -> None:
        """Let a meta network's painter, and the objective, be about the picture (1, 3, H, W) in [0, 1] from now on."""
        assert isinstance(self.network, MetaNetwork)
        style = style.to(self.device)
        self.network.set_picture(style)
        self.objective.set_style(style.to(self._feature_dtype))

    def _forward(self, batch: Tensor | None, pair: Pair | None) -> tuple[dict[str, Tensor], Tensor]:
        """The weighted terms of the loss on this process's share of the batch, and the painting with its margin."""
        source = batch if pair is None else torch.cat((pair.first, pair.second))
        assert source is not None
        count = len(source) if pair is None else len(source) // 2
        share = self.team.share(count)
        mine = torch.arange(count)[share]
        rows = mine if pair is None else torch.cat((mine, mine + count))
        # In float32, since bfloat16 tells apart 256 positions only.
        coordinates = self._canvas_coordinates(source, pair, count)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            source = source[rows].to(self.device).contiguous(memory_format=torch.channels_last)
            framed, painted = self._paint_margin(source, [self._canvas(c[rows]) for c in coordinates])
            terms = self.objective(framed, painted.to(self._feature_dtype))
        if pair is not None:
            pixels = (pair.visible.sum() / self.team.size).to(self.device)
            trunk = self._trunk.take() if self._trunk else None
            shown = painted
            if self._painter is not None:
                shown = self._painter.without_margin(painted, *source.shape[-2:])
            terms |= self.objective.temporal(pair[share].to(self.device), shown, trunk, pixels)
        return terms, painted

    def _paint_margin(self, source: Tensor, canvas: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Source and painting, both with the network's margin, if it has one.

        The margin is not shown, but what is painted there reaches back into the picture; so it has to be good, too.
        """
        if self._painter is None:
            return source, self._paint(source)
        return self._painter.with_margin(source), self._paint(source, *canvas, whole=True)

    def _canvas_coordinates(self, source: Tensor, pair: Pair | None, count: int) -> list[Tensor]:
        """Where on the canvas each picture is, if the network has one; it follows the flow of a pair."""
        if self._painter is None:
            return []
        size = self._painter.canvas_size(*source.shape[-2:])
        coordinates = torch.cat([turned_coordinates(*size) for _ in range(count)])
        if pair is not None:
            moved = follow_flow(coordinates, pair.flow, margin=self._painter.margin)
            coordinates = torch.cat((coordinates, moved))
        return [coordinates]

    def _canvas(self, coordinates: Tensor) -> Tensor:
        assert self._painter is not None
        return sample_canvas(self._painter.canvas, coordinates.to(self.device))

    @property
    def _feature_dtype(self) -> torch.dtype:
        return torch.bfloat16 if self.half else torch.float32

    @torch.no_grad()
    def _end_finish(self) -> None:
        """Settle between the weights before the finish and those after it; a second time there is nothing to do."""
        for name, value in self.network.state_dict().items():
            if name in self._before_finish and value.is_floating_point():
                value.lerp_(self._before_finish[name], 1 - self.recipe.schedule.finish_share)
        self._before_finish = {}

    def disband(self) -> None:
        """Work alone from here on; to be called by all processes of a team, before they leave it."""
        # What holds on to the others must be gone before the connection is.
        self._paint, self.team = self.network, Team()

    def save_checkpoint(self) -> None:
        """Write the state to `self.checkpoint`, replacing it in one move."""
        assert self.checkpoint is not None
        scale = self.balance.scale if self.balance else None
        position = Position(self.recipe.hash(), self.step, self.elapsed, scale)
        save_checkpoint(self.checkpoint, self.network, self.optimiser, position, self._before_finish)

    def _resume(self) -> None:
        position, self._before_finish = load_checkpoint(
            self.checkpoint, self.network, self.optimiser, recipe=self.recipe.hash()
        )
        self.step, self.elapsed = position.step, position.elapsed
        if self.balance:
            self.balance.scale = position.balance


def squares(image: Tensor, side: int) -> Tensor:
    """As many squares as lie in (1, C, H, W) beside one another, (N, C, side, side); of a smaller one, it enlarged."""
    if min(image.shape[-2:]) < side:
        return F.interpolate(image, (side, side), mode="bilinear", antialias=True)
    cut = image.unfold(2, side, side).unfold(3, side, side)
    return cut[0].permute(1, 2, 0, 3, 4).flatten(0, 1)
