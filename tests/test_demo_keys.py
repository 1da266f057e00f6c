"""The demo's tab for painting by hand: frames to take home, painted ones brought back, and the video of them."""

import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from made_scenes import landscape, plain, view
from media_files import make_video, read_video

pytest.importorskip("gradio", reason="gradio is not installed")

from vidstyle.demo.gallery import Gallery
from vidstyle.demo.jobs import Jobs
from vidstyle.demo.key_jobs import KeyJobs
from vidstyle.demo.previews import Previews
from vidstyle.demo.visitors import Visitors
from vidstyle.errors import InputError
from vidstyle.media.images import Picture, read_image, write_picture

FRAMES, CUT = 14, 6
RED, BLUE = (200, 40, 40), (40, 40, 200)


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[SimpleNamespace]:
    """What paints by keys, a visitor, and a video of two shots that they have brought."""
    previews = Previews("cpu")
    visitor = Visitors(tmp_path / "visitors").welcome()[1]
    one, other = (view(landscape(seed), 40) for seed in (1, 2))
    pictures = [one] * CUT + [other] * (FRAMES - CUT)
    film = visitor.new_path(".mp4")
    make_video(film, pictures=pictures, times=range(FRAMES))
    yield SimpleNamespace(
        run=KeyJobs(Jobs(Gallery(previews), previews, "cpu")),
        visitor=visitor,
        film=visitor.keep(film, "two shots.mp4", "video"),
        pictures=pictures,
    )
    previews.close()


def bring(jobs: SimpleNamespace, name: str, pixels: np.ndarray) -> str:
    path = jobs.visitor.new_path(".png")
    write_picture(path, Picture(pixels), overwrite=False)
    return str(jobs.visitor.keep(path, name, "picture"))


def test_a_few_frames_are_there_to_take_home(jobs: SimpleNamespace, tmp_path: Path) -> None:
    shown = jobs.run.choose(jobs.visitor, jobs.film)
    assert "3 frames to paint" in shown
    names = re.findall(r">(\d{6}\.png)<", shown)
    assert names[0] == "000000.png"
    assert "000006.png" in names
    (archive,) = jobs.visitor.files("keys").values()
    assert archive.name == "two shots - keys.zip"
    with zipfile.ZipFile(archive.path) as bundle:
        assert bundle.namelist() == names
        bundle.extract("000006.png", tmp_path)
    assert np.abs(read_image(tmp_path / "000006.png").astype(int) - jobs.pictures[6]).mean() < 4


def test_painted_frames_that_come_back_become_the_video(jobs: SimpleNamespace, tmp_path: Path) -> None:
    taken: dict[int, str] = {}
    for name, color in (("000006.png", BLUE), ("000000.png", RED)):
        taken, shown = jobs.run.take(jobs.visitor, jobs.film, bring(jobs, name, plain(color)), taken)
    assert list(taken) == [0, 6]
    assert shown.index("painted frame 0") < shown.index("painted frame 6")
    progress, result = list(jobs.run.paint(jobs.visitor, jobs.film, taken))[-1]
    assert "14 frames in" in progress
    identity = re.search(r'src="/vidstyle/file/([^"]+)"', result)
    assert identity is not None
    file = jobs.visitor.file(identity[1], "result")
    assert file.name == "two shots - by keys.mp4"
    shutil.copyfile(file.path, tmp_path / "out.mp4")
    frames = read_video(tmp_path / "out.mp4")
    for number, color in ((3, RED), (10, BLUE)):
        assert np.abs(frames[number][1][40:-40, 40:-40].astype(int) - color).mean() < 14


def test_what_is_no_key_is_refused_in_a_sentence(jobs: SimpleNamespace) -> None:
    with pytest.raises(InputError, match="its name has no number of a frame"):
        jobs.run.take(jobs.visitor, jobs.film, bring(jobs, "mine.png", plain(RED)), {})
    with pytest.raises(InputError, match=r"000000\.png: is 100x144, and the frames are 192x144"):
        jobs.run.take(jobs.visitor, jobs.film, bring(jobs, "000000.png", plain(RED)[:, :100]), {})
    with pytest.raises(InputError, match="Drop a painted frame first"):
        next(jobs.run.paint(jobs.visitor, jobs.film, {}))


def test_another_visitors_frames_cannot_be_had(jobs: SimpleNamespace, tmp_path: Path) -> None:
    stranger = Visitors(tmp_path / "others").welcome()[1]
    with pytest.raises(InputError, match="no longer here"):
        jobs.run.choose(stranger, jobs.film)
