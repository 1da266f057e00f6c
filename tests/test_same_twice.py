"""A style that is compiled anew paints the same file; another number of cores paints nearly the same; encoders too."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from made_scenes import landscape, view, with_disc
from media_files import make_video, psnr, read_video, repaint

from vidstyle.engines import openvino as engine

pytestmark = pytest.mark.slow

BOUND = 40
"""dB, of any frame; docs/reliability.md says so."""


def painted(clip: Path, out: Path, cores: Sequence[int]) -> bytes:
    """A file that a process on these cores has painted, which has found nothing compiled."""
    command = [sys.executable, "-m", "vidstyle", "restyle", str(clip), str(out), "--engine", "openvino", "-q"]
    environment = os.environ | {"XDG_CACHE_HOME": str(out.with_suffix(".cache"))}
    subprocess.run(command, check=True, env=environment, preexec_fn=lambda: os.sched_setaffinity(0, cores))
    return out.read_bytes()


@pytest.mark.skipif(not engine.is_usable(), reason="OpenVINO is not here")
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores cannot be chosen here")
def test_two_fresh_compilations_give_the_same_file_and_other_cores_nearly_the_same(tmp_path: Path) -> None:
    pictures = [with_disc(view(landscape(), 3 * n), 20 + 9 * n, 60, (230, 40, 40)) for n in range(12)]
    clip = make_video(tmp_path / "clip.mp4", pictures=pictures, times=range(12))
    cores = sorted(os.sched_getaffinity(0))
    first = painted(clip, tmp_path / "first.mp4", cores)
    assert painted(clip, tmp_path / "second.mp4", cores) == first
    painted(clip, tmp_path / "third.mp4", cores[:1])
    frames = zip(read_video(tmp_path / "first.mp4"), read_video(tmp_path / "third.mp4"), strict=True)
    assert min(psnr(one, other) for (_, one), (_, other) in frames) > BOUND


@pytest.fixture(scope="module")
def noisy_pan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of coarse squares that pass by, with noise, 320x176: encoders have all to do."""
    chance = np.random.default_rng(0)
    canvas = np.kron(chance.integers(0, 256, (60, 100, 3)), np.ones((8, 8, 1)))
    views = (canvas[n : n + 176, 3 * n : 3 * n + 320] for n in range(60))
    pictures = [np.clip(view + chance.integers(-12, 13, view.shape), 0, 255).astype(np.uint8) for view in views]
    return make_video(tmp_path_factory.mktemp("pan") / "pan.mp4", pictures=pictures, times=range(60))


@pytest.mark.parametrize(
    "options",
    [{}, {"codec": "h264", "bitrate": 400_000}, {"codec": "av1", "bitrate": 400_000}],
    ids=["quality", "h264-rate", "av1-rate"],
)
def test_encoders_write_the_same_file_every_time(options: dict[str, object], noisy_pan: Path, tmp_path: Path) -> None:
    outs = [tmp_path / f"{number}.mp4" for number in range(12)]
    for out in outs:
        repaint(noisy_pan, out, **options)
    assert len({out.read_bytes() for out in outs}) == 1


@pytest.mark.parametrize("suffix", [".mkv", ".webm", ".mov"])
def test_containers_are_the_same_every_time(suffix: str, noisy_pan: Path, tmp_path: Path) -> None:
    outs = [tmp_path / f"{number}{suffix}" for number in range(2)]
    for out in outs:
        repaint(noisy_pan, out, end=0.5)
    assert outs[0].read_bytes() == outs[1].read_bytes()
