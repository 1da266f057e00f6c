"""Maps of keys: where the places of each have come to, how far they can be trusted, and what shows of them all.

On the processor, by OpenCV; vidstyle.stream.device_key_maps has the same on a device.
"""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import lru_cache, reduce
from typing import Any, NamedTuple, Protocol

import cv2
import numpy as np

from vidstyle.stream.map_loops import carry_map, found_again, go_on, mixed, natural, picture_along, pile
from vidstyle.stream.motion import Motion, alike, inside, largest, ramp
from vidstyle.stream.planes import sample
from vidstyle.stream.state import State, part, within

PULLED = (0.35, 0.7)
"""Change of a map between neighbours up to which strokes look natural, and from which on they do not."""
SURE = (0.4, 0.6)
"""Trust up to which a key is not shown at all, and from which on it is fully."""
RECOVERY = 0.05
"""Trust that a key gains a frame at the most, where it is right again."""
NEAR, LEAST_NEAR, NEAR_SPREAD = 3, 3, 0.25
"""Positions to each side that a map goes on from where it is lost, how many of these must be sure, and by how many
squared positions it may differ between them, on average."""
SEARCHED = 2
"""Keys, the newest, whose lost places are looked for."""
LIFE_FRAMES = 40.0
"""Frames for which a key is shown while everything moves; in as many more it goes over to the next, patch by patch."""
FADE = 0.2
"""Share of that time that a patch takes to go over to the next key."""
PATCH = 6
"""Positions along a patch."""
SHARE = 0.6
"""Of the last output in the first frame that a place shows another key; its square in the second, and so on."""
LEAST_SHARE = 0.06
"""Of it, below which it is nothing."""
LEAST_CHANGE = 1e-3
"""In how much of a key shows, from which on it is drawn anew."""
DRAGGED = 1.0
"""Positions, against the camera, by which the last output may be moved along until no strokes are left of it."""
LOST_SIDE = 7
"""Positions along the square of which more than half must have no strokes for its middle to count."""
STALE_LEVELS = 0.8
"""Median difference in luma, grey levels, between what a picture that stands still has been painted from and itself,
from which on it is painted afresh: a fade ends with paint that is nearly right everywhere, and would stay.  Light that
has changed everywhere alike does not count."""
STALE_BLUR = 2.0
"""Positions over which that is smoothed before, so that noise goes."""
LEAST_SHOWN = 0.02
"""Share of a picture that counts as shown at the least where a mask hides more than that."""
MOST_NUMBER = 30_000
"""Up to which keys are told apart by their numbers; as many are never carried."""


@dataclass(eq=False)
class Key:
    """A painting, and the frame that it is painted from; maps say where its places have come to.

    Attributes:
        number: tells it from others.
        source: (h, w, 3) uint8, luma and chroma of the frame at each position.
        painting: its pixels, sooner or later.
        replaces: whether all keys before it go once it can be shown.
        gives_way: whether it goes over to the next key when it is old.
        age: frames of motion since it was painted.
        worn: see vidstyle.stream.warm_starts.WarmStart; None if it was not begun from other keys.
    """

    number: int
    source: np.ndarray
    painting: "Future[Any]" = field(repr=False)
    replaces: bool = False
    gives_way: bool = True
    age: float = 0.0
    worn: np.ndarray | None = field(default=None, repr=False)

    @property
    def gone(self) -> float:
        """How much of its way to the next key is behind it, 0 to 1 and more."""
        return max(0.0, (self.age - LIFE_FRAMES) / LIFE_FRAMES)


@dataclass(frozen=True)
class Layer:
    """A key in one frame.

    Attributes:
        key: which.
        shift: (h, w, 2) float32: from each position to where it was in the key, in positions; None if nothing has
            moved.
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


class Carried(NamedTuple):
    """What has come of the keys in the next frame, by shares of the picture that counts.

    Attributes:
        uncovered: that no key can be shown in.
        lost: in which hardly any strokes would be seen, since it wears colours only, or paint that has been dragged
            along; but for what comes in at the border, which strikes nobody so soon.
        stale: whether what shows is not quite what there is, though nothing moves; see STALE_LEVELS.
    """

    uncovered: float
    lost: float
    stale: bool


class CarriesKeys(Protocol):
    """The maps of the keys of one sequence.

    `cares` is how much of the painting shows at each position, (h, w) float32, 0 to 1; None if all of it does.
    """

    def forget(self) -> None:
        """What comes next has nothing to do with what was; there are no keys."""

    def begin(self, key: Key) -> None:
        """The frame that has been carried on to is being painted, and becomes a key."""

    def place(self, key: Key, motion: Motion) -> None:
        """A frame from which `motion` leads to the one that has been carried on to becomes a key."""

    def drop(self, key: Key) -> None:
        """Carry a key no further."""

    def carry(self, motion: Motion, cares: np.ndarray | None, *, judges: bool) -> Carried:
        """Go on to the next frame; judges: whether to look for paint that is stale."""

    def share(self, key: Key) -> float:
        """Of the picture in which a key can be shown."""

    def least(self, keys: Sequence[Key]) -> Key:
        """The key that shows least, but for the newest, which is the last."""

    def layers(self, keys: Sequence[Key]) -> Sequence[Layer]:
        """What shows of some keys, the oldest first, in the frame that has been carried on to."""

    def view(self, keys: Sequence[Key], motion: Motion | None, now: np.ndarray, cares: np.ndarray | None) -> Any:
        """What to show of a frame by some keys, the oldest first, once it has been carried on to.

        Args:
            keys: which.
            motion: from the last frame; None if there was none.
            now: see View.
            cares: as above.

        Returns:
            What vidstyle.stream.pixel_operations.Lays of the same device draws.
        """


class _Map:
    """Where the places of one key have come to.

    Attributes:
        source: see Key.
        shift, shown: see Layer; how far it can be shown, (h, w) float32, 0 to 1.
        seen: its source where its places are now.
        trust: (h, w) float32, 0 to 1.
        moved: whether anything has moved since.
    """

    def __init__(self, source: np.ndarray) -> None:
        height, width = source.shape[:2]
        self.source = self.seen = source
        self.shift = np.zeros((height, width, 2), np.float32)
        self.shown = self.trust = np.ones((height, width), np.float32)
        self.moved = False

    def carry(self, motion: Motion) -> None:
        if not motion.still:
            before, trust, self.shift = self.shift, self.trust, np.empty_like(self.shift)
            self.trust, looks = np.empty_like(trust), np.empty_like(trust)
            carry_map(before, trust, motion.flow, self.shift, self.trust)
            self.seen = _along(self.source, self.shift)
            natural(self.shift, *PULLED, looks)
            self.moved = True
        # Against the frame that was painted, so that small errors cannot add up unnoticed.
        same = alike(self.seen, motion.now, motion.alike_levels)
        if not motion.still:
            same *= looks
        self.trust = np.minimum(self.trust + np.float32(RECOVERY * motion.still), same)
        self.shown = ramp(self.trust, *SURE)

    def find_again(self, bare: np.ndarray, motion: Motion) -> None:
        """Where it is lost, and no key shows, go on with the map beside that, and show what looks as it did.

        What moves quickly drags along the paint of what stands behind it, and leaves it lost.

        Args:
            bare: (h, w) bool, where no key shows.
            motion: as for `carry`.
        """
        lost = bare & (self.trust < SURE[0])
        if not lost.any():
            return
        shift, seen, levels = self.shift.copy(), self.seen.copy(), np.stack((self.trust, self.shown))
        go_on(self.shift, self.trust, self.source, (NEAR, SURE[1], LEAST_NEAR, NEAR_SPREAD), lost, shift, seen)
        found_again(seen, motion.now, lost, motion.alike_levels[0], levels)
        self.shift, self.seen, self.moved = shift, seen, True
        self.trust, self.shown = levels

    def left(self, gone: float) -> np.ndarray | float:
        """How much of it has not gone over to the next key yet, (h, w) or all of it; it moves with the paint."""
        if gone <= 0:
            return 1.0
        order = patches(*self.trust.shape)
        if self.moved:
            order = sample(order, self.shift)
        return np.clip((order * (1 - FADE) + FADE - gone) / FADE, 0, 1)

    NAMES = ("source", "shift", "trust", "seen", "shown")

    def state(self) -> State:
        return {name: getattr(self, name) for name in self.NAMES} | {"moved": np.array(self.moved)}

    @classmethod
    def of(cls, state: State) -> "_Map":
        result = cls(state["source"])
        for name in cls.NAMES:
            setattr(result, name, state[name])
        result.moved = bool(state["moved"])
        return result


class KeyMaps:
    """Maps as arrays; see CarriesKeys."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self._maps: dict[int, _Map] = {}
        self._seen: np.ndarray | None = None
        self._owner = np.empty(0, np.int16)
        self._fading = np.empty(0, np.float32)
        self._visible: dict[int, np.ndarray] = {}
        self._lost = np.empty(0, np.float32)

    def begin(self, key: Key) -> None:
        self._maps[key.number] = _Map(key.source)

    def place(self, key: Key, motion: Motion) -> None:
        self.begin(key)
        self._carry([self._maps[key.number]], motion)

    def drop(self, key: Key) -> None:
        del self._maps[key.number]

    def carry(self, motion: Motion, cares: np.ndarray | None, *, judges: bool) -> Carried:
        maps = [self._maps[number] for number in sorted(self._maps)]
        self._carry(maps, motion)
        uncovered, lost = 1.0, 0.0
        if maps:
            without = _uncovered(maps)
            uncovered = share_of(without, cares)
            if self._seen is not None:
                lost = gathered_share(without * self._lost_along(motion), cares)
        stale = judges and self._seen is not None and is_stale(self._seen, motion.now, cares)
        return Carried(uncovered, lost, stale)

    def share(self, key: Key) -> float:
        return float(self._maps[key.number].shown.mean())

    def least(self, keys: Sequence[Key]) -> Key:
        return min(self.layers(keys)[:-1], key=lambda layer: float(layer.visible.sum())).key

    def layers(self, keys: Sequence[Key]) -> tuple[Layer, ...]:
        return self._layers(keys, self._maps[keys[0].number].trust.shape)[0]

    def view(self, keys: Sequence[Key], motion: Motion | None, now: np.ndarray, cares: np.ndarray | None) -> View:
        layers, uncovered, owner = self._layers(keys, now.shape[:2])
        everywhere = np.ones(now.shape[:2], bool)
        nothing = np.zeros(now.shape[:2], np.float32)
        visible = {layer.key.number: layer.visible for layer in layers}
        lost: np.ndarray = nothing
        if motion is None or self._seen is None:
            view = View(now, None, layers, uncovered, nothing, nothing, everywhere, begins=True)
            self._seen = now
        else:
            seen, before, fading = self._seen, self._owner, self._fading
            changed = fading > 0
            if not motion.still:
                seen = _along(seen, motion.flow)
                before = sample(before, motion.flow, cv2.INTER_NEAREST)
                fading = sample(fading, motion.flow)
                # NumPy's own `any` along a short axis takes ten times as long.
                changed |= (motion.flow[..., 0] != 0) | (motion.flow[..., 1] != 0)
            held = alike(seen, now, motion.alike_levels)
            inner = inside(motion.flow) if not motion.still else everywhere
            held *= inner
            bare = uncovered * (1 - held)
            lost = bare * inner + uncovered * held * self._lost_along(motion)
            fading = np.maximum(SHARE * fading, SHARE * (owner != before)) * held * (owner >= 0)
            fading = np.where(fading < LEAST_SHARE, 0, fading).astype(np.float32)
            changed |= (fading > 0) | (bare > 0)
            for number in visible.keys() | self._visible.keys():
                more = cv2.absdiff(visible.get(number, nothing), self._visible.get(number, nothing))
                changed |= more > LEAST_CHANGE
            flow = None if motion.still else motion.flow
            view = View(now, flow, layers, uncovered, held, fading, changed, begins=False)
            self._remember(view, seen)
        self._owner, self._fading, self._visible, self._lost = owner, view.fading, visible, lost
        return view

    def state(self, keys: Sequence[Key]) -> State:
        """All that is remembered of some keys, in this order."""
        state: State = {"owner": self._owner, "fading": self._fading, "lost": self._lost}
        if self._seen is not None:
            state["seen"] = self._seen
        for number, visible in self._visible.items():
            state |= within("visible", {str(number): visible})
        for place, key in enumerate(keys):
            state |= within(f"map{place}", self._maps[key.number].state())
        return state

    def restore(self, keys: Sequence[Key], state: State) -> None:
        """Remember what a state of as many keys holds, and nothing else."""
        self._owner, self._fading, self._lost = state["owner"], state["fading"], state["lost"]
        self._seen = state.get("seen")
        self._visible = {int(number): visible for number, visible in part("visible", state).items()}
        self._maps = {key.number: _Map.of(part(f"map{place}", state)) for place, key in enumerate(keys)}

    def _lost_along(self, motion: Motion) -> np.ndarray:
        """How far no strokes are left of the last output, moved along, (h, w) float32, 0 to 1; none came from beyond
        the border."""
        if motion.still:
            return self._lost
        ways = (np.asarray(cv2.extractChannel(motion.flow, way)) for way in range(2))
        across, down = (
            np.abs(way - np.float32(common)) for way, common in zip(ways, motion.of_the_camera, strict=True)
        )
        dragged = sample(self._lost, motion.flow) + cv2.max(across, down) / np.float32(DRAGGED)
        return np.asarray(np.minimum(dragged, 1) * inside(motion.flow))

    def _carry(self, maps: Sequence[_Map], motion: Motion) -> None:
        """Maps, the newest last."""
        for one in maps:
            one.carry(motion)
        if maps and (bare := _uncovered(maps) > 0.5).any():
            for one in maps[-SEARCHED:]:
                one.find_again(bare, motion)

    def _layers(self, keys: Sequence[Key], shape: tuple[int, ...]) -> tuple[tuple[Layer, ...], np.ndarray, np.ndarray]:
        """The keys in one frame, what none covers, and the number of the one that shows most, -1 if none does."""
        overs, visible = np.empty((2, len(keys), *shape), np.float32)
        uncovered, owner = np.empty(shape, np.float32), np.empty(shape, np.int16)
        maps = [self._maps[key.number] for key in keys]
        for key, one, over in zip(keys, maps, overs, strict=True):
            np.multiply(one.shown, one.left(key.gone) if key is not keys[-1] else 1, out=over)
        numbers = np.array([key.number % MOST_NUMBER for key in keys], np.int16)
        pile(overs, numbers, visible, uncovered, owner)
        shifts = (one.shift if one.moved else None for one in maps)
        layers = tuple(Layer(*parts) for parts in zip(keys, shifts, overs, visible, strict=True))
        return layers, uncovered, owner

    def _remember(self, view: View, seen: np.ndarray) -> None:
        """What the output has been painted from, place by place."""
        stays = view.uncovered * view.held
        pictures = np.stack([view.now, seen, *(self._maps[layer.key.number].seen for layer in view.layers)])
        shares = np.stack([view.uncovered - stays, stays, *(layer.visible for layer in view.layers)])
        self._seen = np.empty_like(view.now)
        mixed(pictures, shares, self._seen)


def _uncovered(maps: Sequence[_Map]) -> np.ndarray:
    """How much none of some maps, one or more, can be shown, (h, w)."""
    return reduce(np.multiply, (1 - one.shown for one in maps))


def _along(picture: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """A picture (h, w, 3) uint8 at every place plus its shift (h, w, 2)."""
    result = np.empty_like(picture)
    picture_along(picture, shift, result)
    return result


def share_of(where: np.ndarray, cares: np.ndarray | None) -> float:
    """The mean of a map (h, w) over what shows; see CarriesKeys."""
    if cares is None:
        return float(where.mean())
    return float((where * cares).sum() / max(cares.sum(), LEAST_SHOWN * cares.size))


def gathered_share(lost: np.ndarray, cares: np.ndarray | None) -> float:
    """Of what shows, where most of what is around is lost: what is scattered strikes nobody so soon, such as glitter on
    water."""
    gathered = cv2.blur(lost, (LOST_SIDE, LOST_SIDE)) > 0.5
    return share_of(gathered.astype(np.float32), cares)


def is_stale(seen: np.ndarray, now: np.ndarray, cares: np.ndarray | None = None) -> bool:
    """Whether what has been painted and what there is, (h, w, 3) uint8 each, differ a little wherever it shows.

    cares: see CarriesKeys.
    """
    change = cv2.GaussianBlur(cv2.subtract(seen[..., 0], now[..., 0], dtype=cv2.CV_32F), (0, 0), STALE_BLUR)
    if cares is not None and (shows := cares > 0.5).any():
        change = change[shows]
    return bool(np.median(np.abs(change - np.median(change))) > STALE_LEVELS)


def pull(shift: np.ndarray) -> np.ndarray:
    """By how much (h, w, 2) changes from place to place, (h, w)."""
    across = cv2.Sobel(shift, cv2.CV_32F, 1, 0, scale=1 / 8)
    down = cv2.Sobel(shift, cv2.CV_32F, 0, 1, scale=1 / 8)
    return largest(np.abs(cv2.merge((across, down))))


@lru_cache(maxsize=16)
def patches(height: int, width: int) -> np.ndarray:
    """(h, w) float32, smooth, 0 to 1; the same each time, not to be written to."""
    coarse = np.random.default_rng(0).uniform(0, 1, (-(-height // PATCH), -(-width // PATCH))).astype(np.float32)
    result = np.clip(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), 0, 1)
    result.flags.writeable = False
    return result
