"""Paint a film by its keys: a few painted frames, carried to all others."""

import contextlib
import dataclasses
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from vidstyle import pipeline
from vidstyle.errors import InputError, parameter
from vidstyle.keys.drawing import Drawer, PaintedKey, painted
from vidstyle.keys.key_files import (
    STRANGE,
    KeyFile,
    check_shape,
    find_keys,
    frame_number,
    likeness,
    read_key,
)
from vidstyle.keys.scouting import Seen, scouted
from vidstyle.keys.stretch_cache import StretchCache
from vidstyle.keys.stretches import LONGEST, Plan, Planner
from vidstyle.media.frame import Frame
from vidstyle.media.images import pictures_by_name
from vidstyle.media.mask_files import read_mask
from vidstyle.pipeline import Channel, Progress, Stopped
from vidstyle.restyle_options import Options
from vidstyle.restyling import OnProgress, Summary, summary_of
from vidstyle.stream.composing import Look, composed
from vidstyle.stream.lifting import lifted, painted_size
from vidstyle.stream.planes import resized
from vidstyle.video_runs import notes_of, read_frames, video_sink, video_source

if TYPE_CHECKING:
    from vidstyle.media.animations import AnimationSource
    from vidstyle.media.sources import FileSource

KEPT_KEYS = 8
"""Paintings that are kept in memory."""
PLANNED = 32
"""Frames that are planned ahead of the one that is drawn."""


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
    learn_seconds: float = 20.0
    keep_stretches: Path | None = None


class Keys:
    """The painted keys of a film, at the size that is drawn at.

    Args:
        files: where they are.
        size: of frames, (width, height).
        stroke_size: see vidstyle.stream.lifting.painted_size.
        masks: by number of the frame, see KeyOptions.

    Attributes:
        size: (width, height) that is drawn at: that at which strokes are painted, or more if keys have more.

    Raises:
        InputError: for keys that cannot be read, or whose sides are in another proportion.
    """

    def __init__(
        self, files: Sequence[KeyFile], size: tuple[int, int], stroke_size: float, masks: dict[int, Path]
    ) -> None:
        self.files = {key.index: key.path for key in files}
        self._masks = masks
        rows = [check_shape(key.path, size)[1] for key in files]
        self.size = painted_size(size, stroke_size)
        if max(rows) > self.size[1]:
            share = min(1.0, max(rows) / size[1])
            self.size = size if share > 0.8 else (round(size[0] * share), round(size[1] * share))
        self._kept: OrderedDict[int, PaintedKey] = OrderedDict()
        self._fills: dict[int, Future[np.ndarray]] = {}
        self.opaque = not masks.keys() & self.files.keys()
        for key in files:
            # Each is read once before anything is written, and the one that cannot be is named.
            self.opaque &= read_key(key.path, self.size)[1] is None

    def begin_fill(self, number: int, painting: "Future[np.ndarray]") -> None:
        """A frame is being painted that no key has seen."""
        self._fills[number] = painting

    def pixels(self, index: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Pixels and alpha of a key."""
        pixels, alpha = read_key(self.files[index], self.size)
        if not self.opaque:
            alpha = np.full(pixels.shape[:2], 255, np.uint8) if alpha is None else alpha
            if index in self._masks:
                alpha = cv2.multiply(alpha, read_mask(self._masks[index], self.size), scale=1 / 255)
        return pixels, alpha

    def painting(self, number: int, positions: tuple[int, int]) -> PaintedKey:
        """A key, or what is painted for want of one, to draw with."""
        if number not in self._kept:
            if number >= 0:
                pixels, alpha = self.pixels(number)
            else:
                pixels, alpha = resized(self._fills[number].result(), self.size), None
            self._kept[number] = painted(pixels, alpha, positions)
            while len(self._kept) > KEPT_KEYS:
                self._kept.popitem(last=False)
        self._kept.move_to_end(number)
        return self._kept[number]

    def forget(self, before: int) -> None:
        """Let go of what was painted for frames before that one."""
        for number in [n for n in self._fills if -1 - n < before]:
            del self._fills[number]


class KeyedFilm:
    """Takes the frames of a film and gives them back painted by its keys; see vidstyle.pipeline.Painting.

    Args:
        plans: one for each frame.
        keys: what they speak of.
        look: how much of the painting to show.
        masks: of frames that are no keys, by number.
        mask: of all frames, (H, W) uint8 at the size of keys, or None.
        kept: stretches that are drawn already; None keeps none.
    """

    def __init__(
        self,
        plans: Channel[Plan],
        keys: Keys,
        look: Look,
        masks: dict[int, Path],
        mask: np.ndarray | None,
        kept: StretchCache | None = None,
    ) -> None:
        self._kept = kept
        self.depth = 1
        self._plans, self._keys, self._look, self._masks, self._mask = plans, keys, look, masks, mask
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
        if plan is None or plan.pts != frame.pts:
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
        first: number of its first frame.
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
        keys: frozenset[int],
        on_key: Callable[[int, np.ndarray], None],
        skips: Callable[[int], bool] = lambda _: False,
    ) -> None:
        self._skips = skips
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
                    self.plans.put(plan)
            self.plans.end()
        except Stopped:
            pass
        except BaseException as error:  # raised in the caller's thread
            self._failure = error
            self.plans.stop()

    def _seen(self) -> Generator[Seen, None, None]:
        for frame in scouted(self._source, self._first, self._skips):
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
    from vidstyle.keys.key_requests import check_keyed_request

    settings, wishes = Options(**options), key_options or KeyOptions()
    source, output, folder = Path(source), Path(output), Path(keys)
    check_keyed_request(source, output, settings)
    files, notes = find_keys(folder)
    video = video_source(source, settings)
    with contextlib.ExitStack() as failing:
        failing.callback(video.close)
        video.cut_out = video.format.alpha
        size = (video.format.width, video.format.height)
        first = frames_before(source, settings)
        masks, mask_path = find_masks(wishes.mask)
        painted_keys = Keys(files, size, settings.stroke_size, masks)
        mask = None if mask_path is None else read_mask(mask_path, painted_keys.size)
        scout_size = painted_size(size, settings.stroke_size)
        filler = Filler(style, settings, painted_keys, source, wishes.learn_seconds, scout_size, on_note)
        failing.callback(filler.close)
        fits = _Fits(painted_keys)
        kept = None
        if wishes.keep_stretches is not None:
            if settings.start is not None or settings.end is not None:
                raise InputError(f"{parameter('keep_stretches')}: is for whole films")
            others = (size, painted_keys.size, painted_keys.opaque, settings.stroke_size, filler.known)
            kept = StretchCache(wishes.keep_stretches, source, painted_keys.files, masks, others)
            failing.callback(kept.abort)
        small = dataclasses.replace(settings, size=scout_size, scale=None)
        planner = Planner(painted_keys.files, filler.fill)
        skips = kept.has if kept is not None else lambda _: False
        scout = Scout(video_source(source, small), planner, first, frozenset(painted_keys.files), fits.add, skips)
        failing.callback(scout.close)
        on_progress(Progress(), video.format.frames)
        sink = video_sink(video, output, settings)
        failing.callback(sink.abort)  # leaves a finished file alone
        film = KeyedFilm(scout.plans, painted_keys, Look(settings.strength, settings.keep_colors), masks, mask, kept)
        frames = read_frames(video, settings)

        def report(progress: Progress) -> None:
            scout.check()
            on_progress(progress, video.format.frames)

        try:
            done = pipeline.run(frames, film, sink, report, sink.close)
        finally:
            # A thread that is stopped in the middle of decoding closes its file itself.
            with contextlib.suppress(ValueError):
                frames.close()
        scout.check()
        if kept is not None:
            kept.finish()
        notes += fits.notes(folder, first, first + done.frames)
        if planner.holes > 0.001:
            notes_share = f"{100 * planner.holes:.1f} %"
            on_note(f"{notes_share} of the film is seen by no key, and painted by {filler.name}")
    warnings = [*notes, *notes_of(video), *sink.notes]
    return summary_of(done, sink, warnings, device=filler.device, engine="keys", style=folder.name)


def frames_before(source: Path, options: Options) -> int:
    """How many frames a film has before the part that is painted: keys are numbered from its beginning on."""
    if not options.start:
        return 0
    small = dataclasses.replace(options, size=None, scale=None, start=None, end=None)
    part = video_source(source, options)
    with contextlib.closing(part):
        begin = float(part.origin)
        with contextlib.closing(video_source(source, small)) as whole:
            count = 0
            for frame in whole:
                if frame.time + float(whole.origin) >= begin - 1e-6:
                    break
                count += 1
    return count


def find_masks(mask: Path | None) -> tuple[dict[int, Path], Path | None]:
    """Masks by the numbers of their frames, or the one of all frames."""
    if mask is None:
        return {}, None
    if not mask.is_dir():
        return {}, mask
    numbered = {frame_number(path): path for path in pictures_by_name(mask)}
    found = {index: path for index, path in numbered.items() if index is not None}
    if not found:
        raise InputError(f"{parameter('mask', mask)}: has no pictures that are named after the numbers of frames")
    return found, None


class _Fits:
    """How well keys fit their frames."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._found: dict[int, float] = {}

    def add(self, index: int, frame: np.ndarray) -> None:
        pixels, _ = self._keys.pixels(index)
        self._found[index] = likeness(pixels, frame)

    def notes(self, folder: Path, first: int, end: int) -> list[str]:
        """What a user should know."""
        beyond = [index for index in self._keys.files if not first <= index < end]
        notes = []
        if beyond:
            which = ", ".join(self._keys.files[index].name for index in beyond[:3]) + (
                ", ..." if len(beyond) > 3 else ""
            )
            notes.append(f"{folder}: of frames that are not painted, which are {first} to {end - 1}: {which}")
        strange = {index: fit for index, fit in self._found.items() if fit < STRANGE}
        if strange:
            index = min(strange, key=strange.__getitem__)
            notes.append(
                f"{folder}: {len(strange)} of {len(self._found)} keys hardly fit their frames "
                f"({self._keys.files[index].name} by {100 * strange[index]:.0f} %); are they of another film?"
            )
        return notes
