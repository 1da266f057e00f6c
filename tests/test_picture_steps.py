"""What a step of optimisation is made of: pixels to RGB and back, and Adam."""

import numpy as np
import pytest
import torch
from made_scenes import landscape, to_planes

from vidstyle.engines.compiled_steps import PARTS, CompiledSteps
from vidstyle.engines.optimising import BETAS
from vidstyle.engines.picture_steps import Moved, Pixels, Rgb, TorchSteps, step_module
from vidstyle.engines.step_sizes import LEAST_SIDE, fits, padded_size
from vidstyle.media.frame import MATRIX_BT709, Color
from vidstyle.perception.style_grams import LAYERS, gram_shapes


@pytest.mark.parametrize("color", [None, Color(), Color(MATRIX_BT709), Color(MATRIX_BT709, full_range=True)])
@pytest.mark.parametrize("size", [(96, 64), (32, 24), (34, 130)])
def test_pixels_come_back_as_they_were(color: Color | None, size: tuple[int, int]) -> None:
    rgb = np.ascontiguousarray(landscape(3, 320, 180)[: size[1], : size[0]])
    # Within what RGB can show.
    pixels = rgb if color is None else to_planes(rgb // 2 + 64)
    shape = pixels.shape
    picture = Rgb(color, shape)(torch.from_numpy(pixels))
    assert picture.shape == (1, 3, *padded_size(shape, color))
    assert min(picture.shape[2:]) >= LEAST_SIDE
    back = Pixels(color, shape)(picture).numpy()
    assert back.shape == shape
    assert back.dtype == np.uint8
    # Chroma is enlarged and shrunk again.
    height = size[1]
    assert np.abs(back.astype(int) - pixels)[:height].max() <= (0 if color is None else 1)
    assert np.abs(back.astype(int) - pixels).mean() < 1


def test_a_step_is_adams() -> None:
    theirs = torch.rand(1, 3, 8, 8, requires_grad=True)
    ours, means, squares = theirs.detach().clone(), torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 8)
    adam = torch.optim.Adam([theirs], lr=0.1, betas=BETAS)
    for number in range(1, 5):
        gradient = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(number))
        theirs.grad = gradient.clone()
        adam.step()
        numbers = torch.tensor([0.1, *(1 - beta**number for beta in BETAS)])
        ours, means, squares = Moved()(ours, gradient, means, squares, numbers)
        torch.testing.assert_close(ours, theirs.detach())


@pytest.mark.parametrize("name", PARTS)
def test_each_part_takes_what_it_is_compiled_for(name: str) -> None:
    for color, shape in ((None, (48, 64, 3)), (Color(), (72, 64))):
        module, inputs = step_module(name, color, shape)
        with torch.no_grad():
            found = module(*inputs)
        assert len(found if isinstance(found, tuple) else (found,)) == (3 if name == "moved" else 1)


@pytest.mark.parametrize("color", [None, Color()])
def test_what_is_compiled_computes_the_same(color: Color | None) -> None:
    pytest.importorskip("openvino")
    rgb = np.ascontiguousarray(landscape(3, 320, 180)[:64, :96])
    pixels = rgb if color is None else to_planes(rgb)
    shape, size = pixels.shape, padded_size(pixels.shape, color)
    steps = CompiledSteps(color, 1)
    steps.prepare(shape)
    assert steps.is_compiled(shape)
    picture = Rgb(color, shape)(torch.from_numpy(pixels))
    np.testing.assert_allclose(steps.compute("rgb", shape, pixels), picture.numpy(), atol=1e-5)
    assert np.abs(steps.compute("pixels", shape, picture.numpy()).astype(int) - pixels).mean() < 1
    numbers = steps.numbers(0.01, 0.4, 0.01)
    state = [np.random.default_rng(seed).normal(size=(1, 3, *size)).astype(np.float32) for seed in range(4)]
    state[3] = np.square(state[3])
    expected = Moved()(*map(torch.from_numpy, state), torch.from_numpy(numbers))
    for found, wanted in zip(steps.compute("moved", shape, *state, numbers), expected, strict=True):
        np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-4, atol=1e-4)


def test_torch_goes_over_from_size_to_size() -> None:
    steps = TorchSteps(None, "cpu", 1)
    for side in (48, 64, 48):
        pixels = np.zeros((side, side, 3), np.uint8)
        assert steps.compute("rgb", pixels.shape, steps.taken(pixels)).shape == (1, 3, side, side)


def test_targets_come_in_the_order_of_layers() -> None:
    grams = {layer: np.full(shape, number, np.float32) for number, (layer, shape) in enumerate(gram_shapes().items())}
    shuffled = dict(reversed(grams.items()))
    assert [int(target[0, 0]) for target in TorchSteps(None, "cpu", 1).targets(shuffled)] == list(range(len(LAYERS)))


def test_what_is_too_large() -> None:
    assert fits((1000, 2000, 3), None)
    assert fits((1500, 2000), Color())
    assert not fits((1001, 2000, 3), None)
