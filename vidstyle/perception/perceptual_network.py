"""Perceptual networks: VGG features by the names of their layers (relu1_1 to relu5_4).

All take RGB (N, 3, H, W) in [0, 1] and are interchangeable by name.
"""

import contextlib
import importlib.util
import pickle
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from vidstyle.errors import InputError, parameter
from vidstyle.perception.features import Embedded, root_of, whole
from vidstyle.perception.vgg import Normalise, Vgg, torchvision_tensors
from vidstyle.shipped import perceptual_weights

FILES = {"vgg19-shallow": "vgg19_to_relu3_1.safetensors", "vgg19-distilled": "vgg19_distilled16x.safetensors"}
HYBRID = "vgg19-hybrid"
OWN = "vidstyle"
"""The one that ships: made by train/perceptual.py."""
SERVER_SECONDS = 15.0
"""For which a server may say nothing."""
HYBRID_FROM_DISTILLED = frozenset({"relu4_1", "relu5_1"})


@dataclass(frozen=True)
class Layers:
    """Where a recipe that names no layers takes content and style."""

    content: tuple[str, ...]
    style: tuple[str, ...]


_BLOCK_STARTS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
LAYERS = {
    # Johnson et al. 2016, section 4.1.
    "vgg16": Layers(("relu3_3",), ("relu1_2", "relu2_2", "relu3_3", "relu4_3")),
    # The last of the same blocks.
    "vgg19": Layers(("relu3_4",), ("relu1_2", "relu2_2", "relu3_4", "relu4_4")),
    "vgg19-shallow": Layers(("relu3_1",), _BLOCK_STARTS[:3]),
    "vgg19-distilled": Layers(("relu3_1",), _BLOCK_STARTS),
    HYBRID: Layers(("relu3_1",), _BLOCK_STARTS),
    OWN: Layers(("relu3_1",), _BLOCK_STARTS),
}
"""All perceptual networks, with the layers that suit them."""


class FeatureStack(nn.Module):
    """A VGG, some of whose layers are given as those of a wider one by 1x1 maps.

    Args:
        vgg: where the features come from.
        maps: by layer, (C, c + 1): weights and, in the last column, biases.
    """

    def __init__(self, vgg: Vgg, maps: dict[str, Tensor] | None = None) -> None:
        super().__init__()
        self.vgg = vgg
        self._mapped = set(maps or {})
        for layer, matrix in (maps or {}).items():
            self.register_buffer(f"map_{layer}", matrix)
            self.register_buffer(f"root_{layer}", root_of(matrix))

    def layers(self) -> list[str]:
        """Names of the layers this network gives, in order."""
        return self.vgg.layers()

    def forward(self, image: Tensor, layers: Iterable[str]) -> dict[str, Tensor | Embedded]:
        return {layer: self._feature(x, layer) for layer, x in self.vgg(image, layers).items()}

    def _feature(self, x: Tensor, layer: str) -> Tensor | Embedded:
        if layer not in self._mapped:
            return x
        narrow = torch.cat((x, torch.ones_like(x[:, :1])), 1)
        return Embedded(narrow, self.get_buffer(f"map_{layer}"), self.get_buffer(f"root_{layer}"))


class HybridStack(nn.Module):
    """VGG-19 to relu3_1, with relu4_1 and relu5_1 from the distilled network's embeddings."""

    def __init__(self, shallow: FeatureStack, distilled: FeatureStack) -> None:
        super().__init__()
        self.shallow, self.distilled = shallow, distilled

    def layers(self) -> list[str]:
        """Names of the layers this network gives, in order."""
        return self.shallow.layers() + sorted(HYBRID_FROM_DISTILLED)

    def forward(self, image: Tensor, layers: Iterable[str]) -> dict[str, Tensor | Embedded]:
        wanted = set(layers)
        features: dict[str, Tensor | Embedded] = {}
        if near := wanted - HYBRID_FROM_DISTILLED:
            features |= self.shallow(image, near)
        if far := wanted & HYBRID_FROM_DISTILLED:
            features |= self.distilled(image, far)
        return features


class PerceptualNetwork(nn.Module):
    """Named features of a picture.

    Args:
        name: one of LAYERS.
        weights: for `vgg16` and `vgg19` a file (.safetensors or torchvision's .pth) or a folder with torchvision's
            file; None downloads torchvision's weights on first use, to where torch keeps such files
            (`$TORCH_HOME`).  OWN has no need of any.  For the others the folder with the files named in FILES.
        recompute_activations: trade time for memory, see Vgg.

    Raises:
        InputError: for an unknown name, and weights that are missing or do not fit.
    """

    def __init__(self, name: str, weights: Path | None = None, *, recompute_activations: bool = False) -> None:
        super().__init__()
        if name not in LAYERS:
            raise InputError(f"unknown perceptual network {name!r}; known: {', '.join(LAYERS)}")
        self.stack: FeatureStack | HybridStack = _build(name, weights)
        self.requires_grad_(False)
        for module in self.modules():
            if isinstance(module, Vgg):
                module.recompute_activations = recompute_activations

    def layers(self) -> list[str]:
        """Names of the layers this network gives, in order."""
        return self.stack.layers()

    def compile_features(self, backend: str = "inductor") -> bool:
        """Have torch compile the convolutions, for each shape when it comes first; whether that can be done here.

        It takes a minute, which a training on a GPU is worth, and a compiler: Triton for GPUs.

        backend: of torch.compile.
        """
        if backend == "inductor" and importlib.util.find_spec("triton") is None:
            return False
        for module in self.modules():
            if isinstance(module, Vgg):
                module.compile(backend=backend)
        return True

    def forward(self, image: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """Features (N, C, h, w) of RGB (N, 3, H, W) in [0, 1] at `layers`, by name.

        Raises:
            InputError: for a layer that this network does not reach.
        """
        return {name: whole(features) for name, features in self.compact(image, layers).items()}

    def compact(self, image: Tensor, layers: Iterable[str]) -> dict[str, Tensor | Embedded]:
        """The same, those that are a map of fewer ones as such: a fifth of the time for their Gram matrices."""
        layers = list(layers)
        if unknown := [layer for layer in layers if layer not in self.layers()]:
            raise InputError(f"no layer {unknown[0]} in this perceptual network; it has {', '.join(self.layers())}")
        return self.stack(image, layers)


def usual_or_own(name: str, weights: Path | None, note: Callable[[str], None]) -> str:
    """The perceptual network that is usual where nobody has named one; the one that ships, where that cannot be had.

    Args:
        name: of the usual one.
        weights: as for PerceptualNetwork; what is named is used, or refused.
        note: called with a line that says so, if another one takes its place.
    """
    if weights is not None or name not in ("vgg16", "vgg19"):
        return name
    try:
        _torchvision_state(name, None)
    except InputError:
        note(f"torchvision's {name} is not here and cannot be fetched: {OWN}'s own, which ships, takes its place")
        return OWN
    return name


def fastest_perceptual(weights: Path | None) -> str:
    """The fastest perceptual network that a folder of weights has; without one, one that can be downloaded.

    Not OWN: what it does not see adds up in a training of more than a few hundred steps (docs/any-style.md).
    """
    return "vgg19-distilled" if weights is not None and weights.is_dir() else "vgg16"


def nearest_perceptual(weights: Path | None) -> str:
    """What brings a style nearest in a minute, of what a folder of weights has (docs/any-style.md)."""
    if weights is not None and all((weights / file).is_file() for file in FILES.values()):
        # Its steps take three times as long as the distilled one's, and are worth it.
        return HYBRID
    return fastest_perceptual(weights)


def check_weights(weights: Path | None) -> None:
    """Raises InputError where a file or folder of weights that somebody names is not there."""
    if weights is not None and not weights.exists():
        raise InputError(f"{parameter('perceptual_weights', weights)}: there is no such file or folder")


def _build(name: str, weights: Path | None) -> FeatureStack | HybridStack:
    if name == OWN:
        return _reflected_stack(_load(perceptual_weights()))
    if name not in (*FILES, HYBRID):
        state, where = _torchvision_state(name, weights)
        try:
            return FeatureStack(
                Vgg.of_tensors(torchvision_tensors(state, name), name, reflected=False, first=Normalise())
            )
        except KeyError as error:
            raise InputError(f"{where}: no weights of torchvision's {name}; {error.args[0]} is missing") from error
    if weights is None:
        raise InputError(f"{name} needs the folder of its weights: name it with {parameter('perceptual_weights')}")
    stacks = {key: _reflected_stack(_load(weights / file)) for key, file in FILES.items() if name in (key, HYBRID)}
    return HybridStack(stacks["vgg19-shallow"], stacks["vgg19-distilled"]) if name == HYBRID else stacks[name]


def _reflected_stack(tensors: dict[str, Tensor]) -> FeatureStack:
    """A VGG-19 that pads by reflection, as in the files that FILES names.

    tensors: see Vgg.of_tensors, and perhaps `embedK_1.weight` and `.bias`, 1x1 maps from relu K_1 of a narrow network
    into VGG-19's own features.
    """
    tensors = {name: tensor.float() for name, tensor in tensors.items()}
    maps = {}
    for name in (
        name.removesuffix(".weight") for name in tensors if name.startswith("embed") and name.endswith(".weight")
    ):
        weight, bias = (tensors[f"{name}.{part}"] for part in ("weight", "bias"))
        maps[name.replace("embed", "relu")] = torch.cat((weight.flatten(1), bias[:, None]), 1)
    return FeatureStack(Vgg.of_tensors(tensors, "vgg19", reflected=True), maps)


def _torchvision_state(name: str, weights: Path | None) -> tuple[dict[str, Tensor], str]:
    """State dictionary of torchvision's `name`, and where it is from."""
    from torchvision.models import get_model_weights

    # The members of torchvision's enumerations are not known to its types.
    published: Any = get_model_weights(name).IMAGENET1K_V1
    if weights is not None:
        path = weights / Path(published.url).name if weights.is_dir() else weights
        return _load(path), str(path)
    try:
        # torch says on standard output that it downloads, where a summary in JSON may be expected.
        with contextlib.redirect_stdout(sys.stderr), _patience():
            return published.get_state_dict(progress=False, check_hash=True), published.url
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"{published.url}: cannot be downloaded ({error}); name a file of the same with "
            f"{parameter('perceptual_weights')}, or take {parameter('perceptual', OWN)}, which comes along"
        ) from error


@contextlib.contextmanager
def _patience() -> Iterator[None]:
    """Wait so long for a server and no longer; torch would wait for ever where packets vanish."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SERVER_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _load(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file or a state dictionary of torch; no code in them is run."""
    if not path.is_file():
        raise InputError(
            f"{path}: no such perceptual weights; name their file or folder with {parameter('perceptual_weights')}"
        )
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise InputError(f"{path}: neither safetensors nor a state dictionary of torch") from error
    if not isinstance(loaded, dict) or not all(isinstance(value, Tensor) for value in loaded.values()):
        raise InputError(f"{path}: holds something else than the weights of a network")
    return loaded
