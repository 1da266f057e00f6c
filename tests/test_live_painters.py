"""What paints live: at once, and with OpenVINO as soon as that is compiled."""

import io
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from media_files import colorful_picture
from waiting import PATIENCE, wait_for

from vidstyle import engines
from vidstyle.engines.compiled_steps import CompiledSteps
from vidstyle.engines.openvino import is_usable
from vidstyle.live import compiling
from vidstyle.live.compiling import Compiler, openvino_engine, warmed
from vidstyle.live.style_painter import StylePainter
from vidstyle.media.frame import Color
from vidstyle.perception.style_grams import Grams
from vidstyle.steps import Steps
from vidstyle.style_files import Style, StyleCard, network_to_paint
from vidstyle.styles import load_style

needs_openvino = pytest.mark.skipif(not is_usable(), reason="OpenVINO cannot be used here")
COLOR = Color(6)


def planes(width: int = 64, height: int = 48) -> np.ndarray:
    return np.asarray(cv2.cvtColor(colorful_picture(0, width, height), cv2.COLOR_RGB2YUV_I420))


class Slow(Compiler):
    """Compiles when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[int, ...]] = []
        self.steps: list[tuple[int, ...]] = []
        self.finish: list[Callable[[], None]] = []

    def open(
        self,
        style: Style,
        color: Color | None,
        shape: tuple[int, ...],
        wanted: Callable[[], bool],
        take: Callable[[Any], None],
        over: Callable[[], None] = lambda: None,
    ) -> None:
        def finish() -> None:
            if wanted():
                take(warmed(openvino_engine(network_to_paint(style), color), shape))
            over()

        self.asked.append(shape)
        self.finish.append(finish)

    def open_steps(
        self,
        color: Color | None,
        shape: tuple[int, ...],
        cores: int,
        wanted: Callable[[], bool],
        take: Callable[[], None],
    ) -> None:
        def finish() -> None:
            if wanted():
                self.steps.append(shape)
                CompiledSteps(color, cores).prepare(shape)
                take()

        self.finish.append(finish)


@pytest.fixture
def compiler() -> Iterator[Slow]:
    slow = Slow()
    yield slow
    slow.close()


@needs_openvino
def test_torch_paints_until_openvino_is_there_and_both_paint_alike(style_file: Path, compiler: Slow) -> None:
    painter = StylePainter(load_style(style_file), "cpu", COLOR, compiler)
    pixels = planes()
    before = painter.start(pixels).result(PATIENCE)
    assert painter.engine == "torch_cpu"
    assert compiler.asked == [pixels.shape]
    compiler.finish[0]()
    after = painter.start(pixels).result(PATIENCE)
    assert painter.engine == "openvino"
    assert np.abs(after.astype(int) - before).mean() < 6 < np.abs(after.astype(int) - pixels).mean()
    # Another size is painted at once, too, and asked for once.
    for _ in range(2):
        assert painter.start(planes(96, 64)).result(PATIENCE).shape == (96, 96)
    assert painter.engine == "torch_cpu"
    assert compiler.asked == [pixels.shape, (96, 96)]
    painter.close()


@needs_openvino
@pytest.mark.slow
def test_what_was_compiled_before_paints_from_the_first_frame_on(
    style_file: Path, compiler: Slow, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    pixels = planes()
    size = pixels.shape[1], pixels.shape[0] * 2 // 3
    fresh = StylePainter(load_style(style_file, lazy=True), "cpu", COLOR, compiler, size)
    assert fresh.engine == "torch_cpu"
    fresh.start(pixels).result(PATIENCE)
    compiler.finish[0]()
    expected = fresh.start(pixels).result(PATIENCE)
    fresh.close()
    style = load_style(style_file, lazy=True)
    monkeypatch.setattr("vidstyle.style_files.network_of", lambda *_: pytest.fail("the weights are not needed"))
    again = StylePainter(style, "cpu", COLOR, compiler, size)
    assert again.engine == "openvino"
    assert np.array_equal(again.start(pixels).result(PATIENCE), expected)
    assert again.notice == ""
    assert compiler.asked == [pixels.shape]
    again.close()


@needs_openvino
def test_the_first_painting_has_no_compiler_beside_it(style_file: Path, compiler: Slow, monkeypatch: Any) -> None:
    painter = StylePainter(load_style(style_file), "cpu", COLOR, compiler)
    asked: list[tuple[list[Any], str]] = []
    paint = engines.paint_one

    def painted(*given: Any) -> Any:
        asked.append((list(compiler.asked), painter.notice))
        return paint(*given)

    monkeypatch.setattr(engines, "paint_one", painted)
    for _ in range(2):
        painter.start(planes()).result(PATIENCE)
    # Whoever watches is told all the same why it takes its time.
    assert asked == [([], "compiling"), ([planes().shape], "compiling")]
    painter.close()


@needs_openvino
def test_what_nobody_wants_any_more_is_not_compiled(style_file: Path, compiler: Slow) -> None:
    painter = StylePainter(load_style(style_file), "cpu", COLOR, compiler)
    painter.start(planes()).result(PATIENCE)
    painter.close()
    compiler.finish[0]()
    assert painter.start(planes()).done() is False, "nobody waits for it"


@pytest.mark.slow
@needs_openvino
def test_networks_are_compiled_beside_the_program_and_kept(style_file: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    # A folder that happens to have a module of that name is not asked.
    (tmp_path / "numpy.py").write_text("raise SystemExit('not this one')")
    monkeypatch.chdir(tmp_path)
    # Other tests do not leave any time.
    eager = "import sys; sys.path.append(sys.argv[1]); import vidstyle.processor; vidstyle.processor.NICENESS = -9; "
    monkeypatch.setattr(compiling, "PROGRAM", eager + "from vidstyle.live.compiling import main; main()")
    monkeypatch.setattr("vidstyle.processor.NICENESS", -9)
    style, shape = load_style(style_file), planes().shape
    assert not openvino_engine(style.network, COLOR).is_compiled(shape)
    compiler = Compiler()
    there = threading.Event()
    compiler.open(style, COLOR, shape, lambda: True, lambda _: there.set())
    assert there.wait(PATIENCE)
    assert openvino_engine(style.network, COLOR).is_compiled(shape)
    compiler.close()


@needs_openvino
def test_closing_does_not_wait_for_what_is_being_compiled(style_file: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    # Which is the fastest would be kept as well.
    monkeypatch.setattr("vidstyle.engines.openvino.OpenVinoEngine._fastest_precision", lambda _: "f32")
    before = set(threading.enumerate())
    compiler = Compiler()
    compiler.open(load_style(style_file), COLOR, planes().shape, lambda: True, lambda _: None)
    wait_for(lambda: compiler._others)
    compiler.close()
    for thread in set(threading.enumerate()) - before:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert not list(tmp_path.rglob("*.compiled"))


def test_a_network_that_takes_rgb_only_paints_planes_all_the_same(compiler: Slow) -> None:
    from torch import Tensor, nn

    class Negative(nn.Module):
        def forward(self, rgb: Tensor) -> Tensor:
            assert rgb.shape[1] == 3
            return 1 - rgb

    style = Style(StyleCard("negative", Path("negative.safetensors"), "negative"), Negative())
    painter = StylePainter(style, "cpu", COLOR, compiler)
    painted = painter.start(planes()).result(PATIENCE)
    shown = cv2.cvtColor(painted, cv2.COLOR_YUV2RGB_I420)
    assert np.abs(shown.astype(int) - (255 - colorful_picture(0))).mean() < 8
    painter.close()


@pytest.fixture
def grams() -> Grams:
    return load_style("starry_night").grams


def opened(style: Style, compiler: Slow, grams: Grams, steps: int) -> StylePainter:
    """A painter for which everything is compiled that paintings of `planes()` take."""
    painter = StylePainter(style, "cpu", COLOR, compiler, grams=grams, steps=Steps.all_over(steps))
    assert not painter.warm_starts
    painter.start(planes()).result(PATIENCE)
    while compiler.finish:
        compiler.finish.pop()()
    assert painter.warm_starts
    return painter


def test_paintings_are_brought_nearer_from_paint_that_is_there(style_file: Path, compiler: Slow, grams: Grams) -> None:
    style, pixels = load_style(style_file), planes()
    painter = opened(style, compiler, grams, 15)
    # What is painted afresh is wanted at once.
    painting = painter.start(pixels).result(PATIENCE)
    paint = np.ascontiguousarray(painting[:, ::-1])
    seen: list[np.ndarray] = []
    begun = painter.start_from(pixels, lambda painted: seen.append(painted) or paint).result(PATIENCE)
    assert np.array_equal(seen[0], painting)
    change = np.abs(begun.astype(int) - paint).mean()
    assert 0 < change < np.abs(begun.astype(int) - painting).mean()
    # Where something loses its paint meanwhile, one of three steps has to do, and none where it had none before.
    answers = iter([False, True])
    less = painter.start_from(pixels, lambda _: paint, lambda: next(answers)).result(PATIENCE)
    assert 0 < np.abs(less.astype(int) - paint).mean() < 0.8 * change
    none = painter.start_from(pixels, lambda _: paint, lambda: True).result(PATIENCE)
    assert np.array_equal(none, paint)
    painter.close()


@needs_openvino
def test_steps_are_compiled_for_the_strokes_that_show_and_no_others(
    style_file: Path, compiler: Slow, grams: Grams, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    painter = StylePainter(load_style(style_file), "cpu", COLOR, compiler, grams=grams, steps=Steps.all_over(5))

    def wait_for_compilers() -> None:
        for finish in [compiler.finish.pop(0) for _ in range(len(compiler.finish))]:
            finish()

    for width in (64, 80, 96):
        painter.start(planes(width)).result(PATIENCE)
    wait_for_compilers()
    assert compiler.steps == [planes(96).shape]
    assert painter.warm_starts
    # Whoever comes back asks again.
    painter.start(planes(64)).result(PATIENCE)
    assert not painter.warm_starts
    wait_for_compilers()
    assert compiler.steps == [planes(96).shape, planes(64).shape]
    assert painter.warm_starts
    painter.start(planes(80)).result(PATIENCE)
    painter.close()
    wait_for_compilers()
    assert compiler.steps == [planes(96).shape, planes(64).shape]


def test_steps_that_take_too_long_are_seldom_taken(
    style_file: Path, compiler: Slow, grams: Grams, monkeypatch: pytest.MonkeyPatch
) -> None:
    painter = opened(load_style(style_file), compiler, grams, 5)
    painter.start_from(planes(), lambda painted: painted).result(PATIENCE)
    monkeypatch.setattr("vidstyle.live.style_painter.SLOW_SECONDS", 0.0)
    now = time.monotonic()
    monkeypatch.setattr("vidstyle.live.style_painter.REST", 1e6)
    painter.start_from(planes(), lambda painted: painted).result(PATIENCE)
    assert not painter.warm_starts
    monkeypatch.setattr("vidstyle.live.style_painter.time.monotonic", lambda: now + 1e9)
    assert painter.warm_starts
    painter.close()


def test_without_a_picture_nothing_is_gone_on_with(style_file: Path, compiler: Slow) -> None:
    painter = StylePainter(load_style(style_file), "cpu", COLOR, compiler)
    painter.start(planes()).result(PATIENCE)
    assert not painter.warm_starts
    painter.close()


def test_what_would_take_all_memory_is_shown_as_it_is(
    style_file: Path, compiler: Slow, grams: Grams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidstyle.engines.step_sizes.MOST_PIXELS", 100)
    painter = StylePainter(load_style(style_file), "cpu", COLOR, compiler, grams=grams, steps=Steps.all_over(5))
    painter.start(planes()).result(PATIENCE)
    assert not painter.warm_starts
    painter.close()


def test_networks_of_rgb_are_brought_nearer_as_well(compiler: Slow, grams: Grams) -> None:
    style = load_style("johnson_starry_night")
    plain = StylePainter(style, "cpu", COLOR, compiler)
    painter = opened(style, compiler, grams, 4)
    one = plain.start(planes()).result(PATIENCE)
    other = painter.start_from(planes(), lambda painted: painted).result(PATIENCE)
    assert one.shape == other.shape == planes().shape
    assert (one != other).any()
    plain.close()
    painter.close()


@needs_openvino
def test_what_steps_take_is_compiled_where_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Here(Compiler):
        """Does in this process what another one is asked for, which gives way to all other tests."""

        def _ask(self, request: bytes) -> None:
            monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(request)))
            compiling.main()

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(compiling, "give_way", lambda *_: None)
    compiler, there = Here(), threading.Event()
    steps, shape = CompiledSteps(COLOR, 1), planes(64).shape
    assert not steps.is_compiled(shape)
    compiler.open_steps(COLOR, shape, 1, lambda: False, there.set)
    compiler.open_steps(COLOR, shape, 1, lambda: True, there.set)
    assert there.wait(PATIENCE)
    assert steps.is_compiled(shape)
    assert not steps.is_compiled(shape[::-1])
    assert not CompiledSteps(COLOR, 2).is_compiled(shape)
    assert not CompiledSteps(None, 1).is_compiled(shape)
    compiler.close()
