"""Pairs of frames from videos: estimated flow, what can be trusted of it, and which frames are taken."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from media_files import make_video

from vidstyle.errors import InputError
from vidstyle.perception.flow import estimate_flow
from vidstyle.perception.warping import warp
from vidstyle.training import clips
from vidstyle.training.clips import Clips, read_clip


def landscape(seed: int = 0, width: int = 200, height: int = 140) -> np.ndarray:
    """Something large and something small everywhere, as flow estimation needs it."""
    rng = np.random.default_rng(seed)
    scales = [rng.integers(0, 256, (height // cell, width // cell, 3), dtype=np.uint8) for cell in (20, 6)]
    large, small = (cv2.resize(scale, (width, height), interpolation=cv2.INTER_CUBIC) for scale in scales)
    return cv2.addWeighted(large, 0.7, small, 0.3, 0)


def pan(frames: int, step: int = 3) -> list[np.ndarray]:
    """What a camera sees that moves to the right by `step` pixels a frame: (96, 120, 3)."""
    scene = landscape()
    return [scene[20:116, step * n : step * n + 120].copy() for n in range(frames)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_video(tmp_path / "pan.mkv", pictures=pan(8), times=range(8), codec="ffv1", pixel_format="bgr0")
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    (tmp_path / "notes.txt").write_text("no video either")
    return tmp_path


def open_clips(folder: Path, **options: float) -> Clips:
    arguments = {"crop": 64, "pairs": 2, "span": 3, "seed": 0, "share": 1.0} | options
    return Clips(folder, **arguments)


def test_flow_leads_back_to_the_first_frame() -> None:
    first, second = pan(2, step=5)
    flow, visible = estimate_flow(first, second)
    middle = (slice(20, -20), slice(20, -20))
    np.testing.assert_allclose(flow[middle], np.broadcast_to([5.0, 0.0], flow[middle].shape), atol=0.5)
    assert visible[middle].mean() > 0.98
    assert not visible[:, -3:].any(), "came in from the right"


def test_what_an_object_has_just_uncovered_is_not_trusted() -> None:
    background, ball = landscape(1), landscape(2)
    frames = []
    for left in (40, 60):
        frame = background.copy()
        frame[40:100, left : left + 60] = ball[:60, :60]
        frames.append(frame)
    _, visible = estimate_flow(*frames)
    uncovered = visible[50:90, 42:58].mean()
    assert uncovered < 0.4 < 0.9 < visible[50:90, 130:180].mean()


def test_pairs_are_related_by_their_flow_and_share_their_light(folder: Path) -> None:
    pairs = open_clips(folder).batch(0)
    assert pairs is not None
    assert pairs.first.shape == pairs.second.shape == (2, 3, 64, 64)
    assert (pairs.flow.shape, pairs.visible.shape) == ((2, 64, 64, 2), (2, 1, 64, 64))
    assert 0.5 < pairs.visible.mean() < 1
    seen = pairs.visible.expand_as(pairs.first) == 1
    followed, still = (
        (first - pairs.second).abs()[seen].mean() for first in (warp(pairs.first, pairs.flow), pairs.first)
    )
    assert followed < still / 2


def test_pairs_depend_on_seed_and_step_alone(folder: Path) -> None:
    one, other = open_clips(folder), open_clips(folder)
    one.batch(3)
    again, expected = one.batch(7), other.batch(7)
    assert again is not None
    assert expected is not None
    torch.testing.assert_close(again.first, expected.first, rtol=0, atol=0)
    elsewhere = open_clips(folder, seed=1).batch(7)
    assert elsewhere is not None
    assert not torch.equal(again.first, elsewhere.first)


def test_frames_lie_as_far_apart_as_the_span_allows(folder: Path) -> None:
    near, far = (open_clips(folder, span=span) for span in (1, 6))

    def shifts(some: Clips) -> list[float]:
        batches = [some.batch(step) for step in range(6)]
        return [abs(flow[..., 0].median().item()) for batch in batches if batch for flow in batch.flow]

    # The camera moves by 3 pixels a frame, and frames are kept at 83 / 96 of their size.
    assert max(shifts(near)) < 3.2
    assert max(shifts(far)) > 8


def test_clips_have_their_share_of_the_steps(folder: Path) -> None:
    some = open_clips(folder, share=0.25)
    taken = sum(some.batch(step) is not None for step in range(80))
    assert 10 <= taken <= 30


def test_what_is_no_video_is_skipped_and_counted(folder: Path, tmp_path: Path) -> None:
    assert {path.name for path in open_clips(folder).skipped} == {"broken.mp4"}
    (tmp_path / "pan.mkv").unlink()
    with pytest.raises(InputError, match="with clips"):
        open_clips(folder)


def test_no_more_frames_are_kept_than_fit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = read_clip(folder / "pan.mkv", 48, memory=4 * 48 * 60 * 3)
    assert frames.shape == (4, 48, 60, 3)
    monkeypatch.setattr(clips, "MEMORY", 1)
    assert len(open_clips(folder).frames[0]) == 2
