"""What can go wrong for a user, as exceptions whose message is one line: what is wrong, and what to do."""


class VidstyleError(Exception):
    """Anything that stops a run and is no bug.  The command line exits with `exit_code`."""

    exit_code = 1


class InputError(VidstyleError):
    """A file, an option or a name that the user gave cannot be used."""

    exit_code = 2


def reason(error: Exception) -> str:
    """What the system or a library says has gone wrong, on one line, without number and file name."""
    return " ".join(str(getattr(error, "strerror", None) or error).split())
