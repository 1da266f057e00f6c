"""Which numbers a processor paints fastest with, by a measurement of half a second at the first use.

What a processor says of itself does not tell: one with AVX-512 VNNI and AVX-512 BF16 multiplies integers twice as fast
as bfloat16, one with AMX both alike.
"""

import platform
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from vidstyle.engines.compiled_cache import CompiledCache
from vidstyle.lazy_network import AnyNetwork, is_real_time

SECONDS = 0.5
"""That a measurement takes, besides compiling what is measured."""
GAIN = 0.9
"""Share of the time of what is more exact from which on the coarser one is worth it: integers are 46 dB from float32,
bfloat16 53."""
EXACTNESS = ("f32", "bf16", "int8")
"""The most exact one first."""
CHANNELS, LAYERS, HEIGHT, WIDTH = 48, 4, 90, 160
"""Of what is measured: convolutions like those that a real-time network spends its time in, for 640x360."""
LEVELS, RANGE = 256, 4.0

Run = Callable[[], object]


def integers_are_possible(network: AnyNetwork, capabilities: list[str]) -> bool:
    """Whether this processor, of which OpenVINO says `capabilities`, paints with integers: in the layers of a real-time
    network, see vidstyle.engines.int8."""
    return is_real_time(network) and "INT8" in capabilities and platform.machine() in ("x86_64", "AMD64")


def fastest_precision(
    core: Any, choices: Sequence[str], cache: CompiledCache, *, key: str, settings: dict[str, Any]
) -> str:
    """The one of `choices` that paints fastest here; the more exact one where there is little between them.

    Args:
        core: OpenVINO's.
        choices: of EXACTNESS, at least one.
        cache: keeps what has been measured.
        key: of the entry: processor, library, and whatever else may change the answer.
        settings: what networks are compiled with.
    """
    if len(choices) == 1:
        return choices[0]

    def known(entry: bytes) -> str:
        (found,) = (choice for choice in choices if choice.encode() == entry)
        return found

    def measured() -> tuple[str, Callable[[], bytes]]:
        times = race({choice: _probe(core, choice, settings) for choice in choices})
        found = chosen(times)
        return found, found.encode

    return cache.get(key, known, measured)


def chosen(times: dict[str, float]) -> str:
    """By seconds of each: the most exact one that no coarser one leaves behind."""
    best, *others = sorted(times, key=EXACTNESS.index)
    for other in others:
        if times[other] < GAIN * times[best]:
            best = other
    return best


def race(
    runs: dict[str, Run], seconds: float = SECONDS, clock: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """Least seconds of each, run in turn: what disturbs a run only ever makes it longer."""
    for run in runs.values():
        run()
    times: dict[str, list[float]] = {name: [] for name in runs}
    end = clock() + seconds
    while clock() < end or not all(times.values()):
        for name, run in runs.items():
            begin = clock()
            run()
            times[name].append(clock() - begin)
    return {name: min(found) for name, found in times.items()}


def _probe(core: Any, precision: str, settings: dict[str, Any]) -> Run:
    """Convolutions, compiled as a network of that precision is."""
    from openvino import Model
    from openvino import opset8 as ops

    random = np.random.default_rng(0)
    source = ops.parameter([1, CHANNELS, HEIGHT, WIDTH], np.float32)
    node: Any = source
    for _ in range(LAYERS):
        filters: Any = random.normal(0, 0.05, (CHANNELS, CHANNELS, 3, 3)).astype(np.float32)
        if precision == "int8":
            low, high = (np.float32(bound) for bound in (0, RANGE))
            node = ops.fake_quantize(node, low, high, low, high, LEVELS)
            largest = np.abs(filters).max((1, 2, 3), keepdims=True)
            filters = ops.fake_quantize(filters, -largest, largest, -largest, largest, LEVELS - 1)
        node = ops.relu(ops.convolution(node, filters, [1, 1], [1, 1], [1, 1], [1, 1]))
    hint = {"INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32"}
    request = core.compile_model(Model([node], [source]), "CPU", settings | hint).create_infer_request()
    pixels = random.random((1, CHANNELS, HEIGHT, WIDTH), np.float32)

    def run() -> None:
        request.infer([pixels])

    return run
