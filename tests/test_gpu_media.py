"""Decoding and encoding on a GPU where there is one; where there is none, the same files all the same."""

import itertools
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import fake_cuda
import numpy as np
import pytest
from media_files import colorful_picture, make_video
from torch import nn

from vidstyle import restyle
from vidstyle.engines.cuda import CudaEngine
from vidstyle.media import codecs, sources
from vidstyle.media.codecs import Codec
from vidstyle.media.frame import Color, Frame, VideoFormat
from vidstyle.media.sinks import FileSink
from vidstyle.media.sources import FileSource

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


# --- encoding


def test_without_a_gpu_x264_encodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # NVENC is listed everywhere, and this size is too small for any.
    assert codec_of(write(tmp_path / "a.mp4", gpu=True)) == ("h264", 4)
    monkeypatch.setattr(codecs, "GPU_CODECS", {"h264": Codec("h264_no_such", ("yuv420p", "yuv420p"))})
    assert write(tmp_path / "b.mp4", gpu=True).read_bytes() == write(tmp_path / "c.mp4").read_bytes()


@pytest.fixture
def gpu_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """An encoder that is here, and tells itself by another codec, in the place of the GPU's."""
    stand_in = Codec("mpeg4", ("yuv420p", "yuv420p"), quality_option=None)
    monkeypatch.setattr(codecs, "GPU_CODECS", {"h264": stand_in})


def test_a_gpu_that_can_encode_does(tmp_path: Path, gpu_encoder: None) -> None:
    assert codec_of(write(tmp_path / "a.mp4", gpu=True)) == ("mpeg4", 4)
    assert codec_of(write(tmp_path / "b.mp4")) == ("h264", 4)
    assert codec_of(write(tmp_path / "c.mkv", gpu=True, codec="ffv1")) == ("ffv1", 4)


def test_what_paints_on_a_gpu_encodes_there(
    tmp_path: Path, gpu_encoder: None, style_file: Path, monkeypatch: pytest.MonkeyPatch, one_thread: None
) -> None:
    fake_cuda.install(monkeypatch)

    def make_engine(network: nn.Module, *_: object, planes: Color | None, **__: object) -> CudaEngine:
        return CudaEngine(network, "cpu", planes=planes)

    choose: Callable[..., tuple[str, str]] = lambda *_: ("cuda", f"cuda:{NOWHERE}")  # noqa: E731
    monkeypatch.setattr("vidstyle.engines.choose_engine", choose)
    monkeypatch.setattr("vidstyle.engines.make_engine", make_engine)
    source = make_video(tmp_path / "a.mp4", pictures=[colorful_picture(n) for n in range(4)], times=range(4))
    restyle(source, tmp_path / "b.mp4", style=style_file)
    assert codec_of(tmp_path / "b.mp4") == ("mpeg4", 4)
