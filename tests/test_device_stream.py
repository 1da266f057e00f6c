"""A sequence whose pixels stay on a device: the same keys and patches as on the processor, and nearly the same pixels.

The device is torch's CPU, or the stand-in for CUDA that records graphs.
"""

import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import cv2
import fake_cuda
import numpy as np
import pytest
import torch
from made_scenes import landscape, noisy, scene, strokes, to_planes, view, with_disc
from media_files import psnr
from torch.utils._python_dispatch import TorchDispatchMode

from vidstyle.media.device_pixels import DevicePixels, uploaded
from vidstyle.media.frame import Frame
from vidstyle.stream import Look, Stream, device_operations, device_planes, lifting, planes
from vidstyle.stream.device_key_maps import DeviceView
from vidstyle.stream.device_lifting import composed as device_composed
from vidstyle.stream.device_lifting import lifted as device_lifted
from vidstyle.stream.device_map_steps import CHANGED, HELD, OVER
from vidstyle.stream.device_operations import DeviceOperations
from vidstyle.stream.key_maps import View
from vidstyle.stream.pixel_operations import PixelOperations, ProcessorOperations, operations_on

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]
BROAD = 2.0
"""Stroke size at which frames of 288 rows are painted at half their size."""
LEAST = 45.0
"""Decibels between what the processor draws and what a device does."""


# --- three clips: the camera pans; something moves in front of noise; a cut


def pan(count: int = 16) -> list[np.ndarray]:
    picture = landscape()
    return [view(picture, 3 * n) for n in range(count)]


def disc(count: int = 16) -> list[np.ndarray]:
    behind = scene(3)
    return [noisy(with_disc(behind, 20 + 7 * n, 70, (200, 40, 40), 14), 2, n) for n in range(count)]


def cut(count: int = 16) -> list[np.ndarray]:
    return pan(count // 2) + [noisy(scene(5), 1, n) for n in range(count - count // 2)]


CLIPS: dict[str, Callable[[], list[np.ndarray]]] = {"pan": pan, "disc": disc, "cut": cut}


class Painter:
    """Paints arrays and what is on a device alike, and remembers what it was given."""

    def __init__(self) -> None:
        self.seen: list[np.ndarray] = []

    def start(self, pixels: Any) -> "Future[Any]":
        """Paint at once."""
        given = pixels.array() if isinstance(pixels, DevicePixels) else pixels
        self.seen.append(given)
        painted = strokes(given)
        result: Future[Any] = Future()
        result.set_result(uploaded(painted, "cpu") if isinstance(pixels, DevicePixels) else painted)
        return result

    def is_free(self) -> bool:
        """Always."""
        return True


@dataclass(frozen=True)
class Shown:
    """What is shown of a frame: which keys, how far each covers (n, h, w), and where the last output stays, (h, w)."""

    keys: list[int]
    over: np.ndarray
    held: np.ndarray
    changed: np.ndarray

    @property
    def patches(self) -> np.ndarray:
        """The place of the key that shows most, 0 for none, (h, w)."""
        rest, shares = np.ones_like(self.held), []
        for over in self.over:
            shares.append(rest * over)
            rest = rest * (1 - over)
        return np.asarray(np.argmax(np.stack([rest, *shares]), 0))


class Planned(Stream):
    """Keeps what is shown of every frame."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.views: list[Shown] = []

    def _plan(self) -> None:
        super()._plan()
        for drawing in self._planned[-1].shown:
            what = drawing.what
            if isinstance(what, View):
                over = np.array([layer.over for layer in what.layers]).reshape(-1, *what.held.shape)
                self.views.append(Shown([one.key.number for one in what.layers], over, what.held, what.changed))
            elif isinstance(what, DeviceView):
                maps = what.maps().cpu().numpy()
                keys = [key.number for key in what.layers]
                self.views.append(Shown(keys, maps[OVER][: len(keys)], maps[HELD], maps[CHANGED] > 0))


def assert_shown_alike(processors: Sequence[Shown], devices: Sequence[Shown]) -> None:
    """The same keys show in every frame, and the same one nearly everywhere: rounding may move a border a little."""
    assert [one.keys for one in processors] == [other.keys for other in devices]
    for one, other in zip(processors, devices, strict=True):
        assert (one.patches == other.patches).mean() > 0.998
        assert (one.changed == other.changed).mean() > 0.995
        assert np.abs(one.held - other.held).mean() < 1e-3
    assert sum(len(np.unique(one.patches)) > 1 for one in processors) > len(processors) // 4


def shown(
    frames: Sequence[Any], operations: PixelOperations, *, look_ahead: int = 4, **options: Any
) -> tuple[list[np.ndarray], Painter, Planned]:
    painter = Painter()
    stream = Planned([(0.0, painter)], look_ahead=look_ahead, operations=operations, **options)
    pixels, inside = [], 0
    for number, frame in enumerate(frames):
        stream.submit(Frame(frame, number, Fraction(1, 25), discontinuity=number == 0))
        inside += 1
        if inside == look_ahead:
            pixels.append(stream.result().pixels)
            inside -= 1
    pixels += [stream.result().pixels for _ in range(inside)]
    stream.close()
    return [p.array() if isinstance(p, DevicePixels) else p for p in pixels], painter, stream


def larger(frames: list[np.ndarray], planar: bool) -> list[np.ndarray]:
    """Frames with detail that paintings at half their size lack; see BROAD."""
    random = np.random.default_rng(0)
    big = [cv2.resize(frame, (384, 288), interpolation=cv2.INTER_CUBIC) for frame in frames]
    fine = random.normal(0, 8, big[0].shape)
    big = [np.clip(np.rint(picture + fine), 0, 255).astype(np.uint8) for picture in big]
    return [to_planes(picture) for picture in big] if planar else big


@pytest.mark.parametrize("planar", [False, True], ids=["RGB", "planes"])
@pytest.mark.parametrize("clip", CLIPS)
def test_a_device_decides_alike_and_draws_nearly_alike(clip: str, planar: bool) -> None:
    frames = larger(CLIPS[clip](), planar)
    expected, painter, planned = shown(frames, ProcessorOperations(), stroke_size=BROAD)
    ours, other, also = shown(frames, DeviceOperations("cpu"), stroke_size=BROAD)
    assert ours[0].shape != other.seen[0].shape
    assert 1 < len(painter.seen) < len(frames)
    assert len(other.seen) == len(painter.seen)
    assert all(np.array_equal(one, two) for one, two in zip(painter.seen, other.seen, strict=True))
    assert_shown_alike(planned.views, also.views)
    worst = min(psnr(one, two) for one, two in zip(expected, ours, strict=True))
    assert worst >= LEAST, worst


def test_frames_that_are_painted_as_they_are_need_no_lifting() -> None:
    frames = [to_planes(frame) for frame in disc()]
    expected, *_ = shown(frames, ProcessorOperations())
    ours, *_ = shown(frames, DeviceOperations("cpu"))
    assert min(psnr(one, two) for one, two in zip(expected, ours, strict=True)) >= LEAST


def test_what_comes_on_the_device_stays_there_and_is_left_alone() -> None:
    arrays = [to_planes(frame) for frame in pan(8)]
    frames = [uploaded(array, "cpu") for array in arrays]
    stream = Stream([(0.0, Painter())], operations=DeviceOperations("cpu"))
    results = []
    for number, frame in enumerate(frames):
        stream.submit(Frame(frame, number, Fraction(1, 25)))
        results.append(stream.result().pixels)
    stream.close()
    assert all(isinstance(result, DevicePixels) for result in results)
    assert all(np.array_equal(frame.array(), array) for frame, array in zip(frames, arrays, strict=True))
    expected, *_ = shown(arrays, ProcessorOperations(), look_ahead=1)
    # Of what was handed out nothing is drawn over later.
    assert min(psnr(one, two.array()) for one, two in zip(expected, results, strict=True)) >= LEAST


@pytest.mark.parametrize("look", [Look(0.4), Look(1.0, keep_colors=True), Look(0.6, keep_colors=True)], ids=str)
@pytest.mark.parametrize("planar", [False, True], ids=["RGB", "planes"])
def test_looks_are_the_same(look: Look, planar: bool) -> None:
    frames = [to_planes(frame) for frame in pan(6)] if planar else pan(6)
    expected, *_ = shown(frames, ProcessorOperations(), look=look)
    ours, *_ = shown(frames, DeviceOperations("cpu"), look=look)
    assert min(psnr(one, two) for one, two in zip(expected, ours, strict=True)) >= LEAST


def test_frame_by_frame_each_shows_its_own_painting() -> None:
    frames = [to_planes(frame) for frame in pan(4)]
    ours, *_ = shown(frames, DeviceOperations("cpu"), steady=False)
    assert all(np.array_equal(one, strokes(frame)) for one, frame in zip(ours, frames, strict=True))


def test_styles_fade_on_a_device_as_on_the_processor() -> None:
    frames = [to_planes(frame) for frame in pan(12)]

    def faded(operations: PixelOperations) -> list[np.ndarray]:
        stream = Stream([(0.1, Painter()), (0.4, Painter())], operations=operations)
        pixels = []
        for number, frame in enumerate(frames):
            stream.submit(Frame(frame, number, Fraction(1, 25)))
            pixels.append(stream.result().pixels)
        stream.close()
        return pixels

    pairs = zip(faded(ProcessorOperations()), faded(DeviceOperations("cpu")), strict=True)
    assert min(psnr(one, two) for one, two in pairs) >= LEAST


class Waiting(Painter):
    """Finishes a painting when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[tuple[Future[Any], Future[Any]]] = []

    def start(self, pixels: Any) -> "Future[Any]":
        later: Future[Any] = Future()
        self.open.append((later, super().start(pixels)))
        return later


def test_before_and_after_a_cut_what_is_live_wears_the_colours_of_the_painting() -> None:
    frames = [to_planes(frame) for frame in [*pan(3), *[scene(5)] * 3]]

    def live(operations: PixelOperations) -> list[np.ndarray]:
        painter, pixels = Waiting(), []
        stream = Stream([(0.0, painter)], live=True, operations=operations)
        for number, frame in enumerate(frames):
            stream.submit(Frame(frame, number, Fraction(1, 25)))
            pixels.append(stream.result().pixels)
            if number == 1:
                later, painting = painter.open[0]
                later.set_result(painting.result())
        stream.close()
        return pixels

    processor, device = live(ProcessorOperations()), live(DeviceOperations("cpu"))
    assert min(psnr(one, two) for one, two in zip(processor, device, strict=True)) >= LEAST
    assert np.array_equal(device[0], frames[0])
    assert not np.array_equal(device[4], frames[4])


# --- on the stand-in for CUDA


class NoSync(TorchDispatchMode):
    """Refuses whatever would make the processor wait for a device, or give another shape each time."""

    REFUSED = ("_local_scalar_dense", "nonzero", "item", "masked_select", "unique", "equal", "bincount", "_to_copy.cpu")

    def __torch_dispatch__(self, func: Any, _types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        assert not any(word in str(func) for word in self.REFUSED), f"{func} waits for the device"
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("planar", [False, True], ids=["RGB", "planes"])
def test_what_draws_and_what_lifts_are_graphs(monkeypatch: pytest.MonkeyPatch, planar: bool) -> None:
    device = fake_cuda.install(monkeypatch)
    frames = [to_planes(frame) for frame in pan(8)] if planar else pan(8)
    plain, *_ = shown(frames, DeviceOperations("cpu"), stroke_size=BROAD)
    graphed, *_ = shown(frames, DeviceOperations("cpu", graphs=True), stroke_size=BROAD)
    # One for each, whatever the number of frames: carrying, what shows, drawing, lifting.
    assert device.recorded == 4
    assert device.replays > 8
    assert all(np.array_equal(one, two) for one, two in zip(plain, graphed, strict=True))


def test_nothing_in_a_graph_waits_for_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[Callable[[], None]] = []

    def noted(step: Callable[[], None], _: object) -> Callable[[], None]:
        steps.append(step)
        return step

    monkeypatch.setattr(device_operations, "_recorded", noted)
    still = [frame for frame in pan(3) for _ in range(2)]
    shown([to_planes(frame) for frame in still], DeviceOperations("cpu"), stroke_size=BROAD)
    # Judging what stands still as well.
    assert len(steps) == 5
    with torch.inference_mode(), NoSync():
        for step in steps:
            step()
        with pytest.raises(AssertionError, match="waits for the device"):
            torch.ones(1).item()


# --- parts


@pytest.mark.parametrize("planar", [False, True], ids=["RGB", "planes"])
@pytest.mark.parametrize(
    ("size", "smaller"),
    [((1920, 1080), (640, 360)), ((1280, 720), (640, 360)), ((854, 480), (640, 360)), ((1000, 700), (516, 360))],
    ids=str,
)
def test_frames_are_shrunk_to_the_last_bit(size: tuple[int, int], smaller: tuple[int, int], planar: bool) -> None:
    shape = (size[1] * 3 // 2, size[0]) if planar else (size[1], size[0], 3)
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    ours = device_planes.resized(torch.from_numpy(pixels), smaller).numpy()
    assert np.array_equal(ours, planes.resized(pixels, smaller))


def test_luma_is_opencvs() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (50, 60, 3), dtype=np.uint8)
    assert np.array_equal(device_planes.luma_of(torch.from_numpy(pixels)).numpy(), planes.luma_of(pixels))


def test_finer_strokes_are_enlarged_and_shrunk_again() -> None:
    frames = pan(4)
    expected, *_ = shown(frames, ProcessorOperations(), stroke_size=0.5)
    ours, *_ = shown(frames, DeviceOperations("cpu"), stroke_size=0.5)
    assert min(psnr(one, two) for one, two in zip(expected, ours, strict=True)) >= LEAST


def test_nothing_is_mixed_where_nothing_is_to_be() -> None:
    source, painting = torch.zeros(6, 4, dtype=torch.uint8), torch.ones(6, 4, dtype=torch.uint8)
    assert device_composed(source, painting, Look(0.0)) is source
    assert device_composed(source, painting, Look(1.0)) is painting
    assert device_lifted(painting, source, source) is painting


def test_only_cuda_keeps_pixels_to_itself() -> None:
    for device in ("cpu", "mps", "xpu", "GPU"):
        assert isinstance(operations_on(device), ProcessorOperations)


@pytest.mark.slow
def test_where_the_processor_paints_nothing_for_a_device_is_loaded() -> None:
    command = """
import sys, vidstyle.restyling, vidstyle.live.viewing, vidstyle.media.sinks
from vidstyle.stream.key_maps import View
from vidstyle.stream.pixel_operations import operations_on
operations_on("cpu")
print(*sorted(name for name in sys.modules if "kornia" in name or "device_laying" in name or "device_frames" in name))
"""
    assert subprocess.run([sys.executable, "-c", command], capture_output=True, check=True, text=True).stdout == "\n"


@pytest.mark.gpu
def test_a_gpu_draws_what_its_stand_in_does() -> None:
    for planar in (False, True):
        for make in CLIPS.values():
            frames = larger(make(), planar)
            expected, painter, planned = shown(frames, ProcessorOperations(), stroke_size=BROAD)
            ours, other, also = shown(frames, operations_on("cuda:0"), stroke_size=BROAD)
            assert len(other.seen) == len(painter.seen)
            assert_shown_alike(planned.views, also.views)
            assert min(psnr(one, two) for one, two in zip(expected, ours, strict=True)) >= LEAST


@pytest.mark.parametrize("planar", [False, True], ids=["RGB", "planes"])
@pytest.mark.parametrize("size", [(320, 180), (250, 142)], ids=str)
def test_paintings_are_lifted_alike(size: tuple[int, int], planar: bool) -> None:
    source, painting = landscape(0, *size), strokes(landscape(1, 96, 54))
    small = planes.resized(source, (96, 54))
    parts = [to_planes(one) if planar else one for one in (painting, small, source)]
    ours = device_lifted(*(torch.from_numpy(one) for one in parts)).numpy()
    assert psnr(ours, lifting.lifted(*parts)) >= LEAST
