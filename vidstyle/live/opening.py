"""From settings to a session: everything that takes time to open, and what has to be closed should something fail."""

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from vidstyle.errors import InputError, parameter
from vidstyle.live.compiling import Compiler
from vidstyle.live.figures import Figures
from vidstyle.live.keys import LiveState
from vidstyle.live.live_settings import LiveSettings
from vidstyle.live.painters import LivePaints, Painters, StylePainter
from vidstyle.live.session import POLL_SECONDS, Session
from vidstyle.media.cameras import LiveSource, Request, open_source
from vidstyle.media.frame import Color
from vidstyle.media.live_sinks import LiveSink, WindowSink, open_sink
from vidstyle.media.microphones import Microphone, open_microphone
from vidstyle.stream import prepare
from vidstyle.style_files import Style
from vidstyle.styles import find_styles, first_style, live_styles, load_style

T = TypeVar("T")


def run(settings: LiveSettings, stop: threading.Event | None = None) -> Figures:
    """Paint a camera until it ends or `stop` is set; call it in the main thread if there is a window.

    Raises:
        InputError: for anything that the caller can mend, before anything is written.
        KeyboardInterrupt: if `stop` was set before the session began.
    """
    stop = stop or threading.Event()
    opened = _unless_stopped(partial(_open, settings), stop)
    source = opened.source
    window: WindowSink | None = None
    sinks: list[LiveSink] = []
    with opened.failing as failing:
        for target in settings.to:
            if target == "window":
                window = WindowSink("vidstyle", source.width, source.height)
                failing.callback(window.close)
                sinks.append(window)
            elif target in opened.sinks:
                sinks.append(opened.sinks[target])
            else:
                # Files are made here, where nothing interrupts between making one and taking note of it.
                sinks.append(_sink(target, source, microphone=opened.microphone, overwrite=settings.overwrite))
                failing.callback(sinks[-1].close)
        failing.pop_all()
    session = Session(
        source,
        opened.painters,
        opened.state,
        sinks,
        window=window,
        microphone=opened.microphone,
        seconds=settings.seconds,
    )
    try:
        return session.run(stop)
    finally:
        opened.compiler.close()


@dataclass(frozen=True)
class _Opened:
    """All that takes time to open."""

    source: LiveSource
    painters: Painters[LivePaints]
    compiler: Compiler
    state: LiveState
    sinks: dict[str, LiveSink]
    microphone: Microphone | None
    failing: contextlib.ExitStack
    """Closes it all, should something else not open."""


def _open(settings: LiveSettings) -> _Opened:
    styles, style = _styles(settings)
    request = Request(settings.camera_size, settings.camera_fps)
    with contextlib.ExitStack() as failing:
        source = open_source(settings.camera, request=request, size=settings.size, loop=settings.loop, planes=True)
        failing.callback(source.close)
        compiler = Compiler()
        failing.callback(compiler.close)
        open_painter = partial(_open_painter, settings, source.color, compiler)
        painters = Painters(open_painter, {style: open_painter(style)})
        failing.callback(painters.close)
        prepare(planar=source.color is not None)
        state = LiveState(
            styles,
            style,
            strength=settings.strength,
            stroke_size=settings.stroke_size,
            keep_colors=settings.keep_colors,
            mirror=settings.mirror,
        )
        sinks = {}
        for target in settings.to:
            if target == "virtual" or "://" in target:
                sinks[target] = _sink(target, source)
                failing.callback(sinks[target].close)
        microphone = None if settings.microphone is None else open_microphone(settings.microphone)
        if microphone is not None:
            failing.callback(microphone.close)
        return _Opened(source, painters, compiler, state, sinks, microphone, failing.pop_all())


def _sink(
    target: str, source: LiveSource, *, microphone: Microphone | None = None, overwrite: bool = False
) -> LiveSink:
    return open_sink(
        target,
        source.width,
        source.height,
        source.rate,
        color=source.color,
        microphone=microphone,
        overwrite=overwrite,
    )


def _open_painter(settings: LiveSettings, color: Color | None, compiler: Compiler, name: str) -> LivePaints:
    given = settings.style if isinstance(settings.style, Style) else None
    style = given if given is not None and name == given.card.name else load_style(name)
    return StylePainter(style, settings.device, color, compiler)


def _styles(settings: LiveSettings) -> tuple[list[str], str]:
    """The styles to choose from, and the first one."""
    installed = [card.name for card in live_styles()]
    style = settings.style
    if isinstance(style, Style):
        return [style.card.name, *(name for name in installed if name != style.card.name)], style.card.name
    if style is None:
        if not installed:
            raise InputError(f"{parameter('style')}: none is installed; name a style file")
        return installed, first_style(installed)
    find_styles(style)
    name = str(style)
    return (installed, name) if name in installed else ([name, *installed], name)


def _unless_stopped(work: Callable[[], T], stop: threading.Event) -> T:
    """Do `work` in a thread, since a camera that does not answer cannot be interrupted.

    Raises:
        KeyboardInterrupt: if `stop` is set before it is done; it is left to itself then.
    """
    done: list[T] = []
    failures: list[BaseException] = []

    def body() -> None:
        try:
            done.append(work())
        except BaseException as error:  # raised again below
            failures.append(error)

    thread = threading.Thread(target=body, name="vidstyle-open", daemon=True)
    thread.start()
    while thread.is_alive():
        if stop.is_set():
            raise KeyboardInterrupt
        thread.join(POLL_SECONDS)
    if failures:
        raise failures[0]
    return done[0]
