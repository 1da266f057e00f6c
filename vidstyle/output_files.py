"""Files that are made: what may be written where, how one appears whole or not at all, and what kills have left."""

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from vidstyle.errors import InputError, parameter, reason

PREFIX, SUFFIX = ".vidstyle-", ".part"
"""Of hidden names; between them are the target's, as a number, and what tells runs apart."""
DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def check_output(path: Path, *, overwrite: bool, taken: Sequence[Path] = ()) -> None:
    """Whether a file can be made, before work begins that would be in vain.

    Args:
        path: the file; a link to a file stands for that file.
        overwrite: whether it may be replaced.
        taken: files that it must not be, such as those it is made of.

    Raises:
        InputError: if its folder does not exist, it is a folder itself, a device, a pipe or a link that leads nowhere,
            one of those taken, or exists and may not be replaced.
    """
    check_link(path)
    check_folder(path)
    if path.is_dir():
        raise InputError(f"{path}: is a folder; name a file in it")
    if path.exists() and not path.is_file():
        raise InputError(f"{path}: is a device or a pipe, which are never replaced; name a file")
    for other in taken:
        if path.resolve() == other.resolve():
            raise InputError(f"{path}: is the name of {other} too; choose another one")
    if path.exists() and not overwrite:
        raise exists_already(path)


def check_link(path: Path) -> None:
    """Raises InputError if `path` is a link that leads nowhere, or one that nobody can follow."""
    try:
        leads_nowhere = path.is_symlink() and not path.exists()
    except OSError as error:
        raise InputError(f"{path}: {reason(error)}") from error
    if leads_nowhere:
        raise InputError(f"{path}: is a link that leads nowhere; remove it, or name another file")


def is_hidden(path: Path) -> bool:
    """Whether a file is none to look at, as half-written ones are."""
    return path.name.startswith(".")


def check_folder(path: Path) -> None:
    """Raises InputError unless the folder is there in which `path` is to be."""
    if not path.resolve().parent.is_dir():
        raise InputError(f"{path}: the folder {path.parent} does not exist; make it first")


def exists_already(path: Path) -> InputError:
    """What to raise where a file would have to be replaced, and may not."""
    return InputError(f"{path}: exists already; {parameter('overwrite', True)} replaces it")


class Part:
    """A file that is being written, under a hidden name beside its own, with its suffix.

    As long as this is not closed, other runs leave it alone; what a killed run has left is removed by the next one of
    the same output.

    Args:
        target: what it is to be called; a link to a file stands for that file.

    Attributes:
        path: where it is until then.

    Raises:
        InputError: if nothing can be written there.
    """

    def __init__(self, target: Path) -> None:
        self._named, self._target = target, Path(os.path.realpath(target))
        prefix = part_prefix(target)
        tidy(self._target.parent, prefix)
        while True:
            # Not by tempfile, whose files nobody else may read.
            self.path = self._target.parent / f"{prefix}{secrets.token_hex(8)}{SUFFIX}{target.suffix}"
            try:
                self._file = self.path.open("xb")
            except OSError as error:
                raise InputError(f"{target}: cannot write there: {reason(error)}") from error
            if keep(self._file.fileno(), self.path):
                break
            self._file.close()

    def publish(self, *, overwrite: bool) -> None:
        """Give it its name, in one step.

        Raises:
            InputError: if the target has come into being meanwhile and must not be overwritten.
        """
        self._file.close()
        move_into_place(self.path, self._named, overwrite=overwrite)

    def discard(self) -> None:
        """Remove it, unless it has its name; more than once does no harm."""
        self._file.close()
        self.path.unlink(missing_ok=True)


class PartFolder:
    """As Part, a folder in which several files are written before they get their names.

    Args:
        target: the folder or the file that is to come of it; names the hidden folder.
        beside: in which folder it is.

    Attributes:
        path: a folder in the hidden one, which nobody but its owner can look into; this one may be for everybody.

    Raises:
        OSError: if nothing can be written there.
    """

    def __init__(self, target: Path, beside: Path) -> None:
        prefix = part_prefix(target)
        tidy(beside, prefix)
        self._handle: int | None = None
        while True:
            self._folder = tempfile.TemporaryDirectory(prefix=prefix, suffix=SUFFIX, dir=beside)
            if self._is_kept():
                break
            self.discard()
        self.path = Path(self._folder.name) / "painted"
        self.path.mkdir()

    def _is_kept(self) -> bool:
        try:
            self._handle = os.open(self._folder.name, os.O_RDONLY)
        except FileNotFoundError:
            return False
        except OSError:
            return True  # Windows opens no folders
        return keep(self._handle, Path(self._folder.name))

    def discard(self) -> None:
        """Remove it with what is left in it; more than once does no harm."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
        self._folder.cleanup()


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
        # Through a link, to what it leads to.
        real = Path(os.path.realpath(target))
        try:
            partial.replace(real)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            # On another disk.
            with written_beside(real) as beside:
                shutil.copyfile(partial, beside)
            partial.unlink(missing_ok=True)
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
    part = Part(target)
    try:
        yield part.path
        part.publish(overwrite=overwrite)
    except OSError as error:
        raise InputError(f"{target}: cannot be written: {reason(error)}") from error
    finally:
        part.discard()


def part_prefix(target: Path) -> str:
    """With which the hidden names of a target's parts begin."""
    return f"{PREFIX}{hashlib.sha256(Path(os.path.realpath(target)).name.encode()).hexdigest()[:12]}-"


def tidy(folder: Path, prefix: str) -> None:
    """Remove what killed runs have left in a folder under names with a prefix; what live ones write is locked."""
    with contextlib.suppress(OSError):
        for left in folder.glob(f"{prefix}*{SUFFIX}*"):
            with _held(left) as is_ours:
                if is_ours and left.is_dir():
                    shutil.rmtree(left, ignore_errors=True)
                elif is_ours:
                    left.unlink(missing_ok=True)


@contextlib.contextmanager
def _held(path: Path) -> Iterator[bool]:
    """Take hold of a file or folder; whether that went well.  Where there are no locks, nothing is taken hold of."""
    handle = os.open(path, os.O_RDONLY)
    try:
        yield lock(handle) is True
    finally:
        os.close(handle)


def keep(handle: int, path: Path) -> bool:
    """Lock what has been opened at `path`.

    Returns:
        Whether it is ours from now on, and still there.  Of what has just been made, False means that another run has
        seen it before it was locked, and has taken it for what a killed one had left: it is gone, or will be.
    """
    return lock(handle) is not False and is_at(handle, path)


def is_at(handle: int, path: Path) -> bool:
    """Whether what has been opened is still at `path`."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def hold_folder(folder: Path, taken: Exception, *, mode: int = 0o777, parents: bool = False) -> int | None:
    """Make a folder, if it is not there, and keep other runs from it.

    Args:
        folder: that other runs are kept from as long as the number is open that comes back, which `os.open` has given;
            None where folders cannot be locked.
        taken: what to raise if another run has it.
        mode, parents: see Path.mkdir.

    Raises:
        OSError: if it cannot be made.
    """
    while True:
        folder.mkdir(mode=mode, parents=parents, exist_ok=True)
        try:
            handle = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:
            continue  # another run has come to its end, and removed it
        except OSError:
            return None  # Windows opens no folders
        if lock(handle) is False:
            os.close(handle)
            raise taken
        if is_at(handle, folder):
            return handle
        os.close(handle)


def lock(file: Any) -> bool | None:
    """Take hold of an open file until it is closed or this process has ended.

    Args:
        file: with a number, or that number.

    Returns:
        False if somebody else has it, None where nobody can.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None  # a file system without locks
    return True
