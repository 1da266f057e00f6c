"""Masks that other programs have made: where a painting shows, and where the source stays."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from conftest import Result
from media_files import make_video, read_video
from PIL import Image

import vidstyle
from vidstyle.media.mask_files import MaskFile

Cli = Callable[..., Result]
LOSSLESS = {"codec": "ffv1", "pixel_format": "bgr0"}


def half(number: int = 0, width: int = 64, height: int = 48) -> np.ndarray:
    """A mask whose left part is white, wider with every frame."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[:, : width * (number + 1) // 12] = 255
    return picture


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    """A video of ten of them, of another size."""
    return make_video(tmp_path / "mask.mkv", pictures=[half(n, 128, 96) for n in range(10)], **LOSSLESS)  # type: ignore[arg-type]


def test_the_painting_shows_where_the_mask_of_the_frame_is_white(
    clip: Path, mask: Path, style_file: Path, tmp_path: Path
) -> None:
    vidstyle.restyle(
        clip, tmp_path / "out.mkv", style=style_file, device="cpu", engine="torch", codec="ffv1", mask=mask
    )
    before, after = (read_video(path) for path in (clip, tmp_path / "out.mkv"))
    assert len(after) == 10
    for number, ((_, source), (_, shown)) in enumerate(zip(before, after, strict=True)):
        edge = 64 * (number + 1) // 12
        assert np.abs(shown[:, edge + 3 :].astype(int) - source[:, edge + 3 :]).max() <= 1
        assert np.abs(shown[:, : edge - 3].astype(int) - source[:, : edge - 3]).mean() > 8


def test_a_part_of_a_video_has_that_part_of_the_masks(clip: Path, mask: Path, style_file: Path, tmp_path: Path) -> None:
    options = {"style": style_file, "device": "cpu", "engine": "torch", "codec": "ffv1"}
    vidstyle.restyle(clip, tmp_path / "out.mkv", mask=mask, start=0.2, **options)  # type: ignore[arg-type]
    (_, source), (_, shown) = read_video(clip)[5], read_video(tmp_path / "out.mkv")[0]
    changed = np.abs(shown.astype(int) - source).max((0, 2)) > 3
    assert int(np.flatnonzero(changed).max()) == pytest.approx(32, abs=2)


def test_a_picture_is_a_mask_for_every_frame_and_for_pictures(
    run_cli: Cli, clip: Path, picture: Path, style_file: Path, tmp_path: Path
) -> None:
    Image.fromarray(half(5)).save(tmp_path / "mask.png")
    options = ["--style", style_file, "--device", "cpu", "--engine", "torch", "--mask", tmp_path / "mask.png"]
    assert run_cli("restyle", clip, tmp_path / "out.mkv", "--codec", "ffv1", *options).code == 0
    for (_, source), (_, shown) in zip(read_video(clip), read_video(tmp_path / "out.mkv"), strict=True):
        assert np.abs(shown[:, 36:].astype(int) - source[:, 36:]).max() <= 1
        assert np.abs(shown[:, :28].astype(int) - source[:, :28]).mean() > 8
    assert run_cli("restyle", picture, tmp_path / "out.png", *options).code == 0
    before, after = (np.asarray(Image.open(path)).astype(int) for path in (picture, tmp_path / "out.png"))
    assert np.array_equal(before[:, 33:], after[:, 33:])
    assert np.abs(before[:, :31] - after[:, :31]).mean() > 8


def test_the_mask_of_a_time_is_the_one_that_shows_then(tmp_path: Path) -> None:
    slow = make_video(
        tmp_path / "slow.mkv",
        pictures=[half(n) for n in (0, 5, 11)],
        times=(0, 4, 8),
        time_base=Fraction(1, 20),
        **LOSSLESS,
    )  # type: ignore[arg-type]
    masks = MaskFile(slow, (64, 48))
    widths = [int((masks.at(time)[0] > 128).sum()) for time in (0.0, 0.1, 0.1995, 0.3, 0.45, 9.0)]
    assert widths == [5, 5, 32, 32, 64, 64]
    masks.close()


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--mask", "gone.mp4"], "--mask gone.mp4: no such picture or video"),
        (["--mask", "notes.txt"], "--mask: notes.txt: "),
        (["--mask", "mask.mkv", "--out", "there"], "--mask: is of one video"),
    ],
)
def test_what_is_no_mask_is_said_in_a_line(
    options: list[str],
    why: str,
    run_cli: Cli,
    clip: Path,
    mask: Path,
    style_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("no mask")
    outputs = [] if "--out" in options else ["out.mkv"]
    result = run_cli("restyle", clip, *outputs, "--style", style_file, "--device", "cpu", *options)
    assert result.code == 2
    assert why in result.err
    assert result.err.count("\n") == 1
    assert not (tmp_path / "out.mkv").exists()


def test_pictures_have_no_masks_that_move(
    run_cli: Cli, picture: Path, mask: Path, style_file: Path, tmp_path: Path
) -> None:
    result = run_cli("restyle", picture, tmp_path / "out.png", "--style", style_file, "--device", "cpu", "--mask", mask)
    assert result.code == 2
    assert "is no picture; pictures have one for all of them" in result.err
