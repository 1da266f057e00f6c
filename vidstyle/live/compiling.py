"""Networks compiled for OpenVINO while others paint, and loops before anybody does: in a process of their own.

Compiling takes seconds in which Python would do little else, and a program that ends meanwhile would have to wait for
it, or crash.  What the other process compiles is kept on disk (vidstyle.engines.compiled_cache, vidstyle.compiled);
from there it is loaded in a moment.
"""

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

import vidstyle
from vidstyle.lazy_network import AnyNetwork
from vidstyle.media.frame import Color
from vidstyle.pipeline import Stopped
from vidstyle.processor import BEHIND, give_way
from vidstyle.style_files import Style, network_to_paint

if TYPE_CHECKING:
    from vidstyle.engines import Engine
    from vidstyle.engines.openvino import OpenVinoEngine

COMPILING = "compiling"
"""Said to whoever watches."""
PROGRAM = "import sys; sys.path.append(sys.argv[1]); from vidstyle.live.compiling import main; main()"


def openvino_engine(network: AnyNetwork, color: Color | None) -> "OpenVinoEngine":
    """What paints frames of live streams, one by one: planes of a colour, or RGB."""
    from vidstyle.engines import make_engine

    engine = make_engine(network, "cpu", engine="openvino", planes=color, low_latency=True, spare_cores=True)
    return cast("OpenVinoEngine", engine)


def warmed(engine: "Engine", shape: tuple[int, ...]) -> "Engine":
    """The engine, once it has painted pixels of a shape, which makes the next ones fast."""
    from vidstyle.engines import paint_one

    paint_one(engine, np.zeros(shape, np.uint8))
    return engine


class Compiler:
    """Opens OpenVINO engines one after the other, in the background, and has loops compiled.

    Args:
        on_note: told, in a line, what whoever waits for the first picture should know.
    """

    def __init__(self, on_note: Callable[[str], None] = lambda _: None) -> None:
        self._on_note = on_note
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="vidstyle-compiler", initializer=give_way)
        self._lock = threading.Lock()
        self._others: list[subprocess.Popen[bytes]] = []
        self._loops_wait: Callable[[], bool] = lambda: False
        self._closed = False

    def open(
        self,
        style: Style,
        color: Color | None,
        shape: tuple[int, ...],
        wanted: Callable[[], bool],
        take: "Callable[[Engine], None]",
        over: Callable[[], None] = lambda: None,
    ) -> None:
        """Have an engine made, which may never succeed: then whoever paints goes on as before.

        Args:
            style, color: what it paints, and in which colours.
            shape: of the pixels that it is made for.
            wanted: whether it still is, when its turn comes.
            take: is given the engine, in another thread.
            over: called in the end, whether there is one or not.
        """

        def work() -> None:
            try:
                if not wanted():
                    return
                engine = openvino_engine(network_to_paint(style), color)
                if not engine.is_compiled(shape):
                    self._ask(_request(style, color, shape))
                if engine.is_compiled(shape) and not self._closed:
                    take(warmed(engine, shape))
            finally:
                over()

        with contextlib.suppress(RuntimeError):  # closed
            self._worker.submit(work)

    def open_steps(
        self,
        color: Color | None,
        shape: tuple[int, ...],
        cores: int,
        wanted: Callable[[], bool],
        take: Callable[[], None],
    ) -> None:
        """Have what vidstyle.engines.compiled_steps needs compiled, which may never succeed.

        Args:
            color, shape: of the pixels.
            cores: it is to compute on.
            wanted: whether it still is, when its turn comes.
            take: called in another thread, once it is there.
        """

        def work() -> None:
            if not wanted():
                return
            request = {"steps": shape, "color": None if color is None else asdict(color), "cores": cores}
            self._ask(json.dumps(request).encode() + b"\n")
            if not self._closed:
                take()

        with contextlib.suppress(RuntimeError):  # closed
            self._worker.submit(work)

    def prepare(self, *, planar: bool) -> None:
        """Have whatever draws frames ready, see vidstyle.stream.prepare; waits for that.

        Raises:
            Stopped: if this is closed meanwhile.
        """
        from vidstyle.compiled import compiled_elsewhere, is_compiling
        from vidstyle.stream import prepare

        self._loops_wait = is_compiling

        def work() -> None:
            self._on_note("compiling for this machine, which has to be done once")
            # What paints is loaded meanwhile.
            threading.Thread(target=import_module, args=("torch",), name="vidstyle-load").start()
            self._ask(json.dumps({"prepare": planar}).encode() + b"\n")
            if self._closed:
                raise Stopped

        with compiled_elsewhere(work):
            prepare(planar=planar)

    @property
    def notice(self) -> str:
        """That loops are being compiled, without which nothing is drawn, for whoever watches; empty if they are not."""
        return COMPILING if self._loops_wait() else ""

    def close(self) -> None:
        """Give up what is under way."""
        with self._lock:
            self._closed = True
            for other in self._others:
                other.kill()
        self._worker.shutdown(wait=False, cancel_futures=True)

    def _ask(self, request: bytes) -> None:
        """Have another process do something, which may fail, and wait for it."""
        # Not from the folder that one happens to be in: Python would look for modules there.
        command = [sys.executable, "-P", "-c", PROGRAM, str(Path(vidstyle.__file__).parent.parent)]
        pipe, null = subprocess.PIPE, subprocess.DEVNULL
        with self._lock:
            if self._closed:
                return
            try:
                other = subprocess.Popen(command, stdin=pipe, stdout=null, stderr=null)
            except OSError:
                return
            self._others.append(other)
        with contextlib.suppress(OSError):
            other.communicate(request)
        with self._lock:
            self._others.remove(other)


def _request(style: Style, color: Color | None, shape: tuple[int, ...]) -> bytes:
    from safetensors.torch import save

    request = {
        "network": style.card.network,
        "arguments": style.card.arguments,
        "color": None if color is None else asdict(color),
        "shape": shape,
    }
    tensors = {name: tensor.detach().clone().contiguous() for name, tensor in style.network.state_dict().items()}
    return json.dumps(request).encode() + b"\n" + save(tensors)


def main() -> None:
    """Compile what is asked for on standard input: a line of JSON and, of a network, the weights by safetensors."""
    request = json.loads(sys.stdin.buffer.readline())
    if "prepare" in request:
        from vidstyle.stream import prepare

        # Without giving way: nothing is painted before.
        prepare(planar=request["prepare"])
        return
    # Whatever is shown and painted meanwhile comes first: torch paints at the priority of what gives way.
    give_way(BEHIND)
    color = None if request["color"] is None else Color(**request["color"])
    if "steps" in request:
        from vidstyle.engines.compiled_steps import CompiledSteps

        CompiledSteps(color, request["cores"]).prepare(tuple(request["steps"]))
        return
    from safetensors.torch import load

    from vidstyle.nets import build_network

    network = build_network(request["network"], request["arguments"])
    network.load_state_dict(load(sys.stdin.buffer.read()))
    warmed(openvino_engine(network.eval().requires_grad_(False), color), tuple(request["shape"]))
