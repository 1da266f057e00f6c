"""Files that are made: what may be written where, and how one appears whole or not at all."""

import contextlib
import os
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path

from vidstyle.errors import InputError, parameter, reason


def check_output(path: Path, *, overwrite: bool, taken: Sequence[Path] = ()) -> None:
    """Whether a file can be made, before work begins that would be in vain.

    Args:
        path: the file.
        overwrite: whether it may be replaced.
        taken: files that it must not be, such as those it is made of.

    Raises:
        InputError: if its folder does not exist, it is a folder itself, one of those taken, or exists and may not be
            replaced.
    """
    check_folder(path)
    if path.is_dir():
        raise InputError(f"{path}: is a folder; name a file in it")
    for other in taken:
        if path.resolve() == other.resolve():
            raise InputError(f"{path}: is the name of {other} too; choose another one")
    if path.exists() and not overwrite:
        raise exists_already(path)


def check_folder(path: Path) -> None:
    """Raises InputError unless the folder is there in which `path` is to be."""
    if not path.resolve().parent.is_dir():
        raise InputError(f"{path}: the folder {path.parent} does not exist; make it first")


def exists_already(path: Path) -> InputError:
    """What to raise where a file would have to be replaced, and may not."""
    return InputError(f"{path}: exists already; {parameter('overwrite', True)} replaces it")


def partial_path(target: Path) -> Path:
    """A hidden name beside `target`, with its suffix, that nobody else uses: written first, renamed when complete.

    Raises:
        InputError: if nothing can be written there.
    """
    # Not by tempfile, whose files nobody else may read.
    partial = target.parent / f".vidstyle-{secrets.token_hex(8)}.part{target.suffix}"
    try:
        partial.touch(exist_ok=False)
    except OSError as error:
        raise InputError(f"{target}: cannot write there: {error.strerror}") from error
    return partial


def move_into_place(partial: Path, target: Path, *, overwrite: bool) -> None:
    """Give a complete file its name, in one step, once all of it is on the disk.

    Raises:
        InputError: if `target` has come into being meanwhile and must not be overwritten.
        OSError: if it cannot be written.
    """
    # Some file systems find out only now that there was no room.
    with partial.open("rb+") as written:
        os.fsync(written.fileno())
    if overwrite:
        partial.replace(target)
        return
    try:
        os.link(partial, target)
    except FileExistsError as error:
        raise exists_already(target) from error
    except OSError:
        # No hard links on this file system.
        if target.exists():
            raise exists_already(target) from None
        partial.replace(target)
    else:
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def written_beside(target: Path, *, overwrite: bool = True) -> Iterator[Path]:
    """A name to write a file under, which becomes `target` when the block is done, and is gone if it fails.

    Raises:
        InputError: if it cannot be written, or must not be overwritten.
    """
    partial = partial_path(target)
    try:
        yield partial
        move_into_place(partial, target, overwrite=overwrite)
    except OSError as error:
        raise InputError(f"{target}: cannot be written: {reason(error)}") from error
    finally:
        partial.unlink(missing_ok=True)
