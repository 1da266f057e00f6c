"""Engines: order, sizes, and on a GPU that upload, network and download of different frames overlap."""

import itertools
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest
import torch
from media_files import colorful_picture
from torch import Tensor, nn

from vidstyle import InputError
from vidstyle.engines import Engine, choose_device, choose_engine, make_engine
from vidstyle.engines.torch_device import TorchDeviceEngine
from vidstyle.media.frame import Frame
from vidstyle.nets import build_network


def tiny_network() -> nn.Module:
    torch.manual_seed(0)
    return build_network("realtime", {"channels": 16, "blocks": 1}).eval()


def frames(count: int, width: int = 64, height: int = 48) -> list[Frame]:
    """A video from its beginning."""
    pictures = (colorful_picture(n, width, height) for n in range(count))
    return [Frame(pixels, n, Fraction(1, 25), discontinuity=n == 0) for n, pixels in enumerate(pictures)]


def paint(engine: Engine, source: list[Frame], in_flight: int) -> Iterator[Frame]:
    """Paint with so many frames in flight."""
    waiting = 0
    for frame in source:
        if waiting == in_flight:
            yield engine.result()
            waiting -= 1
        engine.submit(frame)
        waiting += 1
    for _ in range(waiting):
        yield engine.result()


BACKENDS = ["torch", "openvino", pytest.param("cuda", marks=pytest.mark.gpu)]


def skip_unless_here(backend: str) -> None:
    if backend == "cuda" and not torch.cuda.is_available():
        pytest.skip("no GPU here")
    if backend == "openvino":
        pytest.importorskip("openvino")


@pytest.fixture(params=BACKENDS)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    skip_unless_here(request.param)
    engine = make_engine(tiny_network(), engine=request.param)
    yield engine
    engine.close()


def test_frames_come_back_in_order_and_as_if_painted_alone(engine: Engine) -> None:
    source = frames(24)
    together = list(paint(engine, source, engine.depth))
    alone = list(paint(engine, source, 1))
    assert [frame.pts for frame in together] == list(range(24))
    for one, other in zip(together, alone, strict=True):
        assert (one.pixels == other.pixels).all()
    # Each is another picture, or order would show nowhere.
    for one, other in itertools.pairwise(alone):
        assert (one.pixels != other.pixels).any()


def test_a_painting_keeps_the_time_of_its_frame(engine: Engine) -> None:
    frame = Frame(colorful_picture(), 17, Fraction(1, 600), duration=24, discontinuity=True)
    engine.submit(frame)
    painted = engine.result()
    assert (painted.pts, painted.time_base, painted.duration) == (17, Fraction(1, 600), 24)
    assert (painted.pixels.shape, painted.pixels.dtype) == (frame.pixels.shape, np.uint8)


def test_a_painting_is_not_painted_over_by_the_next(engine: Engine) -> None:
    first, *others = paint(engine, frames(8), engine.depth)
    kept = first.pixels.copy()
    list(paint(engine, frames(8), engine.depth))
    assert (first.pixels == kept).all()
    assert len({frame.pixels.ctypes.data for frame in (first, *others)}) == 8


def test_sizes_may_change_while_nothing_is_in_flight(engine: Engine) -> None:
    for width, height in ((64, 48), (33, 17), (16, 16), (64, 48)):
        (frame,) = frames(1, width, height)
        engine.submit(frame)
        assert engine.result().pixels.shape == (height, width, 3)


@pytest.mark.slow
def test_a_large_frame_among_small_ones(engine: Engine) -> None:
    # From some size on, frames are painted one by one on all cores.
    for width, height in ((64, 48), (2500, 1700), (64, 48)):
        (frame,) = frames(1, width, height)
        engine.submit(frame)
        assert engine.result().pixels.shape == (height, width, 3)


class Failing(nn.Module):
    def forward(self, image: Tensor) -> Tensor:
        raise RuntimeError("out of paint")


def test_a_failure_comes_with_its_frame_and_the_engine_goes_on() -> None:
    engine = make_engine(Failing(), "cpu")
    for frame in frames(2):
        engine.submit(frame)
        with pytest.raises(RuntimeError, match="out of paint"):
            engine.result()
    engine.close()


@pytest.mark.parametrize("low_latency", [False, True])
def test_the_cpu_always_works(low_latency: bool) -> None:
    engine = make_engine(tiny_network(), "cpu", engine="torch", low_latency=low_latency)
    assert (engine.name, engine.device) == ("torch_cpu", "cpu")
    assert [frame.pts for frame in paint(engine, frames(5), engine.depth)] == [0, 1, 2, 3, 4]
    assert not low_latency or engine.depth == 1
    engine.close()


def test_auto_takes_a_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert choose_device("auto") == "cpu"
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert choose_device("auto") == "cuda:0"


def test_devices_are_named_as_torch_names_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert choose_device("cpu") == "cpu"
    assert choose_device("cuda") == "cuda:0"
    assert choose_device("cuda:1") == "cuda:1"
    with pytest.raises(InputError, match="device='cuda:2': there are only 2 here"):
        choose_device("cuda:2")


@pytest.mark.parametrize(
    "device", ["", "gpu", "cuda:", "cuda:-1", "cuda:0:1", "CUDA", "cpu:0", "cudax", "mps:0", "xpu:", "npu", "GPU:0"]
)
def test_devices_that_nobody_has(device: str) -> None:
    with pytest.raises(InputError, match=f"device='{device}': unknown; use auto, cpu, cuda, cuda:N, mps, xpu"):
        choose_device(device)


def test_other_gpus_are_named_as_torch_and_openvino_name_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for device, name in {"mps": "Apple's", "xpu": "Intel's", "xpu:1": "Intel's"}.items():
        monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
        monkeypatch.setattr("torch.xpu.is_available", lambda: False)
        with pytest.raises(InputError, match=f"device='{device}': no GPU of {name} that torch finds here"):
            choose_device(device)
        monkeypatch.setattr("torch.backends.mps.is_available", lambda: True)
        monkeypatch.setattr("torch.xpu.is_available", lambda: True)
        monkeypatch.setattr("torch.xpu.device_count", lambda: 2)
        expected = "xpu:0" if device == "xpu" else device
        assert choose_device(device) == expected
        assert choose_engine("auto", device, tiny_network()) == ("torch", expected)
        assert choose_engine("torch", device, tiny_network()) == ("torch", expected)
        with pytest.raises(InputError, match=f"engine='cuda': does not run on device='{device}'"):
            choose_engine("cuda", device, tiny_network())
    with pytest.raises(InputError, match="device='xpu:2': there are only 2 here"):
        choose_device("xpu:2")


@pytest.mark.parametrize("device", ["GPU", "GPU.1", "NPU"])
def test_openvinos_devices_paint_and_do_nothing_else(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    openvino = pytest.importorskip("openvino")

    class Core:
        available_devices = ("CPU", "GPU.0", "GPU.1", "NPU")

    with pytest.raises(InputError, match=f"device='{device}': paints frames, and nothing else"):
        choose_device(device)
    with pytest.raises(InputError, match=f"device='{device}': OpenVINO finds none here, only CPU"):
        choose_engine("auto", device, tiny_network())
    monkeypatch.setattr(openvino, "Core", Core)
    assert choose_engine("auto", device, tiny_network()) == ("openvino", device)
    assert choose_engine("openvino", device, tiny_network()) == ("openvino", device)
    with pytest.raises(InputError, match=f"engine='torch': does not run on device='{device}'"):
        choose_engine("torch", device, tiny_network())


def test_the_general_way_paints_as_the_others_do() -> None:
    source = frames(4)
    general = TorchDeviceEngine(tiny_network(), "cpu")
    exact = make_engine(tiny_network(), "cpu", engine="torch")
    for one, other in zip(paint(general, source, general.depth), paint(exact, source, 1), strict=True):
        assert np.abs(one.pixels.astype(int) - other.pixels).max() <= 3
    general.close()
    exact.close()


@pytest.mark.gpu
def test_upload_network_and_download_of_different_frames_overlap() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no GPU here")
    from vidstyle.engines.cuda import CudaEngine

    engine = CudaEngine(build_network("realtime"), "cuda:0", timeline=True)
    # Large frames, so that each step takes its time; the first ones choose kernels.
    source = frames(40, 3840, 2160)
    list(paint(engine, source, engine.depth))
    spans = engine.spans[10:]
    engine.close()
    assert len(engine.spans) == 40
    for upload, compute, download in spans:
        assert upload.begin <= upload.end <= compute.end <= download.end
        assert compute.begin >= upload.end
        assert download.begin >= compute.end
    overlapping = {"upload": 0, "download": 0}
    for (_, compute, download), (upload_next, compute_next, _) in itertools.pairwise(spans):
        overlapping["upload"] += upload_next.begin < compute.end and compute.begin < upload_next.end
        overlapping["download"] += download.begin < compute_next.end and compute_next.begin < download.end
    assert overlapping["upload"] + overlapping["download"] > len(spans) // 2, overlapping
