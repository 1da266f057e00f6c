"""SIGINT, SIGTERM and SIGHUP: what they stop, when, and how the process ends.

Loaded before everything else, so that a program can be interrupted while it is being loaded.
"""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from types import FrameType
from typing import NoReturn, TypeVar

T = TypeVar("T")

INTERRUPTED = 130
"""Exit code after Ctrl-C; other signals have their own, see exit_code."""
STOP_SECONDS = 0.7
"""How long an interrupted run may take to tidy up."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else []))
"""The last one says that the terminal has gone; Windows has none."""


class _Received:
    """The last signal of this process that was heeded."""

    number: int = signal.SIGINT


def exit_code() -> int:
    """Of a process that ends since it was interrupted."""
    return 128 + _Received.number


def _handle(handler: Callable[[int, FrameType | None], object]) -> None:
    """Let `handler` answer all signals, but SIGHUP where nohup has it ignored."""
    for number in SIGNALS:
        if number in SIGNALS[:2] or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def end_at_once() -> None:
    """Let signals end the process, which has nothing to tidy up yet."""

    def leave(number: int, _frame: FrameType | None) -> NoReturn:
        with contextlib.suppress(OSError):
            os.write(2, b"vidstyle: interrupted\n")
        os._exit(128 + number)

    _handle(leave)


def catch_signals() -> None:
    """Turn signals into one KeyboardInterrupt; nothing disturbs the tidying up that follows."""
    first: float | None = None

    def interrupt(number: int, _frame: FrameType | None) -> None:
        nonlocal first
        if first is None:
            first, _Received.number = time.monotonic(), number
            raise KeyboardInterrupt
        if time.monotonic() - first > 2 * STOP_SECONDS:
            os._exit(128 + number)

    _handle(interrupt)


def ignore_signals() -> None:
    """From here on it is too late to interrupt."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def interruptible(work: Callable[[Callable[[], None]], T]) -> T:
    """Do `work` in a thread of its own.

    Only the main thread sees signals, so none can strike `work` between making a file and taking note of it, and
    none has to wait until a library returns.  `work` is given a function that raises KeyboardInterrupt when it
    should stop: it calls it before it writes anything, and often from then on.  What it has finished counts.
    """
    begun, stopped = threading.Event(), threading.Event()
    outcome: futures.Future[T] = futures.Future()

    def check() -> None:
        begun.set()
        if stopped.is_set():
            raise KeyboardInterrupt

    def body() -> None:
        try:
            outcome.set_result(work(check))
        except BaseException as error:  # raised again below
            outcome.set_exception(error)

    threading.Thread(target=body, name="vidstyle-command", daemon=True).start()
    try:
        while not futures.wait([outcome], timeout=0.1).done:
            pass
    except KeyboardInterrupt:
        stopped.set()
        if begun.is_set():
            futures.wait([outcome], timeout=STOP_SECONDS)
        if not outcome.done() or outcome.exception():
            raise
    ignore_signals()
    return outcome.result()


@contextlib.contextmanager
def signals_as_event(notice: str = "") -> Iterator[threading.Event]:
    """Signals set the event rather than strike in the middle of anything; repeated, they end the process.

    notice: what is said at the first, since it may take a while.
    """
    stop = threading.Event()
    first = 0.0

    def note(number: int, _frame: FrameType | None) -> None:
        nonlocal first
        if not stop.is_set():
            first, _Received.number = time.monotonic(), number
            stop.set()
            if notice:
                # Not print, which this may have interrupted.
                with contextlib.suppress(OSError):
                    os.write(2, f"\nvidstyle: {notice}\n".encode())
        elif time.monotonic() - first > 2 * STOP_SECONDS:
            os._exit(128 + number)

    before = {number: signal.getsignal(number) for number in SIGNALS}
    _handle(note)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
