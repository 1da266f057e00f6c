"""What a machine has for painting and what it lacks, and how to get that: for bug reports."""

import importlib.util
import os
import platform
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from vidstyle import __version__
from vidstyle.errors import VidstyleError, reason
from vidstyle.processor import is_held_below_bfloat16, prefers_bfloat16, usable_cores

FEATURES = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "bf16", "i8mm")
"""Of processors, as Linux spells them, that make a difference here."""
EXTRAS = {
    "the page (demo)": ("gradio", "vidstyle[demo]"),
    "curves (plot)": ("matplotlib", "vidstyle[plot]"),
    "virtual camera": ("pyvirtualcam", "vidstyle[virtual]"),
}
"""What else may be installed: the package to look for, and what to install."""


@dataclass(frozen=True)
class Finding:
    """One thing that is here, or not.

    Attributes:
        name: what it is.
        here: whether it is there and works.
        said: which, how many, how large; or why not.
        mend: how to get it, if it is not there and can be had.
    """

    name: str
    here: bool
    said: str
    mend: str = ""


def examine() -> Iterator[Finding]:
    """Everything, one after the other; nothing that is found raises."""
    for name, look in LOOKS:
        try:
            yield from look()
        except Exception as error:  # whatever a driver or a library may do, the rest is worth knowing
            yield Finding(name, False, f"{type(error).__name__}: {reason(error)}")


def _program() -> Iterator[Finding]:
    system = f"{platform.system()} {platform.release()}, {platform.machine()}"
    yield Finding("vidstyle", True, f"{__version__}, Python {platform.python_version()}, {system}")


def _processor() -> Iterator[Finding]:
    name, flags = platform.processor() or platform.machine(), set[str]()
    known = Path("/proc/cpuinfo")
    if known.is_file():
        lines = [line.partition(":") for line in known.read_text(errors="replace").splitlines()]
        found = {key.strip().lower(): value.strip() for key, _, value in lines}
        name, flags = found.get("model name", name), set(found.get("flags", found.get("features", "")).split())
    has = [feature for feature in FEATURES if feature in flags]
    cores = usable_cores()
    yield Finding("processor", True, ", ".join([name, f"{cores} core{'s' * (cores != 1)}", *has]))


def _gpu() -> Iterator[Finding]:
    import torch

    yield Finding("torch", True, f"{torch.__version__}, {torch.get_num_threads()} threads")
    if not torch.cuda.is_available():
        yield Finding("GPU", False, "none that torch can use", "NVIDIA only: a driver, and torch built for CUDA")
        return
    for index in range(torch.cuda.device_count()):
        device = torch.cuda.get_device_properties(index)
        yield Finding("GPU", True, f"cuda:{index}: {device.name}, {device.total_memory / 1e9:.0f} GB")


def _openvino() -> Iterator[Finding]:
    from vidstyle.engines import openvino
    from vidstyle.styles import DEFAULT_STYLE, load_style

    if not openvino.is_usable():
        yield Finding("OpenVINO", False, "torch paints on the processor", "pip install openvino (x86 only)")
        return
    yield Finding("OpenVINO", True, metadata.version("openvino"))
    engine = openvino.OpenVinoEngine(load_style(DEFAULT_STYLE).network)
    if is_held_below_bfloat16():
        why = "held to instructions without bfloat16"
    else:
        other = "bf16" if engine.precision == "int8" else "int8"
        why = f"measured against {other}" if prefers_bfloat16() else "this processor has no bfloat16"
    yield Finding("precision", True, f"{engine.precision} ({why})")
    engine.close()


def _cache() -> Iterator[Finding]:
    from vidstyle.engines.compiled_cache import cache_folder, compiled_sizes

    folder, sizes = cache_folder(), compiled_sizes()
    said = f"{_short(folder)}: {len(sizes)} compiled networks, {sum(sizes) / 1e6:.0f} MB"
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if os.access(there, os.W_OK):
        yield Finding("cache", True, said)
    else:
        yield Finding("cache", False, f"{said}; cannot be written", "set XDG_CACHE_HOME to a folder that can")


def _media() -> Iterator[Finding]:
    import av

    from vidstyle.media.codecs import CODECS, on_gpu

    version = ".".join(map(str, av.library_versions["libavcodec"]))
    yield Finding("FFmpeg", True, f"PyAV {av.__version__}, libavcodec {version}")
    found, missing = [], []
    for name, codec in CODECS.items():
        try:
            av.Codec(codec.encoder, "w")
            found.append(name)
        except (ValueError, av.error.FFmpegError):
            missing.append(name)
    # FFmpeg lists those of every GPU there is.
    found += [f"{name} on the GPU" for name in CODECS if on_gpu(name, 640, 360) is not None]
    yield Finding("encoders", True, ", ".join(found))
    if missing:
        yield Finding("encoders", False, f"without {', '.join(missing)}", "pip install av, from PyPI, has all")


def _cameras() -> Iterator[Finding]:
    from vidstyle.media.cameras import list_cameras
    from vidstyle.media.window import check_window

    cameras = list_cameras(modes=False)
    said = ", ".join(f"{camera.index}: {camera.title or camera.device}" for camera in cameras)
    yield Finding("cameras", bool(cameras), said or "none", "" if cameras else "a video file, a URL or screen will do")
    try:
        check_window()
        yield Finding("window", True, "can be opened")
    except VidstyleError as error:
        said = error.worded(lambda _, value: value or "output").partition(": ")[2]
        yield Finding("window", False, said)


def _extras() -> Iterator[Finding]:
    for name, (package, install) in EXTRAS.items():
        here = importlib.util.find_spec(package) is not None
        said = f"{package} {metadata.version(package)}" if here else f"{package} is not installed"
        yield Finding(name, here, said, "" if here else f"pip install '{install}'")
    if shutil.which("ffmpeg") is None:
        yield Finding("ffmpeg", False, "the program is not here, and is not needed")


def _styles() -> Iterator[Finding]:
    import torch

    from vidstyle.styles import list_styles

    yield Finding("styles", True, f"{len(list_styles())} installed")
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    weights = sorted(path.name.partition("-")[0] for path in folder.glob("vgg*.pth"))
    mend = "" if weights else "fetched where something is to compare by them; the network that ships does without"
    yield Finding("VGG", bool(weights), ", ".join(weights) or f"no weights in {_short(folder)}", mend)


def _short(path: Path) -> str:
    """A path without the name of whoever is at home there."""
    try:
        return str(Path("~") / path.relative_to(Path.home()))
    except ValueError:
        return str(path)


LOOKS: tuple[tuple[str, Callable[[], Iterator[Finding]]], ...] = (
    ("vidstyle", _program),
    ("processor", _processor),
    ("GPU", _gpu),
    ("OpenVINO", _openvino),
    ("cache", _cache),
    ("FFmpeg", _media),
    ("cameras", _cameras),
    ("extras", _extras),
    ("styles", _styles),
)
