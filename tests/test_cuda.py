"""What the CUDA engine does with streams, graphs and failures; on a stand-in for the device, see fake_cuda."""

from fractions import Fraction
from pathlib import Path

import fake_cuda
import numpy as np
import pytest
import torch
from fake_cuda import FakeDevice
from media_files import colorful_picture, make_video
from test_cells import to_planes
from torch import Tensor, nn

from vidstyle import VidstyleError, restyle
from vidstyle.engines.cuda import CudaEngine
from vidstyle.engines.cuda_graph import KEPT_SHAPES
from vidstyle.engines.torch_cpu import TorchCpuEngine
from vidstyle.media.device_pixels import uploaded
from vidstyle.media.frame import Color, Frame
from vidstyle.nets import build_network
from vidstyle.nets.cells import CellNet
from vidstyle.style_files import Style, StyleCard

pytestmark = pytest.mark.usefixtures("one_thread")
LOST = RuntimeError("CUDA error: an illegal memory access was encountered\nCUDA kernel errors might be asynchronously")


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> FakeDevice:
    return fake_cuda.install(monkeypatch)


def tiny_network() -> nn.Module:
    torch.manual_seed(0)
    return build_network("realtime", {"channels": 16, "blocks": 1}).eval()


def frames(count: int, width: int = 64, height: int = 48) -> list[Frame]:
    return [Frame(colorful_picture(n, width, height), n, Fraction(1, 25)) for n in range(count)]


def paint(engine: CudaEngine | TorchCpuEngine, source: list[Frame]) -> list[np.ndarray]:
    """With as many frames in flight as the engine takes."""
    painted, waiting = [], 0
    for frame in source:
        if waiting == engine.depth:
            painted.append(engine.result().pixels)
            waiting -= 1
        engine.submit(frame)
        waiting += 1
    return painted + [engine.result().pixels for _ in range(waiting)]


@pytest.mark.parametrize("planes", [None, Color()], ids=["RGB", "planes"])
def test_one_graph_paints_all_frames_of_a_shape(device: FakeDevice, planes: Color | None) -> None:
    source = frames(5)
    if planes:
        source = [Frame(to_planes(f.pixels, planes), f.pts, f.time_base) for f in source]
    engine = CudaEngine(tiny_network(), "cpu", planes=planes)
    painted = paint(engine, source)
    engine.close()
    assert (device.recorded, device.replays) == (1, 5)
    reference = TorchCpuEngine(tiny_network(), planes=planes, dtype=torch.float16)
    for ours, theirs in zip(painted, paint(reference, source), strict=True):
        assert np.abs(ours.astype(int) - theirs).max() <= 1
    reference.close()
    assert (painted[0] != painted[1]).any()


def test_what_is_on_the_device_stays_there(device: FakeDevice) -> None:
    source = frames(5)
    engine = CudaEngine(tiny_network(), "cpu")
    expected = paint(engine, source)
    resident = [Frame(uploaded(frame.pixels, "cpu"), frame.pts, frame.time_base) for frame in source]
    painted = paint(engine, resident)
    # Both kinds by one graph, and one after the other.
    assert all(np.array_equal(one.array(), two) for one, two in zip(painted, expected, strict=True))
    assert all(np.array_equal(one, two) for one, two in zip(paint(engine, source), expected, strict=True))
    engine.close()
    assert (device.recorded, device.replays) == (1, 15)


def test_each_shape_has_its_graph_and_the_oldest_goes(device: FakeDevice) -> None:
    engine = CudaEngine(tiny_network(), "cpu")
    sizes = [(32 + 4 * n, 32) for n in range(KEPT_SHAPES)]
    for size in [*sizes, sizes[0], (64, 64), sizes[0]]:
        assert paint(engine, frames(1, *size))[0].shape == (size[1], size[0], 3)
    assert device.recorded == KEPT_SHAPES + 1
    paint(engine, frames(1, *sizes[1]))
    assert device.recorded == KEPT_SHAPES + 2
    engine.close()


def test_without_graphs_frames_are_painted_all_the_same(device: FakeDevice) -> None:
    device.refuses_graphs = RuntimeError("CUDA error: operation not permitted when stream is capturing")
    engine = CudaEngine(tiny_network(), "cpu")
    painted = paint(engine, frames(4))
    engine.close()
    assert device.replays == 0
    reference = TorchCpuEngine(tiny_network(), dtype=torch.float16)
    for ours, theirs in zip(painted, paint(reference, frames(4)), strict=True):
        assert np.abs(ours.astype(int) - theirs).max() <= 1
    reference.close()


def test_parts_are_painted_by_a_graph_too(device: FakeDevice, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = CellNet.paint
    expected = paint(CudaEngine(tiny_network(), "cpu"), frames(3, 320, 240))

    def within_room(net: CellNet, cells: Tensor, *rest: Tensor) -> Tensor:
        if cells.shape[1] * cells.shape[2] > 60 * 60:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return whole(net, cells, *rest)

    monkeypatch.setattr(CellNet, "paint", within_room)
    device.recorded = device.replays = 0
    for ours, theirs in zip(paint(CudaEngine(tiny_network(), "cpu"), frames(3, 320, 240)), expected, strict=True):
        assert np.abs(ours.astype(int) - theirs).max() <= 1
    assert (device.recorded, device.replays) == (1, 3)


def test_a_frame_that_cannot_be_painted_leaves_its_place_to_the_next(device: FakeDevice) -> None:
    class Picky(nn.Module):
        def forward(self, image: Tensor) -> Tensor:
            if image.shape[-1] == 48:
                raise ValueError("not these")
            return 1 - image

    engine = CudaEngine(Picky(), "cpu")
    for _ in range(3):
        with pytest.raises(ValueError, match="not these"):
            engine.submit(frames(1, 48, 48)[0])
    assert len(paint(engine, frames(3))) == 3
    engine.close()


def test_a_lost_device_is_named_once_and_closing_is_quiet(device: FakeDevice) -> None:
    engine = CudaEngine(tiny_network(), "cpu")
    engine.submit(frames(1)[0])
    device.failure = LOST
    message = r"^cpu: the device has failed \(CUDA error: an illegal memory access was encountered\); start again"
    with pytest.raises(VidstyleError, match=message):
        engine.result()
    with pytest.raises(VidstyleError, match=message):
        engine.submit(frames(1)[0])
    engine.close()


def test_a_device_that_is_lost_while_closing_hides_nothing(device: FakeDevice) -> None:
    engine = CudaEngine(tiny_network(), "cpu")
    paint(engine, frames(2))
    device.failure = LOST
    engine.close()


def test_a_lost_device_ends_a_run(device: FakeDevice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make_video(tmp_path / "a.mp4", pictures=[colorful_picture(n) for n in range(10)])

    def make_engine(network: nn.Module, *_: object, planes: Color | None, **__: object) -> CudaEngine:
        engine = CudaEngine(network, "cpu", planes=planes)
        result = engine.result

        def failing() -> Frame:
            painted = result()
            device.failure = LOST
            return painted

        monkeypatch.setattr(engine, "result", failing)
        return engine

    monkeypatch.setattr("vidstyle.engines.make_engine", make_engine)
    with pytest.raises(VidstyleError, match="the device has failed"):
        restyle(source, tmp_path / "b.mp4", style=Style(StyleCard("any", Path("any"), "realtime"), tiny_network()))
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
