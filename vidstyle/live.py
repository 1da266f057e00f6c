"""Paint a camera while it plays: source -> engine -> sinks, never late.

The newest frame wins everywhere: one that nobody has begun to paint, or to show, gives way to the next one, and is
counted.  So the delay is what painting and showing one frame take, whatever the camera sends.
"""

import contextlib
import math
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from vidstyle.errors import InputError, parameter
from vidstyle.live_brush import Brush, Shelf, composed, scaled, warmed
from vidstyle.live_state import HELP, KeepUp, LiveState
from vidstyle.media.cameras import LiveSource, Request, open_source
from vidstyle.media.frame import LARGEST_SIDE, SMALLEST_SIDE, Frame
from vidstyle.media.live_sinks import (
    LiveSink,
    Recording,
    WindowSink,
    captioned,
    check_target,
    check_window,
    is_recording,
    open_sink,
)
from vidstyle.media.microphones import Microphone, open_microphone
from vidstyle.media.sources import MICROSECOND
from vidstyle.pipeline import Channel, Stopped
from vidstyle.style_files import Style
from vidstyle.styles import find_styles, first_style, live_styles, load_style

if TYPE_CHECKING:
    from vidstyle.engines import Engine

T = TypeVar("T")

POLL_SECONDS = 0.02
STOP_SECONDS = 0.3
"""How long threads are waited for at the end; a recording is waited for until it is finished."""
HOLD_SECONDS = 0.2
"""Between two repetitions of the last picture while the camera is gone."""
GAP_SECONDS = 0.5
"""Between two frames, from which on they have nothing to do with each other."""
KEPT_TIMES = 100_000
"""Frames of which times are kept for the figures: an hour."""
RECENT_FRAMES = 60
SMOOTHING = 0.1


@dataclass(frozen=True)
class Settings:
    """What to paint and where to show it; see `vidstyle live --help`.

    Attributes:
        style: a loaded style, the name of an installed one, or a style file; the first installed one if None.
        camera: see vidstyle.media.cameras.open_source.
        to: see vidstyle.media.live_sinks.open_sink, and `window`.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        size: (width, height) to paint and show; the camera's own, kept up with, if None.
        camera_size, camera_fps: what to ask the camera for.
        loop: begin a file again at its end.
        microphone: whose sound recordings get, see vidstyle.media.microphones.open_microphone; None for none.
        strength, keep_colors, mirror: see LiveState.
        keep_up: whether to paint smaller when painting is slower than the camera.
        seconds: after which to end, None for no end.
        overwrite: whether a recording may replace a file.
    """

    style: Style | str | Path | None = None
    camera: str = "0"
    to: Sequence[str] = ("window",)
    device: str = "auto"
    size: tuple[int, int] | None = None
    camera_size: tuple[int, int] | None = None
    camera_fps: float | None = None
    loop: bool = False
    microphone: str | None = None
    strength: float = 1.0
    keep_colors: bool = False
    mirror: bool = False
    keep_up: bool = True
    seconds: float | None = None
    overwrite: bool = False

    def check(self) -> None:
        """Raises InputError for values that cannot be."""
        if not 0 <= self.strength <= 1:
            raise InputError(f"{parameter('strength', self.strength)}: takes 0 (the source) to 1 (the painting)")
        if self.seconds is not None and not 0 < self.seconds < math.inf:
            raise InputError(f"{parameter('seconds', self.seconds)}: takes seconds above 0")
        if self.camera_fps is not None and not 0 < self.camera_fps <= 1000:
            raise InputError(f"{parameter('camera_fps', self.camera_fps)}: takes frames per second, such as 30")
        for side in self.size or ():
            if not SMALLEST_SIDE <= side <= LARGEST_SIDE or side % 2:
                raise InputError(
                    f"{parameter('size', self.size)}: takes even sides of {SMALLEST_SIDE} to {LARGEST_SIDE}"
                )
        if len(set(self.to)) < len(self.to):
            raise InputError(f"{parameter('to')}: names the same place twice")
        for target in self.to:
            check_target(target, overwrite=self.overwrite)
        if self.microphone is not None and not any(t == "window" or is_recording(t) for t in self.to):
            raise InputError(
                f"{parameter('microphone')}: is for recordings; name a file such as {parameter('to', 'out.mp4')}, too"
            )
        if "window" in self.to:
            if self.camera.startswith("screen") and sys.platform.startswith("linux"):
                raise InputError(
                    f"{parameter('camera', 'screen')} {parameter('to', 'window')}: do not go together on Linux; "
                    f"name another {parameter('to')}"
                )
            check_window()


@dataclass(frozen=True)
class Figures:
    """What a session did.

    Attributes:
        captured: frames that the source gave.
        shown: frames that reached the first sink.
        dropped: frames that gave way to newer ones on the way there.
        seconds: from the first frame to the last.
        fps: frames shown a second.
        width, height: of what was shown, pixels.
        painted_width, painted_height: at which the last frame was painted.
        delay_ms: from capture until the first sink was done with a frame: p50, p95, p99.
        stages_ms: the same of each stage: waiting to be painted, painting, the rest of the way.
        sinks: of each: name, frames shown, frames dropped in front of it.
        camera, style, device, engine: what was used, at the end.
        files: recordings and pictures that were made, beside those that `to` names.
    """

    captured: int
    shown: int
    dropped: int
    seconds: float
    fps: float
    width: int
    height: int
    painted_width: int
    painted_height: int
    delay_ms: dict[str, float]
    stages_ms: dict[str, dict[str, float]]
    sinks: list[dict[str, str | int]]
    camera: str
    style: str
    device: str
    engine: str
    files: list[str] = field(default_factory=list)


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """p50, p95 and p99, milliseconds; of nothing, zeros."""
    values = np.percentile(list(seconds) or [0.0], (50, 95, 99)) * 1000
    return {name: round(float(value), 2) for name, value in zip(("p50", "p95", "p99"), values, strict=True)}


# --- one sink


class Outlet:
    """A sink behind its own channel, so that a slow one delays no other, with its figures.

    Args:
        sink: what to write to; in a thread of its own once `start` has been called.
        failures: where to put what goes wrong.
        notice: says what a viewer should know while nothing comes.

    Attributes:
        shown: frames that the sink is done with.
        delays: seconds from capture until then.
        handing: seconds from the end of painting until then.
    """

    def __init__(self, sink: LiveSink, failures: list[BaseException], notice: Callable[[], str]) -> None:
        self.sink, self._failures, self._notice = sink, failures, notice
        self.channel: Channel[tuple[Frame, float]] = Channel(sink.waiting, newest=True)
        self.shown = 0
        self.delays: deque[float] = deque(maxlen=KEPT_TIMES)
        self.handing: deque[float] = deque(maxlen=KEPT_TIMES)
        self.times: deque[float] = deque(maxlen=RECENT_FRAMES)
        self.first = self.last = 0.0
        self.over = self.gone = False
        self.thread: threading.Thread | None = None

    def start(self) -> "Outlet":
        """Write in a thread of its own."""
        self.thread = threading.Thread(target=self._work, name=f"vidstyle-{self.sink.name}", daemon=True)
        self.thread.start()
        return self

    def put(self, frame: Frame, painted: float) -> None:
        """Take a frame that was painted at a time, unless the outlet has been stopped."""
        with contextlib.suppress(Stopped):
            self.channel.put((frame, painted))

    def write(self, frame: Frame) -> None:
        """Write, and take note of a failure."""
        try:
            self.sink.write(frame)
        except BrokenPipeError:
            # Whoever watched has gone, which is as good an end as any.
            self.gone = True
            self.channel.stop()
        except BaseException as error:  # handed to the caller of the session
            self._failures.append(error)
            self.channel.stop()

    def note(self, frame: Frame, painted: float) -> None:
        """The sink is done with a frame."""
        now = time.monotonic()
        self.shown += 1
        self.first = self.first or now
        self.last = now
        self.times.append(now)
        self.delays.append(now - frame.time)
        self.handing.append(now - painted)

    def finish(self) -> None:
        """Close the sink."""
        try:
            self.sink.close()
        except BaseException as error:
            self._failures.append(error)
        self.over = True

    @property
    def recent_fps(self) -> float:
        """Frames a second of late."""
        span = self.times[-1] - self.times[0] if len(self.times) > 1 else 0.0
        return (len(self.times) - 1) / span if span else 0.0

    def _work(self) -> None:
        try:
            last: Frame | None = None
            while True:
                try:
                    item = self.channel.get(HOLD_SECONDS)
                except TimeoutError:
                    if last is not None and self.sink.holds and self._notice():
                        self.write(self._held(last))
                    continue
                if item is None:
                    break
                last = item[0]
                self.write(last)
                self.note(*item)
        except Stopped:
            pass
        finally:
            self.finish()

    def _held(self, frame: Frame) -> Frame:
        """The last picture at this time, with the notice."""
        now = round(time.monotonic() / MICROSECOND)
        return replace(frame, pixels=captioned(frame.pixels, [self._notice()]), pts=now, time_base=MICROSECOND)


# --- the session


class Session:
    """Joins a source, a brush and sinks.  `run` does it all.

    Args:
        source: where frames come from.
        shelf, brush: what paints them.
        state: how; may be changed at any time, from any thread.
        sinks: where they go to; the figures are those of the first one.
        window: one of them, if it is a window, which is served in the caller's thread.
        microphone: whose sound recordings on demand get; closed at the end.
        keep_up: whether the painted size may be lowered.
        seconds: after which to end.
        device, engine: for the figures.
    """

    def __init__(
        self,
        source: LiveSource,
        shelf: Shelf,
        brush: Brush,
        state: LiveState,
        sinks: Sequence[LiveSink],
        *,
        window: WindowSink | None = None,
        microphone: Microphone | None = None,
        keep_up: KeepUp | None = None,
        seconds: float | None = None,
        device: str = "",
        engine: str = "",
    ) -> None:
        self._source, self._shelf, self._brush, self.state = source, shelf, brush, state
        self._window, self._microphone, self._seconds = window, microphone, seconds
        self._device, self._engine = device, engine
        self._keep_up = keep_up or KeepUp(source.width, source.height)
        self._unpainted: Channel[Frame] = Channel(1, newest=True)
        self._failures: list[BaseException] = []
        self._outlets = tuple(self._outlet(sink) for sink in sinks)
        self._extra: Outlet | None = None
        self._files: list[str] = []
        self._pictures = 0
        self._captured = 0
        self._interval = 1 / source.rate
        self._begun: float | None = None
        self._waits: deque[float] = deque(maxlen=KEPT_TIMES)
        self._paints: deque[float] = deque(maxlen=KEPT_TIMES)
        self._held: Frame | None = None
        self._painted_size = self._keep_up.size
        self._last_time = -math.inf
        self._latest: np.ndarray | None = None
        self._lines: tuple[float, list[str]] = (0.0, [])

    def _outlet(self, sink: LiveSink) -> Outlet:
        return Outlet(sink, self._failures, lambda: self._source.notice)

    def run(self, stop: threading.Event) -> Figures:
        """Paint until the source ends, `stop` is set, `q` is pressed or the time is over.

        Whatever ends it, recordings are finished.

        Raises:
            Exception: the first failure of any thread.
        """
        threads = [
            threading.Thread(target=partial(self._guarded, stage), name=f"vidstyle-{name}", daemon=True)
            for name, stage in (("capture", self._capture), ("paint", self._paint))
        ]
        for outlet in self._outlets:
            if outlet.sink is not self._window:
                outlet.start()
        try:
            for thread in threads:
                thread.start()
            while not self._over(stop):
                self._serve_window() if self._window else time.sleep(POLL_SECONDS)
                self._follow_wishes()
        finally:
            self._shut_down(threads)
        if self._failures:
            raise self._failures[0]
        return self.figures()

    def _over(self, stop: threading.Event) -> bool:
        timed_out = (
            self._seconds is not None and self._begun is not None and time.monotonic() - self._begun > self._seconds
        )
        ended = all(outlet.over for outlet in self._outlets)
        gone = any(outlet.gone for outlet in self._outlets)
        return stop.is_set() or self.state.done or bool(self._failures) or timed_out or ended or gone

    def _shut_down(self, threads: Sequence[threading.Thread]) -> None:
        self._source.close()
        self._unpainted.stop()
        for outlet in self._all_outlets():
            outlet.channel.end()
        deadline = time.monotonic() + STOP_SECONDS
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        for outlet in self._all_outlets():
            if outlet.sink is self._window:
                outlet.finish()
            elif outlet.thread is not None:
                whole = isinstance(outlet.sink, Recording)
                outlet.thread.join(None if whole else max(0.0, deadline - time.monotonic()))
        if self._microphone is not None:
            self._microphone.close()
        self._shelf.close()

    def _all_outlets(self) -> tuple[Outlet, ...]:
        return self._outlets + ((self._extra,) if self._extra else ())

    # --- threads

    def _guarded(self, stage: Callable[[], None]) -> None:
        try:
            stage()
        except Stopped:
            pass
        except BaseException as error:  # handed to the caller of `run`
            self._failures.append(error)

    def _capture(self) -> None:
        last: float | None = None
        for frame in self._source.frames():
            self._captured += 1
            self._begun = self._begun or time.monotonic()
            if last is not None and frame.time - last < GAP_SECONDS:
                self._interval += SMOOTHING * (frame.time - last - self._interval)
            last = frame.time
            self._unpainted.put(frame)
        self._unpainted.end()

    def _paint(self) -> None:
        while (frame := self._unpainted.get()) is not None:
            begin = time.monotonic()
            painting = self._painting(self._wanted(frame))
            end = time.monotonic()
            self._waits.append(begin - frame.time)
            self._paints.append(end - begin)
            if self.state.strength > 0 and not self._brush.fading:
                self._keep_up.painted(end - begin, self._interval, end)
            self._latest = painting
            shown = replace(frame, pixels=painting)
            for outlet in self._all_outlets():
                outlet.put(shown, end)
        for outlet in self._all_outlets():
            outlet.channel.end()

    def _wanted(self, frame: Frame) -> Frame:
        """The frame as the viewer wants the source: frozen, mirrored, and marked if it follows a gap."""
        size = self._keep_up.size
        fresh = frame.discontinuity or frame.time - self._last_time > GAP_SECONDS or size != self._painted_size
        self._last_time, self._painted_size = frame.time, size
        if not self.state.frozen or self._held is None:
            self._held = frame
        pixels = self._held.pixels
        if self.state.mirror:
            pixels = np.ascontiguousarray(pixels[:, ::-1])
        return replace(frame, pixels=pixels, discontinuity=fresh)

    def _painting(self, frame: Frame) -> np.ndarray:
        if self.state.strength == 0:
            return frame.pixels
        small = replace(frame, pixels=scaled(frame.pixels, self._painted_size))
        return composed(frame.pixels, self._brush.paint(small, self.state.style), self.state)

    # --- the caller's thread

    def _serve_window(self) -> None:
        assert self._window is not None
        outlet = next(outlet for outlet in self._outlets if outlet.sink is self._window)
        self._window.show_full_screen(self.state.full_screen)
        try:
            item = outlet.channel.get(POLL_SECONDS / 2)
        except TimeoutError:
            self._window.say(self._text())
            self._press(self._window.key())
            return
        except Stopped:
            return
        if item is None:
            outlet.over = True
            return
        self._window.lines = self._text()
        outlet.write(item[0])
        key = self._window.key()  # draws
        outlet.note(*item)
        self._press(key)

    def _press(self, key: str | None) -> None:
        if key is not None:
            self.state.press(key)

    def _follow_wishes(self) -> None:
        """Styles at hand, recordings and pictures, as the state says."""
        self._shelf.keep({self.state.style, *self.state.neighbours()} | self._brush.used)
        if self.state.recording and self._extra is None:
            path = self._new_file(".mp4")
            source = self._source
            recording = Recording(path, source.width, source.height, source.rate, microphone=self._microphone)
            self._extra = self._outlet(recording).start()
        elif not self.state.recording and self._extra is not None:
            finished, self._extra = self._extra, None
            finished.channel.end()
            assert finished.thread is not None
            # Short, since nothing waits in front of a recording for long.
            finished.thread.join()
        if self.state.pictures > self._pictures and self._latest is not None:
            self._pictures = self.state.pictures
            threading.Thread(target=_save, args=(self._latest, self._new_file(".png")), name="picture").start()

    def _new_file(self, suffix: str) -> Path:
        stem = f"vidstyle-{datetime.now():%Y%m%d-%H%M%S}"
        taken = set(self._files)
        names = (f"{stem}{f'-{n}' * (n > 1)}{suffix}" for n in range(1, 1000))
        path = next(Path(name) for name in names if name not in taken and not Path(name).exists())
        self._files.append(str(path))
        return path

    def _text(self) -> list[str]:
        """What the window shows over the picture, new twice a second so that it can be read."""
        signs = [self._source.notice, self._shelf.notice, self._microphone.notice if self._microphone else ""]
        signs += ["recording"] * self.state.recording + ["frozen"] * self.state.frozen
        lines = [line for line in signs if line]
        if self.state.figures:
            if time.monotonic() - self._lines[0] > 0.5:
                self._lines = (time.monotonic(), [self._figures_line()])
            lines += self._lines[1]
        return lines + (list(HELP) if self.state.help else [])

    def _figures_line(self) -> str:
        outlet = self._outlets[0]
        recent = list(outlet.delays)[-RECENT_FRAMES:]
        delay = percentiles(recent)["p50"]
        width, height = self._painted_size
        return (
            f"{outlet.recent_fps:.1f} fps   delay {delay:.0f} ms   dropped {self._dropped()}   "
            f"{self.state.style} {width}x{height}   strength {self.state.strength:g}"
        )

    def _dropped(self) -> int:
        return self._unpainted.dropped + self._outlets[0].channel.dropped

    def figures(self) -> Figures:
        """What has been done so far."""
        first = self._outlets[0]
        span = first.last - first.first
        return Figures(
            captured=self._captured,
            shown=first.shown,
            dropped=self._dropped(),
            seconds=round(first.last - (self._begun or first.last), 3),
            fps=round((first.shown - 1) / span, 2) if span else 0.0,
            width=self._source.width,
            height=self._source.height,
            painted_width=self._painted_size[0],
            painted_height=self._painted_size[1],
            delay_ms=percentiles(first.delays),
            stages_ms={
                "wait": percentiles(self._waits),
                "paint": percentiles(self._paints),
                "sink": percentiles(first.handing),
            },
            sinks=[
                {"name": outlet.sink.name, "shown": outlet.shown, "dropped": outlet.channel.dropped}
                for outlet in self._outlets
            ],
            camera=self._source.name,
            style=self._brush.style,
            device=self._device,
            engine=self._engine,
            files=list(self._files),
        )


def _save(pixels: np.ndarray, path: Path) -> None:
    from PIL import Image

    Image.fromarray(pixels).save(path)


# --- from settings to a session


def run(settings: Settings, stop: threading.Event | None = None) -> Figures:
    """Paint a camera until it ends or `stop` is set; call it in the main thread if there is a window.

    Raises:
        InputError: for anything that the caller can mend, before anything is written.
        KeyboardInterrupt: if `stop` was set before the session began.
    """
    stop = stop or threading.Event()
    settings.check()
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
                size = (source.width, source.height)
                sinks.append(
                    open_sink(target, *size, source.rate, microphone=opened.microphone, overwrite=settings.overwrite)
                )
                failing.callback(sinks[-1].close)
        failing.pop_all()
    session = Session(
        source,
        opened.shelf,
        Brush(opened.shelf, opened.state.style),
        opened.state,
        sinks,
        window=window,
        microphone=opened.microphone,
        keep_up=opened.keep_up,
        seconds=settings.seconds,
        device=opened.engine.device,
        engine=opened.engine.name,
    )
    return session.run(stop)


@dataclass(frozen=True)
class _Opened:
    """All that takes time to open."""

    source: LiveSource
    engine: "Engine"
    shelf: Shelf
    state: LiveState
    keep_up: KeepUp
    sinks: dict[str, LiveSink]
    microphone: Microphone | None
    failing: contextlib.ExitStack
    """Closes it all, should something else not open."""


def _open(settings: Settings) -> _Opened:
    styles, style = _styles(settings)
    request = Request(settings.camera_size, settings.camera_fps)
    with contextlib.ExitStack() as failing:
        source = open_source(settings.camera, request=request, size=settings.size, loop=settings.loop)
        failing.callback(source.close)
        keep_up = KeepUp(source.width, source.height, enabled=settings.keep_up and settings.size is None)
        make = _engine_maker(settings, keep_up)
        engine = make(style)
        shelf = Shelf(make, style, engine)
        failing.callback(shelf.close)
        state = LiveState(
            styles,
            style,
            strength=settings.strength,
            keep_colors=settings.keep_colors,
            mirror=settings.mirror,
        )
        sinks = {}
        for target in settings.to:
            if target == "virtual" or "://" in target:
                sinks[target] = open_sink(target, source.width, source.height, source.rate)
                failing.callback(sinks[target].close)
        microphone = None if settings.microphone is None else open_microphone(settings.microphone)
        if microphone is not None:
            failing.callback(microphone.close)
        return _Opened(source, engine, shelf, state, keep_up, sinks, microphone, failing.pop_all())


def _styles(settings: Settings) -> tuple[list[str], str]:
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


def _engine_maker(settings: Settings, keep_up: KeepUp) -> "Callable[[str], Engine]":
    given = settings.style if isinstance(settings.style, Style) else None

    def make(name: str) -> "Engine":
        from vidstyle.engines import choose_device, make_engine

        style = given if given is not None and name == given.card.name else load_style(name)
        device = choose_device(settings.device)
        # Keep-up changes the size while it plays, and OpenVINO would compile for seconds each time.
        kind = "torch" if device == "cpu" else "cuda"
        engine = make_engine(style.network, device, engine=kind, low_latency=True, spare_cores=True)
        return warmed(engine, *keep_up.size)

    return make


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
