"""Paint that stays where it is: what has been painted is carried along with what moves.

A network that sees one frame paints each one anew, and strokes that nothing in the picture calls for fall elsewhere
as soon as it moves by a pixel.  So few frames are painted.  The painting of one frame, a *key*, is kept as it is, with
a map of where its places have come to ("advected textures", Neyret 2003), and shown wherever the map can be trusted.
Where no key can be, since something has come into sight, has changed, or has been pulled out of shape, the last
output is moved along, until another frame is painted.

Maps depend on the sources alone: they are drawn up before anything is painted, and say when to paint.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np

from vidstyle.stream.motion import Motion, alike, averaged, inside, largest, ramp
from vidstyle.stream.planes import sample
from vidstyle.stream.state import State, numbers, part, within

PULLED = (0.35, 0.7)
"""Change of a map between neighbours up to which strokes look natural, and from which on they do not."""
SURE = (0.4, 0.6)
"""Trust up to which a key is not shown at all, and from which on it is fully."""
RECOVERY = 0.05
"""Trust that a key gains a frame at the most, where it is right again."""
LIFE_FRAMES = 40.0
"""Frames for which a key is shown while everything moves; in as many more it goes over to the next, patch by patch."""
MUCH_MOTION = 0.125
"""Positions a frame, on average, that count as everything moving; a still picture keeps its key."""
FADE = 0.2
"""Share of that time that a patch takes to go over to the next key."""
PATCH = 6
"""Positions along a patch."""
MOST_KEYS = 4
"""Keys that are carried."""
SHARE = 0.6
"""Of the last output in the first frame that a place shows another key; its square in the second, and so on."""
LEAST_SHARE = 0.06
"""Of it, below which it is nothing."""
PAINTED_SECONDS = 0.2
"""Between two paintings at the least, but for what comes suddenly."""
SUDDEN = 0.3
"""Share of the picture without a key from which on it is painted at once."""
NEED_SECONDS = 0.02
"""The share of the picture without a key, times the seconds for which it is, that is worth a painting."""
BARE, HURRY_SECONDS = 0.015, 0.12
"""Share of the picture that wears colours only, but for what comes in at its border, from which on a painting comes
sooner: between two so many seconds."""
BARE_SIDE = 7
"""Positions along the square of which more than half must wear colours only for its middle to count."""
EAGER = 0.2
"""Share of what is worth a painting that is worth one of a painter who has nothing else to do."""
STALE_LEVELS = 0.8
"""Median difference in luma, grey levels, between what a picture that stands still has been painted from and itself,
from which on it is painted afresh: a fade ends with paint that is nearly right everywhere, and would stay.  Light that
has changed everywhere alike does not count."""
STALE_BLUR = 2.0
"""Positions over which that is smoothed before, so that noise goes."""
PATIENCE_SECONDS, LEAST_GAP = 0.5, 0.002
"""For which at the most the least share of the picture that counts goes without a key."""
LEAST_SHOWN = 0.02
"""Share of a picture that counts as shown at the least where a mask hides more than that."""
MOST_STEP = 0.2
"""Seconds between two frames that count at the most."""


class Key:
    """A painting, and where its places have come to.

    Args:
        number: tells it from others.
        source: `small_picture` of the frame that it is painted from.
        painting: its pixels, sooner or later.
        replaces: whether all keys before it go once it can be shown.
        averages: whether `source` is averaged over positions already.

    Attributes:
        shift: (h, w, 2) float32: from each position to where it was in the key, in positions.
        shown: (h, w) float32: how far it can be, 0 to 1.
        age: frames of motion since it was painted.
        moved: whether anything has moved since.
    """

    def __init__(
        self,
        number: int,
        source: np.ndarray,
        painting: "Future[np.ndarray]",
        *,
        replaces: bool = False,
        averages: bool = False,
    ) -> None:
        self.number, self.painting, self.replaces = number, painting, replaces
        self.source = source if averages else averaged(source)
        height, width = self.source.shape[:2]
        self.shift = np.zeros((height, width, 2), np.float32)
        self._trust = np.ones((height, width), np.float32)
        self._order = patches(height, width)
        self.seen = self.source
        self.shown = self._trust
        self.age = 0.0
        self.moved = False

    def carry(self, motion: Motion, age: float) -> None:
        """Go on to the next frame."""
        natural: np.ndarray | float = 1.0
        trust = self._trust
        if not motion.still:
            state = sample(np.dstack((self.shift, trust)), motion.flow)
            self.shift, trust = state[..., :2] + motion.flow, state[..., 2]
            self.seen = sample(self.source, self.shift)
            natural = (1 - ramp(pull(self.shift), *PULLED)) * inside(self.shift)
            self.moved = True
        # Against the frame that was painted, so that small errors cannot add up unnoticed.
        same = alike(self.seen, motion.now, motion.alike_levels) * natural
        self._trust = np.minimum(trust + RECOVERY * motion.still, same).astype(np.float32)
        self.shown = ramp(self._trust, *SURE).astype(np.float32)
        self.age += age

    def state(self) -> State:
        """All that it is; waits for its painting."""
        return {
            "numbers": numbers(self.number, self.age, self.moved, self.replaces),
            "painting": self.painting.result(),
            "source": self.source,
            "shift": self.shift,
            "trust": self._trust,
            "seen": self.seen,
            "shown": self.shown,
        }

    @classmethod
    def of(cls, state: State) -> Self:
        """The key of a state."""
        number, age, moved, replaces = state["numbers"]
        painting: Future[np.ndarray] = Future()
        painting.set_result(state["painting"])
        key = cls(int(number), state["source"], painting, replaces=bool(replaces), averages=True)
        key.shift, key._trust, key.seen, key.shown = (state[name] for name in ("shift", "trust", "seen", "shown"))
        key.age, key.moved = float(age), bool(moved)
        return key

    def left(self) -> np.ndarray | float:
        """How much of it has not gone over to the next key yet, (h, w) or all of it; it moves with the paint."""
        if self.age <= LIFE_FRAMES:
            return 1.0
        order = sample(self._order, self.shift) if self.moved else self._order
        gone = (self.age - LIFE_FRAMES) / LIFE_FRAMES
        return np.clip((order * (1 - FADE) + FADE - gone) / FADE, 0, 1)


@dataclass(frozen=True)
class Layer:
    """A key in one frame.

    Attributes:
        key: which.
        shift: see Key; None if nothing has moved.
        over: (h, w), how far it covers what lies below, 0 to 1.
        visible: (h, w), how much of it shows.
    """

    key: Key
    shift: np.ndarray | None
    over: np.ndarray
    visible: np.ndarray


@dataclass(frozen=True)
class View:
    """What is shown of a frame; every map (h, w) float32, 0 to 1.

    Attributes:
        now: (h, w, 3) uint8, luma and chroma of the frame at each position.
        flow: (h, w, 2): from each position to where it was in the last frame; None if everything stands still.
        layers: the keys, the oldest first, which lies on top.
        uncovered: where none shows.
        held: where the last output, moved along, can take the place of one.
        fading: the last output's share where another key than before shows.
        changed: (h, w) bool, where anything is to be drawn anew.
        begins: whether nothing of the last output may show.
    """

    now: np.ndarray
    flow: np.ndarray | None
    layers: tuple[Layer, ...]
    uncovered: np.ndarray
    held: np.ndarray
    fading: np.ndarray
    changed: np.ndarray
    begins: bool


class Memory:
    """The keys of one sequence in one style.

    Attributes:
        cares: how much of the painting shows at each position of the frame that comes next, (h, w) float32, 0 to 1;
            None if all of it does.  What nobody sees is not painted for.
    """

    def __init__(self) -> None:
        self._next = 0
        self.cares: np.ndarray | None = None
        self.forget()

    def forget(self) -> None:
        """What comes next has nothing to do with what was."""
        self.keys: list[Key] = []
        self._need = self._waited = self._since = 0.0
        self._uncovered, self._bare = 1.0, 0.0
        self._stale = False
        self._seen: np.ndarray | None = None
        self._owner = np.empty(0, np.int16)
        self._fading = np.empty(0, np.float32)
        self._visible: dict[int, np.ndarray] = {}

    def state(self) -> State:
        """All that is remembered; waits for the paintings of all keys."""
        counts = (self._next, self._need, self._waited, self._since, self._uncovered, self._bare)
        state = {"numbers": numbers(*counts), "owner": self._owner, "fading": self._fading}
        if self._seen is not None:
            state["seen"] = self._seen
        for number, visible in self._visible.items():
            state |= within("visible", {str(number): visible})
        for place, key in enumerate(self.keys):
            state |= within(f"key{place}", key.state())
        return state

    def restore(self, state: State) -> None:
        """Remember what a state holds, and nothing else."""
        self.forget()
        following, self._need, self._waited, self._since, self._uncovered, self._bare = map(float, state["numbers"])
        self._next = int(following)
        self._owner, self._fading, self._seen = state["owner"], state["fading"], state.get("seen")
        self._visible = {int(number): visible for number, visible in part("visible", state).items()}
        while key := part(f"key{len(self.keys)}", state):
            self.keys.append(Key.of(key))

    def carry(self, motion: Motion, seconds: float) -> None:
        """Go on to the next frame, `seconds` after the last."""
        age = 0.0
        if not motion.still:
            age = min(1.0, cv2.norm(motion.flow, cv2.NORM_L1) / motion.flow[..., 0].size / MUCH_MOTION)
        for key in self.keys:
            key.carry(motion, age)
        covered = [1 - key.shown for key in self.keys]
        self._uncovered = self._share(np.prod(covered, axis=0)) if covered else 1.0
        # What has been asked for and does not show yet is not asked for again.
        asked = len(self.keys) > 1 and self.keys[-1].replaces
        self._stale = (
            motion.still and self._seen is not None and not asked and is_stale(self._seen, motion.now, self.cares)
        )
        seconds = min(seconds, MOST_STEP)
        self._since += seconds
        self._need += seconds * self._uncovered
        self._waited = self._waited + seconds if self._uncovered > LEAST_GAP else 0.0

    @property
    def wants_painting(self) -> bool:
        """Whether the frame should become a key; it depends on the frames alone."""
        if not self.keys or self._uncovered > SUDDEN or self._stale:
            return True
        worn = self.keys[-1].age >= LIFE_FRAMES
        needed = self._need > NEED_SECONDS or self._waited > PATIENCE_SECONDS
        hurries = self._bare > BARE and self._since >= HURRY_SECONDS
        return hurries or (self._since >= PAINTED_SECONDS and (worn or needed))

    @property
    def gains_from_painting(self) -> bool:
        """Whether the frame is worth the time of a painter who has nothing else to do."""
        bare = self._bare > BARE or self._stale
        return not self.keys or bare or self._need > NEED_SECONDS * EAGER or self.keys[-1].age >= LIFE_FRAMES

    def add(self, small: np.ndarray, painting: "Future[np.ndarray]") -> None:
        """The frame of a `small_picture` is being painted, and becomes a key."""
        self.keys.append(Key(self.next_number(), small, painting, replaces=self._stale))
        self._need = self._waited = self._since = 0.0

    def next_number(self) -> int:
        """What tells the next key from all others."""
        self._next += 1
        return self._next - 1

    def view(self, motion: Motion | None, small: np.ndarray, usable: Callable[[Key], bool] = lambda _: True) -> View:
        """What to show of a frame, once it has been carried on to, by the keys that are usable."""
        now = averaged(small) if motion is None else motion.now
        for number in reversed(range(1, len(self.keys))):
            if self.keys[number].replaces and usable(self.keys[number]):
                del self.keys[:number]
                break
        layers, uncovered = _layers([key for key in self.keys if usable(key)], now.shape[:2])
        if len(layers) > MOST_KEYS:
            least = min(layers[:-1], key=lambda layer: float(layer.visible.sum()))
            self.keys.remove(least.key)
            layers, uncovered = _layers([layer.key for layer in layers if layer is not least], now.shape[:2])
        return self._shown(motion, now, layers, uncovered)

    def _shown(self, motion: Motion | None, now: np.ndarray, layers: tuple[Layer, ...], uncovered: np.ndarray) -> View:
        everywhere = np.ones(now.shape[:2], bool)
        owner = _owner(layers, uncovered)
        nothing = np.zeros(now.shape[:2], np.float32)
        visible = {layer.key.number: layer.visible for layer in layers}
        if motion is None or self._seen is None:
            view = View(now, None, layers, uncovered, nothing, nothing, everywhere, begins=True)
        else:
            seen, before, fading = self._seen, self._owner, self._fading
            changed = fading > 0
            if not motion.still:
                seen = sample(seen, motion.flow)
                before = sample(before, motion.flow, cv2.INTER_NEAREST)
                fading = sample(fading, motion.flow)
                changed |= motion.flow.any(-1)
            held = alike(seen, now, motion.alike_levels)
            within = inside(motion.flow) if not motion.still else everywhere
            held *= within
            bare = uncovered * (1 - held)
            # What comes in at the border strikes nobody so soon, nor does what is scattered, such as glitter on water.
            gathered = cv2.blur(bare * within, (BARE_SIDE, BARE_SIDE)) > 0.5
            self._bare = self._share(gathered.astype(np.float32))
            fading = np.maximum(SHARE * fading, SHARE * (owner != before)) * held * (owner >= 0)
            fading = np.where(fading < LEAST_SHARE, 0, fading).astype(np.float32)
            changed |= (fading > 0) | (bare > 0)
            for number in visible.keys() | self._visible.keys():
                changed |= cv2.absdiff(visible.get(number, nothing), self._visible.get(number, nothing)) > 1e-3
            view = View(
                now, None if motion.still else motion.flow, layers, uncovered, held, fading, changed, begins=False
            )
            self._remember(view, seen)
        if motion is None or self._seen is None:
            self._seen = now
        self._owner, self._fading, self._visible = owner, view.fading, visible
        return view

    def _share(self, where: np.ndarray) -> float:
        """The mean of a map (h, w) over what shows."""
        if self.cares is None:
            return float(where.mean())
        return float((where * self.cares).sum() / max(self.cares.sum(), LEAST_SHOWN * self.cares.size))

    def _remember(self, view: View, seen: np.ndarray) -> None:
        """What the output has been painted from, place by place."""
        stays = view.uncovered * view.held
        result = view.now * (view.uncovered - stays)[..., None] + seen * stays[..., None]
        for layer in view.layers:
            result += layer.key.seen * layer.visible[..., None]
        self._seen = np.rint(result).astype(np.uint8)


def is_stale(seen: np.ndarray, now: np.ndarray, cares: np.ndarray | None = None) -> bool:
    """Whether what has been painted and what there is, (h, w, 3) uint8 each, differ a little wherever it shows.

    cares: see Memory.
    """
    change = cv2.GaussianBlur(cv2.subtract(seen[..., 0], now[..., 0], dtype=cv2.CV_32F), (0, 0), STALE_BLUR)
    if cares is not None and (shows := cares > 0.5).any():
        change = change[shows]
    return bool(np.median(np.abs(change - np.median(change))) > STALE_LEVELS)


def _layers(keys: Sequence[Key], shape: tuple[int, ...]) -> tuple[tuple[Layer, ...], np.ndarray]:
    """The keys in one frame, and what none of them covers."""
    uncovered = np.ones(shape, np.float32)
    layers = []
    for key in keys:
        over = np.asarray(key.shown * key.left() if key is not keys[-1] else key.shown, np.float32)
        visible = uncovered * over
        uncovered = uncovered - visible
        layers.append(Layer(key, key.shift if key.moved else None, over, visible))
    return tuple(layers), uncovered


def _owner(layers: tuple[Layer, ...], uncovered: np.ndarray) -> np.ndarray:
    """The number of the key that shows most at each position, -1 where none does; (h, w) int16."""
    best, owner = uncovered.copy(), np.full(uncovered.shape, -1, np.int16)
    for layer in layers:
        more = layer.visible > best
        owner[more] = layer.key.number % 30_000
        best = np.maximum(best, layer.visible)
    return owner


def pull(shift: np.ndarray) -> np.ndarray:
    """By how much (h, w, 2) changes from place to place, (h, w)."""
    across = cv2.Sobel(shift, cv2.CV_32F, 1, 0, scale=1 / 8)
    down = cv2.Sobel(shift, cv2.CV_32F, 0, 1, scale=1 / 8)
    return largest(np.abs(cv2.merge((across, down))))


def patches(height: int, width: int) -> np.ndarray:
    """(h, w) float32, smooth, 0 to 1; the same each time."""
    coarse = np.random.default_rng(0).uniform(0, 1, (-(-height // PATCH), -(-width // PATCH))).astype(np.float32)
    return np.clip(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), 0, 1)
