"""The benchmark: what it reports, not how fast anything is."""

import subprocess
import sys
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import fake_cuda
import numpy as np
import pytest
from media_files import colorful_picture
from PIL import Image

from vidstyle import InputError
from vidstyle.bench import growth, limits
from vidstyle.bench.carrying import measure_carrying
from vidstyle.bench.energy import EnergyMeter
from vidstyle.bench.runs import peak_memory
from vidstyle.bench.sample_clip import make_clip
from vidstyle.bench.stages import Bench, plot_stages
from vidstyle.engines.cuda import CudaEngine, Span
from vidstyle.media.frame import Frame
from vidstyle.nets import build_network

pytestmark = pytest.mark.slow


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
    carrying = ("paintings_per_frame", "flow_ms", "memory_ms")
    for figure in (*whole, *carrying, "network_fps", "peak_memory_mb"):
        assert isinstance(result[figure], float)
        assert result[figure] > 0
    assert result["paintings_per_frame"] < 0.6
    assert result["lift_ms"] < 0.1, "such small frames are painted as they are"


def test_ratios_follow_from_the_figures(result: dict[str, float]) -> None:
    assert result["speedup"] == pytest.approx(result["end_to_end_fps"] / result["johnson_end_to_end_fps"], rel=0.01)
    stages = ("decode", "network", "encode")
    cpu = (result["lift_ms"] + sum(result[f"{s}_cpu_ms"] for s in stages)) / result["cores"]
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
    plot_stages(result, tmp_path / "bench.png")
    with Image.open(tmp_path / "bench.png") as picture:
        assert picture.format == "PNG"
        assert len(picture.convert("RGB").getcolors(1 << 20) or []) > 10
    with pytest.raises(InputError, match=r"plot=\S+: cannot be written"):
        plot_stages(result, tmp_path / "missing" / "bench.png")


def test_the_result_names_what_was_measured(result: dict[str, object]) -> None:
    named = ("style", "width", "height", "device", "engine", "rounds")
    assert [result[key] for key in named] == ["starry_night", 96, 64, "cpu", "torch_cpu", 1]


def test_the_clip_moves_in_every_frame(tmp_path: Path) -> None:
    make_clip(tmp_path / "clip.mp4", (96, 64), 10)
    with av.open(str(tmp_path / "clip.mp4")) as container:
        frames = [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]
    assert len(frames) == 10
    assert all(abs(a - b).mean() > 1 for a, b in pairwise(frames))


# --- how cost grows


@pytest.fixture(scope="module")
def costs(style_file: Path) -> dict[str, list[dict[str, float]]]:
    return growth.measure_growth(str(style_file), device="cpu", engine="torch", sizes=[(96, 64)], lengths=[12])


def test_every_size_and_length_is_a_run_of_its_own(costs: dict[str, list[dict[str, float]]]) -> None:
    rows = [*costs["sizes"], *costs["lengths"]]
    assert [(row["width"], row["height"], row["frames"]) for row in rows] == [(96, 64, 128), (320, 180, 12)]
    assert all(row["ms"] > 0 and row["cpu_ms"] > 0 and row["peak_memory_mb"] > 50 for row in rows)
    assert all(row["flow_ms"] > 0 and row["memory_ms"] > 0 and 0 < row["paintings_per_frame"] < 0.6 for row in rows)


def test_growth_is_drawn(costs: dict[str, list[dict[str, float]]], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    growth.plot_growth(costs, tmp_path / "growth.png")
    with Image.open(tmp_path / "growth.png") as picture:
        assert picture.size == (1000, 400)
        assert len(picture.convert("RGB").getcolors(1 << 20) or []) > 10
    with pytest.raises(InputError, match=r"growth=\S+: cannot be written"):
        growth.plot_growth(costs, tmp_path / "missing" / "growth.png")


def test_large_frames_are_lifted_and_that_has_a_price() -> None:
    def frames(width: int, height: int) -> list[Frame]:
        return [Frame(colorful_picture(n, width, height), n, Fraction(1, 25)) for n in range(4)]

    small, large = (measure_carrying(frames(*size)) for size in ((64, 48), (1280, 720)))
    assert small["lift_ms"] < 0.1 < large["lift_ms"]


# --- energy


def test_energy_is_what_the_processors_have_counted_since(tmp_path: Path) -> None:
    # A processor, a part of it, another processor, and something else.
    for zone, count in {"intel-rapl:0": 5, "intel-rapl:0:0": 4, "intel-rapl:1": 990, "dtpm": 1}.items():
        (tmp_path / zone).mkdir()
        (tmp_path / zone / "energy_uj").write_text(f"{count}000000\n")
        (tmp_path / zone / "max_energy_range_uj").write_text("1000000000\n")
    meter = EnergyMeter(tmp_path)
    assert meter.joules() == 0
    (tmp_path / "intel-rapl:0" / "energy_uj").write_text("8000000\n")
    assert meter.joules() == pytest.approx(3)
    # This one starts again after 1,000 J.
    (tmp_path / "intel-rapl:1" / "energy_uj").write_text("20000000\n")
    assert meter.joules() == pytest.approx(33)
    (tmp_path / "intel-rapl:0" / "energy_uj").unlink()
    assert meter.joules() is None


def test_nobody_counts_energy_here(tmp_path: Path) -> None:
    assert EnergyMeter(tmp_path / "missing").joules() is None
    assert EnergyMeter(tmp_path).joules() is None


# --- what bounds a GPU


def test_the_limits_are_measured_one_by_one_and_together(monkeypatch: pytest.MonkeyPatch, one_thread: None) -> None:
    fake_cuda.install(monkeypatch)
    network = build_network("realtime", {"channels": 16, "blocks": 1}).eval()
    engine = CudaEngine(network, "cpu", timeline=True)
    frames = [Frame(colorful_picture(n), n, Fraction(1, 25)) for n in range(6)]
    measured = limits.measure_limits(engine, frames)
    engine.close()
    least = min(measured[key] for key in ("resident_network_fps", "h2d_fps", "d2h_fps"))
    assert measured["limit_share"] == pytest.approx(measured["pipelined_fps"] / least, rel=0.01)
    # Nothing overlaps here, and the network is by far the slowest.
    assert least == measured["resident_network_fps"]
    assert len(engine.spans) == 6
    for upload, compute, download in engine.spans:
        assert upload.begin <= upload.end <= compute.begin <= compute.end <= download.begin <= download.end


def test_a_timeline_shows_each_step_of_each_frame_in_its_place(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    spans = [
        (Span(3.0 * n, 3.0 * n + 1), Span(3.0 * n + 1, 3.0 * n + 3), Span(3.0 * n + 3, 3.0 * n + 4)) for n in range(20)
    ]
    limits.plot_timeline(spans, tmp_path / "timeline.png")
    with Image.open(tmp_path / "timeline.png") as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    colored = pixels.max(-1) - pixels.min(-1) > 60
    # The network's row is full, those of the copies have gaps.
    rows = colored.mean(1)
    upload, network, download = (rows[int(len(rows) * share)] for share in (0.25, 0.5, 0.7))
    assert network > 1.5 * upload > 0.1
    assert network > 1.5 * download > 0.1
    with pytest.raises(InputError, match=r"timeline=\S+: cannot be written"):
        limits.plot_timeline(spans, tmp_path / "missing" / "timeline.png")


def test_without_a_gpu_there_is_no_timeline(tmp_path: Path) -> None:
    with (
        Bench("starry_night", (64, 48), device="cpu", engine="torch", frames=8) as bench,
        pytest.raises(InputError, match=r"timeline=.*: is of a GPU, and cpu is none"),
    ):
        bench.timeline(tmp_path / "timeline.png")


def test_peak_memory_is_this_processs_own() -> None:
    held = np.ones(60_000_000)
    command = "from vidstyle.bench.runs import peak_memory; print(peak_memory())"
    child = int(subprocess.run([sys.executable, "-c", command], capture_output=True, check=True, text=True).stdout)
    assert peak_memory() > held.nbytes
    assert 10_000_000 < child < peak_memory() - held.nbytes // 2
