"""What the driver of a cluster does with files: which segments of an earlier run it keeps, and what failures cost."""

import contextlib
import json
from functools import partial
from pathlib import Path

import pytest
import torch
from media_files import make_video
from painting_cluster import PaintingCluster
from test_farm import FRAMES, pictures, same

from vidstyle.batch import places
from vidstyle.batch.complete import check_outputs
from vidstyle.batch.journal import Journal
from vidstyle.batch.plan import BatchPlan, make_plan
from vidstyle.batch.records import record_of, request_of, style_digest
from vidstyle.batch.run import Outcome
from vidstyle.errors import InputError
from vidstyle.farm import driver
from vidstyle.farm.cuts import Bounds
from vidstyle.farm.driver import Farm
from vidstyle.farm.painting_segments import Video
from vidstyle.farm.segment_folder import SegmentFolder, segments_name
from vidstyle.nets import build_network
from vidstyle.restyle_options import Options
from vidstyle.restyling import restyle
from vidstyle.style_files import StyleCard, save_style

pytest.importorskip("ray", reason="ray is not installed")
pytestmark = pytest.mark.slow
OPTIONS = Options(codec="ffv1", engine="torch")


class Stop(BaseException):
    """Stands for Ctrl-C."""


@pytest.fixture(autouse=True)
def short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two segments of a video of `pictures`, at its cut."""
    monkeypatch.setattr(driver, "Video", partial(Video, least=0.5, most=9.0))


@pytest.fixture
def season(tmp_path: Path) -> Path:
    """A long video, in a folder of its own."""
    (tmp_path / "season" / "1").mkdir(parents=True)
    options = {"g": "9"}
    make_video(tmp_path / "season" / "1" / "a.mp4", pictures=pictures(), times=range(FRAMES), options=options)
    return tmp_path / "season"


@pytest.fixture
def style(style_file: Path, tmp_path: Path) -> Path:
    """A style file that may be replaced."""
    path = tmp_path / "mine.safetensors"
    path.write_bytes(style_file.read_bytes())
    return path


def replace_by_another(style: Path) -> None:
    """Another style in the file of one, as another process would find it."""
    arguments = {"channels": 16, "blocks": 1}
    torch.manual_seed(1)
    save_style(style, build_network("realtime", arguments), StyleCard("mine", style, "realtime", arguments))
    style_digest.cache_clear()


def plan_for(season: Path | str, out: Path | str, style: Path, options: Options = OPTIONS) -> BatchPlan:
    return make_plan([season], out, [((0.0, str(style)),)], options, "{stem}.mkv")


def run(plan: BatchPlan, cluster: PaintingCluster) -> dict[str, Outcome]:
    """What becomes of each file, by its name."""
    farm = Farm(plan, cores=1)
    farm._ray = cluster
    return {outcome.task.source.name: outcome for outcome in farm.run()}


def stop_in_second_segment() -> PaintingCluster:
    """A cluster whose driver is interrupted when one segment is painted."""
    painted = []

    def stop(step: str, _: Video) -> None:
        if step == "paint_segment":
            painted.append(step)
            if len(painted) == 2:
                raise Stop

    return PaintingCluster(before=stop)


def test_an_interrupted_video_goes_on_with_the_segments_that_are_there(
    season: Path, style: Path, tmp_path: Path
) -> None:
    plan, cluster = plan_for(season, tmp_path / "out", style), PaintingCluster()
    with pytest.raises(Stop):
        run(plan, stop_in_second_segment())
    # Who paints is nobody's business.
    plan = plan_for(season, tmp_path / "out", style, Options(codec="ffv1", engine="torch", device="cpu"))
    assert run(plan, cluster)["a.mp4"].status == "done"
    assert cluster.done == [("look", "a.mp4"), ("paint_segment", "a.mp4"), ("join", "a.mp4")]
    restyle(season / "1" / "a.mp4", tmp_path / "whole.mkv", style=style, codec="ffv1", engine="torch")
    assert same(tmp_path / "out" / "1" / "a.mkv", tmp_path / "whole.mkv")
    assert sorted(path.name for path in (tmp_path / "out" / "1").iterdir()) == [".a.mkv.vidstyle.json", "a.mkv"]


def test_a_style_that_was_replaced_is_another_style(season: Path, style: Path, tmp_path: Path) -> None:
    plan = plan_for(season, tmp_path / "out", style)
    with pytest.raises(Stop):
        run(plan, stop_in_second_segment())
    replace_by_another(style)
    assert run(plan, PaintingCluster())["a.mp4"].status == "done"
    restyle(season / "1" / "a.mp4", tmp_path / "whole.mkv", style=style, codec="ffv1", engine="torch")
    assert same(tmp_path / "out" / "1" / "a.mkv", tmp_path / "whole.mkv")


@pytest.mark.parametrize("change", ["format", "bounds"])
def test_segments_of_another_version_or_other_bounds_are_begun_anew(style: Path, tmp_path: Path, change: str) -> None:
    output = str(tmp_path / "a.mkv")
    video = Video("/in/a.mp4", output, ((0.0, str(style)),), False, OPTIONS, segments_name(output))
    request = {"format": 1, "styles": [[0.0, "digest", ""]]}
    bounds = [Bounds(0, 0, 24, 0, 24), Bounds(1, 24, None, 24, 36)]
    with contextlib.closing(SegmentFolder(video, request, bounds)) as folder:
        assert folder.missing == bounds
        (Path(video.segments) / "000000.packets").write_bytes(b"painted")
    with contextlib.closing(SegmentFolder(video, request, bounds)) as folder:
        assert folder.missing == bounds[1:]
    if change == "format":
        request["format"] = 2
    else:
        bounds[1] = Bounds(1, 24, None, 0, 36)
    with contextlib.closing(SegmentFolder(video, request, bounds)) as folder:
        assert folder.missing == bounds
    assert [path.name for path in Path(video.segments).iterdir()] == ["farm.json"]


def test_two_runs_do_not_paint_the_same(season: Path, style: Path, tmp_path: Path) -> None:
    make_video(season / "b.mp4", pictures=pictures()[:4], times=range(4))
    plan = plan_for(season, tmp_path / "out", style)
    with pytest.raises(Stop):
        run(plan, stop_in_second_segment())
    output = tmp_path / "out" / "1" / "a.mkv"
    segments = Path(segments_name(str(output)))
    # Whoever paints on this machine alone has the same folder.
    request = request_of(str(season / "1" / "a.mp4"), ((0.0, str(style)),), OPTIONS)
    with contextlib.closing(Journal(output, request)):
        before = sorted(segments.iterdir())
        became = run(plan, PaintingCluster())
        assert {name: outcome.status for name, outcome in became.items()} == {"a.mp4": "failed", "b.mp4": "done"}
        assert "is being painted by another run" in became["a.mp4"].error
        assert sorted(segments.iterdir()) == before
    again = run(plan_for(season / "1", tmp_path / "out" / "1", style), PaintingCluster())
    assert again["a.mp4"].status == "done"
    assert not segments.exists()


def test_a_disk_that_fails_costs_its_file_and_the_others_go_on(season: Path, style: Path, tmp_path: Path) -> None:
    for folder, name in (("2", "b.mp4"), ("3", "c.mp4"), ("4", "d.mp4")):
        (season / folder).mkdir()
        (season / folder / name).write_bytes((season / "1" / "a.mp4").read_bytes())
    out = tmp_path / "out"

    def spoil(step: str, video: Video) -> None:
        name = places.base(video.source)
        if (step, name) == ("look", "a.mp4"):
            # Nothing can be made where its output is to be.
            out.mkdir()
            (out / "1").write_text("no folder")
        elif (step, name) == ("look", "b.mp4"):
            Path(video.source).unlink()
        elif (step, name) == ("join", "c.mp4"):
            Path(record_of(video.output)).mkdir()

    became = run(plan_for(season, out, style), PaintingCluster(after=spoil))
    assert {name: outcome.status for name, outcome in became.items()} == {
        "a.mp4": "failed",
        "b.mp4": "failed",
        "c.mp4": "failed",
        "d.mp4": "done",
    }
    assert "a.mkv: cannot write there" in became["a.mp4"].error
    assert "b.mp4: no such file" in became["b.mp4"].error
    assert ".c.mkv.vidstyle.json: cannot be written" in became["c.mp4"].error
    assert not any(outcome.trace for outcome in became.values())


def test_a_fault_of_ours_costs_its_file_and_says_where_it_is(
    season: Path, style: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (season / "b.mp4").write_bytes((season / "1" / "a.mp4").read_bytes())

    def broken(video: Video, *rest: object) -> SegmentFolder:
        if video.source.endswith("a.mp4"):
            raise TypeError("a fault")
        return SegmentFolder(video, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(driver, "SegmentFolder", broken)
    became = run(plan_for(season, tmp_path / "out", style), PaintingCluster())
    assert became["b.mp4"].status == "done"
    assert became["a.mp4"].error == f"{season / '1' / 'a.mp4'}: TypeError: a fault"
    assert "in broken" in became["a.mp4"].trace


def test_what_lies_under_urls_is_painted_and_known_to_be_complete(season: Path, style: Path, tmp_path: Path) -> None:
    pytest.importorskip("fsspec", reason="fsspec is not installed")
    source, output = f"file://{season}/1/a.mp4", f"file://{tmp_path}/out/1/a.mkv"
    plan = plan_for(f"file://{season}", f"file://{tmp_path}/out", style)
    with pytest.raises(Stop):
        run(plan, stop_in_second_segment())
    cluster = PaintingCluster()
    assert run(plan, cluster)["a.mp4"].status == "done"
    assert cluster.done.count(("paint_segment", "a.mp4")) == 1
    assert check_outputs(plan, resume=True, place=places.place_of) == set(plan.tasks)
    record = Path(tmp_path, "out", "1", ".a.mkv.vidstyle.json")
    assert set(json.loads(record.read_text())["request"]["input"]) == {"path", "bytes", "changed"}
    assert record_of(output) == f"file://{record}"
    assert request_of(source, plan.tasks[0].style_at, OPTIONS)["input"]["path"] == source
    # A damaged record is none.
    record.write_text("[" * 100_000)
    with pytest.raises(InputError, match="was made of another input"):
        check_outputs(plan, resume=True, place=places.place_of)
