"""What measures a GPU: that it does all it says, on the processor; not how fast anything is."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

from vidstyle.bench.on_device import measure_delay, measure_parts, measure_viewers, measure_whole, subject
from vidstyle.bench.sample_clip import make_clip, repeated
from vidstyle.media.sources import FileSource
from vidstyle.styles import load_style

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]
SCRIPT = Path(__file__).parent.parent / "examples" / "on_gpu.py"


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("on_gpu", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_one_script_measures_everything(script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = script.main([str(tmp_path), "--device", "cpu", "--tiny"])
    result = json.loads((tmp_path / "on_gpu.json").read_text())
    assert result["left_out"] == []
    assert code == 0
    figures = result["figures"]
    for name in (
        "decode_fps",
        "encode_fps",
        "network_fps",
        "transcode_fps",
        "steady_fps",
        "each_fps",
        "share",
        "live_delay_ms",
        "peak_memory_mb",
    ):
        assert figures["64x48"][name] > 0, name
    assert figures["viewers"]["viewers"] == 3
    assert figures["viewers"]["least_fps"] > 0
    assert figures["training"]["steps_per_second"] > 0
    table = (tmp_path / "on_gpu.md").read_text()
    assert capsys.readouterr().out == table
    assert f"| steady_fps | {figures['64x48']['steady_fps']} |" in table
    assert "| network at 1920x1080, frames a second | 1000 | not measured |" in table


def test_what_there_is_no_time_for_is_left_out(script: ModuleType, tmp_path: Path) -> None:
    result = script.measure(tmp_path, "cpu", tiny=False, seconds=10)
    assert [what.split(":")[0] for what in result["left_out"]] == [
        "640x360",
        "1280x720",
        "1920x1080",
        "3840x2160",
        "viewers",
        "training",
    ]
    assert "- viewers: no time" in script.table(result)


def test_without_a_gpu_the_script_says_so(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert script.main([str(tmp_path / "a")]) == 2
    assert "no CUDA device here" in capsys.readouterr().err
    assert not (tmp_path / "a").exists()


def test_a_part_that_fails_costs_the_others_nothing(script: ModuleType) -> None:
    run = script.Run(60)
    run.take("bad", lambda: 1 / 0, needs=0)
    run.take("good", lambda: {"fps": 3}, needs=0)
    assert run.left_out == ["bad: ZeroDivisionError: division by zero"]
    assert run.figures["good"] == {"fps": 3}


def test_a_clip_on_end_is_as_many_frames_in_order(tmp_path: Path) -> None:
    make_clip(tmp_path / "once.mp4", (64, 48), 8)
    repeated(tmp_path / "once.mp4", tmp_path / "thrice.mp4", 3)
    source = FileSource(tmp_path / "thrice.mp4")
    frames = list(source)
    source.close()
    assert [round(frame.time * 30) for frame in frames] == list(range(24))
    assert (frames[0].pixels == frames[16].pixels).all()


def test_every_figure_is_of_what_it_says(tmp_path: Path, style_file: Path) -> None:
    what = subject(load_style(style_file), "cpu", (96, 64), 8, tmp_path, engine="torch", times=2)
    assert what.frames == 16
    parts, whole, delay = measure_parts(what), measure_whole(what), measure_delay(what)
    assert whole["share"] == pytest.approx(whole["steady_fps"] / whole["transcode_fps"], rel=0.02)
    # Nothing can be faster than its slowest part alone, by much.
    assert whole["each_fps"] < 2 * min(parts["network_fps"], parts["encode_fps"])
    assert whole["paintings_per_frame"] < 0.6
    assert 0 < delay["live_delay_ms"] <= delay["live_delay_p95_ms"]
    assert "device_memory_mb" not in whole
    viewers = measure_viewers(what, 4, 0.4)
    assert viewers["viewers"] == 4
    assert 0 < viewers["least_fps"] <= viewers["shown_fps"] <= 31


@pytest.mark.gpu
def test_the_script_measures_a_gpu(script: ModuleType, tmp_path: Path) -> None:
    assert script.main([str(tmp_path), "--device", "cuda:0", "--tiny"]) in (0, 1)
    result = json.loads((tmp_path / "on_gpu.json").read_text())
    assert result["figures"]["64x48"]["resident_network_fps"] > 0
