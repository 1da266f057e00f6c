"""Engines run a network on frames: one file a backend, one interface."""

import ctypes
import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

from vidstyle.errors import InputError, parameter
from vidstyle.lazy_network import AnyNetwork, is_real_time, own_copy
from vidstyle.media.frame import MATRIX_WEIGHTS, Color, Frame

MOST_WORKERS = 4
"""Frames painted side by side; more would only cost memory."""
LARGE_FRAME = 4_000_000
"""Pixels from which on frames are painted one by one, since each takes a gigabyte and keeps all cores busy."""


class Engine(ABC):
    """Paints frames in the order in which they are submitted.

    At most `depth` frames are in flight, all of one size: when as many have been submitted, or before a frame of
    another size, `result` comes before the next `submit`.  An engine holds nothing of a sequence of frames: what comes
    of a frame depends on what is submitted with it alone.  vidstyle.engines.painting_queue drives one for everyone.

    Attributes:
        name: of the backend.
        device: what it runs on, as torch names it, or OpenVINO.
        depth: frames in flight.
        compiling: whether `submit` is taking its time since the network is being compiled; to be read by any thread.
        warm_starts: whether paintings may begin from others, by `submit_from`.
    """

    name: str
    device: str
    depth: int
    compiling: bool = False
    warm_starts: bool = False

    @abstractmethod
    def submit(self, frame: Frame[Any]) -> None:
        """Start painting `frame`."""

    def submit_from(self, frame: Frame[Any], begin: Callable[[Any], Any]) -> None:
        """Start painting `frame` from what `begin` makes of the network's painting: pixels as it is given them."""
        raise NotImplementedError(f"{self.name} paints each frame afresh")

    @abstractmethod
    def result(self) -> Frame[Any]:
        """The painting of the oldest frame in flight; waits for it."""

    def hurry(self) -> None:  # noqa: B027 (most engines paint in one go)
        """Nobody waits any more for what is in flight; any thread may say so."""

    def close(self) -> None:  # noqa: B027 (an engine without resources has nothing to do)
        """Let go of the device."""


def never() -> bool:
    """False: nobody is in a hurry for a painting, as where files are painted."""
    return False


DEVICES = "auto, cpu, cuda, cuda:N, mps, xpu, xpu:N"
"""What torch computes on."""
PAINTING_DEVICES = "GPU, GPU.N or NPU"
"""What OpenVINO computes on beside processors, as it names them; for painting frames only."""


def paint_one(engine: Engine, pixels: Any) -> Any:
    """What an engine makes of the pixels of one frame, while none is in flight: the same shape and type."""
    engine.submit(Frame(pixels, 0, Fraction(1)))
    return engine.result().pixels


def choose_device(device: str) -> str:
    """Settle `auto`, and check what is asked for: `cpu`, `cuda[:N]`, `mps` or `xpu[:N]`, as torch names them.

    Raises:
        InputError: for a device that is unknown or not there.
    """
    if device == "cpu" or (device == "auto" and not _may_have_cuda()):
        return "cpu"
    import torch

    if device == "auto":
        return "cuda:0" if torch.cuda.is_available() else "cpu"
    if is_openvinos(device):
        raise InputError(f"{parameter('device', device)}: paints frames, and nothing else; use one of {DEVICES}")
    kind, colon, index = device.partition(":")
    if kind not in ("cuda", "mps", "xpu") or (colon and (kind == "mps" or not index.isdecimal())):
        raise InputError(f"{parameter('device', device)}: unknown; use {DEVICES}, {PAINTING_DEVICES}")
    if kind == "mps":
        found, count, name = torch.backends.mps.is_available(), 1, "GPU of Apple's that torch finds"
    else:
        backend = torch.cuda if kind == "cuda" else torch.xpu
        found, count = backend.is_available(), backend.device_count()
        name = "CUDA device" if kind == "cuda" else "GPU of Intel's that torch finds"
    if not found:
        raise InputError(f"{parameter('device', device)}: no {name} here; use {parameter('device', 'cpu')}")
    if kind == "mps":
        return kind
    if int(index or 0) >= count:
        raise InputError(f"{parameter('device', device)}: there {'is' if count == 1 else 'are'} only {count} here")
    return f"{kind}:{int(index or 0)}"


def _may_have_cuda() -> bool:
    """Whether it is worth loading torch, which takes a second, to ask it: without a driver there is no device."""
    # AMD's devices are named alike, and their drivers are not looked for.
    if "torch" in sys.modules or Path("/dev/kfd").exists() or Path("/dev/dxg").exists():
        return True
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


def is_openvinos(device: str) -> bool:
    """Whether it is one of PAINTING_DEVICES."""
    return re.fullmatch(r"(GPU|NPU)(\.\d+)?", device) is not None


def _cuda_device() -> str:
    """The first one, where an engine is named that needs one."""
    try:
        return choose_device("cuda")
    except InputError as error:
        raise InputError(
            f"{parameter('engine', 'cuda')}: no CUDA device here; use {parameter('engine', 'auto')}"
        ) from error


KINDS = {"torch": ("cpu", "mps", "xpu"), "openvino": ("cpu",), "cuda": ("cuda",)}
"""Kinds of devices, as torch names them, that each engine runs on."""
ENGINES = ("auto", *KINDS)
"""What an engine may be called."""


def network_takes_planes(network: AnyNetwork, color: Color) -> bool:
    """Whether frames for `network` may come as 8-bit planes of 4:2:0 with those colours."""
    return is_real_time(network) and color.matrix in MATRIX_WEIGHTS and color.bits == 8


def choose_engine(engine: str, device: str, network: AnyNetwork) -> tuple[str, str]:
    """Settle `auto`, and check that engine and device go together.

    CUDA comes first, then OpenVINO, which is measured to be the fastest on a CPU, then torch, which always works.

    Args:
        engine: one of ENGINES.
        device: see choose_device.
        network: to be painted with; OpenVINO is chosen by itself only for the real-time network.

    Returns:
        Engine (torch, openvino or cuda) and device: cpu, cuda:N, mps, xpu:N, or as OpenVINO names it.

    Raises:
        InputError: for what is unknown, not there, or does not go together.
    """
    if engine not in ENGINES:
        raise InputError(f"{parameter('engine', engine)}: unknown; use {', '.join(ENGINES)}")
    if is_openvinos(device):
        from vidstyle.engines.openvino import check_device

        if engine not in ("auto", "openvino"):
            raise _apart(engine, device)
        check_device(device)
        return "openvino", device
    if engine == "cuda":
        settled = _cuda_device() if device == "auto" else choose_device(device)
    elif engine == "auto":
        settled = choose_device(device)
    else:
        settled = choose_device("cpu" if device == "auto" else device)
    if engine != "auto":
        if settled.partition(":")[0] not in KINDS[engine]:
            raise _apart(engine, device)
        return engine, settled
    if settled == "cpu":
        return _best_on_cpu(network), settled
    return ("cuda" if settled.startswith("cuda") else "torch"), settled


def _apart(engine: str, device: str) -> InputError:
    return InputError(
        f"{parameter('engine', engine)}: does not run on {parameter('device', device)}; leave one of the two out"
    )


def _best_on_cpu(network: AnyNetwork) -> str:
    from vidstyle.engines import openvino

    return "openvino" if is_real_time(network) and openvino.is_usable() else "torch"


def make_engine(
    network: AnyNetwork,
    device: str = "auto",
    *,
    engine: str = "auto",
    planes: "Color | None" = None,
    low_latency: bool = False,
    spare_cores: bool = False,
    sizes_vary: bool = False,
) -> Engine:
    """The engine for `device`.  It works on a copy of `network`.

    Args:
        network, planes: see vidstyle.engines.frame_function.frame_function.
        device, engine: what to run on, see choose_engine.
        low_latency: for frames that come one by one, where side by side would not help.
        spare_cores: leave half of the processor's cores to what else must not wait, such as a camera and a window.
        sizes_vary: frames come in many sizes, for each of which OpenVINO would compile the network anew: it is not
            chosen by itself then.

    Raises:
        InputError: see choose_engine.
    """
    if sizes_vary and engine == "auto" and not is_openvinos(device) and choose_device(device) == "cpu":
        # Said here, since looking for OpenVINO would load it.
        engine = "torch"
    kind, device = choose_engine(engine, device, network)
    backend: Engine
    if kind == "openvino":
        from vidstyle.engines.openvino import OpenVinoEngine

        return OpenVinoEngine(
            network,
            planes=planes,
            low_latency=low_latency,
            spare_cores=spare_cores,
            device="CPU" if device == "cpu" else device,
        )
    network = own_copy(network)
    if kind == "cuda":
        from vidstyle.engines.cuda import CudaEngine

        backend = CudaEngine(network, device, planes=planes)
    elif device != "cpu":
        from vidstyle.engines.torch_device import TorchDeviceEngine

        backend = TorchDeviceEngine(network, device, planes=planes)
    else:
        from vidstyle.engines.torch_cpu import TorchCpuEngine

        backend = TorchCpuEngine(network, planes=planes, low_latency=low_latency, spare_cores=spare_cores)
    return backend
