"""Steps of vidstyle.engines.picture_steps, compiled by OpenVINO: half of torch's time on a processor.

What was compiled before takes no torch, which takes a second to load.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from vidstyle import __version__
from vidstyle.engines.compiled_cache import CompiledCache
from vidstyle.engines.openvino import (
    compiled_model,
    converted,
    digest,
    import_openvino,
    multiplies_bfloat16,
)
from vidstyle.media.frame import Color
from vidstyle.perception.style_grams import LAYERS, Grams
from vidstyle.shipped import perceptual_weights

GRAPH = 5
"""Goes up when another graph is made."""
PARTS = ("rgb", "content", "gradient", "moved", "pixels")
"""What there is to compute; see vidstyle.engines.picture_steps.step_module."""
ROUNDED = ("content", "gradient")
"""Of them, those that may be computed in bfloat16: what is added up from step to step may not."""
KEPT_SIZES = 2
"""Whose graphs stay in memory."""


class CompiledSteps:
    """Steps as OpenVINO computes them; see vidstyle.engines.optimising.Computes.

    Args:
        planes: what planes of 4:2:0 stand for; None for pixels in RGB.
        cores: to compute on.
        exact: in float32, wherever bfloat16 is faster.

    Raises:
        InputError: if OpenVINO cannot be imported.
    """

    def __init__(self, planes: Color | None, cores: int, *, exact: bool = False) -> None:
        self._planes, self._cores, self._exact = planes, cores, exact
        self.compiling = False
        self._openvino = import_openvino()
        self._core = self._openvino.Core()
        self._cache = CompiledCache("openvino")
        self._requests: OrderedDict[tuple[int, ...], dict[str, Any]] = OrderedDict()

    def is_compiled(self, shape: tuple[int, ...]) -> bool:
        known = self._requests.get(shape, {})
        return all(name in known or self._cache.has(self._key(name, shape)) for name in PARTS)

    def prepare(self, shape: tuple[int, ...]) -> None:
        """Compile what pixels of a shape take."""
        for name in PARTS:
            self._request(name, shape)

    def targets(self, grams: Grams) -> list[np.ndarray]:
        return [grams[layer] for layer in LAYERS]

    def taken(self, pixels: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(pixels)

    def given(self, pixels: np.ndarray, _like: np.ndarray) -> np.ndarray:
        return pixels

    def nothing(self, like: np.ndarray) -> np.ndarray:
        return np.zeros_like(like)

    def numbers(self, *numbers: float) -> np.ndarray:
        return np.array(numbers, np.float32)

    def compute(self, name: str, shape: tuple[int, ...], *inputs: np.ndarray) -> Any:
        found = self._request(name, shape).infer(dict(enumerate(inputs)), share_inputs=True)
        results = [found[number] for number in range(len(found))]
        return results[0] if len(results) == 1 else results

    def _request(self, name: str, shape: tuple[int, ...]) -> Any:
        known = self._requests.setdefault(shape, {})
        if name not in known:
            known[name] = self._compiled(name, shape).create_infer_request()
            if len(self._requests) > KEPT_SIZES:
                self._requests.popitem(last=False)
        return known[name]

    def _settings(self, name: str) -> dict[str, str | int]:
        half = not self._exact and name in ROUNDED and self._multiplies_bfloat16
        return {
            "INFERENCE_PRECISION_HINT": "bf16" if half else "f32",
            "NUM_STREAMS": 1,
            "INFERENCE_NUM_THREADS": self._cores,
        }

    def _key(self, name: str, shape: tuple[int, ...]) -> str:
        processor = self._core.get_property("CPU", "FULL_DEVICE_NAME")
        versions = GRAPH, __version__, self._openvino.__version__
        made_of = name, self._weights, self._planes, tuple(shape)
        return digest(*versions, *made_of, sorted(self._settings(name).items()), processor)

    def _compiled(self, name: str, shape: tuple[int, ...]) -> Any:
        settings = self._settings(name)

        def load(blob: bytes) -> Any:
            return self._core.import_model(blob, "CPU", settings)

        def build() -> tuple[Any, Callable[[], bytes]]:
            from vidstyle.engines.picture_steps import step_module

            self.compiling = True
            try:
                module, inputs = step_module(name, self._planes, shape)
                compiled = compiled_model(self._core, converted(module, *inputs), "CPU", settings)
            finally:
                self.compiling = False
            return compiled, lambda: compiled.export_model().getvalue()

        return self._cache.get(self._key(name, shape), load, build)

    @cached_property
    def _weights(self) -> str:
        return hashlib.sha256(perceptual_weights().read_bytes()).hexdigest()

    @cached_property
    def _multiplies_bfloat16(self) -> bool:
        return multiplies_bfloat16(self._core, self._cache)
