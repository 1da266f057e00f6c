"""The command line: a file a command, each a thin layer over what the library offers."""

import os
import sys
from typing import Any, NoReturn

# Each joins `app` as it is loaded, and `--help` lists them in this order.
from vidstyle.cli import bench, cameras, demo, evaluate, live, paint, restyle, style_from, styles, train  # noqa: F401
from vidstyle.cli.app import app
from vidstyle.cli.messages import say
from vidstyle.errors import VidstyleError
from vidstyle.interruption import INTERRUPTED, catch_signals, ignore_signals


def run(arguments: list[str] | None = None) -> int:
    """Do what the command line asks for; its exit code: 0 done, 2 usage or input, 1 anything else, 130 interrupted."""
    try:
        # typer turns a KeyboardInterrupt into this code, too.
        code: int = app(arguments, standalone_mode=False) or 0
        if code == INTERRUPTED:
            say("interrupted")
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED
    except VidstyleError as error:
        say(f"error: {error}")
        return error.exit_code
    except BrokenPipeError:
        # Whoever read our output has gone.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (lives until the exit)
        return 1
    except Exception as error:
        if not hasattr(error, "format_message"):
            raise
        return _usage_error(error)
    return code


def main() -> NoReturn:
    """Run the command line and exit; see `run`."""
    catch_signals()
    code = run()
    ignore_signals()
    sys.stdout.flush()
    sys.stderr.flush()
    # All is done: there is no need to wait for threads of a stopped run that are still inside a network or an encoder,
    # nor for the libraries, which take a second to take themselves apart.
    os._exit(code)


def _usage_error(error: Any) -> int:
    """Say what the option parser has found; its exit code."""
    message = error.format_message()
    if message and "\n" not in message:
        say(f"error: {message}")
    else:
        error.show()  # the help, where there was no command
    return int(error.exit_code)
