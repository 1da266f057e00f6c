"""Virtual cameras: what the programs that read them need, by a camera that keeps what it is sent."""

import sys
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from live_sessions import Ticker, unpainted, watch
from live_steps import FPS, Painter
from media_files import HEIGHT, WIDTH, read_barcode
from waiting import at_leisure

from vidstyle.errors import InputError
from vidstyle.media.frame import MATRIX_SMPTE170M, Color
from vidstyle.media.live_sinks import VirtualCamera
from vidstyle.stream import prepare

CAMERAS_OWN = Color(MATRIX_SMPTE170M)
"""The colours of the planes that webcams give."""


class Device:
    """What pyvirtualcam opens."""

    latest: "Device"

    def __init__(self, **asked: Any) -> None:
        self.asked, self.closed = asked, False
        self.sent: list[np.ndarray] = []
        self.times: list[float] = []
        Device.latest = self

    def send(self, pixels: np.ndarray) -> None:
        self.times.append(time.monotonic())
        self.sent.append(pixels.copy())

    def close(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def pyvirtualcam(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The module; what draws is ready, as it is in a session before its first frame."""
    prepare(planar=False)
    formats = SimpleNamespace(I420="I420", RGB="RGB")
    module = SimpleNamespace(PixelFormat=formats, Camera=Device)
    monkeypatch.setitem(sys.modules, "pyvirtualcam", module)
    return module


def test_it_goes_on_at_its_rate_while_the_camera_stalls() -> None:
    figures = watch(
        Ticker(40, lost_after=9), Painter(), VirtualCamera(WIDTH, HEIGHT, FPS), seconds=1.5, state=unpainted()
    )
    device = Device.latest
    assert device.asked == {"width": WIDTH, "height": HEIGHT, "fps": FPS, "fmt": "RGB"}
    assert figures.shown == 10
    numbers = [read_barcode(pixels) for pixels in device.sent]
    assert numbers[:10] == list(range(10))
    assert set(numbers[10:]) == {9}
    # As many as at its rate, but for what a busy machine makes late.
    assert 12 < len(numbers) <= 50
    assert np.median(np.diff(device.times)) == pytest.approx(1 / FPS, abs=at_leisure(0.01))
    assert device.closed


@pytest.mark.parametrize("color", [CAMERAS_OWN, None])
def test_planes_go_through_as_they_are(color: Color | None) -> None:
    camera = VirtualCamera(WIDTH, HEIGHT, FPS, color=color)
    assert camera.planes == (color is not None)
    source = Ticker(4)
    source.color = CAMERAS_OWN
    planes = np.random.default_rng(0).integers(16, 236, (HEIGHT * 3 // 2, WIDTH), np.uint8)
    frames = source.frames
    source.frames = lambda: (replace(frame, pixels=planes) for frame in frames())  # type: ignore[method-assign]
    watch(source, Painter(), camera, state=unpainted())
    sent = Device.latest.sent[0]
    if color is None:
        assert sent.shape == (HEIGHT, WIDTH, 3)
    else:
        assert Device.latest.asked["fmt"] == "I420"
        assert (sent.reshape(planes.shape) == planes).all()


def test_where_there_is_none_it_is_said_how_to_get_one(
    pyvirtualcam: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(**_: object) -> None:
        raise RuntimeError("v4l2loopback is not loaded")

    pyvirtualcam.Camera = none
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(InputError, match=r"no virtual camera here \(sudo modprobe v4l2loopback\)"):
        VirtualCamera(WIDTH, HEIGHT, FPS)
