"""`vidstyle preview`: one frame in several styles on one sheet."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Result
from media_files import colorful_picture, make_video
from painters import Inverted, style_of
from PIL import Image

from vidstyle import InputError, Options
from vidstyle.contact_sheet import LINE, WIDTH, Cell, frame_at, paint_cells, sheet_of

Cli = Callable[..., Result]


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Ten frames that grow brighter, one a tenth of a second."""
    return make_video(
        tmp_path / "film.mp4", pictures=[np.full((48, 64, 3), 20 * n, np.uint8) for n in range(10)], times=range(10)
    )


def test_the_frame_is_that_of_the_time(film: Path, tmp_path: Path) -> None:
    first, later = frame_at(film), frame_at(film, 0.2)
    assert first.mean() < 3 < later.mean()
    large = make_video(tmp_path / "large.mp4", pictures=[colorful_picture(0, 1280, 720)], times=[0])
    assert frame_at(large).shape == (360, 640, 3), "as large as strokes need it"
    with pytest.raises(InputError, match="nothing to paint after start=99"):
        frame_at(film, 99)
    Image.new("RGB", (32, 32)).save(tmp_path / "a.png")
    assert frame_at(tmp_path / "a.png").shape == (32, 32, 3)
    with pytest.raises(InputError, match=r"^at: is for videos"):
        frame_at(tmp_path / "a.png", 1)


def test_cells_are_the_frame_and_what_each_style_makes_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vidstyle.contact_sheet.load_style", lambda _: style_of(Inverted()))
    frame = colorful_picture()
    cells = list(paint_cells(frame, ["Starry Night", "great_wave"], Options(device="cpu")))
    assert [cell.name for cell in cells] == ["as it is", "starry_night", "great_wave"]
    assert (np.asarray(cells[0].picture) == frame).all()
    assert np.abs(np.asarray(cells[2].picture).astype(int) - (255 - frame)).max() <= 2
    with pytest.raises(InputError, match="did you mean great_wave"):
        next(paint_cells(frame, ["great_wafe"]))


def test_the_sheet_has_every_cell_in_its_place() -> None:
    cells = [Cell(str(n), Image.new("RGB", (64, 48), (60 * n, 0, 0))) for n in range(4)]
    sheet = sheet_of(cells)
    height = WIDTH * 48 // 64
    assert sheet.size == (2 * WIDTH, 2 * (height + LINE))
    middles = [(WIDTH // 2 + x * WIDTH, height // 2 + y * (height + LINE)) for y in (0, 1) for x in (0, 1)]
    assert [sheet.getpixel(middle) for middle in middles] == [(60 * n, 0, 0) for n in range(4)]
    words = np.asarray(sheet)[height : height + LINE, :WIDTH]
    assert words.min() < 100 < words.max() == 255, "each has its name below it"


def test_preview_shows_or_writes(
    run_cli: Cli, film: Path, style_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = ("preview", film, "--at", "0.1", "--style", style_file, "--device", "cpu")
    result = run_cli(*given)
    assert re.fullmatch(r"vidstyle: \S+film.preview.jpg: 1 style, 420x682\n", result.err)
    assert "exists already" in run_cli(*given).err
    for name, value in (
        ("FORCE_COLOR", "1"),
        ("TERM", "xterm-256color"),
        ("COLORTERM", "truecolor"),
        ("COLUMNS", "80"),
    ):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)
    shown = run_cli(*given).out
    assert "▀" in shown
    assert style_file.stem in shown
    assert run_cli(*given, film.with_name("sheet.png")).out == ""
    with Image.open(film.with_name("sheet.png")) as sheet:
        assert sheet.size == (420, 682)
    assert "is the name of" in run_cli("preview", tmp_path / "film.preview.jpg", tmp_path / "film.preview.jpg").err
