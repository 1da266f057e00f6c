"""Dense flow between small pictures."""

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from made_scenes import scene

from vidstyle.stream.patch_flow import PATCH, dense_flow


def textured(width: int, height: int, seed: int = 0) -> np.ndarray:
    """Luma with form of every size."""
    chance = np.random.default_rng(seed)
    layers = [cv2.GaussianBlur(chance.normal(size=(height, width)), (0, 0), sigma) * sigma for sigma in (1.5, 4, 12)]
    picture = sum(layers)
    return np.clip(128 + 40 * picture / picture.std(), 0, 255).astype(np.uint8)


def moved(picture: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """The picture that lies along a flow (2, H, W)."""
    down, across = np.mgrid[: picture.shape[0], : picture.shape[1]].astype(np.float32)
    x, y = across + flow[0], down + flow[1]
    return cv2.remap(picture, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)


def wavy(width: int, height: int, size: float) -> np.ndarray:
    """A smooth flow (2, H, W) of up to so many pixels, and a drift."""
    down, across = np.mgrid[:height, :width].astype(np.float32)
    x = size * np.sin(down / 31 + 1) * np.cos(across / 47) + 1.3
    y = size * np.cos(down / 43) * np.sin(across / 37 + 2) - 0.7
    return np.stack((x, y)).astype(np.float32)


def off(found: np.ndarray, flow: np.ndarray, margin: int = 12) -> float:
    """Mean endpoint error away from the border, pixels."""
    within = (slice(None), slice(margin, -margin), slice(margin, -margin))
    return float(np.hypot(*(found - flow)[within]).mean())


@pytest.mark.parametrize(("size", "worst"), [(0.0, 0.05), (1.0, 0.08), (4.0, 0.25)])
def test_a_smooth_flow_is_found(size: float, worst: float) -> None:
    before, flow = textured(320, 180), wavy(320, 180, size)
    assert off(dense_flow(moved(before, flow), before), flow) < worst


def test_it_is_no_further_off_than_opencvs_search_of_as_many_patches() -> None:
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    search.setFinestScale(0)
    search.setGradientDescentIterations(3)
    search.setPatchStride(3)
    search.setVariationalRefinementIterations(3)
    for seed in range(3):
        before, flow = textured(320, 180, seed), wavy(320, 180, 2.0)
        chance = np.random.default_rng(seed)
        now = np.clip(moved(before, flow) + chance.normal(scale=1.5, size=before.shape), 0, 255).astype(np.uint8)
        theirs = np.moveaxis(search.calc(now, before, np.zeros((180, 320, 2), np.float32)), 2, 0)
        assert off(dense_flow(now, before), flow) < 1.1 * off(theirs, flow)


def test_what_is_alike_stays() -> None:
    picture = textured(160, 90)
    assert np.abs(dense_flow(picture, picture)).max() < 0.01
    assert np.abs(dense_flow(np.full_like(picture, 9), np.full_like(picture, 9))).max() == 0


@pytest.mark.parametrize("size", [(24, 24), (PATCH, 40), (41, 33), (33, 41), (320, 9), (101, 57)], ids=str)
def test_any_size_has_a_flow(size: tuple[int, int]) -> None:
    picture = textured(size[0] + 4, size[1])
    now, before = np.ascontiguousarray(picture[:, 1:-3]), np.ascontiguousarray(picture[:, 2:-2])
    flow = dense_flow(now, before)
    assert flow.shape == (2, size[1], size[0])
    assert np.isfinite(flow).all()
    assert np.median(flow[0]) == pytest.approx(-1, abs=0.3)


@pytest.mark.parametrize(
    "shapes", [((7, 40), (7, 40)), ((40, 7), (40, 7)), ((0, 0), (0, 0)), ((40, 40), (40, 30))], ids=str
)
def test_pictures_that_no_patch_fits_are_refused(shapes: tuple[tuple[int, int], tuple[int, int]]) -> None:
    now, before = (np.zeros(shape, np.uint8) for shape in shapes)
    with pytest.raises(ValueError, match="8 pixels"):
        dense_flow(now, before)


def test_noise_and_unrelated_pictures_have_finite_flows() -> None:
    chance = np.random.default_rng(0)
    one, other = (chance.integers(0, 256, (90, 160), dtype=np.uint8) for _ in range(2))
    assert np.isfinite(dense_flow(one, other)).all()
    assert np.isfinite(dense_flow(scene(0)[..., 0], scene(1)[..., 0])).all()


def test_threads_do_not_mix_their_flows() -> None:
    pairs = [(textured(width, height, seed), textured(width, height, seed + 9)) for seed, (width, height) in
             enumerate([(160, 90), (120, 90), (161, 91), (64, 48)] * 3)]  # fmt: skip
    alone = [dense_flow(now, before) for now, before in pairs]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda pair: dense_flow(*pair), pairs))
    for one, other in zip(alone, together, strict=True):
        assert (one == other).all()
