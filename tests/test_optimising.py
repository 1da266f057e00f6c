"""Paintings brought nearer to their picture, and what a style file knows of it."""

import dataclasses
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Result
from made_scenes import landscape, to_planes
from media_files import make_video, read_video
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

import vidstyle
from vidstyle.engines import Engine, make_engine, paint_one
from vidstyle.engines.optimising import OptimisingEngine
from vidstyle.engines.picture_gradient import (
    CONTENT,
    CONTENT_LAYER,
    RANGE,
    SMOOTHNESS,
    STYLE,
    PictureGradient,
)
from vidstyle.engines.step_sizes import MOST_PIXELS
from vidstyle.errors import InputError
from vidstyle.media.device_pixels import DevicePixels
from vidstyle.media.frame import MATRIX_BT709, MATRIX_SMPTE170M, Color, Frame
from vidstyle.perception import losses
from vidstyle.perception.features import Embedded
from vidstyle.perception.style_grams import LAYERS, Grams, gram_shapes, grams_of, own_network
from vidstyle.perception.tensors import to_tensor
from vidstyle.steps import Steps
from vidstyle.style_files import GRAMS, StyleCard, load_style_file, read_card, save_style
from vidstyle.styles import list_styles, load_style, write_style_of

VIDEO = Color(MATRIX_SMPTE170M)


class Still(Engine):
    """Paints nothing: what it is given is what it gives."""

    name, device, depth = "still", "cpu", 2

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.closed = False

    def submit(self, frame: Frame) -> None:
        self.frames.append(frame)

    def result(self) -> Frame:
        return self.frames.pop(0)

    def close(self) -> None:
        self.closed = True


@pytest.fixture(scope="module")
def picture() -> Tensor:
    """A style's picture: broad stripes in two colours."""
    rows = np.arange(96)[:, None] // 8 % 2
    columns = np.arange(128)[None] // 16 % 2
    stripes = np.where((rows ^ columns)[..., None] == 1, np.uint8([230, 120, 30]), np.uint8([20, 40, 120]))
    return to_tensor(np.ascontiguousarray(stripes))[None]


@pytest.fixture(scope="module")
def grams(picture: Tensor) -> Grams:
    return grams_of(picture)


@pytest.fixture
def known_style(style_file: Path, grams: Grams, tmp_path: Path) -> Path:
    """A style that knows its picture."""
    path = tmp_path / "known.safetensors"
    style = load_style_file(style_file)
    save_style(path, style.network, style.card, grams)
    return path


def frame_of(size: tuple[int, int] = (64, 48)) -> np.ndarray:
    return np.ascontiguousarray(landscape(3)[: size[1], : size[0]])


def picture_distance(grams: Grams, features: dict[str, Tensor | Embedded]) -> Tensor:
    """The mean of |G - A| / |A| over LAYERS, of features as the perceptual network that ships has them."""
    found = []
    for layer, weight in LAYERS.items():
        seen = features[layer]
        assert isinstance(seen, Embedded)
        root = seen.root.float()
        gram, target = (
            root @ g @ root.T for g in (losses.gram_matrix(seen.narrow), torch.from_numpy(grams[layer])[None])
        )
        found.append(weight * losses.gram_distance(gram, target))
    return torch.stack(found).sum() / sum(LAYERS.values())


@torch.no_grad()
def distance(grams: Grams, rgb: np.ndarray) -> float:
    features = own_network().compact(to_tensor(rgb)[None], LAYERS)
    return float(picture_distance(grams, features))


def as_rgb(planes: np.ndarray, color: Color) -> np.ndarray:
    """By PyAV, whose conversion is not ours."""
    import av

    frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
    matrix = "ITU709" if color.matrix == MATRIX_BT709 else "ITU601"
    return frame.to_ndarray(
        format="rgb24", src_colorspace=matrix, src_color_range="JPEG" if color.full_range else "MPEG"
    )


def test_a_picture_is_at_no_distance_from_itself(picture: Tensor, grams: Grams) -> None:
    with torch.no_grad():
        found = picture_distance(grams, own_network().compact(picture, LAYERS))
    assert float(found) < 0.001
    assert distance(grams, frame_of((128, 96))) > 0.3


def test_shapes_are_those_that_the_network_has(grams: Grams) -> None:
    assert {layer: tuple(gram.shape) for layer, gram in grams.items()} == gram_shapes()


def test_several_pictures_count_alike(picture: Tensor, grams: Grams) -> None:
    other = to_tensor(frame_of())[None]
    mean = grams_of(picture, other)
    for layer, gram in grams_of(other).items():
        torch.testing.assert_close(mean[layer], (gram + grams[layer]) / 2)


@pytest.mark.parametrize("color", [None, VIDEO, Color(MATRIX_BT709), Color(MATRIX_BT709, full_range=True)])
def test_each_step_brings_a_painting_nearer(grams: Grams, color: Color | None) -> None:
    frame = frame_of((128, 96))
    pixels = frame if color is None else to_planes(frame)
    before, kept = pixels.copy(), distance(grams, frame if color is None else as_rgb(pixels, color))
    distances = [kept]
    for steps in (2, 8, 24):
        painted = paint_one(OptimisingEngine(Still(), grams, Steps.all_over(steps), color), pixels)
        assert painted.shape == pixels.shape
        assert painted.dtype == np.uint8
        distances.append(distance(grams, painted if color is None else as_rgb(painted, color)))
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 0.92 * kept
    assert (pixels == before).all()


@pytest.mark.parametrize(("full_range", "low", "high"), [(False, 16, 235), (True, 0, 255)])
def test_planes_stay_within_their_range(grams: Grams, full_range: bool, low: int, high: int) -> None:
    pixels = to_planes(np.full((48, 64, 3), 255, np.uint8))
    pixels[:48] = np.where(np.arange(64) < 32, low, high)
    painted = paint_one(OptimisingEngine(Still(), grams, Steps.all_over(12), Color(full_range=full_range)), pixels)
    assert painted[:48].min() >= low
    assert painted[:48].max() <= high
    assert (painted != pixels).any()


def test_the_same_frame_gives_the_same_painting(grams: Grams) -> None:
    one, other = (OptimisingEngine(Still(), grams, Steps.all_over(3), None) for _ in range(2))
    first = paint_one(one, frame_of())
    assert (paint_one(one, frame_of((32, 32))) != first[:32, :32]).any()
    assert (paint_one(one, frame_of()) == first).all()
    assert (paint_one(other, frame_of()) == first).all()


def test_the_gradient_is_that_of_the_loss(grams: Grams) -> None:
    gradient, network = PictureGradient(), own_network()
    source = to_tensor(np.ascontiguousarray(landscape(4, 240, 224)))[None]
    picture = (to_tensor(np.ascontiguousarray(landscape(7, 240, 224)))[None] * 1.2 - 0.1).requires_grad_()
    seen = network.compact(picture, LAYERS)
    with torch.no_grad():
        content = network.compact(source, [CONTENT_LAYER])[CONTENT_LAYER]
    loss = (
        STYLE * picture_distance(grams, seen)
        + CONTENT * losses.normalised_content_loss(seen[CONTENT_LAYER], content)
        + SMOOTHNESS * losses.total_variation(picture)
        + RANGE * losses.range_loss(picture)
    )
    (expected,) = torch.autograd.grad(loss, picture)
    with torch.no_grad():
        found = gradient(picture, gradient.content(source), *map(torch.from_numpy, grams.values()))
    # What is mirrored at the border has no share; relu5_1 sees 78 pixels each way.
    middle = (..., slice(80, -80), slice(80, -80))
    assert (found - expected)[middle].square().mean() < 1e-4 * expected[middle].square().mean()
    assert (found - expected).square().mean() < 0.1 * expected.square().mean()


def test_what_is_compiled_comes_as_near(grams: Grams) -> None:
    pytest.importorskip("openvino")
    for color in (None, VIDEO):
        pixels = frame_of((96, 64)) if color is None else to_planes(frame_of((96, 64)))
        paintings = [
            paint_one(OptimisingEngine(Still(), grams, Steps.all_over(6), color, compiled=compiled), pixels)
            for compiled in (False, True, True)
        ]
        found = [distance(grams, one if color is None else as_rgb(one, color)) for one in (pixels, *paintings)]
        assert found[2] < found[0]
        assert found[2] - found[1] < 0.1 * (found[0] - found[1])
        assert (paintings[1] == paintings[2]).all()


def test_the_same_film_gives_the_same_file(known_style: Path, tmp_path: Path) -> None:
    source = make_video(tmp_path / "film.mkv", pictures=[frame_of((96, 64))] * 3, times=(0, 1, 2))
    for name in ("one.mp4", "other.mp4"):
        vidstyle.restyle(source, tmp_path / name, style=known_style, optimise=3)
    assert (tmp_path / "one.mp4").read_bytes() == (tmp_path / "other.mp4").read_bytes()


def test_frames_in_flight_each_have_their_own_source(grams: Grams) -> None:
    frames = [frame_of(), np.ascontiguousarray(frame_of()[::-1])]
    engine = OptimisingEngine(Still(), grams, Steps.all_over(2), None)
    alone = [paint_one(engine, frame) for frame in frames]
    for index, frame in enumerate(frames):
        engine.submit(Frame(frame, index, Fraction(1)))
    for index, expected in enumerate(alone):
        result = engine.result()
        assert result.pts == index
        assert (result.pixels == expected).all()


def test_from_paint_that_is_there_a_fifth_of_the_steps_do(grams: Grams) -> None:
    frame, paint = frame_of(), np.ascontiguousarray(frame_of()[:, ::-1])
    few, many = (OptimisingEngine(Still(), grams, Steps.all_over(steps), None) for steps in (5, 10))
    few.submit_from(Frame(frame, 0, Fraction(1)), lambda painted: painted)
    alone = few.result().pixels
    assert (paint_one(OptimisingEngine(Still(), grams, Steps.all_over(1), None), frame) == alone).all()
    many.submit_from(Frame(frame, 0, Fraction(1)), lambda painted: np.where(painted == frame, paint, 0))
    found = many.result().pixels
    assert np.abs(found.astype(int) - paint).mean() < 0.5 * np.abs(found.astype(int) - frame).mean()
    # Two steps, towards the content of the frame.
    assert (found != paint).any()
    assert many.warm_starts


def test_odd_sides_and_small_ones(grams: Grams) -> None:
    for size in ((17, 33), (16, 16), (61, 19)):
        painted = paint_one(OptimisingEngine(Still(), grams, Steps.all_over(2), None), frame_of(size))
        assert painted.shape == (size[1], size[0], 3)


def test_what_is_on_a_device_stays_there(grams: Grams) -> None:
    pixels = DevicePixels(torch.from_numpy(frame_of()))
    painted = paint_one(OptimisingEngine(Still(), grams, Steps.all_over(2), None), pixels)
    assert isinstance(painted, DevicePixels)
    assert (painted.array() == paint_one(OptimisingEngine(Still(), grams, Steps.all_over(2), None), frame_of())).all()


def test_it_is_the_engine_within_to_others(grams: Grams) -> None:
    inner = Still()
    engine = OptimisingEngine(inner, grams, Steps.all_over(1), None)
    inner.compiling = True
    assert (engine.name, engine.device, engine.depth, engine.compiling) == ("still", "cpu", 2, True)
    engine.close()
    assert inner.closed


def test_what_would_take_all_memory_is_refused(grams: Grams) -> None:
    width = MOST_PIXELS // 2 + 2
    for color, shape in ((None, (2, width, 3)), (VIDEO, (3, width))):
        engine = OptimisingEngine(Still(), grams, Steps.all_over(1), color)
        with pytest.raises(InputError, match=f"a painting of {width}x2 is too large for it"):
            engine.submit(Frame(np.zeros(shape, np.uint8), 0, Fraction(1)))
        small = frame_of() if color is None else to_planes(frame_of())
        assert paint_one(engine, small).shape == small.shape


def test_what_others_ask_of_torch_changes_nothing(grams: Grams, one_thread: None) -> None:
    engine, found = OptimisingEngine(Still(), grams, Steps.all_over(3), None), []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        # As the queue does, in a thread that begins later.
        with ThreadPoolExecutor(1) as pool:
            found.append(pool.submit(paint_one, engine, frame_of((160, 96))).result())
    assert (found[0] == found[1]).all()


def test_what_is_refused_is_no_plan(known_style: Path, tmp_path: Path, run_cli: Callable[..., Result]) -> None:
    source = make_video(tmp_path / "film.mkv", pictures=[landscape(3, 640, 360)] * 3, times=(0, 1, 2))
    wanted = ("--style", known_style, "--optimise", 2, "--stroke-size", 0.25, "--out", tmp_path / "out")
    planned = run_cli("restyle", source, *wanted, "--dry-run", "--json")
    assert planned.code == 1
    assert "is too large for it" in planned.out


def test_a_style_file_keeps_what_it_knows_of_its_picture(known_style: Path, style_file: Path, grams: Grams) -> None:
    for style in (load_style_file(known_style), load_style(known_style, lazy=True)):
        assert set(style.grams) == set(LAYERS)
        for layer, gram in grams.items():
            torch.testing.assert_close(style.grams[layer], gram, rtol=1e-3, atol=1e-6)
        assert style.network.state_dict().keys() == load_style_file(style_file).network.state_dict().keys()
    assert read_card(known_style).parameters == read_card(style_file).parameters
    assert load_style(style_file, lazy=True).grams == {}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({f"{GRAMS}relu1_1": torch.zeros(3, 3)}, "tensor picture.relu1_1 is (3, 3), not (17, 17)"),
        ({f"{GRAMS}relu9_1": torch.zeros(3, 3)}, "tensor picture.relu9_1 is unknown"),
        ({f"{GRAMS}relu5_1": None}, "tensor picture.relu5_1 is missing"),
        ({f"{GRAMS}relu1_1": torch.full((17, 17), torch.nan)}, "not finite"),
        ({f"{GRAMS}relu1_1": torch.zeros(17, 17, dtype=torch.int32)}, "not floating-point"),
        ({f"{GRAMS}relu1_1": torch.zeros(17, 17)}, "picture.relu1_1 is no Gram matrix"),
        ({f"{GRAMS}relu1_1": torch.full((17, 17), 3e38)}, "picture.relu1_1 is no Gram matrix"),
        ({f"{GRAMS}relu1_1": torch.ones(17, 17).triu()}, "picture.relu1_1 is no Gram matrix"),
    ],
)
@pytest.mark.parametrize("lazy", [False, True])
def test_a_file_that_knows_something_else_is_refused(
    known_style: Path, change: dict[str, Tensor | None], said: str, lazy: bool
) -> None:
    tensors = {name: t for name, t in (load_file(known_style) | change).items() if t is not None}
    with safe_open(known_style, "pt") as file:
        metadata = file.metadata()
    save_file(tensors, known_style, metadata)
    with pytest.raises(InputError) as caught:
        load_style(known_style, lazy=lazy).network  # noqa: B018
    assert str(caught.value).startswith(f"{known_style}: ")
    assert said in str(caught.value)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64, torch.bfloat16])
def test_what_a_file_knows_may_be_in_any_precision(known_style: Path, grams: Grams, dtype: torch.dtype) -> None:
    with safe_open(known_style, "pt") as file:
        metadata = file.metadata()
    tensors = {name: t.to(dtype) if name.startswith(GRAMS) else t for name, t in load_file(known_style).items()}
    save_file(tensors, known_style, metadata)
    for layer, gram in load_style(known_style, lazy=True).grams.items():
        assert gram.dtype == np.float32
        np.testing.assert_allclose(gram, grams[layer], rtol=1e-2, atol=1e-5)


def test_a_mix_lies_between_its_pictures(known_style: Path, style_file: Path, grams: Grams, tmp_path: Path) -> None:
    style = load_style_file(style_file)
    other = grams_of(to_tensor(frame_of())[None])
    save_style(tmp_path / "other.safetensors", style.network, style.card, other)
    mixed = load_style(f"{known_style}:0.25,{tmp_path / 'other.safetensors'}:0.75")
    for layer, gram in mixed.grams.items():
        torch.testing.assert_close(gram, 0.25 * grams[layer] + 0.75 * other[layer], rtol=2e-3, atol=1e-6)
    assert load_style(f"{known_style}:0.25,{style_file}:0.75").grams == {}


def test_a_style_of_a_picture_knows_it(few_steps: None, tmp_path: Path) -> None:
    shown, other = (np.ascontiguousarray(landscape(seed, 480, 360)) for seed in (3, 5))
    Image.fromarray(shown).save(tmp_path / "shown.png")
    for stroke_size, near in ((1, 0.01), (2, 0.7)):
        out = tmp_path / f"{stroke_size}.safetensors"
        grams = load_style(write_style_of(tmp_path / "shown.png", out, stroke_size=stroke_size).path).grams
        assert distance(grams, shown) < near
        assert distance(grams, shown) < distance(grams, other)


def test_all_styles_that_ship_know_their_pictures() -> None:
    for card in list_styles():
        assert set(load_style(card.path).grams) == set(LAYERS), card.name


def test_a_film_is_brought_nearer(tmp_path: Path) -> None:
    source = make_video(tmp_path / "film.mkv", pictures=[frame_of((96, 64))] * 4, times=(0, 1, 2, 3))
    grams, distances = load_style("starry_night").grams, []
    for steps in (0, 8):
        output = tmp_path / f"{steps}.mkv"
        vidstyle.restyle(source, output, style="starry_night", codec="ffv1", optimise=steps)
        distances.append(np.mean([distance(grams, pixels) for _, pixels in read_video(output)]))
    assert distances[1] < 0.8 * distances[0]


def test_a_picture_is_brought_nearer(tmp_path: Path) -> None:
    Image.fromarray(frame_of((96, 64))).save(tmp_path / "photo.png")
    grams, distances = load_style("starry_night").grams, []
    for steps in (0, 8):
        vidstyle.restyle(tmp_path / "photo.png", tmp_path / f"{steps}.png", style="starry_night", optimise=steps)
        distances.append(distance(grams, np.array(Image.open(tmp_path / f"{steps}.png"))))
    assert distances[1] < 0.8 * distances[0]


def test_a_style_of_before_is_refused(style_file: Path, clip: Path, refused: Callable[..., str]) -> None:
    said = refused("restyle", clip, clip.with_name("out.mkv"), "--style", style_file, "--optimise", "4")
    assert "--optimise: noise does not know its picture" in said


def test_keys_are_painted_already(clip: Path, tmp_path: Path, refused: Callable[..., str]) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    said = refused("restyle", clip, tmp_path / "out.mkv", "--keys", keys, "--optimise", "4")
    assert "--optimise: is for what styles paint" in said


def test_steps_have_bounds(known_style: Path, clip: Path, run_cli: Callable[..., Result]) -> None:
    for steps in ("-1", "201", "x"):
        result = run_cli("restyle", clip, clip.with_name("o.mkv"), "--style", known_style, "--optimise", steps)
        assert result.code == 2, steps
        assert "optimise" in result.err


@pytest.mark.gpu
def test_a_gpu_comes_as_near(known_style: Path, grams: Grams) -> None:
    network = load_style(known_style).network
    found = []
    for device in ("cpu", "cuda:0"):
        engine = OptimisingEngine(make_engine(network, device, planes=VIDEO), grams, Steps.all_over(8), VIDEO)
        found.append(distance(grams, as_rgb(paint_one(engine, to_planes(frame_of((128, 96)))), VIDEO)))
        engine.close()
    assert found[1] == pytest.approx(found[0], rel=0.1)


def test_cards_are_equal_whatever_is_known(known_style: Path) -> None:
    style = load_style_file(known_style)
    assert dataclasses.replace(style, grams={}) == style
    assert isinstance(style.card, StyleCard)
