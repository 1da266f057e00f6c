"""The library: restyle, Painter, load_style."""

import signal
import subprocess
import sys
import threading
import time
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from conftest import contents
from media_files import colorful_picture, read_video
from PIL import Image
from torch import Tensor, nn

import vidstyle
from vidstyle import InputError, Painter, load_style, restyle
from vidstyle.style_files import Style, StyleCard

LUMA = np.array([0.2126, 0.7152, 0.0722])


class Flat(nn.Module):
    """Paints everything in one grey, as soon as all of `meeting` are being painted."""

    meeting: ClassVar[dict[int, threading.Event]] = {}

    def __init__(self, level: int) -> None:
        super().__init__()
        self.level = level

    def forward(self, image: Tensor) -> Tensor:
        if self.level in self.meeting:
            self.meeting[self.level].set()
            assert all(painting.wait(20) for painting in self.meeting.values())
        return torch.full_like(image, self.level / 255)


class Inverted(nn.Module):
    def forward(self, image: Tensor) -> Tensor:
        return 1 - image


class Broken(nn.Module):
    def forward(self, image: Tensor) -> Tensor:
        raise RuntimeError("the network is broken")


def style_of(network: nn.Module) -> Style:
    return Style(StyleCard("test", Path("test"), "test"), network)


def painter_of(network: nn.Module, **look: Any) -> Painter:
    return Painter(style_of(network), device="cpu", **look)


def assert_inverts(painter: Painter, frame: np.ndarray, levels: int = 1) -> None:
    # bfloat16 has 8 bits, too, and rounds at other places.
    assert np.abs(painter(frame).astype(int) - (255 - frame)).max() <= levels


def luma(pixels: np.ndarray) -> np.ndarray:
    return pixels.astype(float) @ LUMA


def chroma(pixels: np.ndarray) -> np.ndarray:
    """R - Y, G - Y, B - Y."""
    return pixels - luma(pixels)[..., None]


def test_the_library_loads_what_is_asked_for_only() -> None:
    code = "import sys, vidstyle; vidstyle.InputError; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "av", "numpy"} & set(loaded)


def test_names_of_modules_and_of_what_they_hold_do_not_clash() -> None:
    for name in vidstyle.__all__:
        assert callable(getattr(vidstyle, name))
    assert import_module("vidstyle.restyling").restyle is vidstyle.restyle
    assert import_module("vidstyle.styles") is vidstyle.styles
    assert import_module("vidstyle.pipeline") is vidstyle.pipeline
    with pytest.raises(AttributeError, match="no attribute 'sculpt'"):
        _ = vidstyle.sculpt


def test_restyle_paints_a_file_and_sums_up(clip: Path, style_file: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    summary = restyle(
        clip,
        str(tmp_path / "out.mp4"),
        style=load_style(style_file),
        engine="torch",
        size=(32, 32),
        on_progress=lambda progress, frames: seen.append((progress.frames, frames)),
    )
    assert (summary.frames, summary.width, summary.height) == (10, 32, 32)
    assert (summary.device, summary.engine, summary.style, summary.warnings) == ("cpu", "torch_cpu", "noise", [])
    assert seen[-1] == (10, 10)
    assert read_video(tmp_path / "out.mp4")[0][1].shape == (32, 32, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": float("nan")}, "start=nan"),
        ({"start": float("inf")}, "start=inf"),
        ({"end": float("inf")}, "end=inf"),
        ({"codec": "mpeg2"}, "codec='mpeg2': unknown"),
        ({"scale": 17.0}, "scale=17"),
    ],
)
def test_restyle_refuses_what_cannot_be(
    options: dict[str, Any], message: str, clip: Path, style_file: Path, tmp_path: Path
) -> None:
    before = contents(tmp_path)
    with pytest.raises(InputError, match=message):
        restyle(clip, tmp_path / "out.mp4", style=style_file, **options)
    assert contents(tmp_path) == before


def test_a_network_that_fails_leaves_nothing_and_says_where(clip: Path, tmp_path: Path) -> None:
    before = contents(tmp_path)
    with pytest.raises(RuntimeError, match="the network is broken") as caught:
        restyle(clip, tmp_path / "out.mp4", style=style_of(Broken()), device="cpu")
    assert "forward" in [entry.name for entry in caught.traceback]
    assert contents(tmp_path) == before


@pytest.mark.slow
def test_ctrl_c_in_a_program_stops_restyle_and_leaves_nothing(clip: Path, style_file: Path, tmp_path: Path) -> None:
    before = contents(tmp_path)

    def interrupt(_progress: object, _frames: int | None) -> None:
        signal.raise_signal(signal.SIGINT)

    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        restyle(clip, tmp_path / "out.mp4", style=style_file, size=(1600, 1200), device="cpu", on_progress=interrupt)
    assert time.monotonic() - begin < 3
    assert contents(tmp_path) == before


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("kind", ["video", "folder"])
def test_two_runs_at_once_do_not_corrupt_each_other(
    kind: str, overwrite: bool, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, output = clip, tmp_path / "out.mkv"
    if kind == "folder":
        source, output = tmp_path / "in", tmp_path / "out"
        source.mkdir()
        for name in ("a.png", "b.png"):
            Image.fromarray(colorful_picture()).save(source / name)
    failures: list[BaseException] = []
    levels = (60, 200)
    # Neither paints before the other has begun.
    monkeypatch.setattr(Flat, "meeting", {level: threading.Event() for level in levels})

    def run(level: int) -> None:
        try:
            restyle(source, output, style=style_of(Flat(level)), device="cpu", overwrite=overwrite)
        except InputError as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(level,)) for level in levels]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    if overwrite:
        assert not failures
    else:
        assert [str(error) for error in failures] == [f"{output}: exists already; overwrite=True replaces it"]
    if kind == "folder":
        assert sorted(contents(output)) == ["a.png", "b.png"]
    else:
        painted = read_video(output)
        assert len(painted) == 10
        means = {round(float(pixels.mean()) / 10) * 10 for _, pixels in painted}
        assert len(means) == 1
        assert means <= set(levels)
    assert not [name for name in contents(tmp_path) if ".part" in name]


# --- Painter


def test_a_painter_paints_frames_one_by_one(style_file: Path) -> None:
    painter = Painter(style_file, device="cpu")
    frame = colorful_picture()
    painted = painter(frame)
    assert (painted.shape, painted.dtype) == (frame.shape, np.uint8)
    assert np.abs(painted.astype(int) - frame).mean() > 10
    assert (frame == colorful_picture()).all()
    assert (painter(frame) == painted).all()
    painter.reset()
    assert (painter(frame) == painted).all()
    painter.close()


@pytest.mark.parametrize("steady", [False, True])
def test_frames_may_change_their_size(steady: bool) -> None:
    painter = painter_of(Inverted(), steady=steady)
    for width, height in ((64, 48), (17, 33), (16, 16), (64, 48), (101, 50)):
        # What is carried along is made a little sharper.
        assert_inverts(painter, colorful_picture(0, width, height), levels=4 if steady else 1)


def test_whoever_paints_frame_by_frame_may_write_to_them() -> None:
    painter = painter_of(Inverted())
    pixels = np.full((32, 32, 3), 10, np.uint8)
    first = painter(pixels)
    first[:] = 0
    assert painter(pixels)[0, 0, 0] == pytest.approx(245, abs=1)
    pixels[:] = 20  # the same array with other contents
    assert painter(pixels)[0, 0, 0] == pytest.approx(235, abs=1)
    painter.close()


def test_frames_may_lie_in_memory_as_they_like() -> None:
    painter = painter_of(Inverted())
    frame = colorful_picture(0, 64, 64)
    locked = frame.copy()
    locked.flags.writeable = False
    for view in (frame[:, :, ::-1], frame[::-1, ::2], frame.transpose(1, 0, 2), np.asfortranarray(frame), locked):
        painter.reset()
        assert_inverts(painter, view)


@pytest.mark.filterwarnings("error")
def test_a_frame_that_cannot_be_written_to_is_no_reason_to_warn() -> None:
    frame = np.frombuffer(colorful_picture().tobytes(), np.uint8).reshape(48, 64, 3)
    assert_inverts(painter_of(Inverted()), frame)


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((48, 64, 3), np.float32),
        np.zeros((48, 64, 3), np.int8),
        np.zeros((48, 64, 4), np.uint8),
        np.zeros((48, 64), np.uint8),
        np.zeros((1, 48, 64, 3), np.uint8),
        np.zeros((3, 48, 64), np.uint8),
        [[[1, 2, 3]]],
        None,
    ],
)
def test_what_is_no_frame_is_refused(frame: Any) -> None:
    with pytest.raises(InputError, match=r"a frame is RGB \(H, W, 3\) uint8, not"):
        painter_of(Inverted())(frame)


@pytest.mark.parametrize(("width", "height"), [(15, 64), (64, 15), (1, 1), (0, 0)])
def test_frames_too_small_are_refused(width: int, height: int) -> None:
    with pytest.raises(InputError, match=f"at least 16 pixels a side, not {width}x{height}"):
        painter_of(Inverted())(np.zeros((height, width, 3), np.uint8))


def test_a_refused_frame_does_not_disturb_the_next() -> None:
    painter = painter_of(Inverted())
    with pytest.raises(InputError):
        painter(np.zeros((8, 8, 3), np.uint8))
    assert_inverts(painter, colorful_picture())
    painter.close()


def test_strength_blends() -> None:
    frame = colorful_picture()
    assert (painter_of(Flat(200), strength=0)(frame) == frame).all()
    assert (painter_of(Flat(200), strength=1)(frame) == 200).all()
    quarter = painter_of(Flat(200), strength=0.25)(frame)
    assert np.abs(quarter - (0.75 * frame + 0.25 * 200)).max() <= 1


def test_keep_colors_takes_the_luminance_of_the_painting_and_the_chroma_of_the_source() -> None:
    # Pale enough for every sum of the two to be a colour.
    frame = (100 + 0.2 * colorful_picture()).astype(np.uint8)
    kept = painter_of(Flat(128), keep_colors=True)(frame)
    assert np.abs(luma(kept) - 128).max() <= 1
    assert np.abs(chroma(kept) - chroma(frame)).max() <= 1


def test_keep_colors_clips_what_is_no_colour() -> None:
    frame = np.zeros((16, 16, 3), np.uint8)
    frame[:] = (255, 0, 0)
    kept = painter_of(Flat(255), keep_colors=True)(frame)
    assert (kept[..., 0] == 255).all()
    assert (kept[..., 1:] == round(255 - 255 * LUMA[0])).all()


def test_strength_and_keep_colors_together() -> None:
    frame = (100 + 0.2 * colorful_picture()).astype(np.uint8)
    half = painter_of(Flat(128), keep_colors=True, strength=0.5)(frame)
    assert np.abs(luma(half) - (luma(frame) + 128) / 2).max() <= 1
    assert np.abs(chroma(half) - chroma(frame)).max() <= 1


@pytest.mark.parametrize("strength", [-0.1, 1.5, float("nan")])
def test_a_strength_that_cannot_be(strength: float) -> None:
    with pytest.raises(InputError, match=f"^strength={strength:g}: takes 0"):
        painter_of(Inverted(), strength=strength)


def test_a_style_is_as_good_after_painting_as_before(style_file: Path) -> None:
    style = load_style(style_file)
    weights = {name: tensor.clone() for name, tensor in style.network.state_dict().items()}
    painted = Painter(style, device="cpu")(colorful_picture())
    for name, tensor in style.network.state_dict().items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, weights[name])
    assert (Painter(style, device="cpu")(colorful_picture()) == painted).all()
