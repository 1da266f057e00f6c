"""A file appears whole or not at all, and is refused before work begins."""

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import contents

from vidstyle import output_files
from vidstyle.errors import InputError, VidstyleError, parameter
from vidstyle.media import recording_file
from vidstyle.media.images import Picture, read_image, write_picture
from vidstyle.media.recording_file import RecordingFile
from vidstyle.output_files import Part, PartFolder, check_output, lock, part_prefix, tidy, written_beside


def test_nothing_has_the_name_before_all_is_written(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    with written_beside(target) as partial:
        partial.write_text("half")
        assert not target.exists()
    assert contents(tmp_path) == {"a.txt": b"half"}


def write(target: Path, text: str, meanwhile: str = "", *, full: bool = False) -> None:
    with written_beside(target, overwrite=not meanwhile) as partial:
        partial.write_text(text)
        if meanwhile:
            target.write_text(meanwhile)
        if full:
            raise OSError(errno.ENOSPC, "No space left on device")


def test_what_fails_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("before")
    with pytest.raises(InputError, match=r"a.txt: cannot be written: No space left"):
        write(tmp_path / "a.txt", "half", full=True)
    assert contents(tmp_path) == {"a.txt": b"before"}


def test_what_has_come_into_being_meanwhile_stays(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="exists already; overwrite=True replaces it"):
        write(tmp_path / "a.txt", "ours", meanwhile="theirs")
    assert contents(tmp_path) == {"a.txt": b"theirs"}


@pytest.mark.skipif(lock(0) is None, reason="there are no locks here")
@pytest.mark.parametrize("make", [Part, lambda target: PartFolder(target, target.parent), RecordingFile])
def test_what_another_run_removes_before_it_is_locked_is_made_again(
    make: Callable[[Path], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "a.mkv"
    others: list[Path] = []

    def late(handle: Any) -> bool | None:
        if not others:  # another run comes between, and finds what nobody holds yet
            others.append(target)
            tidy(tmp_path, part_prefix(target))
            for left in tmp_path.glob("*.recording*"):
                assert recording_file._tidied(left, target)
            assert not list(tmp_path.iterdir())
        return lock(handle)

    monkeypatch.setattr(output_files, "lock", late)
    made = make(target)
    assert others
    assert made.path.exists()
    tidy(tmp_path, part_prefix(target))
    assert made.path.exists()
    made.discard()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gone/a.png", "the folder .* does not exist; make it first"),
        (".", "is a folder; name a file in it"),
        ("taken.png", "is the name of .*taken.png too"),
        ("there.png", "exists already"),
    ],
)
def test_what_cannot_be_made_is_refused(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "there.png").touch()
    with pytest.raises(InputError, match=message):
        check_output(tmp_path / name, overwrite=False, taken=[tmp_path / "taken.png"])
    check_output(tmp_path / "there.png", overwrite=True)


def test_a_picture_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    pixels = np.full((8, 9, 3), 200, np.uint8)
    write_picture(tmp_path / "a.png", Picture(pixels), overwrite=False)
    assert np.array_equal(read_image(tmp_path / "a.png"), pixels)
    with pytest.raises(InputError, match="cannot be written"):
        write_picture(tmp_path / "wide.jpg", Picture(np.zeros((1, 70_000, 3), np.uint8)), overwrite=False)
    assert contents(tmp_path).keys() == {"a.png"}


def test_an_error_names_parameters_in_the_words_of_whoever_asks() -> None:
    error = InputError(
        f"{parameter('keep_colors', 'sepia')}: no; {parameter('overwrite', True)} does, {parameter('size')}"
    )
    assert str(error) == "keep_colors='sepia': no; overwrite=True does, size"
    assert (
        error.worded(lambda name, value: f"<{name}|{value}>") == "<keep_colors|sepia>: no; <overwrite|> does, <size|>"
    )
    assert error.argument == "keep_colors"
    assert InputError("a.png: no such file").argument == ""
    assert str(VidstyleError("a bug")) == "a bug"


@pytest.mark.parametrize(
    ("value", "python", "written"),
    [(0.5, "=0.5", "0.5"), (3, "=3", "3"), ((640, 360), "=(640, 360)", "640x360"), ("a\x1fb\x1d", "='a b '", "a b ")],
)
def test_values_are_written_as_each_expects(value: object, python: str, written: str) -> None:
    error = InputError(parameter("size", value))
    assert str(error) == f"size{python}"
    assert error.worded(lambda _, text: text) == written
