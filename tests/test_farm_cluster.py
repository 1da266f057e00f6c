"""The same on a cluster of Ray's: two nodes on this machine."""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from media_files import make_video
from test_farm import FRAMES, pictures, same
from waiting import PATIENCE, wait_until

from vidstyle.batch.plan import BatchPlan, make_plan
from vidstyle.farm.driver import Farm, connect, disconnect
from vidstyle.farm.painting_segments import Video
from vidstyle.restyle_options import Options

ray = pytest.importorskip("ray", reason="ray is not installed")
# Workers start twice in each, and load torch.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
BECAME = {"a.mp4": "done", "b.mp4": "done", "c.mp4": "failed"}
OPTIONS = Options(codec="ffv1", engine="torch")


def short(video: Video) -> Video:
    """In segments of half a second."""
    return replace(video, least=0.4, most=0.8, replay=0.4)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes of one core each, and this process joined to them."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    made.add_node(num_cpus=1)
    made.wait_for_nodes()
    connect(made.address)
    yield made
    disconnect()
    made.shutdown()


@pytest.fixture
def season(tmp_path: Path) -> Path:
    """A long video, a short one, and one that is none."""
    folder = tmp_path / "season"
    folder.mkdir()
    make_video(folder / "a.mp4", pictures=pictures(), times=range(FRAMES), options={"g": "9"})
    make_video(folder / "b.mp4", pictures=pictures()[:8], times=range(8))
    (folder / "c.mp4").write_bytes(b"no video at all" * 99)
    return folder


def plan_for(season: Path, out: Path, style: Path, name: str = "{stem}.mkv") -> BatchPlan:
    return make_plan([season], out, [((0.0, str(style)),)], OPTIONS, name)


def killed_once(farm: Farm) -> threading.Thread:
    """Ends a worker, as a power cut would, while it paints a segment."""

    def kill() -> None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if painting := farm.painting():
                os.kill(ray.get(farm.pids[painting[0]]), signal.SIGKILL)
                return
            time.sleep(0.01)

    thread = threading.Thread(target=kill)
    thread.start()
    return thread


def test_a_worker_that_dies_costs_its_segment_only_and_a_bad_file_costs_itself(
    cluster: Any, season: Path, style_file: Path, tmp_path: Path
) -> None:
    expected = Farm(plan_for(season, tmp_path / "one", style_file), adjust=short)
    became = {outcome.task.source.name: outcome for outcome in expected.run()}
    assert {name: outcome.status for name, outcome in became.items()} == {
        "a.mp4": "done",
        "b.mp4": "done",
        "c.mp4": "failed",
    }
    assert "not a video" in became["c.mp4"].error
    farm = Farm(plan_for(season, tmp_path / "other", style_file), adjust=short)
    killer = killed_once(farm)
    again = {outcome.task.source.name: outcome.status for outcome in farm.run()}
    killer.join()
    assert again == BECAME
    assert farm.lost == 1
    for name in ("a.mkv", "b.mkv"):
        assert same(tmp_path / "other" / name, tmp_path / "one" / name)
    names = sorted(path.name for path in (tmp_path / "other").iterdir())
    assert names == [".a.mkv.vidstyle.json", ".b.mkv.vidstyle.json", "a.mkv", "b.mkv"]


def test_an_interrupted_driver_leaves_nothing_under_the_names_and_goes_on(
    start_cli: Callable[..., subprocess.Popen[str]], season: Path, style_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    (season / "c.mp4").unlink()
    command = ["restyle", season, "--out", out, "--style", style_file, "--ray", "local", "--json"]
    process = start_cli(*command)
    wait_until(process, lambda: out.exists() and any(out.iterdir()))
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    done = {path.name for path in out.iterdir() if not path.name.startswith(".")}
    process = start_cli(*command, "--resume")
    told, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said
    became = {Path(one["input"]).name: one["status"] for one in map(json.loads, told.splitlines())}
    assert became == {name: "skipped" if name in done else "done" for name in ("a.mp4", "b.mp4")}
