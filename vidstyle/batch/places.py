"""Files that may be anywhere: on a disk, or under a URL that fsspec knows."""

import contextlib
import posixpath
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vidstyle.errors import InputError, VidstyleError, parameter, reason
from vidstyle.output_files import written_beside
from vidstyle.restyle_options import URL_IN_PATH

URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+://")
LIVE = frozenset({"rtsp", "rtsps", "rtmp", "udp", "rtp", "srt", "tcp", "mms"})
"""What plays while it is painted, and is no file."""


def is_url(name: str) -> bool:
    """Whether a file is named by its URL."""
    return URL.match(name) is not None and name.split("://")[0].lower() not in LIVE


def as_named(path: Path) -> str:
    """A file as it was named: of the two slashes of a URL, Path takes one."""
    url = URL_IN_PATH.fullmatch(str(path))
    if url is None or path.exists():
        return str(path)
    return f"{url[1]}://{'/' if url[1] == 'file' else ''}{url[2]}"


def place_of(path: Path) -> str:
    """Where several machines find a file: its URL, or where it is on all of them."""
    named = as_named(path)
    return named if is_url(named) else str(Path(named).absolute())


def on_disk(name: str) -> Path | None:
    """Where a file is on a disk of this machine, by whatever name; None if it is elsewhere."""
    if not is_url(name):
        return Path(name)
    with _errors(name):
        system = _filesystem(name)
        return Path(system._strip_protocol(name)) if getattr(system, "local_file", False) else None


def joined(folder: str, *names: str) -> str:
    """A name in a folder, of either kind."""
    return posixpath.join(folder, *names) if is_url(folder) else str(Path(folder, *names))


def parent(name: str) -> str:
    """The folder of a file, of either kind."""
    return posixpath.dirname(name) if is_url(name) else str(Path(name).parent)


def base(name: str) -> str:
    """A file's name without its folder."""
    return posixpath.basename(name) if is_url(name) else Path(name).name


def exists(name: str) -> bool:
    """Whether there is a file of that name."""
    if not is_url(name):
        return Path(name).exists()
    with _errors(name):
        return bool(_filesystem(name).exists(name))


def size_and_time(name: str) -> tuple[int, str]:
    """Bytes of a file, and what changes when it does."""
    if not is_url(name):
        at = Path(name).stat()
        return at.st_size, str(at.st_mtime_ns)
    with _errors(name):
        info = _filesystem(name).info(name)
    changed = info.get("ETag") or info.get("LastModified") or info.get("mtime") or info.get("updated") or ""
    return int(info.get("size") or 0), str(changed)


def files_below(folder: str) -> list[str]:
    """Every file below a URL, or the file itself.

    Raises:
        InputError: if there is nothing.
    """
    with _errors(folder):
        system = _filesystem(folder)
        found = sorted(system.unstrip_protocol(path) for path in system.find(folder))
    if not found:
        raise InputError(f"{folder}: no such file or folder")
    return found


def fetch(name: str, folder: Path) -> Path:
    """A file on this machine: itself, or a copy in a folder of what lies under a URL."""
    if not is_url(name):
        return Path(name)
    target = folder / base(name)
    with _errors(name):
        _filesystem(name).get_file(name, str(target))
    return target


def store(made: Path, name: str) -> None:
    """Put a complete file under a URL, where it appears as a whole."""
    target = on_disk(name)
    with _errors(name):
        if target is None:
            _filesystem(name).put_file(str(made), name)
            return
        # On a disk by another name half a file could be seen.
        target.parent.mkdir(parents=True, exist_ok=True)
        with written_beside(target) as beside:
            shutil.copyfile(made, beside)


def write_text(name: str, text: str) -> None:
    """Write a small file of either kind, which appears as a whole."""
    target = on_disk(name)
    if target is not None:
        with written_beside(target) as beside:
            beside.write_text(text)
        return
    with _errors(name):
        _filesystem(name).pipe_file(name, text.encode())


def read_text(name: str) -> str | None:
    """What a small file of either kind says, None if there is none.

    Raises:
        UnicodeDecodeError: if it is no text.
        OSError, VidstyleError: if it cannot be read.
    """
    if not exists(name):
        return None
    if not is_url(name):
        return Path(name).read_text()
    with _errors(name):
        read = bytes(_filesystem(name).cat_file(name))
    return read.decode()


def empty_folder(name: str) -> None:
    """Remove all that is in a folder of either kind, and make it if there is none.

    Raises:
        OSError, VidstyleError: if something stays in it.
    """
    folder = on_disk(name)
    if folder is None:
        with _errors(name):
            system = _filesystem(name)
            if system.exists(name):
                system.rm(name, recursive=True)
        return
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def remove_folder(name: str) -> None:
    """Remove a folder of either kind with all that is in it, if it is there."""
    if not is_url(name):
        shutil.rmtree(name, ignore_errors=True)
        return
    with contextlib.suppress(Exception):  # it is hidden, and in nobody's way
        _filesystem(name).rm(name, recursive=True)


def check_url(name: str, argument: str) -> None:
    """Raises InputError where nothing here knows such URLs."""
    try:
        _filesystem(name)
    except VidstyleError as error:
        raise InputError(f"{parameter(argument)}: {error}") from error


def _filesystem(name: str) -> Any:
    try:
        import fsspec
    except ImportError as error:
        raise VidstyleError(f"{name}: fsspec is not here ({reason(error)}); pip install 'vidstyle[ray]'") from error
    try:
        return fsspec.core.url_to_fs(name)[0]
    except (ImportError, ValueError) as error:
        raise VidstyleError(f"{name}: {reason(error)}") from error


@contextlib.contextmanager
def _errors(name: str) -> Iterator[None]:
    try:
        yield
    except VidstyleError:
        raise
    except FileNotFoundError as error:
        raise InputError(f"{name}: no such file") from error
    except Exception as error:  # every storage has errors of its own
        raise VidstyleError(f"{name}: {reason(error)}") from error
