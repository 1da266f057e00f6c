"""What workers do: look at a video, paint one of its segments, join them.  Nothing here knows of Ray."""

import contextlib
import dataclasses
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from vidstyle import pipeline
from vidstyle.batch import places
from vidstyle.batch.plan import StyleAt
from vidstyle.errors import VidstyleError
from vidstyle.farm.cuts import LEAST_SECONDS, MOST_SECONDS, REPLAY_SECONDS, Bounds, find_segments
from vidstyle.media.bit_rates import too_large
from vidstyle.media.frame import Frame
from vidstyle.media.segment_sinks import SegmentSink
from vidstyle.media.sources import FileSource
from vidstyle.pipeline import Progress
from vidstyle.restyle_options import Options
from vidstyle.restyling import Summary, restyle_file, summary_of
from vidstyle.stream import Lazily
from vidstyle.stream.state import read_state, write_state
from vidstyle.video_runs import (
    OpenVideo,
    PaintersByStyle,
    Timeline,
    comes_in_segments,
    encoding_of,
    joined_sink,
    load_timeline,
    notes_of,
    open_video,
    read_frames,
    segment_stream,
)

DRAWN_BEFORE = 25
"""Frames before a segment that are drawn, for what shows of the last one in the next."""


@dataclass(frozen=True)
class Video:
    """One video to paint; all of it can be sent to another machine.

    Attributes:
        source, output: a path that all machines know, or a URL.
        style_at: styles as they were named, each with the time from which it is painted.
        picture: whether it is a picture.
        options: how to paint.
        segments: the folder for segments, beside the output.
        least, most, replay: see vidstyle.farm.cuts.
    """

    source: str
    output: str
    style_at: StyleAt
    picture: bool
    options: Options
    segments: str
    least: float = LEAST_SECONDS
    most: float = MOST_SECONDS
    replay: float = REPLAY_SECONDS


@dataclass(frozen=True)
class Survey:
    """What a video is.

    Attributes:
        frames: of it.
        segments: to paint it in; empty where it is painted as a whole.
    """

    frames: int
    segments: list[Bounds]


class SegmentPainter:
    """Does all of it on one machine, and keeps what paints for the next segment."""

    def __init__(self) -> None:
        self._painters = PaintersByStyle()
        self._timelines: dict[StyleAt, Timeline] = {}
        self._folder = tempfile.TemporaryDirectory(prefix="vidstyle-farm-")
        self._fetched: tuple[str, Path] | None = None

    def close(self) -> None:
        """Let go of everything."""
        self._painters.close()
        self._folder.cleanup()

    def look(self, video: Video) -> Survey:
        """Find out what a video is, and in which segments to paint it."""
        if video.picture:
            return Survey(1, [])
        with self._opened(video) as opened:
            source, options = opened.source, video.options
            expected = source.format.frames
            short = expected is not None and expected < 2 * video.least * source.format.rate
            if short or not comes_in_segments(source, Path(video.output), options):
                return Survey(expected or 0, [])
            carries = options.steady and options.strength > 0
            segments = find_segments(
                read_frames(source, options),
                options.stroke_size,
                carries=carries,
                least=video.least,
                most=video.most,
                # A painting that is optimised takes those before it.
                replay=0.0 if self._optimises(video) else video.replay,
            )
            frames = sum(segment.frames for segment in segments)
            assert isinstance(source, FileSource)
            return Survey(frames, segments if len(segments) > 1 and source.can_begin_anywhere else [])

    def paint_whole(self, video: Video) -> Summary:
        """Paint a video or a picture as a whole."""
        with self._output(video) as target:
            source, options = self._local(video.source), dataclasses.replace(video.options, overwrite=True)
            return restyle_file(source, target, self._timeline(video), options, lambda *_: None, self._painters)

    def paint_segment(self, video: Video, bounds: Bounds) -> int:
        """Paint one segment into a file of its own; how many frames that are."""
        segment = segment_name(video, bounds.number)
        with self._opened(video) as opened, self._written(segment) as target:
            whole = opened.source
            assert isinstance(whole, FileSource)
            part = whole.reopened(bounds.replay, bounds.end)
            if part is None:
                raise VidstyleError(f"{video.source}: cannot be read from the frame {bounds.replay} on")
            painters = [(time, Lazily(painter)) for time, painter in opened.painters]
            stream = segment_stream(opened, video.options, painters)
            stream.begin_at(float(whole.first_pts * whole.format.time_base))
            sink = SegmentSink(
                Path(places.base(video.output)),
                target,
                whole.format,
                **encoding_of(whole, video.options),
                overwrite=True,
            )
            try:
                if bounds.follows:
                    with self._there(state_name(video, bounds.number - 1)) as path:
                        stream.restore(read_state(path))
                frames = _replayed(read_frames(part, video.options), stream, bounds)
                for _, painter in painters:
                    painter.lazy = False
                done = pipeline.run(frames, stream, sink, finish=sink.close)
                if bounds.leads:
                    with self._written(state_name(video, bounds.number)) as path:
                        write_state(path, stream.state())
                return done.frames
            finally:
                sink.abort()
                stream.close()
                with contextlib.suppress(ValueError):
                    part.close()

    def join(self, video: Video, count: int) -> Summary:
        """Make the video of all its segments."""
        with self._opened(video) as opened, self._output(video) as target:
            source, options = opened.source, video.options
            sink = joined_sink(source, target, encoding_of(source, options), options, overwrite=True)
            try:
                frames = 0
                for number in range(count):
                    with self._there(segment_name(video, number)) as path:
                        frames += sink.join([path])
                sink.close()
            finally:
                sink.abort()
            notes = [*notes_of(source), *sink.notes, *too_large(target, options.max_size)]
            device, engine = opened.engine.device, opened.engine.name
            return summary_of(
                Progress(frames), sink, notes, device=device, engine=engine, style=self._timeline(video).name
            )

    def _optimises(self, video: Video) -> bool:
        return any(
            style.steps(video.options.optimise, seldom=video.options.steady) for style in self._timeline(video).styles
        )

    def _timeline(self, video: Video) -> Timeline:
        if video.style_at not in self._timelines:
            # Of one style at a time, so that memory does not grow with all that were ever painted in.
            self._painters.close()
            self._timelines = {video.style_at: load_timeline(video.style_at)}
        return self._timelines[video.style_at]

    @contextlib.contextmanager
    def _opened(self, video: Video) -> Iterator[OpenVideo]:
        source, output = self._local(video.source), Path(places.base(video.output))
        opened = open_video(source, output, self._timeline(video), video.options, self._painters)
        try:
            yield opened
        finally:
            with contextlib.suppress(ValueError):
                opened.source.close()

    def _local(self, name: str) -> Path:
        """A file on this machine; the last one is kept, since its next segment may come here, too."""
        if self._fetched is None or self._fetched[0] != name:
            if self._fetched is not None and places.is_url(self._fetched[0]):
                self._fetched[1].unlink(missing_ok=True)
            self._fetched = (name, places.fetch(name, Path(self._folder.name)))
        return self._fetched[1]

    @contextlib.contextmanager
    def _there(self, name: str) -> Iterator[Path]:
        """A file on this machine, as long as it is needed."""
        path = places.fetch(name, Path(self._folder.name))
        yield path
        if places.is_url(name):
            path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _written(self, name: str) -> Iterator[Path]:
        """A file to write on this machine, which is then where it belongs."""
        if not places.is_url(name):
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            yield Path(name)
            return
        path = Path(self._folder.name) / f"made-{places.base(name)}"
        try:
            yield path
            places.store(path, name)
        finally:
            path.unlink(missing_ok=True)

    def _output(self, video: Video) -> Any:
        return self._written(video.output)


def segment_name(video: Video, number: int) -> str:
    """Where a segment is."""
    return places.joined(video.segments, f"{number:06}.packets")


def state_name(video: Video, number: int) -> str:
    """Where what the stream has come to after a segment is."""
    return places.joined(video.segments, f"{number:06}.state.npz")


def _replayed(frames: Iterator[Frame], stream: Any, bounds: Bounds) -> Iterator[Frame]:
    """The frames of a segment; the stream goes through those before, and draws the last of them only."""
    waiting: list[Frame] = []
    for frame in frames:
        if frame.pts >= bounds.begin:
            for last in waiting:
                stream.submit(last)
                stream.result()
            goes_on = bool(waiting) or bounds.follows
            return chain([dataclasses.replace(frame, discontinuity=not goes_on)], frames)
        waiting.append(frame)
        if len(waiting) > DRAWN_BEFORE:
            stream.submit(waiting.pop(0))
            stream.pass_over()
    return iter(())
