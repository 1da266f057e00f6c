"""Keys painted by any program that reads a picture and writes another."""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from vidstyle.errors import InputError, VidstyleError, parameter, reason
from vidstyle.keys.key_files import check_shape
from vidstyle.keys.key_making import KeyFrame
from vidstyle.keys.key_requests import TIMEOUT_SECONDS
from vidstyle.media.images import Picture, read_opaque, write_picture

SAID = 300
"""Characters of what a program says that has failed, at the most."""


class CommandError(VidstyleError):
    """A program that was to paint a key has failed."""


class CommandPainter:
    """Has each key painted by a program, which is called without a shell.

    Args:
        command: its words, with `{in}` where the frame's file and `{out}` where the painting's file is to be named,
            both PNG; `{carried}`, if it is there, names the painting of the key before, moved to where things are now,
            or the frame itself.
        seconds: after which it has failed.

    Raises:
        InputError: for a command without both, and for a program that is not there.
    """

    def __init__(self, command: str, seconds: float = TIMEOUT_SECONDS) -> None:
        try:
            self._words = shlex.split(command)
        except ValueError as error:
            raise InputError(f"{parameter('keys_command', command)}: {reason(error)}") from error
        text = " ".join(self._words)
        if not self._words or "{in}" not in text or "{out}" not in text:
            raise InputError(
                f"{parameter('keys_command', command)}: names the frame's file as {{in}} and the painting's as {{out}}"
            )
        if shutil.which(self._words[0]) is None:
            raise InputError(f"{parameter('keys_command', command)}: there is no program {self._words[0]}")
        if not seconds > 0:
            raise InputError(f"{parameter('keys_timeout', seconds)}: takes seconds above 0")
        self._seconds = seconds
        self.settings = command

    def paint_key(self, frame: KeyFrame) -> np.ndarray:
        """RGB (H, W, 3) uint8.

        Raises:
            CommandError: if the program fails, takes too long, or writes no picture of the frame's proportions.
        """
        height, width = frame.pixels.shape[:2]
        with tempfile.TemporaryDirectory(prefix="vidstyle-") as folder:
            files = {name: Path(folder) / f"{name}.png" for name in ("in", "out", "carried")}
            write_picture(files["in"], Picture(frame.pixels), overwrite=True)
            write_picture(
                files["carried"], Picture(frame.pixels if frame.carried is None else frame.carried), overwrite=True
            )
            words = [_named(word, files) for word in self._words]
            self._run(words, folder)
            if not files["out"].is_file():
                raise CommandError(f"{words[0]}: has written no picture to {{out}}")
            try:
                check_shape(files["out"], (width, height))
                return read_opaque(files["out"])
            except InputError as error:
                said = str(error).replace(str(files["out"]), "what it has written")
                raise CommandError(f"{words[0]}: {said}") from error

    def _run(self, words: list[str], folder: str) -> None:
        log = Path(folder) / "log"
        with log.open("wb") as output:
            try:
                # In a group of its own, so that what it has started ends with it.
                process = subprocess.Popen(
                    words, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
                )
            except OSError as error:
                raise CommandError(f"{words[0]}: cannot be run: {reason(error)}") from error
            try:
                code = process.wait(self._seconds)
            except subprocess.TimeoutExpired:
                raise CommandError(
                    f"{words[0]}: has not painted a key in {self._seconds:g} s, see {parameter('keys_timeout')}"
                ) from None
            finally:
                _end(process)
        if code != 0:
            how = f"was ended by signal {-code}" if code < 0 else f"has failed with exit code {code}"
            said = " ".join(log.read_text(errors="replace").split())[-SAID:]
            raise CommandError(f"{words[0]}: {how}" + (f": {said}" if said else ""))


def _named(word: str, files: dict[str, Path]) -> str:
    for name, path in files.items():
        word = word.replace(f"{{{name}}}", str(path))
    return word


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Let nothing of it live on."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
