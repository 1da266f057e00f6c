"""Paintings of a network, brought nearer to the style's picture by some steps of optimisation each."""

import dataclasses
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from vidstyle.engines import Engine, never
from vidstyle.engines.step_sizes import check_size, fits, picture_size
from vidstyle.media.frame import Color, Frame
from vidstyle.perception.style_grams import Grams
from vidstyle.processor import usable_cores
from vidstyle.steps import Steps

FIRST_STEP, LAST_STEP = 0.014, 0.4
"""Length of the first step, of values in [0, 1], and of the last one as a share of it."""
BETAS = 0.6, 0.99
"""How much Adam keeps of the means of gradients and of their squares.  Steps are few, so that what was found before the
last one counts little."""


class Computes(Protocol):
    """What computes steps, of arrays of its own: vidstyle.engines.picture_steps, or what compiles that.

    Attributes:
        compiling: whether a call is taking its time since something is being compiled; to be read by any thread.
    """

    compiling: bool

    def is_compiled(self, shape: tuple[int, ...]) -> bool:
        """Whether pixels of a shape take no compiling first."""
        ...

    def targets(self, grams: Grams) -> list[Any]:
        """What a painting is compared with."""
        ...

    def taken(self, pixels: Any) -> Any:
        """Pixels (see vidstyle.media.frame.Frame) as an array."""
        ...

    def given(self, pixels: Any, like: Any) -> Any:
        """The inverse, where `like` is."""
        ...

    def nothing(self, like: Any) -> Any:
        """Zeros."""
        ...

    def numbers(self, *numbers: float) -> Any:
        """An array of some numbers."""
        ...

    def compute(self, name: str, shape: tuple[int, ...], *inputs: Any) -> Any:
        """What one of the networks of vidstyle.engines.picture_steps makes of arrays, for pixels of a shape."""
        ...


class PictureOptimiser:
    """Brings paintings nearer to a style's picture.

    The loss is that of Gatys et al. 2016 (equation 7): distance of Gram matrices, and of content from the frame.  Steps
    are Adam's, from the painting of the network on, or from paint that is there already.

    Args:
        grams: of the style's picture.
        steps: for each painting.
        planes: what the planes of 4:2:0 frames stand for; None for frames in RGB.
        device: as torch names it; the processor for anything else.
        compiled: on a processor, have OpenVINO compile the steps, for each size of frames.
        spare_cores: use half of the processor's cores only.

    Attributes:
        cores: of the processor that are used.
    """

    def __init__(
        self,
        grams: Grams,
        steps: Steps,
        planes: Color | None,
        device: str = "cpu",
        *,
        compiled: bool = False,
        spare_cores: bool = False,
    ) -> None:
        self._steps, self._planes = steps, planes
        self.cores = usable_cores(spare=spare_cores)
        kind = device.partition(":")[0]
        # What OpenVINO alone computes on has the processor beside it.
        device = device if kind in ("cuda", "mps", "xpu") else "cpu"
        compiled = compiled and device == "cpu"
        # What is taken by default must not depend on how many cores there are: with bfloat16, what they add up in
        # another order comes to another painting within a few steps.
        self._computes = _computes(planes, device, self.cores, compiled=compiled, exact=not steps.going_on)
        self._targets = self._computes.targets(grams)

    @property
    def compiling(self) -> bool:
        """Whether something is being compiled."""
        return self._computes.compiling

    def check(self, shape: tuple[int, ...]) -> None:
        """Raises InputError for pixels of a shape that would take more memory than there may be."""
        height, width = picture_size(shape, self._planes)
        check_size(width, height)

    def takes(self, shape: tuple[int, ...]) -> bool:
        """Whether a painting of pixels of a shape is small enough."""
        return fits(shape, self._planes)

    def ready(self, shape: tuple[int, ...]) -> bool:
        """Whether pixels of a shape take no compiling first."""
        return self._computes.is_compiled(shape)

    def __call__(
        self,
        painting: Any,
        frame: Any,
        begin: Callable[[Any], Any] | None = None,
        hurried: Callable[[], bool] = never,
    ) -> Any:
        """What comes of the network's painting of a frame: pixels as it, RGB (H, W, 3) or planes (3 H / 2, W) uint8.

        Args:
            painting: of the network.
            frame: its source.
            begin: makes of the painting what to begin from, pixels as well.
            hurried: whether to end, after the step that is being taken or before the first one.
        """
        begun = painting if begin is None else begin(painting)
        steps = self._steps.afresh if begin is None else self._steps.going_on
        if not steps or hurried():
            return begun
        computes, shape = self._computes, tuple(frame.shape)
        picture, source = (computes.compute("rgb", shape, computes.taken(pixels)) for pixels in (begun, frame))
        content = computes.compute("content", shape, source)
        means = squares = computes.nothing(picture)
        for number in range(steps):
            picture, means, squares = self._step(shape, content, (picture, means, squares), number, steps)
            if hurried():
                break
        return computes.given(computes.compute("pixels", shape, picture), painting)

    def _step(self, shape: tuple[int, ...], content: Any, state: tuple[Any, Any, Any], number: int, steps: int) -> Any:
        """What one step, the `number`th of so many, makes of a picture and of what Adam keeps."""
        computes, (picture, means, squares) = self._computes, state
        gradient = computes.compute("gradient", shape, picture, content, *self._targets)
        length = FIRST_STEP * (1 + (LAST_STEP - 1) * number / steps)
        numbers = computes.numbers(length, *(1 - beta ** (number + 1) for beta in BETAS))
        return computes.compute("moved", shape, picture, gradient, means, squares, numbers)


def _computes(planes: Color | None, device: str, cores: int, *, compiled: bool, exact: bool) -> Computes:
    # Each is imported where it is used: torch takes a second.
    if compiled:
        from vidstyle.engines.compiled_steps import CompiledSteps

        return CompiledSteps(planes, cores, exact=exact)
    from vidstyle.engines.picture_steps import TorchSteps

    return TorchSteps(planes, device, cores)


class OptimisingEngine(Engine):
    """What another engine paints, each painting brought nearer to the style's picture.

    Args:
        engine: what paints; it is closed together with this one.
        grams, steps, planes, compiled: see PictureOptimiser.
        wherever_it_fits: leave paintings as they are that are too large for it, in place of refusing them.
        hurried: see PictureOptimiser.__call__; of the painting that is under way.
    """

    warm_starts = True

    def __init__(
        self,
        engine: Engine,
        grams: Grams,
        steps: Steps,
        planes: Color | None,
        *,
        compiled: bool = False,
        wherever_it_fits: bool = False,
        hurried: Callable[[], bool] = never,
    ) -> None:
        self._engine, self._wherever_it_fits, self._hurried = engine, wherever_it_fits, hurried
        self.name, self.device, self.depth = engine.name, engine.device, engine.depth
        self._optimiser = PictureOptimiser(grams, steps, planes, engine.device, compiled=compiled)
        self._sources: deque[tuple[Any, Callable[[Any], Any] | None]] = deque()
        self._closes = False

    @property
    def compiling(self) -> bool:  # type: ignore[override]
        """Whether the engine that paints is, or steps are."""
        return self._engine.compiling or self._optimiser.compiling

    def submit(self, frame: Frame[Any], begin: Callable[[Any], Any] | None = None) -> None:
        if not self._wherever_it_fits:
            self._optimiser.check(frame.pixels.shape)
        self._engine.submit(frame)
        self._sources.append((frame.pixels, begin))

    submit_from = submit

    def result(self) -> Frame[Any]:
        (source, begin), frame = self._sources.popleft(), self._engine.result()
        if not self._optimiser.takes(source.shape):
            return frame
        pixels = self._optimiser(frame.pixels, source, begin, lambda: self._closes or self._hurried())
        return dataclasses.replace(frame, pixels=pixels)

    def hurry(self) -> None:
        self._closes = True
        self._engine.hurry()

    def close(self) -> None:
        self._engine.close()
