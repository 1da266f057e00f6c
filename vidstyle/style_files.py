"""Style files: read, check, write.

A style is one safetensors file.  Its tensors are the weights of a transform network; its metadata holds the
network's name and arguments, what is known of the picture, the recipe's hash, and what was measured.
"""

import builtins
import contextlib
import hashlib
import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vidstyle.errors import InputError, parameter, reason
from vidstyle.lazy_network import REAL_TIME, AnyNetwork, LazyNetwork
from vidstyle.output_files import written_beside
from vidstyle.shipped import PHOTOS
from vidstyle.steps import MOST_STEPS, Steps, steps_to_take

if TYPE_CHECKING:
    from torch import Tensor, nn

    from vidstyle.perception.style_grams import Grams

FORMAT = "1"
"""Version of the metadata, under the key `vidstyle`."""
SUFFIX = ".safetensors"
LARGEST_FILE = 1 << 30
LARGEST_ARGUMENT = 1024
"""Of a network; a file that asks for more is broken or malicious."""
LARGEST_METRIC = 1e9
SAMPLE = PHOTOS / "cat.jpg"
"""What a notebook shows a style with."""
GRAMS = "picture."
"""What the names of tensors begin with that are no weights: Gram matrices of the picture, by layer."""
FLOATS = {"F16": np.float16, "F32": np.float32, "F64": np.float64, "BF16": np.uint16}
"""What these may be in, by safetensors' names; NumPy has the bits alone of bfloat16."""
LEAST_GRAM, LARGEST_GRAM = 1e-5, 65504.0
"""Of the largest entry of one; pictures of one colour have 0.01 and more, and half precision ends there."""
TRIAL_SIDE = 64
"""Pixels of the picture that a network paints to show that it can."""

RANDOM_FILLS = frozenset({"normal_", "uniform_", "trunc_normal_"})
"""What fills tensors with random numbers."""


@dataclass(frozen=True)
class StyleCard:
    """What is known of a style without loading its weights.

    Attributes:
        name: the file's name without its suffix.
        path: the file.
        network, arguments: what vidstyle.nets.build_network takes.
        title, artist, year, licence: of the picture.
        recipe: SHA-256 of the recipe that made the weights.
        metrics: measured at the end of training, by name.
        optimise: steps by which each painting is brought nearer to the picture, where nobody says otherwise.
        parameters: numbers in the weights.
        bytes: size of the file.
    """

    name: str
    path: Path
    network: str
    arguments: dict[str, Any] = field(default_factory=dict)
    title: str = ""
    artist: str = ""
    year: str = ""
    licence: str = ""
    recipe: str = ""
    metrics: dict[str, float] = field(default_factory=dict)
    optimise: int = 0
    parameters: int = 0
    bytes: int = 0

    def _repr_png_(self) -> builtins.bytes | None:
        """The same of the style in the file; nothing of what makes styles, and of what cannot be read any more."""
        from vidstyle.nets import META_NETWORKS

        if self.network in META_NETWORKS:
            return None
        try:
            return load_style_file(self.path)._repr_png_()
        except InputError:
            return None


@dataclass(frozen=True)
class Style:
    """A style ready to paint: its card and its network, in evaluation mode, float32, on the CPU.

    Attributes:
        card: what is known of it.
        network: its network.
        grams: of its picture, see vidstyle.perception.style_grams; empty where nobody knows them any more.
    """

    card: StyleCard
    network: "nn.Module" = field(repr=False)
    grams: "Grams" = field(default_factory=dict, repr=False, compare=False)

    def steps(self, asked: int | None, *, seldom: bool = False) -> Steps:
        """By which paintings are brought nearer to its picture; see vidstyle.steps.steps_to_take."""
        return steps_to_take(asked, self.card.optimise, knows_picture=bool(self.grams), seldom=seldom)

    def _repr_png_(self) -> builtins.bytes:
        """A photograph that comes with the program, painted: what a notebook shows of a style."""
        return _sample_of(self.network)


class LazyStyle(Style):
    """A style of which only the card has been read."""

    def __init__(self, card: StyleCard, lazy: LazyNetwork, read_grams: "Callable[[], Grams]") -> None:
        # What is read of it is found by the properties below.
        object.__setattr__(self, "card", card)
        object.__setattr__(self, "lazy", lazy)
        object.__setattr__(self, "_read_grams", read_grams)

    lazy: LazyNetwork
    _read_grams: "Callable[[], Grams]"

    @property
    def network(self) -> "nn.Module":
        """The network.  Raises InputError for a file that holds none."""
        return self.lazy.network

    @property
    def grams(self) -> "Grams":
        """Of its picture.  Raises InputError for what is none."""
        return self._read_grams()


def network_to_paint(style: Style) -> AnyNetwork:
    """What engines take: the network of a style, or what loads it."""
    return style.lazy if isinstance(style, LazyStyle) else style.network


def known_grams(style: Style) -> "Grams":
    """Gram matrices of a style's picture, to bring paintings nearer to it.

    Raises:
        InputError: for a style that does not know its picture.
    """
    grams = style.grams
    if not grams:
        raise knows_no_picture(style.card.name)
    return grams


def knows_no_picture(name: str) -> InputError:
    """What to raise where paintings are to be brought nearer to a picture that their style does not know."""
    return InputError(
        f"{parameter('optimise')}: {name} does not know its picture: train it again, or name the picture itself as "
        f"{parameter('style')}"
    )


def _sample_of(network: "nn.Module") -> bytes:
    """The sample photograph as a network paints it, a PNG file."""
    from PIL import Image

    from vidstyle.media.arrays import as_png
    from vidstyle.media.images import read_image
    from vidstyle.perception.tensors import painted_by

    return as_png(Image.fromarray(painted_by(network, read_image(SAMPLE))))


def read_card(path: Path) -> StyleCard:
    """What a style file says of itself; no weights are loaded.

    Raises:
        InputError: for anything but a style file.
    """
    # Without torch, which takes seconds to load.
    with _opened(path, "numpy") as file:
        return _card(path, file)


def has_grams(path: Path) -> bool:
    """Whether a style file knows its picture; no weights are loaded.

    Raises:
        InputError: for anything but a style file.
    """
    with _opened(path, "numpy") as file:
        _card(path, file)
        return any(name.startswith(GRAMS) for name in file.keys())  # noqa: SIM118


def load_style_file(path: Path) -> Style:
    """The style in a file, with its weights.

    Raises:
        InputError: for anything but a style file, and for weights that do not fit.
    """
    card = read_card(path)
    content = _read(path)
    return Style(card, _network_in(card, content), _grams_in(card, content))


def lazy_style_file(path: Path) -> LazyStyle | None:
    """The style in a file, whose network is loaded when it is needed; None if engines cannot do without.

    Raises:
        InputError: for anything but a style file; for weights that do not fit, once they are loaded.
    """
    card = read_card(path)
    if card.network not in REAL_TIME:
        return None
    # Whatever becomes of the file, this is what its digest is of.
    content = _read(path)
    lazy = LazyNetwork(hashlib.sha256(content).hexdigest(), partial(_network_in, card, content))
    return LazyStyle(card, lazy, cache(partial(_grams_in, card, content)))


def _read(path: Path) -> bytes:
    with _readable(path):
        return path.read_bytes()


def _network_in(card: StyleCard, content: bytes) -> "nn.Module":
    """The network of a style file that has been read."""
    from safetensors.torch import load

    _grams_in(card, content)
    with _readable(card.path):
        tensors = load(content)
    return network_of(card, {name: tensor for name, tensor in tensors.items() if not name.startswith(GRAMS)})


def _grams_in(card: StyleCard, content: bytes) -> "Grams":
    """What a style file that has been read knows of its picture; without torch, which takes a second to load."""
    from safetensors import deserialize

    from vidstyle.perception.style_grams import gram_shapes

    with _readable(card.path):
        given = {name: parts for name, parts in deserialize(content) if name.startswith(GRAMS)}  # type: ignore[no-untyped-call]
    if not given:
        return {}
    expected = {GRAMS + layer: shape for layer, shape in gram_shapes().items()}
    grams = {}
    for name in sorted(expected.keys() | given.keys()):
        parts = given.get(name)
        _check_shape(card, name, expected.get(name), None if parts is None else tuple(parts["shape"]))
        assert parts is not None
        if parts["dtype"] not in FLOATS:
            raise _does_not_fit(card, name, f"holds {parts['dtype']}, not floating-point numbers")
        gram = _as_float32(np.frombuffer(parts["data"], FLOATS[parts["dtype"]])).reshape(parts["shape"])
        if not np.isfinite(gram).all():
            raise _does_not_fit(card, name, "holds values that are not finite numbers")
        # What would be divided by, or squared, must be left of it.
        if not np.array_equal(gram, gram.T) or not LEAST_GRAM < np.abs(gram).max() < LARGEST_GRAM:
            raise InputError(f"{card.path}: its tensor {name} is no Gram matrix of a picture")
        grams[name.removeprefix(GRAMS)] = gram
    return grams


def _as_float32(numbers: np.ndarray) -> np.ndarray:
    """Of one of FLOATS."""
    if numbers.dtype == np.uint16:
        # The upper half of a float32.
        return (numbers.astype(np.uint32) << 16).view(np.float32)
    with np.errstate(over="ignore"):
        return numbers.astype(np.float32)


@contextlib.contextmanager
def _unfilled() -> Iterator[None]:
    """Nobody fills the weights of networks that are made within with random numbers: real ones take their place.

    On PyTorch's device without memory that would import its compiler, 200 MB and some seconds.
    """
    from torch.overrides import TorchFunctionMode

    class Unfilled(TorchFunctionMode):
        def __torch_function__(self, function: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if getattr(function, "__name__", "") in RANDOM_FILLS:
                return args[0] if args else kwargs["tensor"]
            return function(*args, **(kwargs or {}))

    with Unfilled():
        yield


def network_of(card: StyleCard, tensors: "dict[str, Tensor]") -> "nn.Module":
    """The network that `card` asks for, with `tensors` as its weights, once all of them are known to fit."""
    import torch

    from vidstyle.nets import build_network

    try:
        # Nothing is allocated before the shapes are known to fit.
        with torch.device("meta"), _unfilled():
            network = build_network(card.network, card.arguments)
    except Exception as error:  # whatever a constructor raises, the arguments are the file's
        raise InputError(f"{card.path}: {error}") from error
    expected = network.state_dict()
    for name in sorted(expected.keys() | tensors.keys()):
        _check_tensor(card, name, expected.get(name), tensors.get(name))
    network.load_state_dict({name: tensor.float() for name, tensor in tensors.items()}, assign=True)
    network.eval().requires_grad_(False)
    try:
        with torch.inference_mode():
            network(torch.zeros(1, 3, TRIAL_SIDE, TRIAL_SIDE))
    except Exception as error:  # arguments can be of the right shape and still make no network
        raise InputError(f"{card.path}: its network {card.network!r} cannot paint: {error}") from error
    return network


def save_style(path: Path, network: "nn.Module", card: StyleCard, grams: "Grams | None" = None) -> None:
    """Write a style file, replacing `path` in one step; weights are stored in half precision.

    grams: of the style's picture, where they are known, see vidstyle.perception.style_grams.

    Raises:
        InputError: if it cannot be written, or would not be read.
    """
    import torch
    from safetensors.torch import save

    _steps(path, str(card.optimise))

    metadata = {
        "vidstyle": FORMAT,
        "network": card.network,
        "arguments": json.dumps(card.arguments, sort_keys=True),
        "metrics": json.dumps(card.metrics, sort_keys=True),
        "optimise": str(card.optimise),
    } | {key: getattr(card, key) for key in ("title", "artist", "year", "licence", "recipe")}
    tensors = {
        name: tensor.detach().to("cpu", torch.float16).contiguous()
        for name, tensor in (
            *network.state_dict().items(),
            *((GRAMS + layer, torch.from_numpy(gram)) for layer, gram in (grams or {}).items()),
        )
    }
    with written_beside(path) as partial:
        partial.write_bytes(save(tensors, metadata))


@contextlib.contextmanager
def _opened(path: Path, framework: str = "pt") -> Iterator[Any]:
    from safetensors import safe_open

    with _readable(path):
        size = path.stat().st_size
        if size > LARGEST_FILE:
            raise InputError(f"{path}: too large to be a style ({size >> 20} MiB)")
        with safe_open(path, framework) as file:
            yield file


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Raises InputError for what goes wrong within while a style file is read."""
    from safetensors import SafetensorError

    try:
        yield
    except (SafetensorError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a safetensors file; a style is one, or a picture") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {reason(error)}") from error


def _card(path: Path, file: Any) -> StyleCard:
    metadata = file.metadata() or {}
    if metadata.get("vidstyle") != FORMAT:
        raise InputError(f"{path}: safetensors, but not a style of this version of vidstyle")
    arguments = _json_object(path, metadata, "arguments")
    for name, value in _numbered(arguments):
        if isinstance(value, bool) or (isinstance(value, int | float) and not 0 <= value <= LARGEST_ARGUMENT):
            raise InputError(f"{path}: network argument {name} = {value} is out of range")
    metrics = _json_object(path, metadata, "metrics")
    tensors = list(file.keys())
    steps = _steps(path, metadata.get("optimise", "0"))
    return StyleCard(
        name=path.stem,
        path=path,
        network=metadata.get("network", ""),
        arguments=arguments,
        metrics={
            name: float(value)
            for name, value in metrics.items()
            if isinstance(value, int | float) and abs(value) < LARGEST_METRIC
        },
        # What knows no picture cannot come nearer to it.
        optimise=steps if any(name.startswith(GRAMS) for name in tensors) else 0,
        parameters=sum(math.prod(file.get_slice(name).get_shape()) for name in tensors if not name.startswith(GRAMS)),
        bytes=path.stat().st_size,
        **{key: metadata.get(key, "") for key in ("title", "artist", "year", "licence", "recipe")},
    )


def _numbered(arguments: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """A network's arguments by name, those within objects and lists, too."""
    for name, value in arguments.items():
        inner = (
            value.items() if isinstance(value, dict) else [(name, v) for v in value] if isinstance(value, list) else ()
        )
        yield from ((name, value), *inner)


def _json_object(path: Path, metadata: dict[str, str], key: str) -> dict[str, Any]:
    try:
        value = json.loads(metadata.get(key, "{}"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: its {key} are not JSON") from error
    if not isinstance(value, dict):
        raise InputError(f"{path}: its {key} are not a JSON object")
    return value


def _steps(path: Path, said: str) -> int:
    if not re.fullmatch(r"[0-9]{1,3}", said) or int(said) > MOST_STEPS:
        raise InputError(f"{path}: asks for {said!r} steps of optimisation; 0 to {MOST_STEPS} can be")
    return int(said)


def _check_tensor(card: StyleCard, name: str, expected: "Tensor | None", given: "Tensor | None") -> None:
    _check_shape(card, name, *(None if tensor is None else tuple(tensor.shape) for tensor in (expected, given)))
    assert given is not None
    if not given.is_floating_point():
        raise _does_not_fit(card, name, f"holds {given.dtype}, not floating-point numbers")
    if not bool(given.float().isfinite().all()):
        raise _does_not_fit(card, name, "holds values that are not finite numbers")


def _check_shape(card: StyleCard, name: str, expected: tuple[int, ...] | None, given: tuple[int, ...] | None) -> None:
    if expected is None:
        raise _does_not_fit(card, name, "is unknown to it")
    if given is None:
        raise _does_not_fit(card, name, "is missing")
    if expected != given:
        raise _does_not_fit(card, name, f"is {given}, not {expected}")


def _does_not_fit(card: StyleCard, name: str, why: str) -> InputError:
    return InputError(f"{card.path}: does not fit the network {card.network!r}: tensor {name} {why}")
