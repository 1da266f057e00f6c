"""Paint a film by its keys: a few painted frames, carried to all others."""

import contextlib
import dataclasses
import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from vidstyle import pipeline
from vidstyle.errors import InputError, parameter
from vidstyle.keys.drawing import Drawer
from vidstyle.keys.key_files import (
    find_keys,
    find_masks,
)
from vidstyle.keys.key_requests import LEARN_SECONDS, check_keyed_request
from vidstyle.keys.painted_keys import Fits, Keys
from vidstyle.keys.scouting import Seen, scouted
from vidstyle.keys.stretch_cache import StretchCache
from vidstyle.keys.stretches import LONGEST, Plan, Planner
from vidstyle.media.frame import Frame
from vidstyle.media.mask_files import read_mask
from vidstyle.pipeline import Channel, Progress, Stopped
from vidstyle.restyle_options import Options
from vidstyle.restyling import Summary, summary_of
from vidstyle.stream.composing import Look, composed
from vidstyle.stream.lifting import lifted, painted_size
from vidstyle.stream.planes import resized
from vidstyle.video_runs import OnProgress, notes_of, read_frames, reporting, video_sink, video_source

if TYPE_CHECKING:
    from vidstyle.media.animations import AnimationSource
    from vidstyle.media.sources import FileSource

PLANNED = 32
"""Frames that are planned ahead of the one that is drawn."""
FINER = 5
"""By how much the default quality (CRF) is better than that of other films, which have less fine paint to lose."""


@dataclass(frozen=True)
class KeyOptions:
    """How a film is painted by its keys.

    Attributes:
        mask: a picture that is white where the painting shows, or a folder of such, named after the numbers of frames:
            those of keys are carried as they are, and those of other frames hold for them.
        learn_seconds: for how long a network learns from the keys, if there is anything that no key has seen.
        keep_stretches: a folder where what is drawn between two keys is kept without loss, so that only what a changed
            key touches is drawn again; of whole films only.
    """

    mask: Path | None = None
    learn_seconds: float = LEARN_SECONDS
    keep_stretches: Path | None = None


class KeyedFilm:
    """Takes the frames of a film and gives them back painted by its keys; see vidstyle.pipeline.Painting.

    Args:
        plans: one for each frame.
        keys: what they speak of.
        look: how much of the painting to show.
        masks: of frames that are no keys, by number.
        mask: of all frames, (H, W) uint8 at the size of keys, or None.
        kept: stretches that are drawn already; None keeps none.
        part: whether it is a part of a film, whose plans may count from an earlier frame on.
    """

    def __init__(
        self,
        plans: Channel[Plan],
        keys: Keys,
        look: Look,
        masks: dict[int, Path],
        mask: np.ndarray | None,
        kept: StretchCache | None = None,
        *,
        part: bool = False,
    ) -> None:
        self._kept = kept
        self.depth = 1
        self._plans, self._keys, self._look, self._masks, self._mask = plans, keys, look, masks, mask
        self._behind: int | None = None if part else 0
        self._positions = (1, 1)
        self._drawer = Drawer(lambda number: keys.painting(number, self._positions))
        self._inside: deque[Frame] = deque()

    def submit(self, frame: Frame) -> None:
        """Take the next frame."""
        self._inside.append(frame)

    def result(self) -> Frame:
        """The oldest frame in here, painted."""
        frame = self._inside.popleft()
        plan = self._plans.get()
        if plan is not None and self._behind is None:
            # Of a part, what plans it has been read from an earlier frame on.
            self._behind = plan.pts - frame.pts
        if plan is None or self._behind is None or plan.pts != frame.pts + self._behind:
            raise InputError("the film has changed while it was being painted; leave it alone until it is done")
        self._positions = plan.uncovered.shape
        small = resized(frame.pixels, self._keys.size)
        painting, alpha = self._painted(plan, small)
        self._keys.forget(plan.index - 4 * LONGEST)
        pixels = composed(frame.pixels, lifted(painting, small, frame.pixels), self._look)
        alpha = self._masked(plan.index, alpha)
        if alpha is not None:
            pixels = _shown_through(frame.pixels, pixels, alpha)
        return dataclasses.replace(frame, pixels=pixels)

    def _painted(self, plan: Plan, small: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        if plan.skipped and self._kept is not None:
            return self._kept.read(plan.index)
        painting, alpha = self._drawer.draw(plan, small)
        if self._kept is not None:
            self._kept.write(plan.index, painting, alpha)
        return painting, alpha

    def _masked(self, index: int, alpha: np.ndarray | None) -> np.ndarray | None:
        if index in self._masks and index not in self._keys.files:
            return read_mask(self._masks[index], self._keys.size)
        if self._mask is None:
            return alpha
        return self._mask if alpha is None else cv2.multiply(alpha, self._mask, scale=1 / 255)


def _shown_through(source: np.ndarray, painting: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """The painting where it is opaque, and the source elsewhere."""
    height, width = source.shape[:2]
    if alpha.shape != (height, width):
        alpha = cv2.resize(alpha, (width, height), interpolation=cv2.INTER_LINEAR)
    share = cv2.merge([alpha.astype(np.float32) * np.float32(1 / 255)] * 3)
    mixed = source + share * (painting.astype(np.float32) - source)
    return np.rint(mixed).astype(np.uint8)


class Scout:
    """Plans a film ahead, in a thread of its own.

    Args:
        source: the film, to be closed at the end.
        planner: what draws up plans.
        first: number of its first frame that is painted.
        before: frames before that one which are in `source`, from a key on.
        on_key: called with the pixels of each frame that is a key, by its number.
        skips: says which frames are drawn already.

    Attributes:
        plans: one for each frame.
    """

    def __init__(
        self,
        source: "FileSource | AnimationSource",
        planner: Planner,
        first: int,
        before: int,
        keys: frozenset[int],
        on_key: Callable[[int, np.ndarray], None],
        skips: Callable[[int], bool] = lambda _: False,
    ) -> None:
        self._skips, self._before = skips, before
        self.plans: Channel[Plan] = Channel(PLANNED)
        self._source, self._planner, self._first, self._keys, self._on_key = source, planner, first, keys, on_key
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="vidstyle-scout", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raises what has gone wrong."""
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """Plan nothing more."""
        self.plans.stop()
        self._thread.join(1.0)

    def _run(self) -> None:
        try:
            with contextlib.closing(self._source), contextlib.closing(self._seen()) as frames:
                for plan in self._planner.plans(frames):
                    if plan.index >= self._first:
                        self.plans.put(plan)
            self.plans.end()
        except Stopped:
            pass
        except BaseException as error:  # raised in the caller's thread
            self._failure = error
            self.plans.stop()

    def _seen(self) -> Generator[Seen, None, None]:
        for frame in scouted(self._source, self._first - self._before, self._skips):
            if frame.index in self._keys:
                self._on_key(frame.index, frame.pixels)
            yield frame


def restyle_with_keys(
    source: str | Path,
    output: str | Path,
    keys: str | Path,
    *,
    style: Any = None,
    on_progress: OnProgress = lambda *_: None,
    on_note: Callable[[str], None] = lambda _: None,
    key_options: KeyOptions | None = None,
    **options: Any,
) -> Summary:
    """Paint a video by painted frames of it, which are carried to all others.

    Args:
        source, output: video files.
        keys: a folder of pictures named after the numbers of their frames, such as `000120.png`; `vidstyle keys`
            chooses frames that are worth painting.
        style: what paints that which no key has seen: a loaded style, or the name or file of one; if None, a network
            that learns from the keys.
        on_progress: see vidstyle.restyling.restyle.
        on_note: called with a line on what is being done, before the first frame is.
        key_options: see KeyOptions.
        options: fields of vidstyle.restyle_options.Options.

    Raises:
        InputError: for anything that the caller can mend; nothing is written then.
    """
    from vidstyle.keys.filling import Filler

    settings, chosen = Options(**options), key_options or KeyOptions()
    source, output, folder = Path(source), Path(output), Path(keys)
    check_keyed_request(source, output, settings)
    files, notes = find_keys(folder)
    video = video_source(source, settings)
    with contextlib.ExitStack() as failing:
        failing.callback(video.close)
        video.cut_out = video.format.alpha
        size = (video.format.width, video.format.height)
        first, begin, before = beginning(source, settings, [key.index for key in files])
        masks, mask_path = find_masks(chosen.mask)
        painted_keys = Keys(files, size, settings.stroke_size, masks)
        mask = None if mask_path is None else read_mask(mask_path, painted_keys.size)
        scout_size = painted_size(size, settings.stroke_size)
        filler = Filler(style, settings, painted_keys, source, chosen.learn_seconds, scout_size, on_note)
        failing.callback(filler.close)
        fits = Fits(painted_keys)
        kept = None
        if chosen.keep_stretches is not None:
            if settings.start is not None or settings.end is not None:
                raise InputError(f"{parameter('keep_stretches')}: is for whole films")
            others = (size, painted_keys.size, painted_keys.opaque, settings.stroke_size, filler.known)
            kept = StretchCache(chosen.keep_stretches, source, painted_keys.files, masks, others)
            failing.callback(kept.abort)
        # The keys on both sides of a part belong to its first and last frames, too.
        small = dataclasses.replace(settings, size=scout_size, scale=None, start=begin, end=None)
        planner = Planner(painted_keys.files, filler.fill)
        skips = kept.has if kept is not None else lambda _: False
        known = frozenset(painted_keys.files)
        scout = Scout(video_source(source, small), planner, first, before, known, fits.add, skips)
        failing.callback(scout.close)
        on_progress(Progress(), video.format.frames)
        sink = video_sink(video, output, settings, finer=FINER)
        failing.callback(sink.abort)  # leaves a finished file alone
        look = Look(settings.strength, settings.keep_colors)
        film = KeyedFilm(scout.plans, painted_keys, look, masks, mask, kept, part=bool(settings.start))
        frames = read_frames(video, settings)

        def report(progress: Progress, expected: int | None) -> None:
            scout.check()
            on_progress(progress, expected)

        try:
            done = pipeline.run(frames, film, sink, reporting(report, video.format.frames), sink.close)
        finally:
            # A thread that is stopped in the middle of decoding closes its file itself.
            with contextlib.suppress(ValueError):
                frames.close()
        scout.check()
        if kept is not None:
            kept.finish()
        whole = settings.start is None and settings.end is None
        notes += fits.notes(folder, done.frames if whole else None)
        if planner.holes > 0.001:
            notes_share = f"{100 * planner.holes:.1f} %"
            on_note(f"{notes_share} of the film is seen by no key, and painted by {filler.name}")
    warnings = [*notes, *notes_of(video), *sink.notes]
    return summary_of(done, sink, warnings, device=filler.device, engine="keys", style=folder.name)


def beginning(source: Path, options: Options, keys: Sequence[int]) -> tuple[int, float | None, int]:
    """Where the part of a film begins that is painted: keys are numbered from the film's beginning on.

    Returns:
        The number of its first frame; the time of the last key up to there, seconds, None for the film's beginning;
        and how many frames lie between the two.
    """
    if not options.start:
        return 0, None, 0
    whole_film = dataclasses.replace(options, size=None, scale=None, start=None, end=None)
    part = video_source(source, options)
    with contextlib.closing(part):
        begin = float(part.origin)
    count, key, wanted = 0, 0, set(keys)
    key_time: float | None = None
    with contextlib.closing(video_source(source, whole_film)) as whole:
        for frame in whole:
            time = frame.time + float(whole.origin)
            if count in wanted and time < begin + 1e-6:
                key, key_time = count, time - 1e-6
            if time >= begin - 1e-6:
                break
            count += 1
    return count, key_time if key else None, count - key
