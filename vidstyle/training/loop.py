"""The loop that every training runs in: its schedule, its steps one after another, its checkpoints."""

import itertools
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vidstyle.errors import VidstyleError
from vidstyle.perception.annealing import annealed
from vidstyle.perception.objective import Objective
from vidstyle.perception.photographs import Photographs
from vidstyle.training.checkpoint import Position, load_checkpoint, save_checkpoint
from vidstyle.training.clips import Clips
from vidstyle.training.distributed import Team
from vidstyle.training.read_ahead import read_ahead
from vidstyle.training.recipe import Recipe
from vidstyle.training.style_pictures import StylePictures


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


class TrainingLoop(ABC):
    """Trains one network; which way, its subclasses say.

    `run` is a generator: whoever drives it shows progress and decides when to stop.

    Attributes:
        network: what is trained, and becomes a style.
        optimiser: of that.
        objective: what a style is measured by at the end.
        photographs: to paint.
        pictures: to paint like, if the network makes styles of pictures.
        clips: to paint, if there are any.
        step, elapsed: steps done, and the seconds they took.

    Args:
        recipe: what to train.
        device: where.
        checkpoint: file that keeps the state, so that a stopped run can go on.
        checkpoint_every: steps between checkpoints.
        team: the processes that train together; they see the same batches, and each takes its share.
    """

    network: nn.Module
    optimiser: torch.optim.Optimizer
    objective: Objective
    photographs: Photographs
    pictures: StylePictures | None = None
    clips: Clips | None = None

    def __init__(
        self, recipe: Recipe, *, device: str, checkpoint: Path | None, checkpoint_every: int, team: Team | None
    ) -> None:
        self.recipe = recipe
        self.device = torch.device(device)
        self.checkpoint, self.checkpoint_every = checkpoint, checkpoint_every
        self.team = team or Team()
        self.step, self.elapsed = 0, 0.0
        self._before_finish: dict[str, Tensor] = {}

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

    @abstractmethod
    def _material(self, step: int) -> tuple[Any, ...]:
        """What `step` works on, which depends on the step alone."""

    @abstractmethod
    def _train_step(self, *material: Any) -> dict[str, float]:
        """Work on what `_material` gave; the terms of the loss by name, and their sum as `total`."""

    def _prepare_step(self) -> int | None:
        """Set the learning rate, and torch's generator by the step alone; how far the finish is, see `_finishing`."""
        finishing = self._finishing(self.step)
        if finishing == 0:
            # The optimiser begins anew as well.
            self.optimiser.state.clear()
            self._before_finish = {name: value.clone() for name, value in self.network.state_dict().items()}
        torch.manual_seed(hash((self.recipe.schedule.seed, self.step if finishing is None else finishing)) % 2**63)
        for group in self.optimiser.param_groups:
            group["lr"] = group.get("share", 1.0) * self.learning_rate()
        return finishing

    def _descend(self, total: Tensor, reported: float) -> None:
        """One step down from a loss.

        Raises:
            VidstyleError: if it, or its slope, is no longer finite.
        """
        if not math.isfinite(reported):
            raise VidstyleError(f"the loss is {reported} at step {self.step}; lower learning_rate in the recipe")
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        trained = (parameter for group in self.optimiser.param_groups for parameter in group["params"])
        norm = nn.utils.clip_grad_norm_(trained, self.recipe.schedule.gradient_clip).item()
        # A loss can be finite where its slope is not; one such step would ruin the weights, and the checkpoint.
        if not math.isfinite(norm):
            raise VidstyleError(f"the gradient is {norm} at step {self.step}; lower learning_rate in the recipe")
        self.optimiser.step()

    @torch.no_grad()
    def _end_finish(self) -> None:
        """Settle between the weights before the finish and those after it; a second time there is nothing to do."""
        for name, value in self.network.state_dict().items():
            if name in self._before_finish and value.is_floating_point():
                value.lerp_(self._before_finish[name], 1 - self.recipe.schedule.finish_share)
        self._before_finish = {}

    def disband(self) -> None:
        """Work alone from here on; to be called by all processes of a team, before they leave it."""
        self.team = Team()

    def save_checkpoint(self) -> None:
        """Write the state to `self.checkpoint`, replacing it in one move."""
        assert self.checkpoint is not None
        scale, adversary = self._kept()
        position = Position(self.recipe.hash(), self.step, self.elapsed, scale)
        save_checkpoint(self.checkpoint, self.network, self.optimiser, position, self._before_finish, adversary)

    def _resume(self) -> None:
        position, self._before_finish, adversary = load_checkpoint(
            self.checkpoint, self.network, self.optimiser, recipe=self.recipe.hash()
        )
        self.step, self.elapsed = position.step, position.elapsed
        self._take(position.balance, adversary)

    @abstractmethod
    def _kept(self) -> tuple[float | None, dict[str, Tensor]]:
        """For a checkpoint: scale of a term that is balanced, and the state of what the network is trained against."""

    @abstractmethod
    def _take(self, scale: float | None, adversary: dict[str, Tensor]) -> None:
        """Go on from what `_kept` gave."""
