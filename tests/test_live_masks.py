"""Masks: networks of any shape find somebody, and only they are painted, or only what is behind them."""

import threading
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import Result
from live_steps import Clock, Painter, Steps, Viewer, inverted
from mask_networks import bright_network, tflite_network, wrong_network
from media_files import make_video, read_video
from PIL import Image
from waiting import PATIENCE, at_leisure, wait_for

from vidstyle.engines.openvino import is_usable
from vidstyle.engines.segmentation import MaskNetwork
from vidstyle.errors import InputError
from vidstyle.live import LiveSettings, Session
from vidstyle.live.backgrounds import Background, blurred, covering
from vidstyle.live.keyboard import LiveState
from vidstyle.live.masking import LiveMask
from vidstyle.live.painters import Painters
from vidstyle.live.session_parts import SessionParts
from vidstyle.live.viewing import Masking
from vidstyle.media.frame import Color, Frame
from vidstyle.stream import Stream
from vidstyle.stream.key_maps import share_of
from vidstyle.stream.masks import laid_by, softened

needs_openvino = pytest.mark.skipif(not is_usable(), reason="OpenVINO cannot be used here")
SIZE = (192, 128)


def somebody(at: int = 96, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A bright disc before a dark wall with some texture, RGB."""
    width, height = size
    wall = np.random.default_rng(0).integers(20, 60, (height // 4, width // 4, 3), np.uint8)
    picture = cv2.resize(wall, size, interpolation=cv2.INTER_CUBIC)
    cv2.circle(picture, (at, height // 2), height // 4, (230, 220, 210), -1)
    return np.ascontiguousarray(picture)


def bright(rgb: np.ndarray) -> np.ndarray:
    """What a network would make of it."""
    return (cv2.resize(rgb, (48, 32), interpolation=cv2.INTER_AREA).mean(-1) > 128).astype(np.float32)


def planes(rgb: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420))


# --- networks


@needs_openvino
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"last": True},
        {"output": "logit"},
        {"channels": 2},
        {"channels": 2, "output": "logit"},
        {"channels": 2, "output": "logit", "last": True},
        {"channels": 6, "output": "logit"},
        {"channels": 2, "output": "class"},
        {"size": ("height", "width")},
        {"size": ("height", "width"), "last": True, "channels": 2},
    ],
    ids=str,
)
def test_input_and_output_are_found_by_their_shapes(options: dict[str, Any], tmp_path: Path) -> None:
    network = MaskNetwork(bright_network(tmp_path / "bright.onnx", **options))
    assert network.size == ((256, 256) if "size" in options else (32, 24))
    picture = np.zeros((96, 128, 3), np.uint8)
    picture[:, 64:] = 255
    mask = network(picture)
    assert mask.shape == network.size[::-1]
    assert mask.dtype == np.float32
    middle = mask.shape[1] // 2
    assert mask[:, : middle - 2].max() < 0.02
    assert mask[:, middle + 2 :].min() > 0.98


@needs_openvino
def test_a_tflite_network_with_mediapipes_own_convolution_is_read(tmp_path: Path) -> None:
    weights = np.zeros((1, 2, 2, 3), np.float32)
    # What of a place becomes the four places under it: its brightness, its red and its blue, and nothing.
    weights[0, 0, 0], weights[0, 0, 1, 0], weights[0, 1, 0, 2] = 1 / 3, 1, 1
    network = MaskNetwork(tflite_network(tmp_path / "grown.tflite", (24, 32), weights, 0.25))
    assert network.size == (32, 24)
    picture = np.random.default_rng(0).integers(0, 180, (24, 32, 3), np.uint8)
    mask, levels = network(picture), picture.astype(np.float32) / 255
    assert mask.shape == (48, 64)
    assert np.abs(mask[::2, ::2] - levels.mean(-1) - 0.25).max() < 0.01
    assert np.abs(mask[::2, 1::2] - levels[..., 0] - 0.25).max() < 0.01
    assert np.abs(mask[1::2, ::2] - levels[..., 2] - 0.25).max() < 0.01
    assert np.abs(mask[1::2, 1::2] - 0.25).max() < 0.01


@needs_openvino
@pytest.mark.parametrize(
    ("inputs", "output", "why"),
    [
        ([(1, 3, 32, 32), (1, 3, 32, 32)], (1, 1, 32, 32), "has 2 inputs"),
        ([(1, 4, 32, 32)], (1, 1, 32, 32), "takes 1x4x32x32; a network of one picture takes 1x3xHxW"),
        ([(4, 3, 32, 32)], (1, 1, 32, 32), "takes 4x3x32x32"),
        ([(3, 32)], (1, 1, 32, 32), "takes 3x32"),
        ([(1, 3, 32, 32)], (1, 10), "which is no mask"),
    ],
)
def test_networks_that_make_no_masks_are_refused(
    inputs: list[tuple[int, ...]], output: tuple[int, ...], why: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="mask_model=") as caught:
        MaskNetwork(wrong_network(tmp_path / "wrong.onnx", inputs, output))
    assert why in str(caught.value)


@needs_openvino
def test_what_is_no_network_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"no network")
    with pytest.raises(InputError, match="OpenVINO cannot read it") as caught:
        MaskNetwork(tmp_path / "a.onnx")
    assert "\n" not in str(caught.value)


# --- edges


@pytest.mark.parametrize("planar", [False, True])
def test_edges_follow_the_frame_softly(planar: bool) -> None:
    picture = somebody()
    truth = (picture.mean(-1) > 128).astype(np.float32)
    rough = cv2.resize(cv2.resize(truth, (32, 22), interpolation=cv2.INTER_AREA), SIZE)
    mask = softened(rough, planes(picture) if planar else picture)
    assert mask.shape == truth.shape
    assert 0 <= mask.min() <= mask.max() <= 1
    assert np.abs(mask - truth).mean() < 0.6 * np.abs(rough - truth).mean()
    # Softly: no step from nothing to all.
    assert np.abs(np.diff(mask, axis=1)).max() < 0.9


def test_what_is_laid_by_a_mask_is_one_or_the_other_or_between() -> None:
    mask = np.zeros((128, 192), np.float32)
    mask[:, 64:128], mask[:, 128:] = 0.5, 1
    over, below = np.full((192, 192), 200, np.uint8), np.full((192, 192), 100, np.uint8)
    joined = laid_by(mask, over, below)
    assert [int(joined[10, x]) for x in (10, 96, 180)] == [100, 150, 200]
    assert [int(joined[-1, x]) for x in (1, 48, 90)] == [100, 150, 200]


# --- beside the painting


class Later:
    """A network that answers when the test says so."""

    def __init__(self) -> None:
        self.asked: list[np.ndarray] = []
        self.answer = threading.Event()

    def __call__(self, rgb: np.ndarray) -> np.ndarray:
        self.asked.append(rgb)
        assert self.answer.wait(PATIENCE)
        return bright(rgb)


def settled(mask: LiveMask, pixels: np.ndarray, found: int) -> np.ndarray:
    """The mask of a frame that is shown again and again, once so many have been found."""
    wait_for(lambda: (mask.of(pixels), mask.found >= found)[1])
    result = mask.of(pixels)
    assert result is not None
    return result


def test_a_mask_delays_no_frame_and_moves_with_the_picture() -> None:
    network = Later()
    mask = LiveMask(network, lambda pixels: pixels)
    first = somebody(80)
    begin = time.monotonic()
    assert mask.of(first) is None
    assert mask.of(first) is None
    assert time.monotonic() - begin < at_leisure(5)
    assert len(network.asked) <= 1
    network.answer.set()
    found = settled(mask, first, 1)
    assert found[64, 80] > 0.9
    assert found[64, 150] < 0.1
    # From now on nobody looks any more; where somebody has gone the mask has gone, too.
    network.answer.clear()
    for at in range(82, 102, 2):
        moved = mask.of(somebody(at))
    assert moved is not None
    mask.close()
    network.answer.set()
    truth = (somebody(100).mean(-1) > 128).astype(np.float32)
    assert np.abs(moved - truth).mean() < 0.5 * np.abs(found - truth).mean()


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("wish", ["keep", "blur", "paint", "picture"])
def test_only_somebody_is_painted_or_only_what_is_behind(wish: str, planar: bool, tmp_path: Path) -> None:
    clock = Clock()
    picture = somebody()
    source = Steps([planes(picture) if planar else picture] * 40, clock)
    source.color = Color(6) if planar else None
    beach = tmp_path / "beach.png"
    Image.fromarray(np.full((60, 200, 3), (40, 90, 220), np.uint8)).save(beach)
    as_rgb: Callable[[np.ndarray], np.ndarray] = (
        (lambda p: np.asarray(cv2.cvtColor(p, cv2.COLOR_YUV2RGB_I420))) if planar else (lambda p: p)
    )
    mask = LiveMask(lambda rgb: bright(rgb), as_rgb)
    background = Background(str(beach) if wish == "picture" else wish, SIZE, planes if planar else None)
    viewer = Viewer(source, lambda n: settled(mask, source.pictures[0], 1) is None if n == 10 else None)
    painters: Painters[Any] = Painters({"a": Painter(inverted)}.__getitem__, {"a": Painter(inverted)})
    parts = SessionParts([viewer], masking=Masking(mask, background))
    Session(source, painters, LiveState(["a"], "a"), parts, clock=clock).run(threading.Event())
    shown = as_rgb(viewer.pictures[-1]).astype(int)
    before, painted = as_rgb(source.pictures[0]).astype(int), as_rgb(255 - source.pictures[0]).astype(int)
    inside, outside = (slice(50, 78), slice(82, 110)), (slice(4, 124), slice(4, 40))
    behind = {
        "keep": before,
        "blur": before[outside].mean((0, 1)),
        "paint": painted,
        "picture": np.broadcast_to((40, 90, 220), before.shape),
    }[wish]
    front = before if wish == "paint" else painted
    assert np.abs(shown[inside] - front[inside]).mean() < 6
    assert np.abs(shown[outside] - np.broadcast_to(behind, before.shape)[outside]).mean() < 6


def test_before_the_first_mask_nobody_shows_before_a_picture(tmp_path: Path) -> None:
    beach = tmp_path / "beach.png"
    Image.fromarray(np.full((60, 200, 3), (40, 90, 220), np.uint8)).save(beach)
    picture = somebody()
    shown = Background(str(beach), SIZE).joined(None, 255 - picture, picture)
    assert (shown == (40, 90, 220)).all()


def test_nothing_of_somebody_bleeds_into_a_blur() -> None:
    picture = somebody()
    mask = (picture.mean(-1) > 128).astype(np.float32)
    wide = cv2.dilate(mask, np.ones((5, 5)))
    assert blurred(picture, wide)[wide == 0].max() < 90
    assert blurred(picture, 0 * wide)[wide == 0].max() > 90


def test_a_picture_covers_the_frame_in_its_own_shape() -> None:
    wide = np.zeros((50, 200, 3), np.uint8)
    wide[:, 75:125] = 255
    assert covering(wide, (64, 64)).min() > 250


# --- memory


def test_what_nobody_sees_is_not_painted_for() -> None:
    """A wall that flickers behind somebody who stands still."""

    def paintings(masked: bool) -> int:
        painter = Painter(inverted)
        stream = Stream([(0.0, painter)])
        mask = np.zeros(SIZE[::-1], np.uint8)
        mask[:, :64] = 255
        for number in range(40):
            picture = somebody(32)
            noise = np.random.default_rng(number // 4).integers(0, 256, (32, 24, 3), np.uint8)
            picture[:, 96:] = cv2.resize(noise, (96, 128), interpolation=cv2.INTER_NEAREST)
            frame = Frame(picture, number, Fraction(1, 25), mask=mask if masked else None)
            stream.submit(frame)
            shown = stream.result().pixels
            if masked:
                assert np.array_equal(shown[:, 70:], picture[:, 70:])
                assert np.abs(shown[:, :60].astype(int) - (255 - picture[:, :60])).mean() < 6
        stream.close()
        return len(painter.taken)

    assert 2 * paintings(True) <= paintings(False)


def test_a_share_of_the_picture_is_one_of_what_shows() -> None:
    where = np.zeros((4, 4), np.float32)
    where[:, :2] = 1
    assert share_of(where, None) == 0.5
    cares = np.zeros((4, 4), np.float32)
    assert share_of(where, cares) == 0
    cares[:, 1:3] = 1
    assert share_of(where, cares) == 0.5
    cares[:, 2] = 0
    assert share_of(where, cares) == 1


# --- the command


@needs_openvino
@pytest.mark.slow
def test_live_paints_people_before_a_picture(run_cli: Callable[..., Result], style_file: Path, tmp_path: Path) -> None:
    clip = make_video(tmp_path / "clip.mp4", pictures=[somebody()] * 40, times=range(40))
    Image.fromarray(np.full((60, 90, 3), (40, 90, 220), np.uint8)).save(tmp_path / "beach.png")
    network = bright_network(tmp_path / "bright.onnx", output="logit")
    options = ["--style", style_file, "--camera", clip, "--device", "cpu", "--to", tmp_path / "out.mkv"]
    result = run_cli("live", *options, "--background", tmp_path / "beach.png", "--mask-model", network)
    assert result.code == 0, result.err
    last = read_video(tmp_path / "out.mkv")[-1][1].astype(int)
    assert np.abs(last[4:124, 4:40] - (40, 90, 220)).mean() < 8
    assert np.abs(last[50:78, 82:110] - (40, 90, 220)).mean() > 20


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"background": "blur"}, "background: needs a network"),
        ({"mask_model": Path("x.onnx")}, "mask_model: is for background"),
        ({"background": "beach.png"}, "background='beach.png': no such picture; takes one, keep, blur or paint"),
        ({"background": "blur", "mask_model": Path("x.onnx")}, "mask_model='x.onnx': no such file"),
    ],
)
def test_what_does_not_go_together_is_refused(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(InputError) as caught:
        LiveSettings(to=["out.mp4"], **settings)
    assert why in str(caught.value)
