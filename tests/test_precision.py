"""Bfloat16 or integers: chosen by a measurement, once for a machine."""

from pathlib import Path

import pytest

from vidstyle.engines import openvino as engine
from vidstyle.engines import precision
from vidstyle.engines.precision import chosen, race
from vidstyle.nets import build_network


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        # One EPYC with AVX-512 VNNI and BF16, milliseconds of a frame.
        ({"bf16": 19.7, "int8": 14.8}, "int8"),
        ({"int8": 14.8, "bf16": 19.7}, "int8"),
        # What is more exact wins where there is little between them, as with AMX.
        ({"bf16": 10.0, "int8": 9.3}, "bf16"),
        ({"bf16": 10.0, "int8": 12.0}, "bf16"),
        ({"f32": 40.0, "bf16": 20.0, "int8": 19.0}, "bf16"),
        ({"f32": 40.0, "bf16": 41.0, "int8": 20.0}, "int8"),
    ],
)
def test_the_coarser_one_has_to_be_worth_it(times: dict[str, float], expected: str) -> None:
    assert chosen(times) == expected


def test_a_race_is_run_in_turn_and_lasts_as_long_as_it_may() -> None:
    now, order = 0.0, []

    def runner(name: str, seconds: list[float]) -> precision.Run:
        def run() -> None:
            nonlocal now
            order.append(name)
            now += seconds[min(order.count(name), len(seconds)) - 1]

        return run

    # The first of each does not count, and what a busy machine adds does not either.
    times = race({"a": runner("a", [9, 0.02, 0.3, 0.02]), "b": runner("b", [9, 0.03])}, clock=lambda: now)
    assert times == pytest.approx({"a": 0.02, "b": 0.03})
    assert order[:6] == ["a", "b"] * 3
    assert 18.5 <= now < 18.6


@pytest.mark.slow
@pytest.mark.skipif(not engine.is_usable(), reason="OpenVINO is not here")
@pytest.mark.parametrize("fastest", ["bf16", "int8"])
def test_a_machine_is_measured_once(fastest: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(engine, "prefers_bfloat16", lambda: True)
    monkeypatch.setattr(engine, "integers_are_possible", lambda *_: True)
    raced: list[set[str]] = []

    def measured(runs: dict[str, precision.Run]) -> dict[str, float]:
        for run in runs.values():
            run()  # each can be compiled and run here
        raced.append(set(runs))
        return {name: 1.0 if name == fastest else 2.0 for name in runs}

    monkeypatch.setattr(precision, "race", measured)
    network = build_network("realtime", {"channels": 16, "blocks": 1}).eval()
    made = [engine.OpenVinoEngine(network) for _ in range(2)]
    assert [one._precision for one in made] == [fastest, fastest]
    assert raced == [{"bf16", "int8"}]
    for broken in tmp_path.rglob("*.compiled"):
        broken.write_bytes(b"nonsense")
    assert engine.OpenVinoEngine(network)._precision == fastest
    assert len(raced) == 2, "whatever is wrong with the cache"
    monkeypatch.setattr(engine, "integers_are_possible", lambda *_: False)
    assert engine.OpenVinoEngine(network)._precision == "bf16"
    assert len(raced) == 2, "there is nothing to choose"


@pytest.mark.slow
@pytest.mark.skipif(not engine.is_usable(), reason="OpenVINO is not here")
def test_an_engine_says_when_it_is_compiling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    from vidstyle.engines.painting_queue import PaintingQueue

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    network = build_network("realtime", {"channels": 16, "blocks": 1}).eval()
    queue = PaintingQueue(lambda: engine.OpenVinoEngine(network, precision="f32"))
    assert not queue.compiling
    seen: list[bool] = []
    graph = engine.OpenVinoEngine._graph
    monkeypatch.setattr(engine.OpenVinoEngine, "_graph", lambda *a: (seen.append(queue.compiling), graph(*a))[1])
    queue.start(np.zeros((16, 16, 3), np.uint8)).result()
    assert (seen, queue.compiling) == ([True], False)
    queue.close()
