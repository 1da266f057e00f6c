"""A long video, painted in segments: whoever is interrupted goes on from the last one that was finished.

After each segment what the stream remembers is written down (vidstyle.stream.state), so that what comes out does not
depend on where and how often a run was interrupted.
"""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import chain, dropwhile, islice
from pathlib import Path

from vidstyle import pipeline
from vidstyle.batch.journal import Finished, Journal
from vidstyle.batch.records import Request
from vidstyle.media.bit_rates import too_large
from vidstyle.media.frame import Frame
from vidstyle.media.segment_sinks import SegmentSink
from vidstyle.media.sources import FileSource
from vidstyle.pipeline import Progress
from vidstyle.restyle_options import Options
from vidstyle.restyling import Summary, restyle_file, summary_of
from vidstyle.stream.state import read_state, write_state
from vidstyle.video_runs import (
    OnProgress,
    OpenVideo,
    PaintersByStyle,
    Timeline,
    comes_in_segments,
    encoding_of,
    joined_sink,
    notes_of,
    open_video,
    read_frames,
    reporting,
    segment_stream,
)

SEGMENT_SECONDS = 20.0
"""Of a video in one segment: what an interruption costs at the most, and as long as encoders go without a frame to
begin from."""


def restyle_in_segments(
    source: Path,
    output: Path,
    timeline: Timeline,
    options: Options,
    report: OnProgress,
    painters: PaintersByStyle,
    request: Request,
    *,
    seconds: float = SEGMENT_SECONDS,
) -> Summary:
    """Paint a video as vidstyle.restyling.restyle_file does; a run that is stopped leaves its finished segments.

    Args:
        source, output, timeline, options, report, painters: see there.
        request: what the segments are for; those of the same request are not painted again.
        seconds: of video in one segment.
    """
    video = open_video(source, output, timeline, options, painters)
    count = max(1, round(seconds * video.source.format.rate))
    expected = video.source.format.frames
    short = expected is not None and expected <= count
    if short or not comes_in_segments(video.source, output, options):
        video.source.close()
        return restyle_file(source, output, timeline, options, report, painters)
    try:
        journal = Journal(output, request)
    except BaseException:
        video.source.close()
        raise
    with contextlib.closing(journal):
        return _Run(video, output, timeline, options, report, journal, count).run()


class _Run:
    """One run of one video."""

    def __init__(
        self,
        video: OpenVideo,
        output: Path,
        timeline: Timeline,
        options: Options,
        report: OnProgress,
        journal: Journal,
        count: int,
    ) -> None:
        assert isinstance(video.source, FileSource)
        self._video, self._source = video, video.source
        self._output, self._timeline, self._options = output, timeline, options
        self._report, self._journal, self._count = report, journal, count
        self._encoding = encoding_of(video.source, options)
        self._painted = 0
        self._begin = time.perf_counter()

    def run(self) -> Summary:
        try:
            self._tell(Progress(), self._source.format.frames, self._journal.frames)
            if not self._journal.finished or self._journal.finished[-1].following is not None:
                self._paint()
            return self._join()
        finally:
            with contextlib.suppress(ValueError):
                self._source.close()

    def _tell(self, progress: Progress, expected: int | None, before: int = 0) -> None:
        seconds = time.perf_counter() - self._begin
        done = Progress(before + progress.frames, seconds, progress.busy, progress.compiling)
        self._report(done, expected)

    def _paint(self) -> None:
        """Paint what is missing, segment by segment."""
        journal = self._journal
        stream = segment_stream(self._video, self._options)
        painters = [painter for _, painter in self._video.painters]
        part: FileSource | None = None
        try:
            if journal.finished:
                stream.restore(read_state(journal.state_path))
                part, frames = self._go_on()
            else:
                frames = read_frames(self._source, self._options)
            ahead = next(frames, None)
            while ahead is not None:
                number, before = len(journal.finished), journal.frames
                sink = SegmentSink(
                    self._output,
                    journal.path(number),
                    self._source.format,
                    **self._encoding,
                    overwrite=True,
                )
                segment = chain([ahead], islice(frames, self._count - 1))
                told = reporting(partial(self._tell, before=before), self._source.format.frames, painters)
                try:
                    done = pipeline.run(segment, stream, sink, told, sink.close)
                finally:
                    sink.abort()
                self._painted += done.frames
                ahead = next(frames, None)
                reading = part or self._source
                following = None
                if ahead is not None:
                    write_state(journal.folder / f"{number:06}.state.npz", stream.state())
                    following = ahead.pts
                journal.note(
                    Finished(number, done.frames, following, reading.can_begin_anywhere, reading.unreadable_from)
                )
        finally:
            stream.close()
            if part is not None:
                with contextlib.suppress(ValueError):
                    part.close()

    def _go_on(self) -> tuple[FileSource | None, Iterator[Frame]]:
        """The frames after the last finished segment, and what reads them, if that is not the source itself."""
        last = self._journal.finished[-1]
        following = last.following
        assert following is not None
        part = self._source.reopened(following) if last.anywhere else None
        if part is not None:
            frames: Iterator[Frame] = read_frames(part, self._options)
        else:
            # Decoding what is not painted takes a fraction of the time.
            frames = dropwhile(lambda frame: frame.pts < following, read_frames(self._source, self._options))
        first = next(frames, None)
        if first is None:
            return part, iter(())
        # The stream goes on.
        return part, chain([replace(first, discontinuity=False)], frames)

    def _join(self) -> Summary:
        options = self._options
        sink = joined_sink(self._source, self._output, self._encoding, options, overwrite=options.overwrite)
        try:
            frames = sink.join(list(self._journal.segments))
            sink.close()
        finally:
            sink.abort()
        self._journal.remove()
        damaged = [segment.unreadable_from for segment in self._journal.finished if segment.unreadable_from is not None]
        if damaged and self._source.unreadable_from is None:
            self._source.unreadable_from = damaged[0]
        seconds = time.perf_counter() - self._begin
        notes = [*notes_of(self._source), *sink.notes, *too_large(self._output, options.max_size)]
        engine, style = self._video.engine, self._timeline.name
        done = summary_of(Progress(frames, seconds), sink, notes, device=engine.device, engine=engine.name, style=style)
        return replace(done, fps=round(self._painted / seconds, 2))
