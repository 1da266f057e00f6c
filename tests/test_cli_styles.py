"""`vidstyle styles`: what is installed, as tables, pictures and JSON."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Result
from PIL import Image

from vidstyle.nets import build_network
from vidstyle.style_files import StyleCard, save_style

Cli = Callable[..., Result]
TINY = {"channels": 8, "blocks": 1}


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three installed styles with everything that can be known of a style."""
    monkeypatch.setattr("vidstyle.styles.library", lambda: tmp_path)
    metrics = {"style_distance": 0.234, "content_distance": 1.5, "grid_db": 9.87, "warp_error": 0.0345}
    for name, title in (("bathers", "Bathers at Asnières"), ("wave", "[b]The Wave[/b]"), ("x", "")):
        card = StyleCard(name, tmp_path, "realtime", TINY, title, "Katsushika Hokusai", "1831", metrics=metrics)
        save_style(tmp_path / f"{name}.safetensors", build_network("realtime", TINY), card)
    return tmp_path


def test_styles_lists_what_is_known_of_each(run_cli: Cli, library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    result = run_cli("styles", "-v")
    assert result.code == 0
    assert max(map(len, result.out.splitlines())) <= 200
    size = f"{(library / 'wave.safetensors').stat().st_size / 1000:.0f} kB"
    for text in ("wave", "[b]The Wave[/b]", "Katsushika Hokusai", "1831", "realtime", size):
        assert text in result.out
    for text in ("style distance", "0.234", "content distance", "1.5", "grid db", "9.87", "warp error", "0.0345"):
        assert text in result.out


def test_where_there_is_no_room_for_titles_figures_are_a_line_a_style(
    run_cli: Cli, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = run_cli("styles", "-v").out.splitlines()
    assert max(map(len, lines)) <= 80
    size = f"{(library / 'wave.safetensors').stat().st_size / 1000:.0f}"
    rows = [line.split() for line in lines]
    assert ["wave", "realtime", size, "1.5", "9.87", "0.234", "0.0345"] in rows
    assert ["name", "network", "kB", "distance", "db", "distance", "error"] in rows
    assert len(lines) == 6, "two of headings, three styles, and what figures mean"


def test_the_list_of_styles_is_short(run_cli: Cli, library: Path) -> None:
    lines = run_cli("styles").out.splitlines()
    assert lines[1].rstrip() == "wave     [b]The Wave[/b], Katsushika Hokusai, 1831"
    assert len(lines) == 3, "one a style"


def test_names_are_whole_however_long_titles_are(run_cli: Cli, library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    whole = "wave     [b]The Wave[/b], Katsushika Hokusai, 1831"
    assert run_cli("styles").out.splitlines()[1] == whole, "whoever reads it is no terminal"
    for name, value in (("FORCE_COLOR", "1"), ("TERM", "xterm")):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "wave     [b]The Wave[/b], Kat…" in run_cli("styles").out.splitlines()


def test_one_style_is_shown_with_all_that_is_known_of_it(run_cli: Cli, library: Path, style_file: Path) -> None:
    shown = run_cli("styles", "Wave").out
    for text in ("wave", "[b]The Wave[/b]", "Katsushika Hokusai, 1831", "realtime", "warp error", "0.0345"):
        assert text in shown
    assert "Less is better" in shown
    assert "bathers" not in shown
    assert style_file.name in run_cli("styles", style_file).out
    assert "error: wafe: no such style; did you mean wave" in run_cli("styles", "wafe").err, "there is no --style here"


def test_styles_shows_small_pictures_to_terminals_with_colors(
    run_cli: Cli, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    halves = np.repeat(np.uint8([[[250, 0, 0]], [[0, 0, 250]]]), 40, axis=0).repeat(160, axis=1)
    Image.fromarray(halves).save(library / "wave.jpg", quality=100, subsampling=0)
    monkeypatch.setenv("COLUMNS", "80")
    assert "▀" not in run_cli("styles").out
    for name, value in (("FORCE_COLOR", "1"), ("TERM", "xterm-256color"), ("COLORTERM", "truecolor")):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)
    lines = [line for line in run_cli("styles").out.splitlines() if "▀" in line]
    # 39 x 20 pixels, as round as characters allow, red above and blue below.
    assert len(lines) == 10
    assert all(re.search(r"38;2;2\d\d;0;\d;48;2;2\d\d;0;\dm▀", line) for line in lines[:4])
    assert all(re.search(r"38;2;\d;0;2\d\d;48;2;\d;0;2\d\dm▀", line) for line in lines[-4:])
    monkeypatch.setenv("NO_COLOR", "1")
    assert "▀" not in run_cli("styles").out


def test_styles_as_json_names_files_and_metrics(run_cli: Cli, library: Path) -> None:
    cards = json.loads(run_cli("styles", "--json").out)
    assert [card["name"] for card in cards] == ["bathers", "wave", "x"]
    file = library / "wave.safetensors"
    assert (cards[1]["path"], cards[1]["bytes"]) == (str(file), file.stat().st_size)
    assert (cards[1]["network"], cards[1]["arguments"], cards[1]["year"]) == ("realtime", TINY, "1831")
    assert cards[1]["metrics"]["warp_error"] == 0.0345
