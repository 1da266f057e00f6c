"""Visitors' files painted by the demo: previews, whole files, and the queue in front of it."""

import dataclasses
import itertools
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
from made_scenes import landscape
from media_files import Sound, colorful_picture, make_video, read_times
from PIL import Image
from waiting import PATIENCE, wait_for

from vidstyle.engines import never
from vidstyle.errors import InputError
from vidstyle.processor import BEHIND, NICENESS
from vidstyle.restyling import restyle
from vidstyle.steps import FINE_STEPS, MOST_STEPS
from vidstyle.style_files import save_style
from vidstyle.styles import live_styles, load_style, write_style_of

pytest.importorskip("gradio", reason="gradio is not installed")

from vidstyle.demo.gallery import Gallery
from vidstyle.demo.job_queue import JobQueue
from vidstyle.demo.jobs import FINISHES, Cancelled, Job, Jobs, PaintRequest
from vidstyle.demo.previews import KEPT_PAINTERS, Previews
from vidstyle.demo.visitors import Visitors

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("few_steps")]


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[SimpleNamespace]:
    """What paints files, and a visitor for whom it does."""
    previews = Previews("cpu")
    visitor = Visitors(tmp_path).welcome()[1]
    yield SimpleNamespace(run=Jobs(Gallery(previews), previews, "cpu"), visitor=visitor)
    previews.close()


def finished(steps: Iterator[tuple[str, str]]) -> str:
    """The HTML of the result."""
    return list(steps)[-1][1]


def test_a_range_of_a_video_is_painted_with_its_sound(jobs: SimpleNamespace, tmp_path: Path) -> None:
    clip = make_video(tmp_path / "clip.mp4", times=tuple(range(50)), sounds=[Sound(seconds=2)])
    identity = jobs.visitor.keep(clip, "holiday.mp4", "video")
    html = finished(jobs.run.paint(jobs.visitor, PaintRequest(identity, "starry_night", start=0.4, end=1.2)))
    (result,) = jobs.visitor.files("result").values()
    assert result.name == "holiday - The Starry Night.mp4"
    assert len(read_times(result.path)) == 20
    with av.open(str(result.path)) as container:
        assert container.streams.audio
    assert "<video" in html


def test_a_preview_shows_the_frame_as_filmed_and_as_painted(jobs: SimpleNamespace, tmp_path: Path) -> None:
    clip = make_video(tmp_path / "clip.mp4", pictures=[colorful_picture(n, 128, 96) for n in range(10)])
    identity = jobs.visitor.keep(clip, "holiday.mp4", "video")

    def shown(**asked: Any) -> tuple[np.ndarray, np.ndarray]:
        *_, html = jobs.run.preview(jobs.visitor, PaintRequest(identity, "starry_night", **asked))
        found = [re.search(rf'{which}="/vidstyle/file/([^"]+)"', html) for which in ("before", "after")]
        paths = [jobs.visitor.file(match[1]).path for match in found if match]
        before, after = (np.asarray(Image.open(path), np.float32) for path in paths)
        return before, after

    before, after = shown()
    assert np.abs(before - colorful_picture(0, 128, 96)).mean() < 6
    assert np.abs(after - before).mean() > 15
    before, unpainted = shown(strength=0.0)
    assert np.abs(unpainted - before).mean() < 1


def test_a_fine_finish_is_seen_before_it_is_waited_for(jobs: SimpleNamespace, tmp_path: Path) -> None:
    picture = tmp_path / "photo.png"
    Image.fromarray(landscape(0, 128, 96)).save(picture)
    identity = jobs.visitor.keep(picture, "photo.png", "picture")
    Image.fromarray(landscape(3, 96, 64)).save(tmp_path / "shown.png")
    own = tmp_path / "own.safetensors"
    write_style_of(tmp_path / "shown.png", own)
    of_a_picture = f"own:{jobs.visitor.keep(own, 'own.safetensors', 'style')}"

    def previews(style: str, finish: str) -> list[np.ndarray]:
        found = []
        for html in jobs.run.preview(jobs.visitor, PaintRequest(identity, style, finish=finish)):
            match = re.search(r'after="/vidstyle/file/([^"]+)"', html)
            assert match
            found.append(np.asarray(Image.open(jobs.visitor.file(match[1]).path), np.float32))
        return found

    for style, auto in (("starry_night", 1), (of_a_picture, 2)):
        shown = {finish: previews(style, finish) for finish in FINISHES}
        assert [len(shown[finish]) for finish in ("quick", "fine", "auto")] == [1, 2, auto]
        quick, fine = shown["quick"][0], shown["fine"][-1]
        assert np.array_equal(shown["fine"][0], quick)
        assert np.array_equal(shown["auto"][-1], fine if auto == 2 else quick)
        assert np.abs(fine - quick).mean() > 1
        for finish, seen, other in (("quick", quick, fine), ("fine", fine, quick)):
            finished(jobs.run.paint(jobs.visitor, PaintRequest(identity, style, finish=finish)))
            *_, result = jobs.visitor.files("result").values()
            painted = np.asarray(Image.open(result.path), np.float32)
            # What is seen are JPEG files.
            assert np.abs(painted - seen).mean() < np.abs(painted - other).mean() - 1


def test_what_is_too_large_for_steps_is_an_error_only_where_they_were_asked_for(
    jobs: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidstyle.engines.step_sizes.MOST_PIXELS", 100)
    Image.fromarray(landscape(3, 96, 64)).save(tmp_path / "shown.png")
    own = tmp_path / "own.safetensors"
    write_style_of(tmp_path / "shown.png", own)
    identity = jobs.visitor.keep(tmp_path / "shown.png", "shown.png", "picture")
    style = f"own:{jobs.visitor.keep(own, 'own.safetensors', 'style')}"
    assert len(list(jobs.run.preview(jobs.visitor, PaintRequest(identity, style)))) == 2
    with pytest.raises(InputError, match="too large"):
        list(jobs.run.preview(jobs.visitor, PaintRequest(identity, style, finish="fine")))


def test_a_fine_look_ends_soon_once_nobody_waits_for_it(jobs: SimpleNamespace, tmp_path: Path) -> None:
    picture = tmp_path / "photo.png"
    Image.fromarray(landscape(0, 128, 96)).save(picture)
    request = PaintRequest(jobs.visitor.keep(picture, "photo.png", "picture"), "starry_night", finish="fine")
    asked = itertools.count()
    assert len(list(jobs.run.preview(jobs.visitor, request, lambda: next(asked) >= 2))) == 1
    assert next(asked) == 4, "after the quick one, after two steps of twenty, and at the end"
    assert len(jobs.visitor.files("preview")) == 2, "before and after"
    assert list(jobs.run.preview(jobs.visitor, request, lambda: True)) == []


def test_a_quick_look_does_not_wait_for_a_fine_one(tmp_path: Path) -> None:
    previews, pixels = Previews("cpu"), landscape(0, 128, 96)
    paths = [card.path for card in live_styles()][: KEPT_PAINTERS + 1]
    under_way, may_go_on = threading.Event(), threading.Event()

    def held() -> bool:
        under_way.set()
        assert may_go_on.wait(PATIENCE)
        return False

    def fine(hurried: Callable[[], bool]) -> np.ndarray:
        return previews.paint(paths[0], pixels, steps=2, hurried=hurried)

    with ThreadPoolExecutor(1) as threads:
        painting = threads.submit(fine, held)
        assert under_way.wait(PATIENCE)
        # More than are kept: none makes room that is being used.
        quick = [previews.paint(path, pixels) for path in paths]
        assert not painting.done()
        may_go_on.set()
        assert np.array_equal(painting.result(PATIENCE), fine(never))
    assert np.abs(quick[0].astype(int) - pixels).mean() > 5
    previews.close()


def test_a_style_that_asks_for_many_steps_gets_as_many_as_fine(jobs: SimpleNamespace, tmp_path: Path) -> None:
    picture = tmp_path / "photo.png"
    Image.fromarray(landscape(0, 96, 64)).save(picture)
    identity = jobs.visitor.keep(picture, "photo.png", "picture")
    shipped, painted = load_style("starry_night"), []
    for steps in (FINE_STEPS, MOST_STEPS):
        own = tmp_path / f"{steps}.safetensors"
        save_style(own, shipped.network, dataclasses.replace(shipped.card, optimise=steps), shipped.grams)
        key = f"own:{jobs.visitor.keep(own, own.name, 'style')}"
        finished(jobs.run.paint(jobs.visitor, PaintRequest(identity, key)))
        painted.append(list(jobs.visitor.files("result").values())[-1].path.read_bytes())
    assert painted[0] == painted[1]


@pytest.mark.parametrize("stroke_size", [1.0, 2.0])
def test_a_preview_shows_what_will_be_downloaded(
    jobs: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stroke_size: float
) -> None:
    # A picture is read at a half for a preview.
    monkeypatch.setattr("vidstyle.demo.pictures.SHOWN_PIXELS", 600 * 400)
    monkeypatch.setattr("vidstyle.demo.jobs.LARGEST_PREVIEW_SIDE", 600)
    path = tmp_path / "large.png"
    Image.fromarray(landscape(0, 1440, 960)).save(path)
    identity = jobs.visitor.keep(path, "large.png", "picture")
    request = PaintRequest(identity, "starry_night", stroke_size=stroke_size)
    *_, html = jobs.run.preview(jobs.visitor, request)
    after = Image.open(jobs.visitor.file(re.findall(r'after="/vidstyle/file/([^"]+)"', html)[0]).path)
    finished(jobs.run.paint(jobs.visitor, request))
    (result,) = jobs.visitor.files("result").values()
    downloaded = Image.open(result.path)
    assert downloaded.size == (1440, 960)
    seen = np.asarray(downloaded.resize(after.size, Image.Resampling.BOX), float)
    away = np.abs(seen - np.asarray(after, float)).mean()
    *_, coarser = jobs.run.preview(jobs.visitor, PaintRequest(identity, "starry_night", stroke_size=2 * stroke_size))
    other = Image.open(jobs.visitor.file(re.findall(r'after="/vidstyle/file/([^"]+)"', coarser)[0]).path)
    assert away < 0.5 * np.abs(np.asarray(other, float) - np.asarray(after, float)).mean(), away
    assert away < 8


def test_a_cancelled_painting_leaves_no_file(jobs: SimpleNamespace, tmp_path: Path) -> None:
    clip = make_video(tmp_path / "clip.mp4", pictures=60 * [colorful_picture(0, 640, 360)], times=tuple(range(60)))
    identity = jobs.visitor.keep(clip, "holiday.mp4", "video")
    steps = jobs.run.paint(jobs.visitor, PaintRequest(identity, "starry_night"))
    next(steps)
    jobs.visitor.stop_painting()
    with pytest.raises(Cancelled):
        next(steps)
    # The next one may begin at once, and is not what was stopped.
    finished(jobs.run.paint(jobs.visitor, PaintRequest(identity, "starry_night", end=0.2)))
    (result,) = jobs.visitor.files("result").values()
    assert set(jobs.visitor.folder.iterdir()) == {result.path}


def test_a_painting_whose_visitor_leaves_stops(jobs: SimpleNamespace, tmp_path: Path) -> None:
    clip = make_video(tmp_path / "clip.mp4", pictures=60 * [colorful_picture(0, 640, 360)], times=tuple(range(60)))
    identity = jobs.visitor.keep(clip, "holiday.mp4", "video")
    steps = jobs.run.paint(jobs.visitor, PaintRequest(identity, "starry_night"))
    next(steps)
    steps.close()
    wait_for(lambda: not [*jobs.visitor.folder.glob("*"), *jobs.visitor.folder.glob(".*")], "its end")


def test_paintings_wait_for_their_turn_and_one_too_many_is_sent_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However fast the machine is, the first is not done before all others have come.
    come = threading.Event()

    def held(*arguments: Any, **options: Any) -> Any:
        assert come.wait(PATIENCE)
        return restyle(*arguments, **options)

    monkeypatch.setattr("vidstyle.demo.jobs.restyle", held)
    previews, visitors = Previews("cpu"), Visitors(tmp_path / "visitors")
    run = Jobs(Gallery(previews), previews, "cpu", 1)
    clip = make_video(tmp_path / "clip.mp4", pictures=30 * [colorful_picture(0)], times=tuple(range(30)))

    def begun() -> tuple[Iterator[tuple[str, str]], Any]:
        visitor = visitors.welcome()[1]
        (copy := visitor.new_path(".mp4")).write_bytes(clip.read_bytes())
        return run.paint(visitor, PaintRequest(visitor.keep(copy, "holiday.mp4", "video"), "starry_night")), visitor

    (first, _), (second, waiting), (third, looking) = begun(), begun(), begun()
    assert "Getting ready" in next(first)[0]
    assert "Waiting for one painting" in next(second)[0]
    with pytest.raises(InputError, match="Too many paintings are waiting"):
        next(third)
    # Others may look at frames all the while.
    assert "vs-compare" in next(run.preview(looking, PaintRequest(next(iter(looking.files("video"))), "starry_night")))
    waiting.stop_painting()
    with pytest.raises(Cancelled):
        list(second)
    (fourth, _) = begun()
    assert "Waiting for one painting" in next(fourth)[0]
    come.set()
    assert "<video" in finished(first)
    assert "<video" in finished(fourth)
    previews.close()


def test_who_left_the_line_without_a_word_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    queue = JobQueue(2)
    gone, patient = queue.join("gone"), queue.join("patient")
    assert queue.before(patient) == 1
    monkeypatch.setattr("vidstyle.demo.job_queue.ABSENT_SECONDS", 0.2)
    wait_for(lambda: not queue.before(patient))
    queue.begin(patient)
    time.sleep(0.3)
    assert queue.before(queue.join("new")) == 1, "who is being painted stays"
    assert queue.before(gone) > 0


def test_one_visitor_does_not_take_all_places() -> None:
    queue = JobQueue(8)
    first = queue.join("ann")
    queue.join("ann")
    with pytest.raises(InputError, match="Two of your paintings"):
        queue.join("ann")
    queue.join("bob")
    queue.leave(first)
    queue.join("ann")


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priorities of their own")
@pytest.mark.parametrize("webcams", [False, True])
def test_files_give_way_to_webcams_and_to_nothing_else(tmp_path: Path, webcams: bool) -> None:
    previews = Previews("cpu")
    run = Jobs(Gallery(previews), previews, "cpu", others_come_first=lambda: webcams)
    visitor = Visitors(tmp_path).welcome()[1]
    (path := visitor.new_path(".png")).touch()
    file = visitor.file(visitor.keep(path, "a.png", "picture"))
    Image.new("RGB", (32, 32)).save(path)

    def niceness() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    own, found = niceness(), list[int]()

    def make(output: Path, _: object) -> None:
        found.append(niceness())
        output.write_bytes(path.read_bytes())

    finished(run.run(visitor, Job(file, "painted", ".png", make)))
    assert found == [max(own, NICENESS + BEHIND) if webcams else own]
    assert niceness() == own
    previews.close()


@pytest.mark.parametrize("does", ["preview", "paint"])
def test_of_a_style_that_has_made_room_meanwhile_nobody_learns_where_it_was(
    jobs: SimpleNamespace, tmp_path: Path, style_file: Path, monkeypatch: pytest.MonkeyPatch, does: str
) -> None:
    (picture := jobs.visitor.new_path(".png")).touch()
    Image.new("RGB", (32, 32)).save(picture)
    (own := jobs.visitor.new_path(".safetensors")).write_bytes(style_file.read_bytes())
    identity, style = jobs.visitor.keep(picture, "a.png", "picture"), jobs.visitor.keep(own, "a.safetensors", "style")

    def load_late(path: Path) -> Any:
        own.unlink(missing_ok=True)
        return load_style(path)

    def restyle_late(*arguments: Any, **options: Any) -> Any:
        own.unlink(missing_ok=True)
        return restyle(*arguments, **options)

    monkeypatch.setattr("vidstyle.demo.previews.load_style", load_late)
    monkeypatch.setattr("vidstyle.demo.jobs.restyle", restyle_late)
    with pytest.raises(InputError, match="no such style file") as error:
        list(getattr(jobs.run, does)(jobs.visitor, PaintRequest(identity, f"own:{style}")))
    assert str(tmp_path) not in str(error.value)


def test_another_visitors_file_cannot_be_painted(jobs: SimpleNamespace, tmp_path: Path) -> None:
    stranger = Visitors(tmp_path).welcome()[1]
    (tmp_path / "film.mp4").touch()
    identity = stranger.keep(tmp_path / "film.mp4", "film.mp4", "video")
    with pytest.raises(InputError, match="no longer here"):
        next(jobs.run.preview(jobs.visitor, PaintRequest(identity, "starry_night")))
