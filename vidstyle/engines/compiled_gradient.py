"""The gradient of vidstyle.engines.picture_gradient, compiled by OpenVINO: half of torch's time on a processor."""

import hashlib
from collections import OrderedDict
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from vidstyle import __version__
from vidstyle.engines.compiled_cache import CompiledCache
from vidstyle.engines.openvino import compiled_model, converted, digest, import_openvino
from vidstyle.engines.picture_gradient import PictureGradient
from vidstyle.perception.style_grams import gram_shapes
from vidstyle.processor import prefers_bfloat16

GRAPH = 1
"""Goes up when another graph is made."""
KEPT_GRAPHS = 4
"""Two for each size of frames."""


class CompiledGradient:
    """Called as a PictureGradient is, with tensors of the processor.

    Args:
        gradient: what to compile.
        cores: to compute on.

    Attributes:
        compiling: whether a call is taking its time since a graph is being compiled; to be read by any thread.

    Raises:
        InputError: if OpenVINO cannot be imported.
    """

    def __init__(self, gradient: PictureGradient, cores: int) -> None:
        self._gradient, self._cores = gradient, cores
        self.compiling = False
        self._openvino = import_openvino()
        self._core = self._openvino.Core()
        self._cache = CompiledCache("openvino")
        self._modules = {"gradient": gradient, "content": _Content(gradient)}
        self._requests: OrderedDict[tuple[str, torch.Size], Any] = OrderedDict()

    def __call__(self, picture: Tensor, content: Tensor, *targets: Tensor) -> Tensor:
        """The gradient, (1, 3, H, W) as the painting."""
        return self._computed("gradient", [picture.contiguous(), content.contiguous(), *targets])

    def content(self, frame: Tensor) -> Tensor:
        """See PictureGradient.content."""
        return self._computed("content", [frame.contiguous()])

    def is_compiled(self, height: int, width: int) -> bool:
        """Whether pictures of a size take no compiling first."""
        shape = torch.Size((1, 3, height, width))
        return all((name, shape) in self._requests or self._cache.has(self._key(name, shape)) for name in self._modules)

    def prepare(self, height: int, width: int) -> None:
        """Compile what pictures of a size take."""
        picture = torch.zeros(1, 3, height, width)
        self(picture, self.content(picture), *(torch.zeros(2, *shape) for shape in gram_shapes().values()))

    def _computed(self, name: str, inputs: list[Tensor]) -> Tensor:
        key = name, inputs[0].shape
        if key not in self._requests:
            self._requests[key] = self._compiled(name, inputs).create_infer_request()
            if len(self._requests) > KEPT_GRAPHS:
                self._requests.popitem(last=False)
        found = self._requests[key].infer(
            {number: tensor.numpy() for number, tensor in enumerate(inputs)}, share_inputs=True
        )
        return torch.from_numpy(found[0])

    @cached_property
    def _settings(self) -> dict[str, str | int]:
        return {
            "INFERENCE_PRECISION_HINT": "bf16" if prefers_bfloat16() else "f32",
            "NUM_STREAMS": 1,
            "INFERENCE_NUM_THREADS": self._cores,
        }

    def _key(self, name: str, shape: torch.Size) -> str:
        processor = self._core.get_property("CPU", "FULL_DEVICE_NAME")
        versions = GRAPH, __version__, self._openvino.__version__
        return digest(*versions, name, self._weights, tuple(shape), sorted(self._settings.items()), processor)

    def _compiled(self, name: str, inputs: list[Tensor]) -> Any:
        settings = self._settings

        def load(blob: bytes) -> Any:
            return self._core.import_model(blob, "CPU", settings)

        def build() -> tuple[Any, Any]:
            self.compiling = True
            try:
                compiled = compiled_model(self._core, converted(self._modules[name], *inputs), "CPU", settings)
            finally:
                self.compiling = False
            return compiled, lambda: compiled.export_model().getvalue()

        return self._cache.get(self._key(name, inputs[0].shape), load, build)

    @cached_property
    def _weights(self) -> str:
        digest = hashlib.sha256()
        for tensor in self._gradient.state_dict().values():
            digest.update(tensor.numpy().tobytes())
        return digest.hexdigest()


class _Content(nn.Module):
    """PictureGradient.content as a network."""

    def __init__(self, gradient: PictureGradient) -> None:
        super().__init__()
        self._gradient = gradient

    def forward(self, frame: Tensor) -> Tensor:
        return self._gradient.content(frame)
