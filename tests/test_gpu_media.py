"""Decoding and encoding on a GPU where there is one; where there is none, the same files all the same."""

import io
import itertools
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import fake_cuda
import numpy as np
import pytest
import torch
from media_files import colorful_picture, make_video, psnr
from torch import nn

from vidstyle import pipeline, restyle
from vidstyle.engines.cuda import CudaEngine
from vidstyle.engines.painting_queue import PaintingQueue
from vidstyle.lazy_network import AnyNetwork, own_copy
from vidstyle.media import codecs, device_frames, sources
from vidstyle.media.codecs import GPU_CODECS, Codec
from vidstyle.media.device_pixels import DevicePixels, uploaded
from vidstyle.media.frame import Color, Frame, VideoFormat
from vidstyle.media.sinks import FileSink
from vidstyle.media.sources import FileSource
from vidstyle.nets import build_network
from vidstyle.stream import Stream
from vidstyle.stream.device_operations import DeviceOperations

pytestmark = pytest.mark.slow

VIDEO = VideoFormat(64, 48, Fraction(1, 25), Fraction(25))
NOWHERE = 4095
"""A CUDA device that no machine has."""


def pixels_of(source: FileSource, *, planes: bool = False) -> list[np.ndarray]:
    source.planes = planes
    frames = [frame.pixels for frame in source]
    source.close()
    return frames


def write(path: Path, **options: object) -> Path:
    with FileSink(path, VIDEO, **options) as sink:
        for number in range(4):
            sink.write(Frame(colorful_picture(number), number, Fraction(1, 25), 1))
    return path


def codec_of(path: Path) -> tuple[str, int]:
    with av.open(str(path)) as container:
        return container.streams.video[0].codec_context.name, sum(1 for _ in container.decode(video=0))


# --- decoding


@pytest.mark.parametrize("planes", [False, True])
@pytest.mark.parametrize("device", [0, NOWHERE])
def test_a_gpu_decodes_what_the_processor_does_and_need_not_be_there(tmp_path: Path, device: int, planes: bool) -> None:
    path = make_video(tmp_path / "a.mp4", pictures=[colorful_picture(n, 160, 160) for n in range(6)], times=range(6))
    ours = pixels_of(FileSource(path, gpu=device), planes=planes)
    theirs = pixels_of(FileSource(path), planes=planes)
    assert len(ours) == 6
    for one, other in zip(ours, theirs, strict=True):
        assert (one == other).all()


def test_the_gpu_that_paints_is_asked_to_decode_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_video(tmp_path / "a.mp4", pictures=[colorful_picture()], times=[0])
    asked: list[object] = []
    opened = av.open

    def noted(*arguments: object, hwaccel: object = None, **options: object) -> object:
        asked.append(hwaccel and hwaccel.device_id)
        return opened(*arguments, hwaccel=hwaccel, **options)

    monkeypatch.setattr(sources.av, "open", noted)
    FileSource(path, gpu=NOWHERE).close()
    assert asked == [NOWHERE, None]
    asked.clear()
    FileSource(path).close()
    assert asked == [None]


def test_planes_with_u_and_v_in_turns_are_taken_apart(tmp_path: Path) -> None:
    pictures = [colorful_picture(n) for n in range(2)]
    options = {"pictures": pictures, "times": [0, 1], "codec": "rawvideo", "pixel_format": "nv12"}
    source = FileSource(make_video(tmp_path / "a.nut", **options))
    assert source.has_planes
    with av.open(str(tmp_path / "a.nut")) as container:
        expected = [frame.to_ndarray() for frame in container.decode(video=0)]
    for ours, theirs in itertools.zip_longest(pixels_of(source, planes=True), expected):
        assert (ours[:48] == theirs[:48]).all()
        turns = theirs[48:].reshape(-1, 2)
        assert (ours[48:].reshape(2, -1) == turns.T).all()
        assert (turns[:, 0] != turns[:, 1]).any()


# --- frames that stay on a device; torch's CPU takes its place


@pytest.fixture
def interleaved(tmp_path: Path) -> Path:
    """As a GPU decodes: U and V in turns."""
    pictures = [colorful_picture(n, 240, 160) for n in range(6)]
    options = {"pictures": pictures, "times": range(6), "codec": "rawvideo", "pixel_format": "nv12"}
    return make_video(tmp_path / "a.nut", **options)


@pytest.fixture
def decodes_on_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames with U and V in turns are taken for a device's own."""
    monkeypatch.setattr(device_frames, "is_interleaved", lambda frame: frame.format.name == "nv12")


@pytest.mark.parametrize("on_device", [False, True])
def test_frames_are_given_on_a_device(
    interleaved: Path, on_device: bool, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = pixels_of(FileSource(interleaved), planes=True)
    lent = []
    if on_device:
        request.getfixturevalue("decodes_on_device")
        lend = device_frames.planes_on_device
        monkeypatch.setattr(device_frames, "planes_on_device", lambda frame: lent.append(frame) or lend(frame))
    source = FileSource(interleaved, gpu=NOWHERE)
    source.resident = "cpu"
    frames = pixels_of(source, planes=True)
    assert all(isinstance(frame, DevicePixels) for frame in frames)
    assert len(lent) == 6 * on_device
    for ours, theirs in zip(frames, expected, strict=True):
        assert (ours.array() == theirs).all()


def test_an_encoder_is_given_the_planes_that_are_there() -> None:
    planes = np.arange(48 * 3 // 2 * 64, dtype=np.uint16).astype(np.uint8).reshape(72, 64)
    picture = device_frames.DeviceEncoding(0).picture(uploaded(planes, "cpu"))
    assert (picture.format.name, picture.width, picture.height) == ("nv12", 64, 48)
    given = picture.to_ndarray()
    assert (given[:48] == planes[:48]).all()
    assert (planes[48:].reshape(2, -1) == given[48:].reshape(-1, 2).T).all()


def test_from_decoder_to_encoder_whole_frames_stay_on_the_device(
    interleaved: Path, tmp_path: Path, decodes_on_device: None, monkeypatch: pytest.MonkeyPatch, one_thread: None
) -> None:
    fake_cuda.install(monkeypatch)
    # One that takes what a GPU's does, and needs none.
    stand_in = Codec("libx264", ("yuv420p", "yuv420p"), {"preset": "ultrafast"}, quality=(10, 51))
    monkeypatch.setattr(codecs, "GPU_CODECS", {"h264": stand_in})
    monkeypatch.setattr(device_frames.DeviceEncoding, "accelerator", lambda _: None)
    came_down: list[tuple[int, ...]] = []
    down = DevicePixels.array
    monkeypatch.setattr(DevicePixels, "array", lambda pixels: came_down.append(pixels.shape) or down(pixels))

    def network() -> nn.Module:
        torch.manual_seed(0)
        return build_network("realtime", {"channels": 16, "blocks": 1}).eval()

    def paint(*, resident: bool, to: Path) -> Path:
        source = FileSource(interleaved, gpu=NOWHERE if resident else None)
        source.planes, source.resident = True, "cpu" if resident else None
        painter = PaintingQueue(lambda: CudaEngine(network(), "cpu", planes=source.color))
        operations = DeviceOperations("cpu", graphs=True) if resident else None
        stream = Stream([(0.0, painter)], look_ahead=4, stroke_size=2.0, operations=operations)
        sink = FileSink(to, source.format, gpu=0, resident=resident)
        done = pipeline.run(source, stream, sink, finish=sink.close)
        assert (done.frames, stream.paintings) == (6, stream.paintings)
        stream.close()
        painter.close()
        return to

    there, here = paint(resident=True, to=tmp_path / "there.mp4"), paint(resident=False, to=tmp_path / "here.mp4")
    # What decides comes down, at the size that is painted; nothing else does.
    assert came_down == [(120, 120)] * 6
    for ours, theirs in zip(pixels_of(FileSource(there)), pixels_of(FileSource(here)), strict=True):
        assert psnr(ours, theirs) > 38


def test_what_an_encoder_of_the_processor_writes_comes_down(tmp_path: Path) -> None:
    planes = np.full((72, 64), 90, np.uint8)
    for name, pixels in {"a.mp4": planes, "b.mp4": uploaded(planes, "cpu")}.items():
        with FileSink(tmp_path / name, VIDEO, gpu=0, resident=True) as sink:
            sink.write(Frame(pixels, 0, Fraction(1, 25), 1))
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


# --- encoding


@pytest.mark.parametrize("name", GPU_CODECS)
def test_gpu_codecs_take_what_is_asked_of_them(name: str) -> None:
    codec = GPU_CODECS[name]
    encoder = av.Codec(codec.encoder, "w")
    assert {*codec.formats, "nv12"} <= {known.name for known in encoder.video_formats}
    for suffix in (".mp4", ".mkv"):
        assert codecs.choose_codec(name, Path(f"a{suffix}"))[0] == name
        with av.open(io.BytesIO(), "w", format={".mp4": "mp4", ".mkv": "matroska"}[suffix]) as container:
            assert codec.encoder in codecs.codecs_taken(container)


def test_a_moving_picture_is_not_the_gpus_to_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codecs, "GPU_CODECS", {"av1": Codec("mpeg4", ("yuv420p", "yuv420p"), quality_option=None)})
    assert codec_of(write(tmp_path / "a.avif", gpu=0))[0] != "mpeg4"


def test_without_a_gpu_x264_encodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # NVENC is listed everywhere, and this size is too small for any.
    assert codec_of(write(tmp_path / "a.mp4", gpu=0)) == ("h264", 4)
    monkeypatch.setattr(codecs, "GPU_CODECS", {"h264": Codec("h264_no_such", ("yuv420p", "yuv420p"))})
    assert write(tmp_path / "b.mp4", gpu=0).read_bytes() == write(tmp_path / "c.mp4").read_bytes()


@pytest.fixture
def gpu_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """An encoder that is here, and tells itself by another codec, in the place of the GPU's."""
    stand_in = Codec("mpeg4", ("yuv420p", "yuv420p"), quality_option=None)
    monkeypatch.setattr(codecs, "GPU_CODECS", {"h264": stand_in})


def test_a_gpu_that_can_encode_does(tmp_path: Path, gpu_encoder: None) -> None:
    assert codec_of(write(tmp_path / "a.mp4", gpu=0)) == ("mpeg4", 4)
    assert codec_of(write(tmp_path / "b.mp4")) == ("h264", 4)
    assert codec_of(write(tmp_path / "c.mkv", gpu=0, codec="ffv1")) == ("ffv1", 4)


def test_what_paints_on_a_gpu_encodes_there(
    tmp_path: Path, gpu_encoder: None, style_file: Path, monkeypatch: pytest.MonkeyPatch, one_thread: None
) -> None:
    fake_cuda.install(monkeypatch)

    def make_engine(network: AnyNetwork, *_: object, planes: Color | None, **__: object) -> CudaEngine:
        return CudaEngine(own_copy(network), "cpu", planes=planes)

    choose: Callable[..., tuple[str, str]] = lambda *_: ("cuda", f"cuda:{NOWHERE}")  # noqa: E731
    monkeypatch.setattr("vidstyle.engines.choose_engine", choose)
    monkeypatch.setattr("vidstyle.engines.make_engine", make_engine)
    source = make_video(tmp_path / "a.mp4", pictures=[colorful_picture(n) for n in range(4)], times=range(4))
    restyle(source, tmp_path / "b.mp4", style=style_file)
    assert codec_of(tmp_path / "b.mp4") == ("mpeg4", 4)
