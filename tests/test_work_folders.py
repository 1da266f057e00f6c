"""Folders of what a long run has painted: whose they are, what is gone on with, and what is never touched."""

import json
from pathlib import Path

import pytest

from vidstyle.errors import InputError
from vidstyle.work_folders import NOTE, WorkFolder

DEPENDS = {"film": "a"}


def begun(path: Path, depends: dict[str, object] | None = None, *, overwrite: bool = False) -> WorkFolder:
    return WorkFolder(path, DEPENDS if depends is None else depends, what="frames", overwrite=overwrite)


def names(path: Path) -> set[str]:
    return {each.name for each in path.iterdir()}


def test_what_depends_on_the_same_is_gone_on_with(tmp_path: Path) -> None:
    with begun(tmp_path / "a") as folder:
        folder.picture(0).write_bytes(b"first")
        folder.write(DEPENDS | {"keys": [0, 4]})
    for overwrite in (False, True):
        with begun(tmp_path / "a", overwrite=overwrite) as folder:
            assert folder.note["keys"] == [0, 4]
            assert folder.picture(0).read_bytes() == b"first"


def test_what_depends_on_something_else_is_not_mixed_with_it(tmp_path: Path) -> None:
    with begun(tmp_path / "a") as folder:
        folder.picture(0).write_bytes(b"first")
    (tmp_path / "a" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="of another film or other settings"):
        begun(tmp_path / "a", {"film": "b"})
    assert names(tmp_path / "a") == {NOTE, "000000.png", "mine.txt"}
    with begun(tmp_path / "a", {"film": "b"}, overwrite=True) as folder:
        assert names(folder.path) == {NOTE, "mine.txt"}
        assert folder.note == {"film": "b"}
    # Nothing has been painted: what has been mended begins anew.
    with begun(tmp_path / "a") as folder:
        assert folder.note == DEPENDS


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("note", [None, "[1]", "{", "[" * 9000])
def test_a_folder_of_something_else_is_left_alone(tmp_path: Path, overwrite: bool, note: str | None) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "000000.png").write_bytes(b"a photograph")
    if note is not None:
        (tmp_path / "a" / NOTE).write_text(note)
    before = names(tmp_path / "a")
    with pytest.raises(InputError, match="holds something else than frames painted here"):
        begun(tmp_path / "a", overwrite=overwrite)
    assert names(tmp_path / "a") == before
    (tmp_path / "b").write_text("a file")
    with pytest.raises(InputError, match="is a file"):
        begun(tmp_path / "b", overwrite=overwrite)
    assert (tmp_path / "b").read_text() == "a file"


def test_a_run_that_was_killed_before_it_had_written_its_note_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / NOTE).write_text('{"fil')
    with begun(tmp_path / "a") as folder:
        assert json.loads((folder.path / NOTE).read_text()) == DEPENDS


def test_what_is_not_needed_any_more_is_removed_and_nothing_else(tmp_path: Path) -> None:
    for name, kept in (("a", set()), ("b", {"mine.txt", "12.png"})):
        with begun(tmp_path / name) as folder:
            folder.picture(0).write_bytes(b"first")
            folder.picture(1_234_567).write_bytes(b"last")
            for file in kept:
                (folder.path / file).write_text("mine")
            folder.remove()
        assert (tmp_path / name).is_dir() == bool(kept)
    assert names(tmp_path / "b") == {"mine.txt", "12.png"}


def test_two_runs_do_not_paint_into_one(tmp_path: Path) -> None:
    pytest.importorskip("fcntl", reason="Windows has no locks on folders")
    with begun(tmp_path / "a"), pytest.raises(InputError, match="another run is painting frames there"):
        begun(tmp_path / "a")
    begun(tmp_path / "a").close()


def test_where_nothing_can_be_made_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        begun(tmp_path / "nowhere" / "a")
