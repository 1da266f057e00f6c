"""OpenVINO: the fastest engine on x86, and on Intel's GPUs and NPUs the general way."""

import dataclasses
import hashlib
import json
import warnings
from collections import OrderedDict, deque
from collections.abc import Callable
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from vidstyle import __version__
from vidstyle.engines import LARGE_FRAME, MOST_WORKERS, Engine
from vidstyle.engines.compiled_cache import CompiledCache
from vidstyle.engines.precision import fastest_precision, integers_are_possible
from vidstyle.errors import InputError, VidstyleError, parameter, reason
from vidstyle.lazy_network import AnyNetwork, LazyNetwork, own_copy
from vidstyle.media.frame import Color, Frame
from vidstyle.privacy import silence_openvino
from vidstyle.processor import is_held_below_bfloat16, prefers_bfloat16, usable_cores

if TYPE_CHECKING:
    from torch import Tensor, nn

    from vidstyle.engines.int8 import Bounds

KEPT_SIZES = 4
"""Frame sizes whose networks stay in memory."""
GRAPH = 5
"""Goes up when the same style makes another graph."""


@cache
def is_usable() -> bool:
    """Whether OpenVINO can be imported and finds this processor."""
    try:
        return "CPU" in import_openvino().Core().available_devices
    except Exception:  # a library that is built for another machine can fail in any way
        return False


def check_device(device: str) -> None:
    """Raises InputError where OpenVINO, or a device that it names so, is not here."""
    found = import_openvino().Core().available_devices
    # One of several may be asked for by its number, or the first one without.
    if device not in {name for one in found for name in (one, one.partition(".")[0])}:
        raise InputError(
            f"{parameter('device', device)}: OpenVINO finds none here, only {', '.join(found) or 'nothing'}"
        )


class OpenVinoEngine(Engine):
    """The network as one compiled graph, uint8 in and out; in bfloat16 or integers, whichever is faster here.

    Compiling takes a few seconds, once for each style and frame size: what comes of it is kept on disk.  A lazy network
    that was compiled before is not loaded, and neither is torch, which takes a second.

    Args:
        network, planes: see vidstyle.engines.frame_function.frame_function.
        low_latency: paint one frame at a time, on all cores.
        spare_cores: use half of the cores only.
        precision: `bf16`, `int8` (see vidstyle.engines.int8) or `f32`; if None the fastest here, see
            vidstyle.engines.precision, and `f16` elsewhere.
        device: as OpenVINO names it.

    Raises:
        InputError: if OpenVINO cannot be imported.
    """

    name = "openvino"

    def __init__(
        self,
        network: AnyNetwork,
        *,
        planes: Color | None = None,
        low_latency: bool = False,
        spare_cores: bool = False,
        precision: str | None = None,
        device: str = "CPU",
    ) -> None:
        self._on, self.device = device, "cpu" if device == "CPU" else device
        self._openvino = import_openvino()
        self._core = self._openvino.Core()
        self._planes = planes
        self._cache = CompiledCache("openvino")
        if isinstance(network, LazyNetwork):
            self._network: AnyNetwork = network
            self._identity = self._known_identity(network)
        else:
            # As it is now: whoever has the network may change it.
            self._network = own_copy(network)
            self._identity = _identity(network, planes)
        self._precision = precision or self._fastest_precision()
        self._bounds: Bounds | None = None
        self._cores = usable_cores(spare=spare_cores)
        self._streams = 1 if low_latency else min(self._cores, MOST_WORKERS)
        # One more in flight than is painted, so that no stream waits for the pipeline.
        self.depth = 1 if low_latency else self._streams + 1
        self._requests: OrderedDict[tuple[int, ...], deque[Any]] = OrderedDict()
        self._in_flight: deque[tuple[Any, np.ndarray, Frame]] = deque()

    @property
    def precision(self) -> str:
        """`bf16`, `f16`, `int8` or `f32`."""
        return self._precision

    def submit(self, frame: Frame) -> None:
        requests = self._requests_for(frame.pixels.shape)
        request = requests[0]
        requests.rotate(-1)
        painted = np.empty_like(frame.pixels)
        # Both sides work on our memory: nothing is copied.
        request.set_input_tensor(self._openvino.Tensor(frame.pixels, shared_memory=True))
        request.set_output_tensor(self._openvino.Tensor(painted, shared_memory=True))
        request.start_async()
        self._in_flight.append((request, painted, frame))

    def result(self) -> Frame:
        request, painted, frame = self._in_flight.popleft()
        request.wait()
        return dataclasses.replace(frame, pixels=painted)

    def close(self) -> None:
        while self._in_flight:
            self.result()
        self._requests.clear()

    def is_compiled(self, shape: tuple[int, ...]) -> bool:
        """Whether pixels of a shape can be painted without compiling first."""
        return shape in self._requests or self._cache.has(self._key(shape))

    def _requests_for(self, shape: tuple[int, ...]) -> deque[Any]:
        if shape not in self._requests:
            compiled = self._compiled(shape)
            self._requests[shape] = deque(compiled.create_infer_request() for _ in range(self.depth))
        self._requests.move_to_end(shape)
        if len(self._requests) > KEPT_SIZES:
            self._requests.popitem(last=False)
        return self._requests[shape]

    def _compiled(self, shape: tuple[int, ...]) -> Any:
        """The network for frames of `shape`, from the disk if it has been compiled before."""
        settings = self._settings(shape)

        def load(blob: bytes) -> Any:
            return self._core.import_model(blob, self._on, settings)

        def build() -> tuple[Any, Callable[[], bytes]]:
            self.compiling = True
            try:
                compiled = compiled_model(self._core, self._graph(shape), self._on, settings)
            finally:
                self.compiling = False
            return compiled, lambda: compiled.export_model().getvalue()

        return self._cache.get(self._key(shape), load, build)

    def _key(self, shape: tuple[int, ...]) -> str:
        processor = self._core.get_property(self._on, "FULL_DEVICE_NAME")
        settings = sorted(self._settings(shape).items())
        return digest(self._identity, shape, self._precision, settings, self._openvino.__version__, processor)

    def _settings(self, shape: tuple[int, ...]) -> dict[str, Any]:
        if self._on != "CPU":
            return {"INFERENCE_PRECISION_HINT": self._precision, "PERFORMANCE_HINT": "THROUGHPUT"}
        streams = 1 if shape[0] * shape[1] >= LARGE_FRAME else self._streams
        return {
            "INFERENCE_PRECISION_HINT": "bf16" if self._precision == "bf16" else "f32",
            "NUM_STREAMS": streams,
            "INFERENCE_NUM_THREADS": self._cores,
        }

    @cached_property
    def _paint(self) -> "nn.Module":
        """The network, from pixels to pixels."""
        import torch

        from vidstyle.engines.frame_function import frame_function

        # In float32 whatever the precision: the plugin converts weights itself.
        return frame_function(own_copy(self._network), torch.float32, self._planes)

    def _known_identity(self, network: LazyNetwork) -> str:
        """The network's identity, by the file that it is in, if it has been loaded from it before."""

        def compute() -> tuple[str, Callable[[], bytes]]:
            identity = _identity(network.network, self._planes)
            return identity, identity.encode

        return self._cache.get(digest(GRAPH, __version__, network.digest, self._planes), bytes.decode, compute)

    def _graph(self, shape: tuple[int, ...]) -> Any:
        import torch

        from vidstyle.engines import int8

        pixels = torch.zeros(shape, dtype=torch.uint8)
        with torch.no_grad():
            # What depends on the size alone is computed now, and is a constant from then on.
            self._paint(pixels)
        graph = converted(self._paint, pixels)
        if self._precision == "int8":
            if self._bounds is None:
                self._bounds = int8.measure_bounds(self._paint)
            int8.quantise(graph, self._bounds)
        return graph

    def _fastest_precision(self) -> str:
        if self._on != "CPU":
            return "f16"
        capabilities = self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        processor = self._core.get_property("CPU", "FULL_DEVICE_NAME")
        choices = ["bf16"] * multiplies_bfloat16(self._core, self._cache)
        choices += ["int8"] * integers_are_possible(self._network, capabilities)
        # On a core, since each frame has few.
        settings = {"NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": 1}
        key = digest("precision", choices, settings, self._openvino.__version__, processor)
        return fastest_precision(self._core, choices or ["f32"], self._cache, key=key, settings=settings)


def multiplies_bfloat16(core: Any, cache: CompiledCache) -> bool:
    """Whether to compute with bfloat16 on this processor, which torch knows, and is asked once.

    Args:
        core: OpenVINO's.
        cache: remembers the answer.
    """
    if is_held_below_bfloat16():
        return False

    def ask() -> tuple[bool, Callable[[], bytes]]:
        prefers = prefers_bfloat16()
        return prefers, lambda: json.dumps(prefers).encode()

    capabilities = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    processor = core.get_property("CPU", "FULL_DEVICE_NAME")
    return cache.get(digest("bf16", __version__, processor, capabilities), json.loads, ask)


def compiled_model(core: Any, graph: Any, device: str, settings: dict[str, Any]) -> Any:
    """What OpenVINO computes a graph with on a device.

    Raises:
        VidstyleError: where it has no way to, as on processors that are held to the instructions of old ones.
    """
    try:
        return core.compile_model(graph, device, settings)
    except RuntimeError as error:
        said = str(error).strip().splitlines()[-1]
        raise VidstyleError(
            f"OpenVINO cannot compile this for {device} ({said}); {parameter('engine', 'torch')} does without"
        ) from error


def converted(module: "nn.Module", *inputs: "Tensor") -> Any:
    """OpenVINO's model of what torch computes of inputs of just these shapes."""
    import torch

    openvino = import_openvino()
    with torch.no_grad(), warnings.catch_warnings():
        # That tracing is deprecated, and that sizes become constants, which they shall.
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(module, inputs, check_trace=False)
        fixed = [openvino.PartialShape(list(tensor.shape)) for tensor in inputs]
        return openvino.convert_model(traced, example_input=inputs, input=fixed)


def import_openvino() -> Any:
    """OpenVINO, which reports nothing.  Raises InputError where it is not here."""
    try:
        import openvino
    except Exception as error:  # a library that is built for another machine can fail in any way
        raise InputError(
            f"{parameter('engine', 'openvino')}: not here ({reason(error)}); pip install openvino, or "
            f"{parameter('engine', 'torch')}"
        ) from error
    silence_openvino()
    return openvino


def _identity(network: "nn.Module", planes: Color | None) -> str:
    """What tells this network from every other."""
    settings = {name: value for name, value in vars(network).items() if isinstance(value, bool | int | float | str)}
    told = hashlib.sha256(digest(GRAPH, __version__, repr(network), settings, planes).encode())
    for name, tensor in network.state_dict().items():
        told.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        told.update(tensor.float().numpy().tobytes())
    return told.hexdigest()


def digest(*values: object) -> str:
    """What tells these values from all others, as the name of a file."""
    return hashlib.sha256(repr(values).encode()).hexdigest()
