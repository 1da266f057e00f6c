"""What paints live in one style, with the engine that is there by now."""

import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from vidstyle.engines import never
from vidstyle.live.arranging import Colors
from vidstyle.live.compiling import COMPILING, Compiler, openvino_engine, warmed
from vidstyle.media.device_pixels import DevicePixels
from vidstyle.media.frame import Color
from vidstyle.processor import give_way
from vidstyle.steps import NO_STEPS, Steps
from vidstyle.style_files import LazyStyle, Style, network_to_paint

if TYPE_CHECKING:
    from vidstyle.engines import Engine
    from vidstyle.engines.optimising import PictureOptimiser
    from vidstyle.perception.style_grams import Grams

KEPT_SIZES = 2
"""Of each style, whose compiled networks stay in memory."""
AT_ONCE = 4
"""Paintings that may wait for a GPU: each takes a millisecond or so."""
SLOW_SECONDS, REST = 1.0, 10
"""How long the steps for one painting may take, and for how many times that there are none where they take longer:
what comes into sight meanwhile waits for them."""
WANTED_SECONDS = 5.0
"""For which a size of which nothing was painted is still worth compiling for."""


class StylePainter:
    """Paints in one style, for all streams; from the beginning, and better as soon as that is possible.

    What is fastest on a processor has to be compiled for every size.  Meanwhile torch paints; if that was done before,
    a lazy style needs no torch, which takes a second to load.

    Args:
        style: what to paint.
        device: `auto`, `cpu`, `cuda[:N]`, `mps`, `xpu[:N]`, or OpenVINO's `GPU` and `NPU`.
        color: what the planes stand for that will come; None for RGB.
        compiler: compiles in the background.
        size: (width, height) at which frames will be painted, as far as that is known.
        grams: of the style's picture, if paintings are to be brought nearer to it.
        steps: by which, see vidstyle.engines.optimising.

    Raises:
        InputError: for a device that is not there, and weights that do not fit.
    """

    def __init__(
        self,
        style: Style,
        device: str,
        color: Color | None,
        compiler: Compiler,
        size: tuple[int, int] | None = None,
        grams: "Grams | None" = None,
        steps: Steps = NO_STEPS,
    ) -> None:
        from vidstyle.engines import choose_engine, network_takes_planes

        network = network_to_paint(style)
        self._kind, self.device = choose_engine("auto", device, network)
        self._style, self._compiler = style, compiler
        self._compiles = self._kind == "openvino" and self.device == "cpu"
        self._color = color if color is not None and network_takes_planes(network, color) else None
        self._colors, self._pixels_are = Colors(color), color
        self._optimiser = _optimiser(grams, steps, color, self.device, compiled=self._compiles) if grams else None
        self._known: set[tuple[int, ...]] = set()
        self._nearer: set[tuple[int, ...]] = set()
        self._rests_until = -math.inf
        self._made_first: Engine | None = None
        self._compiled: dict[tuple[int, ...], Engine] = {}
        self._asked_for: set[tuple[int, ...]] = set()
        self._compiling: set[tuple[int, ...]] = set()
        self._asked_at: dict[tuple[int, ...], float] = {}
        # Every frame is shown, painted anew or not: painting takes what time that leaves.
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="vidstyle-painter", initializer=give_way)
        self._at_once = AT_ONCE if self._kind == "cuda" else 1
        self._under_way: list[Future[Any]] = []
        self._latest: Engine = self._found(size) or self._first()
        self._newest: tuple[int, ...] = ()
        self._painted_last: tuple[int, ...] = ()
        self._closed = False
        self._lock = threading.Lock()

    def _found(self, size: tuple[int, int] | None) -> "Engine | None":
        """What was compiled for a size before, if that is so."""
        if size is None or not self._compiles or not isinstance(self._style, LazyStyle):
            return None
        width, height = size
        shape = (height, width, 3) if self._color is None else (height * 3 // 2, width)
        engine = openvino_engine(self._style.lazy, self._color)
        if not engine.is_compiled(shape):
            engine.close()
            return None
        self._asked_for.add(shape)
        self._asked_at[shape] = time.monotonic()
        self._compiled[shape] = warmed(engine, shape)
        return engine

    def _first(self) -> "Engine":
        """What paints as long as nothing is compiled."""
        if self._made_first is None:
            from vidstyle.engines import make_engine

            self._made_first = make_engine(
                self._style.network,
                self.device,
                engine="torch" if self._compiles else self._kind,
                planes=self._color,
                low_latency=True,
                spare_cores=True,
            )
        return self._made_first

    @property
    def engine(self) -> str:
        """The name of what painted last."""
        return self._latest.name

    @property
    def notice(self) -> str:
        """That what paints fastest is being compiled, for the size that is painted."""
        return COMPILING if self._newest in self._compiling else ""

    def start(
        self, pixels: Any, begin: Callable[[Any], Any] | None = None, hurried: Callable[[], bool] = never
    ) -> "Future[Any]":
        """Begin to paint pixels; see vidstyle.stream.Paints.  Nothing is waited for."""
        if self._closed:
            return Future()  # nobody waits for it
        painting = self._worker.submit(self._done, pixels, begin, hurried)
        with self._lock:
            self._under_way = [*self._still(), painting]
        return painting

    start_from = start
    """See vidstyle.stream.frame_painters.PaintsOn."""

    @property
    def warm_starts(self) -> bool:
        """See vidstyle.stream.frame_painters.PaintsOn; not before what that takes has been compiled beside."""
        return self._painted_last in self._nearer and time.monotonic() >= self._rests_until

    def is_free(self) -> bool:
        """Whether nothing is being painted, or a GPU has little to do."""
        with self._lock:
            return len(self._still()) < self._at_once

    def close(self) -> None:
        """Let go of all engines, once what is in flight has been painted."""
        self._closed = True
        self._worker.shutdown(wait=False, cancel_futures=True)

        def let_go(_: object = None) -> None:
            for engine in [self._made_first, *self._compiled.values()]:
                if engine is not None:
                    engine.close()

        with self._lock:
            last = self._under_way[-1:]
        if last:
            last[0].add_done_callback(let_go)
        else:
            let_go()

    def _still(self) -> "list[Future[Any]]":
        return [painting for painting in self._under_way if not painting.done()]

    def _done(self, pixels: Any, begin: Callable[[Any], Any] | None, hurried: Callable[[], bool]) -> Any:
        painting = self._painted(pixels)
        self._painted_last = pixels.shape
        if self._optimiser is not None and pixels.shape not in self._known:
            self._known.add(pixels.shape)
            self._prepare(self._optimiser, pixels.shape)
        # What is painted afresh is wanted at once.
        if self._optimiser is None or begin is None:
            return painting
        begun = time.monotonic()
        nearer = self._optimiser(painting, pixels, begin, hurried)
        if (seconds := time.monotonic() - begun) > SLOW_SECONDS:
            self._rests_until = begun + REST * seconds
        return nearer

    def _prepare(self, optimiser: "PictureOptimiser", shape: tuple[int, ...]) -> None:
        """Have paintings of pixels of a shape brought nearer, as soon as that can be done."""
        # Strokes may be made so small by a key that it would take too much.
        if not optimiser.takes(shape):
            return
        if optimiser.ready(shape):
            self._nearer.add(shape)
            return

        def wanted() -> bool:
            # Strokes may have another size by now; whoever comes back to this one asks again.
            still = not self._closed and self._painted_last == shape
            if not still:
                self._known.discard(shape)
            return still

        def take() -> None:
            if optimiser.ready(shape):
                self._nearer.add(shape)

        self._compiler.open_steps(self._pixels_are, shape, optimiser.cores, wanted, take)

    def _painted(self, pixels: Any) -> Any:
        if pixels.ndim == 2 and self._color is None:
            # Its network takes RGB only.
            pixels = pixels.array() if isinstance(pixels, DevicePixels) else pixels
            return self._colors.planes(self._with_engine(self._colors.rgb(pixels)))
        return self._with_engine(pixels)

    def _with_engine(self, pixels: Any) -> Any:
        from vidstyle.engines import paint_one

        engine = self._engine(pixels.shape)
        painted = paint_one(engine, pixels)
        self._latest = engine
        # After the first painting, which has all the time for itself.
        self._compile_for(pixels.shape)
        return painted

    def _engine(self, shape: tuple[int, ...]) -> "Engine":
        self._asked_at[shape] = time.monotonic()
        self._newest = shape
        if self._compiles and shape not in self._asked_for:
            self._compiling.add(shape)
        return self._compiled[shape] if shape in self._compiled else self._first()

    def _compile_for(self, shape: tuple[int, ...]) -> None:
        if self._compiles and shape not in self._asked_for:
            self._asked_for.add(shape)
            self._compiler.open(
                self._style,
                self._color,
                shape,
                partial(self._wants, shape),
                partial(self._take, shape),
                partial(self._compiling.discard, shape),
            )

    def _wants(self, shape: tuple[int, ...]) -> bool:
        wanted = not self._closed and time.monotonic() - self._asked_at[shape] < WANTED_SECONDS
        if not wanted:
            self._asked_for.discard(shape)
        return wanted

    def _take(self, shape: tuple[int, ...], engine: "Engine") -> None:
        """In the compiler's thread; the painter's uses what it finds, and no engine is closed that it may be using."""
        self._compiled[shape] = engine
        for oldest in sorted(self._compiled, key=self._asked_at.__getitem__)[:-KEPT_SIZES]:
            del self._compiled[oldest]
            self._asked_for.discard(oldest)


def _optimiser(grams: "Grams", steps: Steps, color: Color | None, device: str, *, compiled: bool) -> "PictureOptimiser":
    """What brings paintings nearer to the style's picture."""
    from vidstyle.engines.optimising import PictureOptimiser

    return PictureOptimiser(grams, steps, color, device, compiled=compiled, spare_cores=True)
