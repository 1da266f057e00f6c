"""Painter: pictures one by one, of all the kinds that programs hold."""

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from media_files import colorful_picture
from painters import Flat, Inverted, painter_of
from PIL import Image

from vidstyle import InputError, Options, Painter, load_style
from vidstyle.shipped import library
from vidstyle.style_files import read_card

LUMA = np.array([0.2126, 0.7152, 0.0722])


def assert_inverts(painter: Painter, frame: np.ndarray, levels: int = 1) -> None:
    # bfloat16 has 8 bits, too, and rounds at other places.
    assert np.abs(painter(frame).astype(int) - (255 - frame)).max() <= levels


def luma(pixels: np.ndarray) -> np.ndarray:
    return pixels.astype(float) @ LUMA


def chroma(pixels: np.ndarray) -> np.ndarray:
    """R - Y, G - Y, B - Y."""
    return pixels - luma(pixels)[..., None]


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
    ("frame", "message"),
    [
        (np.zeros((48, 64, 3), np.int8), "int8"),
        (np.zeros((48, 64, 3), bool), "bool"),
        (np.zeros((48, 64, 2), np.uint8), "(48, 64, 2) uint8"),
        (np.zeros((3, 48, 64), np.uint8), "(3, 48, 64) uint8"),
        (np.zeros((1, 2, 48, 64, 3), np.uint8), "(1, 2, 48, 64, 3) uint8"),
        (np.zeros((0, 48, 64, 3), np.uint8), "holds no picture"),
        (np.zeros(64, np.uint8), "(64,) uint8"),
        (torch.zeros(48, 64, 3), "tensor (48, 64, 3) torch.float32"),
        (torch.zeros(48, 64), "tensor (48, 64) torch.float32"),
        (np.full((48, 64, 3), 255.0), "go from 0 to 1, not from 255 to 255"),
        (np.full((48, 64, 3), np.nan), "go from 0 to 1, not from nan to nan"),
        (Image.new("I", (64, 48)), "mode I"),
        (Image.new("RGB", (8, 48)), "at least 16 pixels a side, not 8x48"),
        ([[[1, 2, 3]]], "list: takes a uint8 or float array"),
        ("cat.jpg", "str: takes"),
        (None, "NoneType: takes"),
    ],
    ids=str,
)
def test_what_is_no_frame_is_refused(frame: Any, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        painter_of(Inverted())(frame)


def kinds(frame: np.ndarray) -> dict[str, Any]:
    """The same picture, (H, W, 3) uint8, as everything that programs hold."""
    grey = frame[..., 1]
    alpha = np.linspace(1, 255, grey.size).reshape(*grey.shape, 1).astype(np.uint8)
    rgba = np.concatenate([frame, alpha], axis=2)
    tensor = torch.from_numpy(frame.copy()).permute(2, 0, 1)
    return {
        "bytes": frame,
        "float32": frame.astype(np.float32) / 255,
        "float64": frame / 255,
        "float16": (frame / 255).astype(np.float16),
        "grey": grey,
        "grey channel": grey[..., None],
        "rgba": rgba,
        "rgba float": (rgba / 255).astype(np.float32),
        "batch": np.stack([frame] * 3),
        "batch of rgba": np.stack([rgba, rgba]),
        "tensor": tensor,
        "tensor float": tensor / 255,
        "tensor bfloat16": (tensor / 255).bfloat16(),
        "tensor batch": torch.stack([tensor, tensor]) / 255,
        "tensor grey": tensor[1:2],
        "tensor rgba": torch.from_numpy(rgba).permute(2, 0, 1),
        "tensor with gradients": (tensor / 255).requires_grad_(),
        "picture": Image.fromarray(frame),
        "picture rgba": Image.fromarray(rgba),
        "picture grey": Image.fromarray(grey),
        "picture grey and transparent": Image.fromarray(rgba[..., 2:]),
    }


@pytest.mark.parametrize("channels", ["rgb", "bgr"])
@pytest.mark.parametrize("kind", list(kinds(colorful_picture())))
def test_what_comes_back_is_of_the_kind_that_was_given(kind: str, channels: Any) -> None:
    given = kinds(colorful_picture())[kind]
    painted = painter_of(Inverted(), channels=channels, steady=False)(given)
    assert isinstance(painted, np.ndarray if isinstance(given, np.ndarray) else type(given))
    before, after = np.asarray(as_array(given), float), np.asarray(as_array(painted), float)
    assert after.shape == before.shape
    if isinstance(given, Image.Image):
        assert (painted.mode, painted.size) == (given.mode, given.size)
    else:
        assert painted.dtype == given.dtype
    bands = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}.get(getattr(given, "mode", ""), 4)
    white = 255 if after.max() > 1.5 else 1
    colors = {2: 1, 4: 3}.get(before.shape[-1], before.shape[-1]) if before.ndim > 2 and bands != 1 else None
    # bfloat16 has 8 bits from 0 to 1, and fewer of them above.
    assert np.abs(after[..., :colors] - (white - before[..., :colors])).max() <= 2.1 * white / 255
    if colors in (1, 3) and before.shape[-1] == colors + 1:
        assert (after[..., colors:] == before[..., colors:]).all(), "what is transparent stays so"


def as_array(held: Any) -> np.ndarray:
    """Any kind, channels last."""
    return held.detach().float().movedim(-3, -1).numpy() if isinstance(held, torch.Tensor) else np.asarray(held)


def test_what_opencv_holds_is_painted_in_the_right_colours(style_file: Path) -> None:
    frame = colorful_picture()
    with Painter(style_file, device="cpu") as rgb, Painter(style_file, device="cpu", channels="bgr") as bgr:
        assert (bgr(np.ascontiguousarray(frame[..., ::-1]))[..., ::-1] == rgb(frame)).all()
        bgr.reset()
        assert (np.asarray(bgr(Image.fromarray(frame))) == rgb(frame)).all(), "Pillow has one order only"
    with pytest.raises(InputError, match=r"^channels='gbr': takes rgb or bgr"):
        painter_of(Inverted(), channels="gbr")


def test_the_pictures_of_a_batch_are_one_sequence() -> None:
    first = colorful_picture(0)
    batch = np.stack([first, first, colorful_picture(3)])
    one_by_one, together = painter_of(Inverted()), painter_of(Inverted())
    expected = np.stack([one_by_one(frame) for frame in batch])
    assert (together(batch) == expected).all()


def test_palettes_and_other_modes_come_back_in_one_that_can_hold_them() -> None:
    image = Image.fromarray(colorful_picture())
    expected = {"P": "RGB", "CMYK": "RGB", "YCbCr": "RGB", "1": "L"}
    with painter_of(Inverted()) as painter:
        assert {mode: painter(image.convert(mode)).mode for mode in expected} == expected
        palette = image.convert("P")
        palette.info["transparency"] = 0
        assert painter(palette).mode == "RGBA"


def test_a_painter_stays_as_it_was_made() -> None:
    painter = painter_of(Inverted(), strength=0.5)
    with pytest.raises(AttributeError, match="strength: a Painter stays as it was made"):
        painter.strength = 1.0  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        painter.options = Options()  # type: ignore[misc]
    with pytest.raises(AttributeError):
        del painter._options
    assert (painter.options.strength, painter.style.name, painter.device, painter.channels) == (
        0.5,
        "test",
        "cpu",
        "rgb",
    )
    assert repr(painter) == "<Painter('test', device='cpu', engine='torch_cpu', strength=0.5)>"


def test_a_closed_painter_says_so_rather_than_paint() -> None:
    with painter_of(Inverted()) as painter:
        painter(colorful_picture())
        assert not painter.closed
    assert painter.closed
    for use in (lambda: painter(colorful_picture()), painter.reset, painter.__enter__):
        with pytest.raises(InputError, match="this Painter is closed"):
            use()
    painter.close()
    assert repr(painter).startswith("<closed Painter('test'")


def test_a_notebook_shows_paintings_and_styles(style_file: Path) -> None:
    frame = colorful_picture()
    painted = painter_of(Inverted())(frame)
    with Image.open(io.BytesIO(painted._repr_png_())) as shown:
        assert (np.asarray(shown) == painted).all()
    assert painted.mean(axis=2)._repr_png_() is None, "what has been computed from it is no picture"
    grey = painter_of(Inverted())(frame[..., 0])
    with Image.open(io.BytesIO(grey._repr_png_())) as shown:
        assert shown.mode == "L"
    style = load_style(style_file)
    with Image.open(io.BytesIO(style._repr_png_())) as shown:
        assert shown.size == (451, 300)
    assert style.card._repr_png_() == style._repr_png_()
    meta = next(path for path in library().glob("meta*.safetensors"))
    assert read_card(meta)._repr_png_() is None


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
