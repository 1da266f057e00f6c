"""A live session: frames from a source, through a stream, to sinks, and what whoever watches asks for."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np

from vidstyle.live.arranging import Colors
from vidstyle.live.capturing import Capture
from vidstyle.live.figures import Figures, percentiles
from vidstyle.live.frames_to_paint import FramesToPaint
from vidstyle.live.keyboard import LiveState
from vidstyle.live.overlay import LiveFigures, Overlay
from vidstyle.live.painters import LivePaints, Painters
from vidstyle.live.recordings import Recordings
from vidstyle.live.served_window import ServedWindow
from vidstyle.live.session_parts import NO_PARTS, SessionParts
from vidstyle.live.sink_threads import KEPT_TIMES, RECENT_FRAMES, SinkThread
from vidstyle.live.snapshots import Snapshots
from vidstyle.live.viewing import ViewerStream
from vidstyle.media.frame import Frame
from vidstyle.media.live_sinks import LiveSink, Recording
from vidstyle.media.live_sources import LiveSource
from vidstyle.media.window import WindowSink
from vidstyle.pipeline import Stopped
from vidstyle.style_files import Style

POLL_SECONDS = 0.02
MOST_EARLY = 3
"""Frames that are waited for at the most before anything is shown: others where the first is followed by cuts."""
STOP_SECONDS = 0.3
"""How long threads are waited for at the end; a recording is waited for until it is finished."""


class Session:
    """Joins a source, painters and sinks.  `run` does it all.

    Args:
        source: where frames come from.
        painters: what paints them; closed at the end.
        state: how; may be changed at any time, from any thread.
        parts: what else there is; of its sinks the figures are those of the first one.
        window: which is served in the caller's thread; a sink before all others.
        shown: set when the window has shown a picture.
        painted: set when what is shown is painted, or is not to be; without a window nothing is shown until then, and
            no frame counts.
        learnt: takes a style that has been learnt from painted frames, and gives the name by which painters open it.
        seconds: after which to end.
        clock: seconds, as in the times of the source's frames.
    """

    def __init__(
        self,
        source: LiveSource,
        painters: Painters[LivePaints],
        state: LiveState,
        parts: SessionParts = NO_PARTS,
        *,
        window: WindowSink | None = None,
        shown: threading.Event | None = None,
        painted: threading.Event | None = None,
        learnt: Callable[[Style], str] | None = None,
        seconds: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source, self._painters, self.state, self._parts = source, painters, state, parts
        self._seconds, self._clock, self._painted = seconds, clock, painted
        self._failures: list[BaseException] = []
        self._adding = threading.Lock()
        self._running = self._ended = self._drawn = False
        # What is shown.
        self._capture = Capture(source, self._is_early, clock)
        self._viewer = ViewerStream(painters, state.style)
        self._viewer.masking = parts.masking
        self._breaks_seen = 0
        self._held: np.ndarray | None = None
        self._latest: np.ndarray | None = None
        self._early: Frame | None = None
        self._early_frames = 0
        self._waits: deque[float] = deque(maxlen=KEPT_TIMES)
        self._draws: deque[float] = deque(maxlen=KEPT_TIMES)
        # Where it goes to.
        self._sinks = tuple(self._sink_thread(sink) for sink in parts.sinks)
        self._window: ServedWindow | None = None
        if window is not None:
            overlay = Overlay(state, self._signs, self._live_figures, clock)
            self._window = ServedWindow(window, self._sink_thread(window), state, overlay, shown)
            self._sinks = (self._window.sink, *self._sinks)
        # What is asked for while it goes on.
        self._recordings = Recordings(state, source, self._sink_thread)
        self._snapshots = Snapshots(state, source.color)
        self._frames_to_paint = FramesToPaint(state, self._viewer, source.color, learnt)

    def _sink_thread(self, sink: LiveSink, failures: list[BaseException] | None = None) -> SinkThread:
        source = self._source
        # Where only the newest picture waits, somebody looks at it.
        colors = Colors(source.color, quick=sink.waiting == 1)
        failures = self._failures if failures is None else failures
        return SinkThread(sink, failures, lambda: source.notice, colors, self._clock)

    def run(self, stop: threading.Event) -> Figures:
        """Paint until the source ends, `stop` is set, `q` is pressed or the time is over.

        Whatever ends it, recordings and pictures are finished.

        Raises:
            Exception: the first failure of any thread.
        """
        threads = [
            threading.Thread(target=partial(self._guarded, stage), name=f"vidstyle-{name}", daemon=True)
            for name, stage in (("capture", self._capture.run), ("draw", self._draw))
        ]
        with self._adding:
            self._running = True
            for sink in self._sinks:
                if not self._is_window(sink):
                    sink.start()
        try:
            for thread in threads:
                thread.start()
            while not self._over(stop):
                self._window.serve() if self._window else time.sleep(POLL_SECONDS)
                self._recordings.update(self._parts.sound)
                self._snapshots.update(self._latest)
                self._frames_to_paint.update(self._parts.watched, self._held)
        finally:
            self._shut_down(threads)
        if self._failures:
            raise self._failures[0]
        return self.figures()

    def add(self, parts: SessionParts) -> bool:
        """Have these parts from now on; from any thread.  False, and they are closed, if the session has ended."""
        with self._adding:
            if self._ended:
                parts.close()
                return False
            self._parts, self._viewer.masking = parts, parts.masking
            added = [self._sink_thread(sink) for sink in parts.sinks]
            self._sinks += tuple(thread.start() if self._running else thread for thread in added)
            for thread in added if self._drawn else ():
                thread.channel.end()
        return True

    @property
    def ended(self) -> bool:
        """Whether nothing can be added any more."""
        return self._ended

    def fail(self, error: BaseException) -> None:
        """End the session, and raise an error to whoever runs it; from any thread."""
        self._failures.append(error)

    def _over(self, stop: threading.Event) -> bool:
        begun = self._capture.begun
        timed_out = self._seconds is not None and begun is not None and self._clock() - begun > self._seconds
        ended = all(thread.over for thread in self._sinks)
        gone = any(thread.gone for thread in self._sinks)
        return stop.is_set() or self.state.done or bool(self._failures) or timed_out or ended or gone

    def _shut_down(self, threads: Sequence[threading.Thread]) -> None:
        with self._adding:
            self._ended = True
        self._source.close()
        self._capture.frames.stop()
        for sink in self._all_sinks():
            sink.channel.end()
        deadline = time.monotonic() + STOP_SECONDS
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        # Keys may be pressed at the same time as the one that ends it.
        self._snapshots.update(self._latest)
        self._frames_to_paint.save(self._parts.watched, self._held)
        for sink in self._sinks:
            if self._is_window(sink):
                sink.finish()
            elif sink.thread is not None:
                whole = isinstance(sink.sink, Recording)
                sink.thread.join(None if whole else max(0.0, deadline - time.monotonic()))
        self._recordings.close()
        self._snapshots.finish()
        self._parts.close_all_but_sinks()
        self._viewer.close()
        self._painters.close()

    def _all_sinks(self) -> tuple[SinkThread, ...]:
        return self._sinks + self._recordings.sinks

    def _is_window(self, sink: SinkThread) -> bool:
        return self._window is not None and sink is self._window.sink

    # --- threads

    def _guarded(self, stage: Callable[[], None]) -> None:
        try:
            stage()
        except Stopped:
            pass
        except BaseException as error:  # handed to the caller of `run`
            self._failures.append(error)

    def _draw(self) -> None:
        # While a frame is lifted to its size, motion of the next one is looked for.
        with ThreadPoolExecutor(1, thread_name_prefix="vidstyle-finish") as finisher:
            finishing: Future[None] | None = None
            while (captured := self._capture.frames.get()) is not None:
                frame, early = captured
                begin = self._clock()
                frame = self._as_asked(frame)
                self._viewer.waits = early
                finish = self._viewer.begin(frame, self.state)
                ready = self._viewer.wears_paint or self.state.strength == 0
                if finishing is not None:
                    finishing.result()
                finishing = finisher.submit(self._finish, frame, finish, begin, early=early, ready=ready)
                self._painters.keep(self._may_be_next() | self._viewer.used)
            if finishing is not None:
                finishing.result()
        self._hand_on_early()
        with self._adding:
            self._drawn = True
            for thread in self._all_sinks():
                thread.channel.end()

    def _may_be_next(self) -> set[str]:
        """The styles that somebody may go over to with the next key, where there are keys."""
        nobody = self._window is None and self._parts.control is None
        return {self.state.style} if nobody else self.state.near

    def _finish(
        self, frame: Frame, finish: Callable[[], np.ndarray], begin: float, *, early: bool, ready: bool
    ) -> None:
        """Make of a frame that was begun at a time what is shown, and hand it on, unless it is early.

        ready: whether it was painted, or is not to be, before anything was waited for.
        """
        shown = finish()
        end = self._clock()
        self._latest = shown
        if early:
            self._early, self._early_frames = replace(frame, pixels=shown), self._early_frames + 1
        if self._painted is not None and (ready or self._early_frames == MOST_EARLY):
            self._painted.set()
        if early:
            return
        self._waits.append(begin - frame.time)
        self._draws.append(end - begin)
        self._early = None
        self._hand_on(replace(frame, pixels=shown), end)

    def _hand_on(self, frame: Frame, drawn: float) -> None:
        for thread in self._all_sinks():
            thread.put(frame, drawn)

    def _hand_on_early(self) -> None:
        """If nothing came after it, what was waited for is all that there is."""
        if self._early is not None and self._capture.captured == 0:
            self._hand_on(self._early, self._capture.count())

    def _is_early(self) -> bool:
        """Whether nothing is shown yet, since nothing is painted."""
        return self._window is None and self._painted is not None and not self._painted.is_set()

    def _as_asked(self, frame: Frame) -> Frame:
        """The frame, or while the picture stands still the one from which on it does, at this frame's time."""
        if not self.state.frozen or self._held is None:
            self._held = frame.pixels
        breaks = self._capture.breaks
        fresh, self._breaks_seen = breaks != self._breaks_seen, breaks
        return replace(frame, pixels=self._held, discontinuity=fresh)

    # --- what is said of it

    def _signs(self) -> list[str]:
        """What a viewer should know."""
        sound, watched = self._parts.sound, self._parts.watched
        signs = [self._source.notice, self._painters.notice(self.state.style)]
        signs += [thread.sink.notice for thread in self._all_sinks()]
        signs += [sound.notice if sound else "", watched.problem if watched else ""]
        return signs + self._recordings.failed[-1:] + self._snapshots.failed[-1:]

    def _live_figures(self) -> LiveFigures:
        thread = self._sinks[0]
        delay = percentiles(list(thread.delays)[-RECENT_FRAMES:])["p50"]
        painter = self._painters.ready(self._viewer.style)
        engine = painter.engine if painter is not None else ""
        return LiveFigures(thread.recent_fps, delay, self._dropped(), self._viewer.style, self._painted_size, engine)

    @property
    def _painted_size(self) -> tuple[int, int]:
        from vidstyle.stream.lifting import painted_size

        return painted_size((self._source.width, self._source.height), self.state.stroke_size)

    def _dropped(self) -> int:
        return self._capture.dropped + self._sinks[0].dropped

    def figures(self) -> Figures:
        """What has been done so far."""
        first = self._sinks[0]
        begin = 0.0 if first.first is None else first.first
        span = first.last - begin
        size = self._painted_size
        painter = self._painters.ready(self._viewer.style)
        begun, watched = self._capture.begun, self._parts.watched
        return Figures(
            captured=self._capture.captured,
            shown=first.shown,
            dropped=self._dropped(),
            paintings=self._viewer.paintings,
            seconds=round(first.last - (begin if begun is None else begun), 3),
            fps=round((first.shown - 1) / span, 2) if span else 0.0,
            width=self._source.width,
            height=self._source.height,
            painted_width=size[0],
            painted_height=size[1],
            delay_ms=percentiles(first.delays),
            stages_ms={
                "wait": percentiles(self._waits),
                "draw": percentiles(self._draws),
                "sink": percentiles(first.handing),
            },
            sinks=[
                {"name": thread.sink.name, "shown": thread.shown, "dropped": thread.dropped} for thread in self._sinks
            ],
            camera=self._source.name,
            style=self._viewer.style,
            device=painter.device if painter is not None else "",
            engine=painter.engine if painter is not None else "",
            files=[str(path) for path in [*self._recordings.paths, *self._snapshots.saved] if path.exists()],
            not_saved=[*self._recordings.failed, *self._snapshots.failed, *(watched.failed if watched else ())],
        )
