"""How long it would take: a few frames of some videos are painted, and nothing is written."""

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

from vidstyle.batch.plan import Task
from vidstyle.errors import InputError
from vidstyle.media.images import upright_size
from vidstyle.media.picture_files import size_to_paint
from vidstyle.video_runs import (
    OpenVideo,
    PaintersByStyle,
    Timeline,
    load_timeline,
    open_video,
    read_frames,
    segment_stream,
)

PROBE_FRAMES, WARM_FRAMES = 30, 10
"""Frames that are timed, after those in which everything gets going."""
PROBED = 3
"""Sizes of frames that are timed; others are taken for as fast a pixel as the nearest one."""
PICTURE_SECONDS, STEP_SECONDS = 1.0, 0.07
"""A picture takes about so long, whatever it is, and each step by which it is brought nearer to its style's."""


@dataclass(frozen=True)
class Estimate:
    """What a task would be.

    Attributes:
        task: which.
        frames: of it; None if the file does not say.
        seconds: it would take; None if that cannot be said.
        error: why it cannot be painted; empty if it can.
    """

    task: Task
    frames: int | None
    seconds: float | None
    error: str = ""


def estimated(tasks: Sequence[Task]) -> list[Estimate]:
    """What tasks would be, in their order."""
    speeds: dict[tuple[object, int], float] = {}
    loaded: dict[object, Timeline] = {}
    result = []
    with contextlib.closing(PaintersByStyle()) as painters:
        for task in tasks:
            try:
                if task.style_at not in loaded:
                    loaded[task.style_at] = load_timeline(task.style_at)
                if task.picture:
                    size_to_paint(task.source, upright_size(task.source), task.options.size, task.options.scale)
                    steps = loaded[task.style_at].only().steps(task.options.optimise).afresh
                    result.append(Estimate(task, 1, PICTURE_SECONDS + STEP_SECONDS * steps))
                    continue
                result.append(_of_video(task, loaded[task.style_at], painters, speeds))
            except InputError as error:
                result.append(Estimate(task, None, None, str(error)))
    return result


def _of_video(
    task: Task, timeline: Timeline, painters: PaintersByStyle, speeds: dict[tuple[object, int], float]
) -> Estimate:
    """speeds: seconds a frame that are known, by styles and pixels."""
    opened = open_video(task.source, task.output, timeline, task.options, painters)
    with contextlib.closing(opened.source) as video:
        pixels, frames = video.format.width * video.format.height, video.format.frames
        known = {size: seconds for (styles, size), seconds in speeds.items() if styles == task.style_at}
        if pixels not in known and len(known) < PROBED:
            known[pixels] = speeds[task.style_at, pixels] = _probed(task, opened)
        nearest = min(known, key=lambda size: abs(size - pixels))
        seconds = None if frames is None else frames * known[nearest] * pixels / nearest
        return Estimate(task, frames, seconds)


def _probed(task: Task, opened: OpenVideo) -> float:
    """Seconds that a frame takes from decoder to stream; encoders run beside that, and are as fast as a rule."""
    options = replace(task.options, strict=False)
    stream = segment_stream(opened, options)
    frames = read_frames(opened.source, options)
    count, taken = 0, 0
    try:
        # What is compiled for the first one is no part of what a frame takes.
        for frame in islice(frames, 1):
            stream.submit(frame)
            stream.result()
        begin = time.perf_counter()
        for count, frame in enumerate(islice(frames, WARM_FRAMES + PROBE_FRAMES), 1):
            stream.submit(frame)
            if count >= stream.depth:
                stream.result()
                taken += 1
            if count == WARM_FRAMES:
                begin = time.perf_counter()
        if not taken:
            # All of it is on the way: painted or refused.
            for _ in range(count):
                stream.result()
        if not count:
            return PICTURE_SECONDS
        return (time.perf_counter() - begin) / (count - WARM_FRAMES if count > WARM_FRAMES else count)
    finally:
        stream.close()
