"""Keys painted by optimisation, and a network that learns from keys."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Result
from made_scenes import landscape, view
from media_files import make_video
from training_material import write_perceptual_weights, write_picture

from vidstyle.keys.key_making import KeyFrame, paint_keys
from vidstyle.keys.learning import style_of_keys, train_on_pairs
from vidstyle.media.images import read_image
from vidstyle.nets.realtime import RealtimeNet
from vidstyle.painting.key_painting import OptimisedKeys
from vidstyle.painting.paint_settings import PaintSettings
from vidstyle.perception.tensors import to_pixels, to_tensor
from vidstyle.work_folders import NOTE

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]
Cli = Callable[..., Result]


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """A shot that moves, of small frames."""
    scenery = landscape(width=300)
    frames = [np.ascontiguousarray(view(scenery, 40 + 3 * n)[::2, ::2]) for n in range(8)]
    return make_video(tmp_path / "film.mkv", pictures=frames, times=range(8))


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A tiny perceptual network, and a picture to paint like."""
    write_perceptual_weights(tmp_path)
    write_picture(tmp_path / "style.png", 1)
    return tmp_path


class Watched:
    """Paints nothing; remembers what it was given."""

    settings = "none"

    def __init__(self) -> None:
        self.seen: list[KeyFrame] = []

    def paint_key(self, frame: KeyFrame) -> np.ndarray:
        self.seen.append(frame)
        return 255 - frame.pixels


def test_each_key_is_begun_with_the_one_before_carried_on(film: Path, tmp_path: Path) -> None:
    painter = Watched()
    # So much is to be covered that no frame can do without a key near by.
    found = paint_keys(film, tmp_path / "keys", painter, cover=0.99)
    assert len(found) > 1
    first, second = painter.seen[:2]
    assert first.carried is None
    assert second.carried is not None
    assert second.seen is not None
    middle = (slice(16, -16), slice(24, -24))
    assert np.abs(second.carried[middle].astype(int) - (255 - second.pixels)[middle]).mean() < 10
    assert second.seen[middle].mean() > 0.8
    # What has come in at the right has not been painted yet: there it begins with the frame.
    assert second.seen[:, -3:].mean() < 0.7


def test_painting_keys_goes_on_where_it_was_stopped(film: Path, tmp_path: Path) -> None:
    class StopError(Exception):
        pass

    def stop(done: int, _count: int) -> None:
        if done == 1:
            raise StopError

    folder, painter = tmp_path / "keys", Watched()
    with pytest.raises(StopError):
        paint_keys(film, folder, painter, cover=0.99, on_progress=stop)
    found = paint_keys(film, folder, painter, cover=0.99)
    assert len(painter.seen) == len(found)
    again = Watched()
    assert paint_keys(film, folder, again, cover=0.99) == found
    assert again.seen == []
    assert json.loads((folder / NOTE).read_text())["keys"] == found


@pytest.mark.slow
def test_keys_are_painted_by_optimisation(
    run_cli: Cli, film: Path, weights: Path, style_file: Path, tmp_path: Path
) -> None:
    command = (
        "restyle",
        film,
        tmp_path / "out.mkv",
        "--keys",
        f"paint:{weights / 'style.png'}",
        "--learn",
        0,
        "--cover",
        0.6,
    )
    perceptual = ("--perceptual", "vgg19-hybrid", "--perceptual-weights", weights, "--paint-steps", 2)
    result = run_cli(*command, *perceptual)
    assert result.code == 0, result.err
    keys = sorted((tmp_path / "out.mkv.keys").glob("*.png"))
    assert len(keys) >= 1
    assert f"{len(keys)} of {len(keys)} keys are painted" in result.err
    # Another style is another painting.
    write_picture(weights / "style.png", 2)
    (tmp_path / "out.mkv").unlink()
    assert run_cli(*command, *perceptual).code == 2


def test_a_key_that_starts_from_another_takes_fewer_steps_and_is_held_to_it(weights: Path) -> None:
    taken: list[int] = []
    settings = PaintSettings(perceptual="vgg19-hybrid", perceptual_weights=weights, steps=20)
    painter = OptimisedKeys([weights / "style.png"], settings, lambda progress: taken.append(progress.steps))
    # Of two scales.
    frame = view(landscape(), 40)
    first = painter.paint_key(KeyFrame(frame, None, None, 0.0))
    alone = taken[-1]
    held, free = (
        painter.paint_key(KeyFrame(frame, first, np.full(frame.shape[:2], share, np.float32), 0.5)) for share in (1, 0)
    )
    assert first.shape == held.shape == frame.shape
    # What has come into sight is painted from coarse to fine, like the first.
    steps = list(dict.fromkeys(taken))
    assert steps[1] < steps[2] < steps[0] == alone
    change = [float(np.abs(first.astype(int) - other).mean()) for other in (held, free)]
    assert change[0] < change[1]


def test_there_is_no_picture_to_paint_like(refused: Callable[..., str], film: Path, tmp_path: Path) -> None:
    assert "there is no picture" in refused("restyle", film, tmp_path / "out.mp4", "--keys", "paint:nowhere.jpg")


@pytest.mark.slow
def test_a_network_learns_to_paint_like_keys(tmp_path: Path) -> None:
    import torch

    torch.manual_seed(0)
    network = RealtimeNet(channels=16, blocks=1)
    frame = view(landscape(), 40)
    # Red where it was bright, blue where it was dark.
    luma = frame.mean(-1, keepdims=True) / 255
    key = np.rint(luma * (220, 40, 30) + (1 - luma) * (20, 40, 160)).astype(np.uint8)
    train_on_pairs(network, [(frame, key, None)], steps=45, seconds=60)
    with torch.inference_mode():
        painted = to_pixels(network(to_tensor(frame)[None])[0])
    assert np.abs(painted.astype(int) - key).mean() < 0.6 * np.abs(frame.astype(int) - key).mean()


def test_what_is_transparent_is_not_learnt(tmp_path: Path) -> None:
    from vidstyle.keys.learning import _Material

    frame = np.zeros((192, 384, 3), np.uint8)
    key = frame.copy()
    key[:, 192:] = 255
    alpha = np.zeros((192, 384), np.uint8)
    alpha[:, 192:] = 255
    import random

    rng = random.Random(0)
    material = _Material(RealtimeNet(channels=16, blocks=1), frame, key, alpha)
    shares = [float(material.patch(rng)[1].mean()) for _ in range(8)]
    assert min(shares) > 0.8


@pytest.mark.usefixtures("few_steps")
def test_without_time_to_learn_it_is_the_style_of_a_key(tmp_path: Path) -> None:
    write_picture(tmp_path / "000000.png", 1)
    key = read_image(tmp_path / "000000.png")
    style = style_of_keys([(key, key, None)], 0.0, tmp_path / "000000.png")
    assert isinstance(style.network, RealtimeNet)
