"""From settings to a session: everything that takes time to open, and what has to be closed should something fail.

A window comes first: it shows the camera within a second, while what paints is still being loaded.  What others see,
recordings, streams and virtual cameras, begins with the first painting.
"""

import contextlib
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from vidstyle.errors import InputError, parameter
from vidstyle.live.arranging import Colors
from vidstyle.live.figures import Figures
from vidstyle.live.keyboard import LiveState
from vidstyle.live.live_settings import LiveSettings
from vidstyle.live.painters import LivePaints, Painters
from vidstyle.live.session import POLL_SECONDS, STOP_SECONDS, Session
from vidstyle.live.session_parts import NO_PARTS, SessionParts
from vidstyle.live.style_painter import StylePainter
from vidstyle.live.viewing import Masking
from vidstyle.media.cameras import Request
from vidstyle.media.live_sinks import LiveSink, has_sound, open_sink
from vidstyle.media.live_sources import LiveSource, open_source
from vidstyle.media.sounds import LiveSound
from vidstyle.media.streaming import place
from vidstyle.media.window import WindowSink
from vidstyle.steps import NO_STEPS
from vidstyle.styles import find_styles, first_style, live_styles, load_style

if TYPE_CHECKING:
    from vidstyle.style_files import Style

T = TypeVar("T")
LEARNT = "from your keys"
"""What a style is called that has been learnt from painted frames."""
FIRST_PICTURE_SECONDS = 1.0
"""For which loading what paints gives way to a window's first picture, which a camera may be slow to send."""


def run(
    settings: LiveSettings, stop: threading.Event | None = None, on_note: Callable[[str], None] = lambda _: None
) -> Figures:
    """Paint a camera until it ends or `stop` is set; call it in the main thread if there is a window.

    Args:
        settings: what, where to, and how.
        stop: ends it.
        on_note: told, in a line and in any thread, what takes its time before the first picture, and where no window
            shows it, that it begins.

    Raises:
        InputError: for anything that the caller can mend; without a window, before anything is written.
        KeyboardInterrupt: if `stop` was set before the session began.
    """
    stop = stop or threading.Event()
    styles, style = _styles(settings)
    state = LiveState(
        styles,
        style,
        strength=settings.strength,
        stroke_size=settings.stroke_size,
        keep_colors=settings.keep_colors,
        mirror=settings.mirror,
    )
    watched = "window" in settings.to
    # A file stands at its first frame until that is painted, and whatever else shows it is there.
    begin = threading.Event()
    painted = threading.Event() if watched else begin
    source = _unless_stopped(partial(_open_source, settings, begin), stop)
    with contextlib.ExitStack() as failing:
        failing.callback(source.close)
        # First of all, and its first picture, since loading what paints keeps Python busy.
        window = WindowSink("vidstyle", source.width, source.height) if watched else None
        if window is not None:
            failing.callback(window.close)
        shown = threading.Event() if watched else None
        paint = _Painting(settings, source, on_note, shown)
        failing.callback(paint.close)
        painters = paint.painters(style)
        failing.callback(painters.close)
        parts = None if watched else _unless_stopped(partial(_parts, settings, source, painters, state), stop)
        if parts is not None:
            # Files are made here, where nothing interrupts between making one and taking note of it.
            parts = _with_files(parts, settings, source)
            on_note(f"{source.name}, {source.width}x{source.height}, goes to {', '.join(map(_place, settings.to))}")
        failing.pop_all()
    session = Session(
        source,
        painters,
        state,
        parts or NO_PARTS,
        window=window,
        shown=shown,
        painted=painted,
        learnt=paint.take,
        seconds=settings.seconds,
    )
    adding = threading.Thread(
        target=_add_parts, args=(session, settings, source, painters, painted, begin), name="vidstyle-open", daemon=True
    )
    if watched:
        adding.start()
    try:
        return session.run(stop)
    finally:
        paint.close()
        if watched:
            adding.join(STOP_SECONDS)


class _Painting:
    """What opens painters, in whatever thread asks for them; not before `shown` is set, if that is soon."""

    def __init__(
        self,
        settings: LiveSettings,
        source: LiveSource,
        on_note: Callable[[str], None],
        shown: threading.Event | None = None,
    ) -> None:
        from vidstyle.live.compiling import Compiler

        self._shown = shown
        self._settings, self._color, self._size = settings, source.color, (source.width, source.height)
        self._compiler = Compiler(on_note)
        self._learnt: dict[str, Style] = {}
        self._prepared = False

    def painters(self, style: str) -> "Painters[LivePaints]":
        """The painters, of which that of a style is being opened."""
        painters: Painters[LivePaints] = Painters(self._open, waits_for=lambda: self._compiler.notice)
        painters.ready(style)
        return painters

    def take(self, style: "Style") -> str:
        """A style that has been learnt meanwhile, by a name."""
        # Each time by another name, since a painter is kept by its name.
        name = f"{LEARNT} {len(self._learnt) + 1}"
        self._learnt[name] = style
        return name

    def close(self) -> None:
        """Give up what is being compiled."""
        self._compiler.close()

    def _open(self, name: str) -> LivePaints:
        if not self._prepared:
            self._prepared = True
            if self._shown is not None:
                self._shown.wait(FIRST_PICTURE_SECONDS)
            self._compiler.prepare(planar=self._color is not None)
        from vidstyle.stream.lifting import painted_size
        from vidstyle.style_files import known_grams

        alone = self._shown is None and self._settings.control is None
        # Where there are other styles to go over to, torch is needed for them, and had better be loaded before anything
        # moves.
        painted = painted_size(self._size, self._settings.stroke_size)
        size = painted if alone else None
        style = self._style(name)
        # What is learnt from painted frames has no other picture than those.
        steps = NO_STEPS if name in self._learnt else style.steps(self._settings.optimise)
        grams = known_grams(style) if steps else None
        if self._settings.optimise:
            # A style's own are left out where strokes are that fine.
            from vidstyle.engines.step_sizes import check_size

            check_size(*painted)
        return StylePainter(style, self._settings.device, self._color, self._compiler, size, grams, steps)

    def _style(self, name: str) -> "Style":
        from vidstyle.style_files import Style

        given = self._settings.style
        if name in self._learnt:
            return self._learnt[name]
        return given if isinstance(given, Style) and name == given.card.name else load_style(name, lazy=True)


def _open_source(settings: LiveSettings, begin: threading.Event) -> LiveSource:
    request = Request(settings.camera_size, settings.camera_fps)
    return open_source(
        settings.camera, request=request, size=settings.size, loop=settings.loop, planes=True, begin=begin
    )


def _parts(
    settings: LiveSettings, source: LiveSource, painters: "Painters[LivePaints]", state: LiveState
) -> SessionParts:
    """What belongs to a session beside its window, but for files; waits for the first painter."""
    with contextlib.ExitStack() as failing:
        masking = _masking(settings, source)
        if masking is not None:
            failing.callback(masking.close)
        painters.wait(state.style)
        # Late, since a file that is heard in a microphone's place begins at once.
        sound: LiveSound | None = source.sound if settings.sound else None
        if settings.microphone is not None:
            from vidstyle.media.microphones import open_microphone

            sound = open_microphone(settings.microphone)
        if sound is not None:
            failing.callback(sound.close)
        sinks: list[LiveSink] = []
        for target in settings.to:
            if target == "virtual" or "://" in target:
                sinks.append(_sink(target, settings, source, sound))
                failing.callback(sinks[-1].close)
        watched = None
        if settings.keys is not None:
            from vidstyle.live.watched_keys import WatchedKeys

            watched = WatchedKeys(settings.keys, settings.learn)
            failing.callback(watched.close)
        control = None
        if settings.control is not None:
            from vidstyle.live.control import RemoteControl

            control = RemoteControl(settings.control, state)
        failing.pop_all()
    return SessionParts(sinks, sound, watched, masking, control)


def _masking(settings: LiveSettings, source: LiveSource) -> Masking | None:
    """What tells somebody from what is behind them, if that is asked for."""
    if settings.background is None or settings.mask_model is None:
        return None
    from vidstyle.engines.segmentation import MaskNetwork
    from vidstyle.live.backgrounds import Background
    from vidstyle.live.masking import LiveMask

    planes = None if source.color is None else Colors(source.color).planes
    background = Background(settings.background, (source.width, source.height), planes)
    return Masking(LiveMask(MaskNetwork(settings.mask_model), Colors(source.color).rgb), background)


def _with_files(parts: SessionParts, settings: LiveSettings, source: LiveSource) -> SessionParts:
    """The same with recordings and pipes as well, in the order in which they are named."""
    opened = {sink.name: sink for sink in parts.sinks}
    sinks: list[LiveSink] = []
    with contextlib.ExitStack() as failing:
        failing.callback(parts.close)
        for target in settings.to:
            if target in opened:
                sinks.append(opened[target])
            elif target != "window":
                sinks.append(_sink(target, settings, source, parts.sound))
                failing.callback(sinks[-1].close)
        failing.pop_all()
    return replace(parts, sinks=sinks)


def _add_parts(
    session: Session,
    settings: LiveSettings,
    source: LiveSource,
    painters: "Painters[LivePaints]",
    painted: threading.Event,
    begin: threading.Event,
) -> None:
    """Open the rest while somebody watches already; nobody else sees anything before it is painted."""
    try:
        parts = _parts(settings, source, painters, session.state)
        while not session.ended and not painted.wait(POLL_SECONDS):
            pass
        if session.ended:
            parts.close()
        elif session.add(_with_files(parts, settings, source)):
            begin.set()
    except Exception as error:  # raised by the session
        session.fail(error)


def _place(target: str) -> str:
    """A target as it may be shown to everybody: URLs have keys in them."""
    return place(target) if "://" in target else target


def _sink(target: str, settings: LiveSettings, source: LiveSource, sound: LiveSound | None) -> LiveSink:
    return open_sink(
        target,
        source.width,
        source.height,
        source.rate,
        color=source.color,
        sound=sound if has_sound(target) else None,
        overwrite=settings.overwrite,
    )


def _styles(settings: LiveSettings) -> tuple[list[str], str]:
    """The styles to choose from, and the first one."""
    from vidstyle.style_files import Style

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
