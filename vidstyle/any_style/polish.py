"""The last touch to a style that a meta network writes: a second of training on the picture itself.

What a network chooses at a glance suits many pictures; some thirty steps lead it to what suits this one.  It is the
choice that is trained, not the weights that come of it: nearer to the style in the same time (docs/any-style.md).  The
perceptual network and the photographs are those that ship, so nothing has to be fetched.
"""

import time

import torch
from torch import Tensor, nn
from torch.func import functional_call

from vidstyle.nets.canvas import turned_coordinates
from vidstyle.nets.meta_realtime import MetaRealtimeNet
from vidstyle.nets.palette import palette_of
from vidstyle.nets.realtime import RealtimeNet
from vidstyle.perception import losses
from vidstyle.perception.adam import PlainAdam
from vidstyle.perception.annealing import annealed
from vidstyle.perception.objective import Loss, Objective
from vidstyle.perception.perceptual_network import OWN, PerceptualNetwork
from vidstyle.perception.photographs import Photographs
from vidstyle.processor import prefers_bfloat16
from vidstyle.shipped import PHOTOS

STEPS, SECONDS = 32, 1.5
"""As many steps, which take 1.0 s on two cores, unless the processor is too slow or too busy: then as many as the time
allows after the first one."""
CROP = 128
"""Side of the photographs' crops, pixels, one in each step: in so short a time steps count."""
STYLE_WEIGHT, FLICKER_WEIGHT = 20.0, 300.0
"""Weights of the losses.  Training on pairs of frames would steady strokes, too, and take half of the steps."""
LEARNING_RATE, WARM_UP, BETAS = 1e-2, 4, (0.8, 0.99)
"""Of Adam, which with its usual betas (0.9, 0.999) would still be finding its pace at the end."""


@torch.inference_mode(False)
@torch.enable_grad()
def polished_weights(
    meta: MetaRealtimeNet,
    picture: Tensor,
    *,
    painter: RealtimeNet | None = None,
    steps: int | None = None,
    seconds: float = SECONDS,
) -> dict[str, Tensor]:
    """What `meta.write_weights` gives, and nearer to the picture.

    Args:
        meta: stays as it is.
        picture: RGB (1, 3, H, W) in [0, 1], of about vidstyle.nets.meta.PICTURE_SIDE.
        painter: what the weights are for, and how they are tried; `meta.base` if None.
        steps: STEPS if None.
        seconds: after which it ends, however many steps it has come to; the first one is not counted.
    """
    steps, painter = STEPS if steps is None else steps, painter or meta.base
    # It may come from a caller's inference mode.
    picture = picture.clone()
    palette = palette_of(picture)
    with torch.no_grad():
        chosen = {name: nn.Parameter(numbers) for name, numbers in meta.choose(picture, palette).items()}
    half = prefers_bfloat16()
    dtype = torch.bfloat16 if half else torch.float32
    perceptual = PerceptualNetwork(OWN)
    objective = Objective(Loss(perceptual=OWN, style=STYLE_WEIGHT, flicker=FLICKER_WEIGHT), perceptual, picture)
    perceptual.to(dtype).to(memory_format=torch.channels_last)
    photographs = Photographs(PHOTOS, crop=CROP, batch=1, seed=0)
    optimiser = PlainAdam(chosen.values(), betas=BETAS)
    begun = time.monotonic()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for step in range(steps):
            if step == 1:
                # PyTorch chooses and compiles kernels in the first one, which tells nothing of the others.
                begun = time.monotonic()
            done, spent = step / steps, (time.monotonic() - begun) / seconds
            # By the clock only if there is no keeping up, so that a picture gives the same style each time.
            if spent > (step + 1) / steps:
                done = spent
            if done >= 1:
                break
            canvas = painter.canvas_at(turned_coordinates(*painter.canvas_size(CROP, CROP)))
            photo = photographs.batch(step).contiguous(memory_format=torch.channels_last)
            weights = meta.mix(chosen, palette)
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                painted = functional_call(painter, weights, (photo, canvas), {"whole": True})
                total = losses.total(objective(painter.with_margin(photo), painted.to(dtype)))
            optimiser.zero_grad()
            total.backward()
            norm = nn.utils.clip_grad_norm_(chosen.values(), 1.0)
            if not norm.isfinite():
                break
            optimiser.step(annealed(LEARNING_RATE, step=step, warm_up=WARM_UP, done=done))
    with torch.no_grad():
        return meta.mix(chosen, palette)
