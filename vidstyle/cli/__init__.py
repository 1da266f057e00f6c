"""The command line: a file a command, each a thin layer over what the library offers."""

import errno
import os
import re
import sys
import warnings
from contextlib import suppress
from typing import Any, NoReturn

from typer.main import get_command

from vidstyle.cli import (
    bench,
    cameras,
    demo,
    doctor,
    evaluate,
    export,
    keys,
    live,
    paint,
    preview,
    restyle,
    style_from,
    styles,
    train,
)
from vidstyle.cli.app import app
from vidstyle.cli.help import CommandWithHelp
from vidstyle.cli.messages import option, say, speak_to_whoever_hears
from vidstyle.cli.reference import commands
from vidstyle.errors import VidstyleError, lacks_memory, reason
from vidstyle.interruption import INTERRUPTED, catch_signals, exit_code, ignore_signals

REFUSALS = {errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO}
"""What a system may say when it is written to; no bug of ours, wherever it is said."""

__all__ = ["app", "main", "run"]

# `--help` lists them in this order.
for _command in (
    restyle.restyle,
    preview.preview,
    keys.keys,
    live.live,
    cameras.cameras,
    styles.styles,
    evaluate.evaluate,
    train.train,
    style_from.style_from,
    export.export,
    paint.paint,
    demo.demo,
    bench.bench,
    doctor.doctor,
):
    app.command(cls=CommandWithHelp)(_command)


TRACED = ".*might cause the trace to be incorrect"
"""What torch says of sizes that become constants, which they shall."""


def run(arguments: list[str] | None = None) -> int:
    """Do what the command line asks for; its exit code.

    0 done, 2 usage or input, 1 anything else; 130, 143 and 129 after SIGINT, SIGTERM and SIGHUP.
    """
    # Networks are traced beside threads that keep and restore the filters of warnings, as Numba's compiler does; what
    # the tracing itself ignores (vidstyle.engines.openvino) comes out then.
    warnings.filterwarnings("ignore", message=TRACED)
    try:
        # typer turns a KeyboardInterrupt into this code, too.
        code: int = app(arguments, standalone_mode=False) or 0
        if code == INTERRUPTED:
            raise KeyboardInterrupt
        sys.stdout.flush()
    except KeyboardInterrupt:
        say("interrupted")
        return exit_code()
    except VidstyleError as error:
        say(f"error: {_worded(error, sys.argv[1:] if arguments is None else arguments)}")
        return error.exit_code
    except OSError as error:
        if error.errno not in REFUSALS:
            raise
        # Whoever read our output has gone, or its disk is full.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (lives until the exit)
        if error.errno != errno.EPIPE:
            say(f"error: {error.filename or 'standard output'}: {reason(error)}")
        return 1
    except Exception as error:
        if lacks_memory(error):
            say("error: there is not enough memory for this; close other programs, or choose smaller files or sizes")
            return 1
        if not hasattr(error, "format_message"):
            raise
        return _usage_error(error)
    return code


def main() -> NoReturn:
    """Run the command line and exit; see `run`."""
    speak_to_whoever_hears()
    catch_signals()
    code = run()
    ignore_signals()
    with suppress(OSError):
        sys.stdout.flush()
    sys.stderr.flush()
    # All is done: there is no need to wait for threads of a stopped run that are still inside a network or an encoder,
    # nor for the libraries, which take a second to take themselves apart.
    os._exit(code)


def _worded(error: VidstyleError, arguments: list[str]) -> str:
    """What it says to whoever has written these arguments: what is no option of their command is a value alone."""
    group: Any = get_command(app)
    command = group.commands.get(next((text for text in arguments if not text.startswith("-")), ""))
    known = {name for parameter in command.params for name in parameter.opts} if command else set()

    def named(name: str, value: str) -> str:
        return option(name, value) if not value or option(name, "") in known else value

    return error.worded(named)


def _usage_error(error: Any) -> int:
    """Say what the option parser has found; its exit code."""
    # The words of the library that has checked it come first.
    message = error.format_message().replace(": Value error, ", ": ")
    message = re.sub(r"Input should be a valid (number|integer), unable to parse.*", r"takes a \1", message)
    if message.startswith("No such command") and "Did you mean" not in message:
        message = f"{message.rstrip('.')}; there are {', '.join(name for name, _ in commands(app))}"
    if message and "\n" not in message:
        say(f"error: {message}")
    else:
        error.show()  # the help, where there was no command
    return int(error.exit_code)
