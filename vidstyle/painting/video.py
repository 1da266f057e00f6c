"""Paint a video frame by frame, each begun with the one before.

Ruder, Dosovitskiy and Brox 2016, "Artistic Style Transfer for Videos": a frame starts from the last one, moved
along the optical flow, and is held to it where that shows the same things.
"""

import contextlib
import dataclasses
import hashlib
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vidstyle.errors import InputError
from vidstyle.media.images import Picture, read_image, write_picture
from vidstyle.media.sources import FileSource
from vidstyle.media.suffixes import IMAGE_SUFFIXES
from vidstyle.output_files import check_output
from vidstyle.painting.optimisation import Optimisation, Scale, fit
from vidstyle.painting.paint_settings import PaintSettings, StylePicture, WeightedStyle, files_read, weighted_styles
from vidstyle.painting.picture import Painted, PaintingProgress, Watch
from vidstyle.painting.tiled_loss import Past
from vidstyle.perception.flow import estimate_flow
from vidstyle.perception.tensors import to_tensor
from vidstyle.perception.warping import warp
from vidstyle.restyle_options import Options
from vidstyle.video_runs import video_sink
from vidstyle.work_folders import WorkFolder

FOLLOWING = 0.5
"""Steps of a frame that starts from another, as a share of those at the last scale."""


def paint_video(
    content: Path,
    styles: Sequence[StylePicture],
    out: Path,
    settings: PaintSettings,
    *,
    overwrite: bool = False,
    watch: Watch | None = None,
) -> Painted:
    """Paint a video file, with its sound.

    Finished frames are kept as pictures in the folder `OUT.frames` until the video is complete.  When it is there,
    made with the same settings, painting goes on after its last frame.

    Args:
        content, out: video files.
        styles: see vidstyle.painting.picture.paint.
        settings: how to paint each frame.
        overwrite: replace `out`, and begin anew where other settings have left frames.
        watch: who is told what.

    Returns:
        What came of it; if stopped, nothing but the folder of frames has been written.

    Raises:
        InputError: for anything that the caller can mend.
        Diverged: when the loss of a frame is no longer a number; the frames before are kept.
    """
    watch = watch or Watch()
    if out.suffix.lower() in IMAGE_SUFFIXES:
        raise InputError(f"{out}: a picture, but a video is painted; name a video file")
    named = weighted_styles(styles)
    check_output(out, taken=files_read(content, named, settings), overwrite=overwrite)
    source = FileSource(content)
    with contextlib.closing(source):
        optimisation = Optimisation(named, settings)
        scales = optimisation.scales(source.format.height, source.format.width)
        # Codecs want even sides.
        scales[-1] = dataclasses.replace(scales[-1], height=_even(scales[-1].height), width=_even(scales[-1].width))
        folder, depends = out.with_name(out.name + ".frames"), {"painting": _key(content, named, settings)}
        with WorkFolder(folder, depends, what="frames", overwrite=overwrite) as frames:
            for note in optimisation.notes:
                watch.on_note(note)
            began = time.monotonic()
            painter = _FramePainter(optimisation, scales, frames, watch, source.format.frames)
            complete = painter.paint(source)
            if complete:
                complete = _encode(content, out, scales[-1], frames, watch, overwrite=overwrite)
            if complete:
                frames.remove()
    return Painted(
        steps=painter.steps,
        seconds=round(time.monotonic() - began, 3),
        width=scales[-1].width,
        height=scales[-1].height,
        losses=painter.losses,
        device=str(optimisation.device),
        complete=complete,
        frames=painter.frames,
    )


class _FramePainter:
    """Paints frame after frame into a folder."""

    def __init__(
        self, optimisation: Optimisation, scales: list[Scale], frames: WorkFolder, watch: Watch, expected: int | None
    ) -> None:
        self._optimisation, self._scales, self._frames, self._watch, self._expected = (
            optimisation,
            scales,
            frames,
            watch,
            expected,
        )
        self.steps = self.frames = 0
        self.losses: dict[str, float] = {}

    def paint(self, source: FileSource) -> bool:
        """Paint what is not there yet; returns whether all is."""
        before: np.ndarray | None = None
        for index, frame in enumerate(source):
            path = self._frames.picture(index)
            if not path.exists() and not self._paint_frame(index, frame.pixels, before, path):
                return False
            before = frame.pixels
            self.frames = index + 1
        return True

    def _paint_frame(self, index: int, pixels: np.ndarray, before: np.ndarray | None, path: Path) -> bool:
        scales, start, past = self._scales, None, None
        if before is not None:
            last = scales[-1]
            scales = [dataclasses.replace(last, steps=max(1, round(FOLLOWING * last.steps)))]
            start, past = self._carried(read_image(self._frames.picture(index - 1)), before, pixels, last)
        steps = sum(scale.steps for scale in scales)
        for step in self._optimisation.paint(pixels, scales, start, past):
            self.steps += 1
            self.losses = step.losses
            share = step.step / steps
            done = (index + share) / self._expected if self._expected else 0.0
            self._watch.on_progress(
                PaintingProgress(step.step, steps, step.losses, min(1.0, done), index + 1, self._expected)
            )
            if self._watch.stop():
                return False
        write_picture(path, Picture(step.image), overwrite=True)
        return True

    def _carried(
        self, painted: np.ndarray, before: np.ndarray, pixels: np.ndarray, scale: Scale
    ) -> tuple[Tensor, Past]:
        """The last painting moved to where things are now, with the frame itself where it shows nothing of it."""
        device = self._optimisation.device
        one, other = (fit(frame, scale.height, scale.width) for frame in (before, pixels))
        flow, known = estimate_flow(one, other)
        moved = warp(to_tensor(painted)[None], torch.from_numpy(flow)[None])
        visible = torch.from_numpy(known)[None, None].float()
        start = torch.lerp(to_tensor(other)[None], moved, visible)
        return start.to(device), Past(moved.to(device), visible.to(device))


def _encode(content: Path, out: Path, scale: Scale, frames: WorkFolder, watch: Watch, *, overwrite: bool) -> bool:
    """Write the finished frames at the source's times, with its sound; returns whether that was not stopped."""
    source = FileSource(content, size=(scale.width, scale.height))
    with contextlib.closing(source):
        sink = video_sink(source, out, Options(overwrite=overwrite))
        try:
            for index, frame in enumerate(source):
                sink.write(dataclasses.replace(frame, pixels=read_image(frames.picture(index))))
                if watch.stop():
                    return False
            sink.close()
        finally:
            sink.abort()
    return True


def _key(content: Path, styles: Sequence[WeightedStyle], settings: PaintSettings) -> str:
    """What the painting depends on, hashed."""
    known = [json.dumps(dataclasses.asdict(settings) | {"device": ""}, default=str, sort_keys=True)]
    known += [hashlib.sha256(path.read_bytes()).hexdigest() for path in files_read(content, styles, settings)]
    known += [str(weight) for _, weight in styles]
    return hashlib.sha256("\n".join(known).encode()).hexdigest()


def _even(length: int) -> int:
    return length - length % 2
