"""A live session: frames from a source, through a stream, to sinks, and what whoever watches asks for."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np

from vidstyle.errors import VidstyleError, reason
from vidstyle.live.arranging import Colors
from vidstyle.live.figures import Figures, percentiles
from vidstyle.live.keyboard import LiveState
from vidstyle.live.overlay import LiveFigures, Overlay
from vidstyle.live.painters import LivePaints, Painters
from vidstyle.live.session_parts import NO_PARTS, SessionParts
from vidstyle.live.sink_threads import KEPT_TIMES, RECENT_FRAMES, SinkThread
from vidstyle.live.snapshots import Snapshots
from vidstyle.live.viewing import ViewerStream
from vidstyle.media.frame import Frame
from vidstyle.media.live_sinks import LiveSink, Recording
from vidstyle.media.live_sources import LiveSource
from vidstyle.media.window import WindowSink
from vidstyle.pipeline import Channel, Stopped
from vidstyle.stream.planes import is_planar
from vidstyle.style_files import Style

POLL_SECONDS = 0.02
GAP_SECONDS = 0.5
"""Between two frames of a source, from which on they have nothing to do with each other."""
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
        learnt: takes a style that has been learnt from them, and gives the name by which painters open it.
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
        self._source, self._painters, self.state = source, painters, state
        self._window, self._seconds, self._clock = window, seconds, clock
        self._parts, self._shown, self._painted, self._learnt = parts, shown, painted, learnt
        self._colors = Colors(source.color)
        self._saved_frames = 0
        self._viewer = ViewerStream(painters, state.style)
        self._captures: Channel[tuple[Frame, bool]] = Channel(1, newest=True)
        self._early: Frame | None = None
        self._early_frames = self._early_drops = 0
        self._failures: list[BaseException] = []
        self._viewer.masking = parts.masking
        first = () if window is None else (window,)
        self._sinks = tuple(self._sink_thread(sink) for sink in (*first, *parts.sinks))
        self._adding = threading.Lock()
        self._running = self._ended = self._drawn = False
        self._extra: SinkThread | None = None
        self._recordings: list[Path] = []
        self._extra_failures: list[BaseException] = []
        self._not_recorded: list[str] = []
        self._snapshots = Snapshots()
        self._taken = self._saved = 0
        self._captured = 0
        self._breaks = self._breaks_seen = 0
        self._begun: float | None = None
        self._waits: deque[float] = deque(maxlen=KEPT_TIMES)
        self._draws: deque[float] = deque(maxlen=KEPT_TIMES)
        self._held: np.ndarray | None = None
        self._latest: np.ndarray | None = None
        self._overlay = Overlay(state, self._signs, self._live_figures, clock)

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
            for name, stage in (("capture", self._capture), ("draw", self._draw))
        ]
        with self._adding:
            self._running = True
            for sink in self._sinks:
                if sink.sink is not self._window:
                    sink.start()
        try:
            for thread in threads:
                thread.start()
            while not self._over(stop):
                self._serve_window() if self._window else time.sleep(POLL_SECONDS)
                self._record()
                self._take_picture()
                self._look_for_keys()
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
        timed_out = (
            self._seconds is not None and self._begun is not None and self._clock() - self._begun > self._seconds
        )
        ended = all(thread.over for thread in self._sinks)
        gone = any(thread.gone for thread in self._sinks)
        return stop.is_set() or self.state.done or bool(self._failures) or timed_out or ended or gone

    def _shut_down(self, threads: Sequence[threading.Thread]) -> None:
        with self._adding:
            self._ended = True
        self._source.close()
        self._captures.stop()
        for sink in self._all_sinks():
            sink.channel.end()
        deadline = time.monotonic() + STOP_SECONDS
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        # Keys may be pressed at the same time as the one that ends it.
        self._take_picture()
        self._save_frame()
        for sink in self._all_sinks():
            if sink.sink is self._window:
                sink.finish()
            elif sink.thread is not None:
                whole = isinstance(sink.sink, Recording)
                sink.thread.join(None if whole else max(0.0, deadline - time.monotonic()))
        if self._extra_failures:
            self._give_up_recording(self._recordings[-1], self._extra_failures[0])
        self._snapshots.finish()
        self._parts.close_all_but_sinks()
        self._viewer.close()
        self._painters.close()

    def _all_sinks(self) -> tuple[SinkThread, ...]:
        return self._sinks + ((self._extra,) if self._extra else ())

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
            if frame.discontinuity or (last is not None and frame.time - last > GAP_SECONDS):
                # The frame itself may give way to the next one.
                self._breaks += 1
            last = frame.time
            early, dropped = self._waiting, self._captures.dropped
            first = self._captured == 0
            if not early:
                self._captured += 1
                self._begun = self._clock() if self._begun is None else self._begun
            self._captures.put((frame, early))
            if early or first:
                # What gave way was early, too.
                self._early_drops += self._captures.dropped - dropped
        self._captures.end()

    def _draw(self) -> None:
        # While a frame is lifted to its size, motion of the next one is looked for.
        with ThreadPoolExecutor(1, thread_name_prefix="vidstyle-finish") as finisher:
            finishing: Future[None] | None = None
            while (captured := self._captures.get()) is not None:
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
        if self._early is not None and self._captured == 0:
            self._captured = 1
            self._begun = self._clock()
            self._hand_on(self._early, self._begun)

    @property
    def _waiting(self) -> bool:
        """Whether nothing is shown yet, since nothing is painted."""
        return self._window is None and self._painted is not None and not self._painted.is_set()

    def _as_asked(self, frame: Frame) -> Frame:
        """The frame, or while the picture stands still the one from which on it does, at this frame's time."""
        if not self.state.frozen or self._held is None:
            self._held = frame.pixels
        breaks = self._breaks
        fresh, self._breaks_seen = breaks != self._breaks_seen, breaks
        return replace(frame, pixels=self._held, discontinuity=fresh)

    # --- the caller's thread

    def _serve_window(self) -> None:
        assert self._window is not None
        thread = next(thread for thread in self._sinks if thread.sink is self._window)
        self._window.show_full_screen(self.state.full_screen)
        try:
            item = thread.channel.get(POLL_SECONDS / 2)
        except TimeoutError:
            self._window.say(self._overlay.lines())
            self._press(self._window.key())
            return
        except Stopped:
            return
        if item is None:
            thread.over = True
            return
        self._window.lines = self._overlay.lines()
        thread.write(item[0])
        key = self._window.key()  # draws
        thread.note(*item)
        if self._shown is not None:
            self._shown.set()
        self._press(key)

    def _press(self, key: str | None) -> None:
        if key is not None:
            self.state.press(key)

    def _record(self) -> None:
        """Begin or finish a recording, as the state says."""
        if self.state.recording and self._extra is None:
            path = self._new_file(".mp4")
            source = self._source
            try:
                recording = Recording(
                    path, source.width, source.height, source.rate, sound=self._parts.sound, color=source.color
                )
            except VidstyleError as error:
                self._give_up_recording(path, error)
                return
            self._recordings.append(path)
            self._extra = self._sink_thread(recording, self._extra_failures).start()
            self.state.say(f"to {path}")
        elif self._extra is not None and (self._extra_failures or not self.state.recording):
            self._finish_recording(self._extra)

    def _finish_recording(self, recording: SinkThread) -> None:
        self._extra = None
        recording.channel.end()
        assert recording.thread is not None
        # Short, since nothing waits in front of a recording for long.
        recording.thread.join()
        if self._extra_failures:
            self._give_up_recording(self._recordings[-1], self._extra_failures[0])
            self._extra_failures.clear()
        else:
            self.state.say(f"saved {self._recordings[-1]}")

    def _give_up_recording(self, path: Path, error: BaseException) -> None:
        """Go on without it: what is shown matters more."""
        self.state.recording = False
        why = str(error) if isinstance(error, VidstyleError) else f"{path}: not saved ({reason(error)})"
        self._not_recorded.append(why)
        self.state.say(why)

    def _take_picture(self) -> None:
        """Save what is shown, if the state says so."""
        latest = self._latest
        if self.state.pictures > self._taken and latest is not None:
            self._taken = self.state.pictures
            self._snapshots.save(Colors(self._source.color).rgb(latest), self._new_file(".png"))
        if len(self._snapshots.saved) > self._saved:
            self._saved = len(self._snapshots.saved)
            self.state.say(f"saved {self._snapshots.saved[-1]}")

    def _save_frame(self) -> None:
        """Save a frame that is to be painted, if the state says so; the first one is asked for by nobody."""
        watched, held, asked = self._parts.watched, self._held, self.state.to_paint + 1
        if watched is not None and held is not None and asked > self._saved_frames and watched.has_room:
            self._saved_frames = asked
            watched.save(self._colors.rgb(held))

    def _look_for_keys(self) -> None:
        """Save frames that are to be painted, and wear those that have been."""
        watched, held = self._parts.watched, self._held
        if watched is None or held is None:
            return
        self._save_frame()
        for saved in watched.saved():
            self.state.say(f"saved {saved}, to be painted")
        for key in watched.painted():
            kinds = [self._colors.planes(p) if is_planar(held) else p for p in (key.source, key.painting)]
            if kinds[0].shape == held.shape:
                self._viewer.pin(key.name, *kinds)
            else:
                watched.problem = f"{key.name}: is of a camera with another size"
        for style in watched.learnt():
            if self._learnt is not None:
                self.state.add_style(self._learnt(style))

    def _new_file(self, suffix: str) -> Path:
        stem = f"vidstyle-{datetime.now():%Y%m%d-%H%M%S}"
        taken = {*self._recordings, *self._snapshots.names}
        names = (f"{stem}{f'-{n}' * (n > 1)}{suffix}" for n in range(1, 1000))
        return next(Path(name) for name in names if Path(name) not in taken and not Path(name).exists())

    def _signs(self) -> list[str]:
        """What a viewer should know."""
        sound, watched = self._parts.sound, self._parts.watched
        signs = [self._source.notice, self._painters.notice(self.state.style)]
        signs += [thread.sink.notice for thread in self._all_sinks()]
        signs += [sound.notice if sound else "", watched.problem if watched else ""]
        return signs + self._not_recorded[-1:] + self._snapshots.failed[-1:]

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
        return self._captures.dropped - self._early_drops + self._sinks[0].dropped

    def figures(self) -> Figures:
        """What has been done so far."""
        first = self._sinks[0]
        begin = 0.0 if first.first is None else first.first
        span = first.last - begin
        size = self._painted_size
        painter = self._painters.ready(self._viewer.style)
        watched = self._parts.watched
        return Figures(
            captured=self._captured,
            shown=first.shown,
            dropped=self._dropped(),
            paintings=self._viewer.paintings,
            seconds=round(first.last - (begin if self._begun is None else self._begun), 3),
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
            files=[str(path) for path in [*self._recordings, *self._snapshots.saved] if path.exists()],
            not_saved=[*self._not_recorded, *self._snapshots.failed, *(watched.failed if watched else ())],
        )
