"""The benchmark: what it reports, not how fast anything is."""

from itertools import pairwise
from pathlib import Path

import av
import pytest
from PIL import Image

from vidstyle import InputError
from vidstyle.bench import Bench, make_clip, plot


@pytest.fixture(scope="module")
def result() -> dict[str, object]:
    with Bench("starry_night", (96, 64), device="cpu", engine="torch", frames=16) as bench:
        return bench.run(rounds=1)


def test_every_stage_and_both_networks_are_measured(result: dict[str, object]) -> None:
    for stage in ("decode", "network", "encode"):
        for figure in (f"{stage}_ms", f"{stage}_cpu_ms"):
            assert isinstance(result[figure], float)
            assert result[figure] > 0
    whole = ("end_to_end_fps", "steady_end_to_end_fps", "johnson_end_to_end_fps", "plain_loop_fps", "transcode_fps")
    for figure in (*whole, "network_fps", "peak_memory_mb"):
        assert isinstance(result[figure], float)
        assert result[figure] > 0


def test_ratios_follow_from_the_figures(result: dict[str, float]) -> None:
    assert result["speedup"] == pytest.approx(result["end_to_end_fps"] / result["johnson_end_to_end_fps"], rel=0.01)
    stages = ("decode", "network", "encode")
    cpu = sum(result[f"{s}_cpu_ms"] for s in stages) / result["cores"]
    bound = max(cpu, *(result[f"{s}_ms"] for s in stages))
    assert result["bound_ms"] == pytest.approx(bound, rel=0.01)
    assert result["overhead"] == pytest.approx(1000 / result["end_to_end_fps"] / bound - 1, abs=0.01)


def test_every_stage_works_a_share_of_the_time(result: dict[str, float]) -> None:
    shares = [result[f"{stage}_busy"] for stage in ("decode", "network", "encode")]
    assert all(0 < share <= 1.01 for share in shares)


def test_the_plain_loop_is_what_the_whole_is_held_against(result: dict[str, float]) -> None:
    ratio = result["end_to_end_fps"] / result["plain_loop_fps"]
    assert result["plain_loop_speedup"] == pytest.approx(ratio, rel=0.01)


def test_figures_are_drawn(result: dict[str, object], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    plot(result, tmp_path / "bench.png")
    with Image.open(tmp_path / "bench.png") as picture:
        assert picture.format == "PNG"
        assert len(picture.convert("RGB").getcolors(1 << 20) or []) > 10
    with pytest.raises(InputError, match=r"--plot \S+: cannot be written"):
        plot(result, tmp_path / "missing" / "bench.png")


def test_the_result_names_what_was_measured(result: dict[str, object]) -> None:
    named = ("style", "width", "height", "device", "engine", "rounds")
    assert [result[key] for key in named] == ["starry_night", 96, 64, "cpu", "torch_cpu", 1]


def test_the_clip_moves_in_every_frame(tmp_path: Path) -> None:
    make_clip(tmp_path / "clip.mp4", (96, 64), 10)
    with av.open(str(tmp_path / "clip.mp4")) as container:
        frames = [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]
    assert len(frames) == 10
    assert all(abs(a - b).mean() > 1 for a, b in pairwise(frames))
