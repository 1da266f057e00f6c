"""Paint that stays where it is: what has been painted is carried along with what moves.

A network that sees one frame paints each one anew, and strokes that nothing in the picture calls for fall elsewhere
as soon as it moves by a pixel.  So few frames are painted.  The painting of one frame, a *key*, is kept as it is, with
a map of where its places have come to ("advected textures", Neyret 2003), and shown wherever the map can be trusted.
Where no key can be, since something has come into sight, has changed, or has been pulled out of shape, the last
output is moved along, until another frame is painted.

Maps depend on the sources alone: they are drawn up before anything is painted, and say when to paint.
"""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import numpy as np

from vidstyle.stream.key_maps import LEAST_SHOWN, LIFE_FRAMES, CarriesKeys, Key, KeyMaps, share_of
from vidstyle.stream.motion import Motion, averaged
from vidstyle.stream.state import State, numbers, part, within
from vidstyle.stream.warm_starts import WarmStart, warm_start

MUCH_MOTION = 0.125
"""Positions a frame, on average, that count as everything moving; a still picture keeps its key."""
MOST_KEYS = 4
"""Keys that are shown at a time."""
PAINTED_SECONDS = 0.2
"""Between two paintings at the least, but for what comes suddenly."""
SUDDEN = 0.3
"""Share of the picture without a key from which on it is painted at once."""
NEED_SECONDS = 0.02
"""The share of the picture without a key, times the seconds for which it is, that is worth a painting."""
LOST, HURRY_SECONDS, MUCH_LOST = 0.035, 0.06, 0.05
"""Share of the picture without strokes, see vidstyle.stream.key_maps.Carried, from which on a painting comes sooner:
between two so many seconds; and from which on it comes at once."""
EAGER = 0.2
"""Share of what is worth a painting that is worth one of a painter who has nothing else to do."""
PATIENCE_SECONDS, LEAST_GAP = 0.4, 0.002
"""For which at the most the least share of the picture that counts goes without a key."""
ROUNDS, ROUNDS_AFTER = 5, 2
"""Paintings of a live stream that go on from one another after which paint comes no nearer to the style's picture, and
of them those after a painting in between that was made afresh in a hurry."""
MOST_STEP = 0.2
"""Seconds between two frames that count at the most."""


class Memory:
    """The keys of one sequence in one style.

    Args:
        maps: where their places have come to; as arrays if None.

    Attributes:
        keys: the oldest first, which lies on top.
        cares: how much of the painting shows at each position of the frame that comes next, (h, w) float32, 0 to 1;
            None if all of it does.  What nobody sees is not painted for.
    """

    def __init__(self, maps: CarriesKeys | None = None) -> None:
        self._maps = maps or KeyMaps()
        self._next = 0
        self.cares: np.ndarray | None = None
        self.forget()

    def forget(self) -> None:
        """What comes next has nothing to do with what was."""
        self.keys: list[Key] = []
        self._need = self._waited = self._since = 0.0
        self._uncovered, self._lost = 1.0, 0.0
        self._stale = False
        self._rounds = 0
        self._maps.forget()

    def state(self) -> State:
        """All that is remembered, of maps that are arrays; waits for the paintings of all keys."""
        assert isinstance(self._maps, KeyMaps)
        counts = (self._next, self._need, self._waited, self._since, self._uncovered)
        state = {"numbers": numbers(*counts)} | within("maps", self._maps.state(self.keys))
        for place, key in enumerate(self.keys):
            what = {
                "numbers": numbers(key.number, key.replaces, key.gives_way, key.age),
                "source": key.source,
                "painting": key.painting.result(),
            } | ({} if key.worn is None else {"worn": key.worn})
            state |= within(f"key{place}", what)
        return state

    def restore(self, state: State) -> None:
        """Remember what a state holds, and nothing else."""
        assert isinstance(self._maps, KeyMaps)
        self.forget()
        following, self._need, self._waited, self._since, self._uncovered = map(float, state["numbers"])
        self._next = int(following)
        while key := part(f"key{len(self.keys)}", state):
            number, replaces, gives_way, age = key["numbers"]
            painting: Future[Any] = Future()
            painting.set_result(key["painting"])
            said = bool(replaces), bool(gives_way), float(age)
            self.keys.append(Key(int(number), key["source"], painting, *said, worn=key.get("worn")))
        self._maps.restore(self.keys, part("maps", state))

    def carry(self, motion: Motion, seconds: float) -> None:
        """Go on to the next frame, `seconds` after the last."""
        if not motion.still:
            # What is not shown wears nothing out.
            # NumPy's own sum along a short axis takes ten times as long.
            ways = np.abs(motion.flow)
            age = min(1.0, share_of(ways[..., 0] + ways[..., 1], self.cares) / MUCH_MOTION)
            for key in self.keys:
                key.age += age * key.gives_way
        # What has been asked for and does not show yet is not asked for again.
        asked = any(key.gives_way for key in self.keys[:-1]) and self.keys[-1].replaces
        carried = self._maps.carry(motion, self.cares, judges=motion.still and not asked)
        self._uncovered, self._lost, self._stale = carried
        seconds = min(seconds, MOST_STEP)
        self._since += seconds
        self._need += seconds * self._uncovered
        self._waited = self._waited + seconds if self._uncovered > LEAST_GAP else 0.0

    @property
    def wants_painting(self) -> bool:
        """Whether the frame should become a key; it depends on the frames alone."""
        if not self.keys or self._uncovered > SUDDEN or self._lost > MUCH_LOST or self._stale:
            return True
        worn = self.keys[-1].age >= LIFE_FRAMES
        needed = self._need > NEED_SECONDS or self._waited > PATIENCE_SECONDS
        hurries = self._lost > LOST and self._since >= HURRY_SECONDS
        return hurries or (self._since >= PAINTED_SECONDS and (worn or needed))

    @property
    def gains_from_painting(self) -> bool:
        """Whether the frame is worth the time of a painter who has nothing else to do."""
        return self.hurries or self._need > NEED_SECONDS * EAGER or self.keys[-1].age >= LIFE_FRAMES

    @property
    def hurries(self) -> bool:
        """Whether there is no time for anything but the quickest painting: something shows without paint."""
        return not self.keys or self._lost > LOST or self._stale

    @property
    def comes_nearer(self) -> bool:
        """Whether paint that is gone on with may still come nearer to the style's picture."""
        shows = self.cares is None or bool((self.cares > LEAST_SHOWN).any())
        # Frames from elsewhere are not painted over.
        return shows and self._rounds < ROUNDS and all(key.gives_way for key in self.keys)

    def warm_start(self) -> WarmStart | None:
        """What the painting of the frame may begin from; None if it is to be painted afresh."""
        return warm_start(self._maps.layers(self.keys)) if self.keys and not self._stale else None

    def add(
        self,
        small: np.ndarray,
        painting: "Future[Any]",
        worn: np.ndarray | None = None,
        *,
        replaces: bool = False,
    ) -> None:
        """The frame of a `small_picture` is being painted, and becomes a key.

        Args:
            small: as above.
            painting: of it.
            worn: see vidstyle.stream.warm_starts.WarmStart, if the painting begins from one.
            replaces: whether all that others have shows in it.
        """
        self._rounds = min(self._rounds, ROUNDS - ROUNDS_AFTER) if worn is None else self._rounds + 1
        key = Key(self._numbered(), averaged(small), painting, replaces=self._stale or replaces, worn=worn)
        self._maps.begin(key)
        self.keys.append(key)
        self._need = self._waited = self._since = 0.0

    def pin(self, small: np.ndarray, painting: "Future[Any]", motion: Motion) -> Key:
        """A key of a frame from elsewhere, on top of all others; it gives way to none.

        Args:
            small: its `small_picture`.
            painting: of it.
            motion: from it to the frame that has been carried on to.
        """
        key = Key(self._numbered(), averaged(small), painting, gives_way=False)
        self._maps.place(key, motion)
        self.keys.insert(0, key)
        return key

    def drop(self, key: Key) -> None:
        """Show a key no more."""
        self.keys.remove(key)
        self._maps.drop(key)

    def share(self, key: Key) -> float:
        """Of the picture in which a key can be shown, 0 to 1."""
        return self._maps.share(key)

    def view(self, motion: Motion | None, small: np.ndarray, usable: Callable[[Key], bool] = lambda _: True) -> Any:
        """What to show of a frame, once it has been carried on to, by the keys that are usable; see CarriesKeys."""
        now = averaged(small) if motion is None else motion.now
        for number in reversed(range(1, len(self.keys))):
            if self.keys[number].replaces and usable(self.keys[number]):
                # Frames from elsewhere stay.
                for key in [key for key in self.keys[:number] if key.gives_way]:
                    self.drop(key)
                break
        shown = [key for key in self.keys if usable(key)]
        # Frames from elsewhere may have come at once.
        while len(shown) > MOST_KEYS:
            least = self._maps.least(shown)
            self.drop(least)
            shown.remove(least)
        return self._maps.view(shown, motion, now, self.cares)

    def _numbered(self) -> int:
        """What tells the next key from all others."""
        self._next += 1
        return self._next - 1
