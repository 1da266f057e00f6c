"""What can go wrong for a user, as exceptions whose message is one line: what is wrong, and what to do.

A message names parameters as `parameter` does, and knows nothing of who asks: whoever calls from Python reads their
names, the command line makes options of them, and a page its labels.
"""

import itertools
import re
from collections.abc import Callable, Iterable

Named = Callable[[str, str], str]
"""A parameter's name and its value as text, which may be empty, in somebody's words."""

# Control characters, which no message holds otherwise.
_BEGIN, _BETWEEN, _END = "\x1d", "\x1e", "\x1f"
_PARAMETER = re.compile(f"{_BEGIN}([a-z_]+){_BETWEEN}([^{_END}]*){_BETWEEN}([^{_END}]*){_END}")


def parameter(name: str, value: object = None) -> str:
    """A parameter, perhaps with a value, as a part of a message; see VidstyleError.worded.

    name: in Python.
    """
    if value is None:
        text = literal = ""
    elif value is True:
        text, literal = "", "=True"
    elif isinstance(value, tuple):
        text, literal = "x".join(map(str, value)), f"={value}"
    elif isinstance(value, float):
        text, literal = f"{value:g}", f"={value:g}"
    else:
        text = re.sub(f"[{_BEGIN}-{_END}]", " ", str(value))
        literal = f"={text}" if isinstance(value, int) else f"={text!r}"
    return f"{_BEGIN}{name}{_BETWEEN}{text}{_BETWEEN}{literal}{_END}"


class VidstyleError(Exception):
    """Anything that stops a run and is no bug.  The command line exits with `exit_code`."""

    exit_code = 1

    def __str__(self) -> str:
        return _PARAMETER.sub(lambda found: found[1] + found[3], super().__str__())

    def worded(self, named: Named) -> str:
        """The message, with parameters as `named` says them."""
        return _PARAMETER.sub(lambda found: named(found[1], found[2]), super().__str__())


class InputError(VidstyleError):
    """A file, a parameter or a name that the user gave cannot be used.

    Attributes:
        argument: name of the first parameter that the message names; empty if it names none.
    """

    exit_code = 2

    @property
    def argument(self) -> str:
        found = _PARAMETER.search(Exception.__str__(self))
        return found[1] if found else ""


MEMORY_ERRORS = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "can't start new thread",
    "bad_alloc",
    "Insufficient memory",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUBLAS_STATUS_ALLOC_FAILED",
)
"""What torch, OpenVINO, OpenCV and Python say of it, which have no types for it."""


def lacks_memory(error: BaseException) -> bool:
    """Whether there was no room for something; smaller pictures may still find some."""
    if isinstance(error, MemoryError):
        return True
    libraries = isinstance(error, RuntimeError) or type(error).__module__.startswith("cv2")
    return libraries and any(words in str(error) for words in MEMORY_ERRORS)


def some_of(names: Iterable[str], most: int) -> str:
    """The first of some names, and that there are more."""
    first = list(itertools.islice(names, most + 1))
    return ", ".join(first[:most]) + (", ..." if len(first) > most else "")


def reason(error: BaseException) -> str:
    """What the system or a library says has gone wrong, on one line, without number and file name."""
    return " ".join(str(getattr(error, "strerror", None) or error).split())
