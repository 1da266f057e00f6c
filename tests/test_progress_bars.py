"""The bars of the command line: what they say until frames come, and from then on."""

from pathlib import Path

import pytest
from live_steps import Clock

from vidstyle import compiled, restyle
from vidstyle.batch.plan import make_plan
from vidstyle.batch.run import BatchProgress, run_plan
from vidstyle.cli.progress_bars import BatchBar, FrameBar
from vidstyle.pipeline import Progress
from vidstyle.restyle_options import Options


class Seen(FrameBar):
    """A bar whose clock is the test's."""

    def __init__(self, clock: Clock) -> None:
        super().__init__("clip.mp4")
        self._bar.get_time = clock
        self._clock = clock

    def after(self, seconds: float, progress: Progress) -> str:
        """What it says some seconds later, with the time that is left, if it knows."""
        self._clock.advance(self._clock.now + seconds)
        self.update(progress, 100)
        (task,) = self._bar.tasks
        left = task.time_remaining
        return f"{task.fields['figure']}{'' if left is None else f', {left:.0f} s'}"


def test_what_frames_wait_for_is_said_and_does_not_count() -> None:
    bar = Seen(Clock())
    assert bar._bar.tasks[0].fields["figure"] == "loading"
    assert bar.after(2, Progress()) == "loading"
    assert bar.after(1, Progress(compiling=True)) == "compiling, once"
    assert bar.after(10, Progress(1, 10.0, compiling=True)).startswith("compiling, once")
    bar.after(10, Progress(2, 20.0))
    for frame in range(3, 43):
        said = bar.after(0.1, Progress(frame, 20 + frame / 10))
    assert said == "10.0 fps, 6 s"


def test_a_bar_of_many_files_says_it_as_well() -> None:
    bar = BatchBar()
    bar.update(BatchProgress(2, name="a.mp4", compiling=True))
    assert bar._bar.tasks[0].fields["figure"] == "compiling, once"
    bar.update(BatchProgress(2, name="a.mp4", frames=20, file_frames=20, of_frames=40, seconds=2))
    assert bar._bar.tasks[0].fields["figure"] == "20 frames 10.0 fps"
    assert bar._bar.tasks[0].percentage == 25


@pytest.fixture
def compiling(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop is being compiled, the first time that anybody asks."""
    asked = iter([True])
    monkeypatch.setattr(compiled, "is_compiling", lambda: next(asked, False))


def test_a_run_tells_that_loops_are_being_compiled(
    compiling: None, clip: Path, style_file: Path, tmp_path: Path
) -> None:
    told: list[bool] = []
    restyle(
        clip,
        tmp_path / "a.mp4",
        style=style_file,
        engine="torch",
        on_progress=lambda progress, _: told.append(progress.compiling),
    )
    assert sum(told) == 1


def test_a_run_in_segments_tells_it_as_well(compiling: None, clip: Path, style_file: Path, tmp_path: Path) -> None:
    told: list[bool] = []
    plan = make_plan([clip], tmp_path / "out", [((0.0, str(style_file)),)], Options(engine="torch"))
    outcomes = run_plan(plan, on_progress=lambda progress: told.append(progress.compiling), segment_seconds=0.1)
    assert [outcome.status for outcome in outcomes] == ["done"]
    assert sum(told) == 1
