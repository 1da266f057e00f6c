"""Loops over pixels, compiled by Numba at their first call; what comes of it is kept on disk where that can be done.

That takes a quarter of a minute and more, in which Python does little else: whoever has something to show meanwhile has
it done by another process (`compiled_elsewhere`), and loads what that has kept.

Numba looks for a folder beside the source, then in the user's cache; without either it refuses the function, and a
file of its own that is torn, or a disk that is full, ends the call.  Here such a loop is compiled again instead.  A
loop is compiled anew, too, when one that it calls has changed in another file, which Numba does not look at.
"""

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any, Literal

import numba
from numba.core.caching import FunctionCache
from numba.core.dispatcher import Dispatcher


class _Elsewhere:
    """Who else compiles.

    Attributes:
        work: has loops compiled, and kept; None if nobody does.
        under_way: whether it is at it.
    """

    work: Callable[[], None] | None = None
    under_way = False


_LOOPS: list[Any] = []
_elsewhere = _Elsewhere()


def compiled(
    error_model: Literal["python", "numpy"] = "python", *, part: bool = False
) -> Callable[[Callable[..., Any]], Any]:
    """A decorator for functions of arrays and numbers, which run without the interpreter's lock.

    Args:
        error_model: Numba's: with "numpy", a division by zero is infinite or no number; with "python", it is an error.
        part: whether other loops call it.  It becomes part of them: a function that they share would be the one
            compiled first where all are compiled, another where they are read from disk, and these round differently.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        loop: Any = numba.njit(nogil=True, fastmath=True, error_model=error_model, forceinline=part)(function)
        # Numba's error where there is no folder.
        with contextlib.suppress(RuntimeError):
            loop._cache = _Kept(function)
        _LOOPS.append(loop)
        return loop

    return decorate


def is_compiling() -> bool:
    """Whether a loop is being compiled, for which frames wait, rather than loaded; from any thread."""
    # Numba calls it compiling as soon as it looks for what was kept.
    return _elsewhere.under_way or any(loop.is_compiling and loop.stats.cache_misses for loop in _LOOPS)


@contextlib.contextmanager
def compiled_elsewhere(work: Callable[[], None]) -> Iterator[None]:
    """What has loops compiled by another process, and kept, before they are compiled here, in whatever thread.

    work: called once, and only if a loop is missed; what it does not do, or raises, is done or raised here.
    """
    _elsewhere.work = work
    try:
        yield
    finally:
        _elsewhere.work = None


class _Kept(FunctionCache):
    """What is kept of a loop; nothing that goes wrong with it stops a call."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self.used = _used(function)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        kept = self._found(sig, target_context)
        if kept is not None or _elsewhere.work is None:
            return kept
        # Numba lets one thread at a time look for what is kept, and compile.
        work, _elsewhere.work = _elsewhere.work, None
        _elsewhere.under_way = True
        try:
            work()
        finally:
            _elsewhere.under_way = False
        return self._found(sig, target_context)

    def _found(self, sig: Any, target_context: Any) -> Any:
        # Torn files raise whatever pickle and LLVM make of them.
        try:
            return super().load_overload(sig, target_context)
        except Exception:
            with contextlib.suppress(OSError):
                self.flush()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        with contextlib.suppress(Exception):
            super().save_overload(sig, data)

    def _index_key(self, sig: Any, codegen: Any) -> tuple[Any, ...]:
        return (*super()._index_key(sig, codegen), self.used)


def _files(function: FunctionType) -> set[str]:
    """The file of a function, and those of ours that functions it could call come from."""
    around = [one for one in function.__globals__.values() if isinstance(one, FunctionType)]
    ours = [one for one in around if one.__module__.startswith(f"{__package__}.")]
    return {one.__code__.co_filename for one in (function, *ours)}


@cache
def _file(path: str) -> str:
    """A digest of what is in a file."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _used(function: Callable[..., Any]) -> str:
    """A digest of the numbers and loops that a function finds around it, and of what these use."""
    digest = hashlib.sha256()
    for name in sorted(set(function.__code__.co_names) & set(function.__globals__)):
        value = function.__globals__[name]
        if isinstance(value, Dispatcher):
            code = value.py_func.__code__
            text = f"{code.co_code!r} {code.co_consts!r} {_used(value.py_func)}" if value.py_func != function else ""
        elif isinstance(definition := getattr(value, "_defn", None), FunctionType):
            # One of Numba's intrinsics; what it calls is beside it, or was imported there.
            text = " ".join(_file(path) for path in sorted(_files(definition)))
        elif isinstance(value, (bool, int, float, complex, str)) or type(value).__module__ == "numpy":
            text = repr(value)
        else:
            continue
        digest.update(f"{name}={text};".encode())
    return digest.hexdigest()
