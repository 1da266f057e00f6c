"""Painting a video by optimisation: frame after frame, steadily, and on after an interruption."""

import itertools
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Result, contents
from media_files import Sound, make_video, read_packets, read_times, read_video
from training_material import write_perceptual_weights, write_picture
from waiting import PATIENCE, wait_until

from vidstyle.media.images import read_image
from vidstyle.painting import optimisation, video
from vidstyle.painting.paint_settings import PaintSettings
from vidstyle.painting.picture import Watch

FRAMES, SHIFT = 4, 3
TIMES = (0, 1, 2, 5)


pytestmark = [pytest.mark.usefixtures("one_thread"), pytest.mark.slow]


@pytest.fixture
def material(tmp_path: Path) -> Path:
    """A clip that pans over a picture, a style and weights."""
    write_perceptual_weights(tmp_path)
    write_picture(tmp_path / "style.png", 1)
    write_picture(tmp_path / "wide.png", 0, (128, 72))
    wide = read_image(tmp_path / "wide.png")
    frames = [np.ascontiguousarray(wide[:, SHIFT * n : SHIFT * n + 96]) for n in range(FRAMES)]
    make_video(tmp_path / "clip.mp4", pictures=frames, times=TIMES, sounds=[Sound(seconds=0.5)])
    return tmp_path


def settings(material: Path, **options: object) -> PaintSettings:
    return PaintSettings(**{"size": 96, "steps": 6, "perceptual_weights": material, **options})


def paint(material: Path, **options: object) -> video.Painted:
    watch = options.pop("watch", None)
    overwrite = bool(options.pop("overwrite", False))
    given = settings(material, **options)
    files = material / "clip.mp4", [material / "style.png"], material / "out.mp4"
    return video.paint_video(*files, given, overwrite=overwrite, watch=watch)


def test_a_video_keeps_its_times_and_its_sound(material: Path, run_cli: Callable[..., Result]) -> None:
    clip, out = material / "clip.mp4", material / "out.mp4"
    before = set(contents(material))
    result = run_cli(
        "paint", "--video", clip, material / "style.png", out,
        "--size", 96, "--steps", 2, "--perceptual-weights", material,
    )  # fmt: skip
    assert result.code == 0, result.err
    assert "4 frames, 96x72" in result.err
    assert read_times(out) == read_times(clip)
    assert [data for _, data in read_packets(out, 1)] == [data for _, data in read_packets(clip, 1)]
    assert set(contents(material)) == before | {"out.mp4"}


def stop_after(frames: int) -> Watch:
    """Stops at the first step of the frame after so many."""
    seen = [0]

    def note(progress: object) -> None:
        seen[0] = progress.frame

    return Watch(on_progress=note, stop=lambda: seen[0] > frames)


def test_it_goes_on_after_the_last_finished_frame(material: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # In bfloat16 two runs of the same steps differ by roundings now and then, of which few steps make much.
    monkeypatch.setattr(optimisation, "prefers_bfloat16", lambda: False)
    stopped = paint(material, watch=stop_after(2))
    folder = material / "out.mp4.frames"
    assert (stopped.complete, stopped.frames) == (False, 2)
    assert sorted(path.name for path in folder.glob("*.png")) == ["000000.png", "000001.png"]
    kept = (folder / "000001.png").read_bytes()
    again = paint(material, watch=stop_after(3))
    assert (folder / "000001.png").read_bytes() == kept
    # 3 steps of the third frame, and the first of the fourth.
    assert again.steps == 4
    whole = paint(material)
    assert (whole.complete, whole.frames) == (True, FRAMES)
    resumed = [pixels for _, pixels in read_video(material / "out.mp4")]
    paint(material, overwrite=True)
    for one, other in zip(resumed, [pixels for _, pixels in read_video(material / "out.mp4")], strict=True):
        assert np.abs(one.astype(int) - other).mean() < 1
    assert not folder.exists()


def test_frames_of_other_settings_are_not_mixed_in(material: Path) -> None:
    paint(material, watch=stop_after(1))
    with pytest.raises(video.InputError, match="or other settings"):
        paint(material, style_scale=2.0)
    assert paint(material, style_scale=2.0, overwrite=True).complete


def moved_difference(material: Path) -> float:
    """Mean difference of a frame from the one before, moved as the camera has."""
    frames = [pixels.astype(int) for _, pixels in read_video(material / "out.mp4")]
    pairs = itertools.pairwise(frames)
    return float(np.mean([np.abs(b[8:-8, 8 : -8 - SHIFT] - a[8:-8, 8 + SHIFT : -8]).mean() for a, b in pairs]))


def test_frames_follow_the_flow(material: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"init": "noise", "steps": 16, "content_weight": 0.0}
    paint(material, **options)
    followed = moved_difference(material)
    carried = video._FramePainter._carried
    monkeypatch.setattr(video._FramePainter, "_carried", lambda *given: (torch.rand_like(carried(*given)[0]), None))
    paint(material, **options, overwrite=True)
    assert followed < 0.6 * moved_difference(material)


def test_ctrl_c_leaves_the_frames_for_later(start_cli: Callable[..., "subprocess.Popen[str]"], material: Path) -> None:
    process = start_cli(
        "paint", "--video", material / "clip.mp4", material / "style.png", material / "out.mp4",
        "--size", 96, "--steps", 60, "--perceptual-weights", material,
    )  # fmt: skip
    wait_until(process, (material / "out.mp4.frames" / "000000.png").exists)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "run the same again to go on" in errors
    assert errors.endswith("vidstyle: interrupted\n")
    assert not (material / "out.mp4").exists()
    assert (material / "out.mp4.frames" / "000000.png").exists()
