"""The same on a cluster of Ray's: two nodes on this machine."""

import json
import os
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from media_files import make_video
from test_farm import FRAMES, pictures, same
from waiting import PATIENCE, wait_until

from vidstyle.batch.plan import BatchPlan, make_plan
from vidstyle.farm import driver
from vidstyle.farm.driver import Farm, connect, disconnect
from vidstyle.farm.painting_segments import Video
from vidstyle.restyle_options import Options

ray = pytest.importorskip("ray", reason="ray is not installed")
# Workers start twice in each, and load torch.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
BECAME = {"a.mp4": "done", "b.mp4": "done", "c.mp4": "failed"}
OPTIONS = Options(codec="ffv1", engine="torch")


@pytest.fixture
def short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Videos in segments of half a second."""
    monkeypatch.setattr(driver, "Video", partial(Video, least=0.4, most=0.8, replay=0.4))


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


def mortal(log: Path) -> type:
    """Workers of which the first to paint a segment is ended while it does, as by a power cut.

    log: a folder for what is begun: a file a step, with the worker's process and what it does.
    """

    class Mortal(driver._Actor):
        def do(self, step: str, video: Video, *arguments: Any) -> Any:
            number = arguments[0].number if step == "paint_segment" else ""
            begun = log / f"{os.getpid()}-{time.monotonic_ns()}"
            begun.write_text(f"{os.getpid()} {step} {Path(video.source).name}{number}")
            if step == "paint_segment":
                try:
                    (log / "killed").touch(exist_ok=False)
                except FileExistsError:
                    pass
                else:
                    threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGKILL)).start()
            return super().do(step, video, *arguments)

    return Mortal


def test_a_worker_that_dies_costs_its_segment_only_and_a_bad_file_costs_itself(
    cluster: Any,
    season: Path,
    style_file: Path,
    tmp_path: Path,
    short_segments: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = Farm(plan_for(season, tmp_path / "one", style_file))
    became = {outcome.task.source.name: outcome for outcome in expected.run()}
    assert {name: outcome.status for name, outcome in became.items()} == {
        "a.mp4": "done",
        "b.mp4": "done",
        "c.mp4": "failed",
    }
    assert "not a video" in became["c.mp4"].error
    log = tmp_path / "log"
    log.mkdir()
    monkeypatch.setattr(driver, "_Actor", mortal(log))
    farm = Farm(plan_for(season, tmp_path / "other", style_file))
    again = {outcome.task.source.name: outcome.status for outcome in farm.run()}
    assert again == BECAME
    begun = [path.read_text().split(maxsplit=1) for path in log.iterdir() if path.name != "killed"]
    # Of all that there was to do, one segment was begun twice, by two workers.
    ((step, count), *others) = Counter(step for _, step in begun).most_common()
    assert step.startswith("paint_segment")
    assert count == 2
    assert len(others) > 3
    assert {times for _, times in others} == {1}
    assert len({process for process, what in begun if what == step}) == 2
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
