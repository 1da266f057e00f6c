"""The gradient of vidstyle.engines.picture_gradient, compiled by OpenVINO: half of torch's time on a processor."""

import hashlib
from collections import OrderedDict
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from vidstyle import __version__
from vidstyle.engines.compiled_cache import CompiledCache
from vidstyle.engines.openvino import converted, digest, import_openvino
from vidstyle.engines.picture_gradient import PictureGradient
from vidstyle.processor import prefers_bfloat16, usable_cores

GRAPH = 1
"""Goes up when another graph is made."""
KEPT_SIZES = 2


class CompiledGradient:
    """Called as a PictureGradient is, with tensors of the processor.

    Raises:
        InputError: if OpenVINO cannot be imported.
    """

    def __init__(self, gradient: PictureGradient) -> None:
        self._gradient = gradient
        self._openvino = import_openvino()
        self._core = self._openvino.Core()
        self._cache = CompiledCache("openvino")
        self._requests: OrderedDict[torch.Size, Any] = OrderedDict()

    def __call__(self, picture: Tensor, content: Tensor, *targets: Tensor) -> Tensor:
        """The gradient, (1, 3, H, W) as the painting."""
        inputs = [picture.contiguous(), content.contiguous(), *targets]
        if picture.shape not in self._requests:
            self._requests[picture.shape] = self._compiled(inputs).create_infer_request()
            if len(self._requests) > KEPT_SIZES:
                self._requests.popitem(last=False)
        found = self._requests[picture.shape].infer(
            {number: tensor.numpy() for number, tensor in enumerate(inputs)}, share_inputs=True
        )
        return torch.from_numpy(found[0])

    def _compiled(self, inputs: list[Tensor]) -> Any:
        settings = {
            "INFERENCE_PRECISION_HINT": "bf16" if prefers_bfloat16() else "f32",
            "NUM_STREAMS": 1,
            "INFERENCE_NUM_THREADS": usable_cores(),
        }
        processor = self._core.get_property("CPU", "FULL_DEVICE_NAME")
        shape = tuple(inputs[0].shape)
        versions = GRAPH, __version__, self._openvino.__version__
        key = digest(*versions, self._weights, shape, sorted(settings.items()), processor)

        def load(blob: bytes) -> Any:
            return self._core.import_model(blob, "CPU", settings)

        def build() -> tuple[Any, Any]:
            compiled = self._core.compile_model(converted(self._gradient, *inputs), "CPU", settings)
            return compiled, lambda: compiled.export_model().getvalue()

        return self._cache.get(key, load, build)

    @cached_property
    def _weights(self) -> str:
        digest = hashlib.sha256()
        for tensor in self._gradient.state_dict().values():
            digest.update(tensor.numpy().tobytes())
        return digest.hexdigest()
