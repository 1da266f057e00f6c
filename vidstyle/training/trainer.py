"""Training by a perceptual objective: data, network, optimiser and step, from top to bottom."""

import copy
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vidstyle.errors import InputError
from vidstyle.nets import MetaNetwork
from vidstyle.nets.adain import MetaAdainNet
from vidstyle.nets.canvas import turned_coordinates
from vidstyle.nets.discriminator import LEAST_SIDE
from vidstyle.perception import losses
from vidstyle.perception.contours import near_detail
from vidstyle.perception.flow import Pair
from vidstyle.perception.objective import Objective
from vidstyle.perception.perceptual_network import PerceptualNetwork
from vidstyle.perception.photographs import Photographs
from vidstyle.perception.tensors import load_style_image
from vidstyle.processor import prefers_bfloat16
from vidstyle.training import balance
from vidstyle.training.adversary import Adversary, PaintedCrops
from vidstyle.training.clips import Clips
from vidstyle.training.distributed import Team
from vidstyle.training.loop import TrainingLoop
from vidstyle.training.moving_pairs import follow_flow, moving_pair
from vidstyle.training.recipe import Recipe, Schedule
from vidstyle.training.residual_blocks import TrunkOutput, painter_in, recompute_blocks
from vidstyle.training.starting_network import fresh_network, parameter_groups
from vidstyle.training.style_pictures import StylePictures

CALIBRATED = 64
"""Pictures, at the most, that a meta network looks at before training."""


class Trainer(TrainingLoop):
    """Trains one style, or a network that makes styles of pictures.

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
        super().__init__(recipe, device=device, checkpoint=checkpoint, checkpoint_every=checkpoint_every, team=team)
        torch.manual_seed(recipe.schedule.seed)
        self.network = fresh_network(recipe)
        self.network.to(self.device)
        self._painter = painter_in(self.network)
        (self._painter or self.network).to(memory_format=torch.channels_last)
        self._check_inversion()
        self._first = self._as_it_began() if recipe.loss.keep or recipe.loss.keep_detail else None
        self._open_data()
        self.half = self.device.type in ("cuda", "xpu") or (self.device.type == "cpu" and prefers_bfloat16())
        loss, data = recipe.loss, recipe.data
        perceptual = PerceptualNetwork(
            loss.perceptual, data.perceptual, recompute_activations=recompute_activations
        ).to(self.device)
        if self.pictures is None:
            style = [load_style_image(path, recipe.style.shorter_side) for path in recipe.style.pictures]
        else:
            style = [self.pictures.crop(0)]
        self.objective = Objective(loss, perceptual, *(picture.to(self.device) for picture in style))
        perceptual.to(self._feature_dtype).to(memory_format=torch.channels_last)
        if self.device.type == "cuda" and not recompute_activations:
            perceptual.compile_features()
        self.optimiser = torch.optim.AdamW(parameter_groups(self.network, recipe), lr=0.0, weight_decay=0.0)
        self.balance = balance.Balance(loss.balance) if loss.balance else None
        self._open_adversary()
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

    def _as_it_began(self) -> nn.Module:
        """A copy of the network, whose large forms are to stay."""
        word = "loss.keep" if self.recipe.loss.keep else "loss.keep_detail"
        if isinstance(self.network, MetaNetwork):
            raise InputError(f"{word}: is for styles, and this network makes styles of pictures; set it to 0")
        if self.recipe.network.init is None:
            raise InputError(f"{word}: there is nothing to keep; name what training starts from as network.init")
        return copy.deepcopy(self.network).eval().requires_grad_(False)

    def _open_data(self) -> None:
        schedule, data, paired = self.recipe.schedule, self.recipe.data, self.recipe.loss.paired
        if paired and schedule.batch % 2:
            raise InputError(f"schedule.batch is {schedule.batch}; frames come in pairs, so it must be even")
        if schedule.surround < 0:
            raise InputError(f"schedule.surround is {schedule.surround}; it takes 0 pixels and more")
        if len(schedule.scales) != 2:
            raise InputError(f"schedule.scales has {len(schedule.scales)} entries; it takes the least and the greatest")
        self.photographs = Photographs(
            data.photos,
            crop=_painted_side(schedule.crop, schedule),
            batch=schedule.batch,
            seed=schedule.seed,
            scales=schedule.scales,
        )
        self.pictures: StylePictures | None = None
        if isinstance(self.network, MetaNetwork):
            style = self.recipe.style
            if not isinstance(style.image, Path):
                raise InputError("style.image: a network that makes styles of pictures learns from a folder; name one")
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
                crop=_painted_side(schedule.crop, schedule),
                pairs=schedule.batch // 2,
                span=schedule.span,
                seed=schedule.seed,
                share=schedule.clip_share,
            )

    def _open_adversary(self) -> None:
        """What tells the style's pictures from the painting, if the recipe asks for it."""
        recipe, schedule = self.recipe, self.recipe.schedule
        self.adversary: Adversary | None = None
        if not recipe.loss.adversarial:
            return
        if isinstance(self.network, MetaNetwork):
            raise InputError("loss.adversarial: is for styles, and this network makes styles of pictures; set it to 0")
        if schedule.crop < LEAST_SIDE:
            raise InputError(f"schedule.crop is {schedule.crop}; loss.adversarial takes at least {LEAST_SIDE}")
        self.adversary = Adversary(self.device, self.team, recipe.loss.adversarial)
        self._painted_crops = PaintedCrops(
            recipe.style.pictures,
            crop=schedule.crop,
            batch=schedule.batch,
            shorter_side=recipe.style.shorter_side,
            seed=schedule.seed,
        )

    def _material(self, step: int) -> tuple[Tensor | None, Pair | None, Tensor | None]:
        """A batch of photographs or one of pairs from clips, and the picture to paint like, if it is not always one."""
        style = self.pictures.crop(step // self.recipe.style.batches) if self.pictures else None
        finishing = self._finishing(step)
        if finishing is not None:
            schedule = self.recipe.schedule
            return self.photographs.batch(finishing, _painted_side(schedule.finish_crop, schedule)), None, style
        pair = self.clips.batch(step) if self.clips else None
        return (self.photographs.batch(step), None, style) if pair is None else (None, pair, style)

    def _train_step(self, batch: Tensor | None, pair: Pair | None, style: Tensor | None) -> dict[str, float]:
        # Whatever draws from torch's generator in this step depends on the step alone, as the batch does.
        finishing = self._prepare_step()
        if batch is not None and self.recipe.loss.paired and finishing is None:
            pair = moving_pair(*batch.chunk(2))
        terms = {} if self.step < self.recipe.schedule.inversion_steps else self._painted_terms(batch, pair, style)
        if style is not None and self.recipe.loss.inversion:
            terms["inversion"] = self.recipe.loss.inversion * self._inversion_loss(batch, style)
        total = losses.total(terms)
        # Of all processes, so that they stop together.
        reported = self.team.mean(torch.stack((*terms.values(), total)).detach()).tolist()
        self._descend(total, reported[-1])
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
        if self.adversary:
            self.adversary.learn(self._painted_crops.batch(self.step), painted)
            terms["adversarial"] = self.adversary.balanced(painted, terms["content"], self.step)
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
        """The weighted terms of the loss on this process's share of the batch, and what they see of the painting."""
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
            canvas = [self._canvas(c[rows]) for c in coordinates]
            framed, whole = self._paint_margin(source, canvas, self._paint)
            framed, painted = self._judged(framed), self._judged(whole)
            terms = self.objective(framed, painted.to(self._feature_dtype))
            if self._first is not None:
                with torch.no_grad():
                    _, first = self._paint_margin(source, canvas, self._first)
                loss, first = self.recipe.loss, self._judged(first)
                if loss.keep:
                    terms["keep"] = loss.keep * losses.large_form_loss(painted, first)
                if loss.keep_detail:
                    near = near_detail(framed)
                    terms["keep_detail"] = loss.keep_detail * losses.large_form_loss(painted, first, near)
        if pair is not None:
            pixels = (pair.visible.sum() / self.team.size).to(self.device)
            trunk = self._trunk.take() if self._trunk else None
            shown = whole
            if self._painter is not None:
                shown = self._painter.without_margin(whole, *source.shape[-2:])
            terms |= self.objective.temporal(pair[share].to(self.device), shown, trunk, pixels)
        return terms, painted

    def _judged(self, pictures: Tensor) -> Tensor:
        """What the loss sees of (N, 3, H, W): all but what surrounds the crop."""
        around = self.recipe.schedule.surround
        height, width = pictures.shape[-2:]
        return pictures[..., around : height - around, around : width - around]

    def _paint_margin(self, source: Tensor, canvas: list[Tensor], paint: nn.Module) -> tuple[Tensor, Tensor]:
        """Source and what `paint`, one of the networks, makes of it, both with the network's margin, if it has one.

        The margin is not shown, but what is painted there reaches back into the picture; so it has to be good, too.
        """
        if self._painter is None:
            return source, paint(source)
        return self._painter.with_margin(source), paint(source, *canvas, whole=True)

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
        return self._painter.canvas_at(coordinates.to(self.device))

    @property
    def _feature_dtype(self) -> torch.dtype:
        return torch.bfloat16 if self.half else torch.float32

    def disband(self) -> None:
        # What holds on to the others must be gone before the connection is.
        self._paint = self.network
        super().disband()

    def _kept(self) -> tuple[float | None, dict[str, Tensor]]:
        return self.balance.scale if self.balance else None, self.adversary.tensors() if self.adversary else {}

    def _take(self, scale: float | None, adversary: dict[str, Tensor]) -> None:
        if self.balance:
            self.balance.scale = scale
        if self.adversary:
            self.adversary.take(adversary)


def _painted_side(crop: int, schedule: Schedule) -> int:
    """Of a crop with what surrounds it, pixels."""
    return crop + 2 * schedule.surround


def squares(image: Tensor, side: int) -> Tensor:
    """As many squares as lie in (1, C, H, W) beside one another, (N, C, side, side); of a smaller one, it enlarged."""
    if min(image.shape[-2:]) < side:
        return F.interpolate(image, (side, side), mode="bilinear", antialias=True)
    cut = image.unfold(2, side, side).unfold(3, side, side)
    return cut[0].permute(1, 2, 0, 3, 4).flatten(0, 1)
