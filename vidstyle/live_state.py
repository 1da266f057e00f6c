"""What a live session goes by: the wishes of the person at the keyboard, and the size that keeps up."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

STRENGTH_STEP = 0.1
HELP = (
    "left, right\tstyle",
    "up, down\tstrength",
    "c\tkeep colours",
    "s\tsplit view",
    "m\tmirror",
    "f\tfull screen",
    "r\trecord",
    "space\tfreeze",
    "p\tpicture",
    "i\tfigures",
    "h\thelp",
    "q\tquit",
)
"""Keys, a tab, and what they do."""


@dataclass
class LiveState:
    """The wishes of the person at the keyboard.  One thread presses keys, others read.

    Attributes:
        styles: names to choose from.
        style: the one that is wanted.
        strength: 0 shows the source, 1 the painting.
        keep_colors: the painting's luminance with the source's colours.
        split: the source on the left, the painting on the right.
        mirror: left and right exchanged.
        full_screen, figures, help: what the window shows.
        recording: to a file of its own, beside what `--to` names.
        frozen: the picture stands still.
        pictures: how many still pictures have been asked for so far.
        done: the session is to end.
    """

    styles: Sequence[str]
    style: str
    strength: float = 1.0
    keep_colors: bool = False
    split: bool = False
    mirror: bool = False
    full_screen: bool = False
    figures: bool = False
    help: bool = False
    recording: bool = False
    frozen: bool = False
    pictures: int = 0
    done: bool = False
    _actions: dict[str, Callable[[], None]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        switches = {
            "c": "keep_colors",
            "s": "split",
            "m": "mirror",
            "f": "full_screen",
            "r": "recording",
            "space": "frozen",
            "i": "figures",
            "h": "help",
        }
        self._actions = {key: self._switch(name) for key, name in switches.items()} | {
            "left": lambda: self._change_style(-1),
            "right": lambda: self._change_style(1),
            "up": lambda: self._change_strength(STRENGTH_STEP),
            "down": lambda: self._change_strength(-STRENGTH_STEP),
            "p": self._take_picture,
            "q": self._quit,
        }

    def press(self, key: str) -> None:
        """Do what `key` stands for; see HELP.  Other keys do nothing."""
        if key in self._actions:
            self._actions[key]()

    def neighbours(self) -> list[str]:
        """The styles that one press of a key leads to."""
        return [self._style_at(-1), self._style_at(1)]

    def _switch(self, name: str) -> Callable[[], None]:
        return lambda: setattr(self, name, not getattr(self, name))

    def _style_at(self, steps: int) -> str:
        return self.styles[(self.styles.index(self.style) + steps) % len(self.styles)]

    def _change_style(self, steps: int) -> None:
        self.style = self._style_at(steps)

    def _change_strength(self, step: float) -> None:
        self.strength = round(min(1.0, max(0.0, self.strength + step)), 2)

    def _take_picture(self) -> None:
        self.pictures += 1

    def _quit(self) -> None:
        self.done = True


STEPS = (1.0, 0.84, 0.71, 0.6, 0.5, 0.42, 0.35, 0.3, 0.25)
"""Multiples of the full side at which a picture may be painted; each has 0.7 times the pixels of the last."""
SIDE_MULTIPLE = 4
SMALLEST_PAINTED = 64
"""Pixels along the shorter side, below which nobody would know the picture again."""
UNSTEADY_FRAMES = 2
"""The first ones of a size prepare memory for it."""
TRIAL_FRAMES = 8
HOPELESS_FRAMES = 3
"""When not even the fastest of so many was fast enough, the others need not be tried."""
SMOOTHING = 0.2
FULL, ROOM = 0.95, 0.8
"""Shares of the camera's interval: painting that takes longer than FULL is too slow, and ROOM leaves some to spare."""
PATIENCE, MOST_PATIENCE = 2.0, 60.0
"""Seconds to wait before trying a larger size, doubled each time that was in vain."""


class KeepUp:
    """Chooses the size to paint at, so that painting takes less than the time between two frames.

    Args:
        width, height: the full size, pixels.
        enabled: False paints at the full size whatever it takes.
    """

    def __init__(self, width: int, height: int, *, enabled: bool = True) -> None:
        self._width, self._height, self._enabled = width, height, enabled
        self._step = self._frames = 0
        self._cost, self._fastest = 0.0, math.inf
        self._changed: float | None = None
        self._raised = False
        self._patience = PATIENCE
        usable = [n for n in range(len(STEPS)) if min(self._side(width, n), self._side(height, n)) >= SMALLEST_PAINTED]
        self._last_step = max(usable, default=0)

    @property
    def full(self) -> tuple[int, int]:
        """Width and height at the most."""
        return self._width, self._height

    @property
    def size(self) -> tuple[int, int]:
        """Width and height to paint the next frame at."""
        if self._step == 0:
            return self._width, self._height
        return self._side(self._width, self._step), self._side(self._height, self._step)

    @staticmethod
    def _side(side: int, step: int) -> int:
        return max(SIDE_MULTIPLE, round(side * STEPS[step] / SIDE_MULTIPLE) * SIDE_MULTIPLE)

    def painted(self, seconds: float, interval: float, now: float) -> None:
        """Take note of a frame.

        Args:
            seconds: that it took to paint.
            interval: seconds between the camera's frames.
            now: the time, seconds of any clock.
        """
        if not self._enabled:
            return
        if self._changed is None:
            self._changed = now
        self._frames += 1
        if self._frames <= UNSTEADY_FRAMES:
            return
        first = self._frames == UNSTEADY_FRAMES + 1
        self._cost = seconds if first else self._cost + SMOOTHING * (seconds - self._cost)
        self._fastest = min(self._fastest, seconds)
        tried = self._frames - UNSTEADY_FRAMES
        if HOPELESS_FRAMES <= tried < TRIAL_FRAMES and self._fastest > FULL * interval:
            self._cost = self._fastest
            self._lower(interval, now)
        if tried < TRIAL_FRAMES:
            return
        if self._cost > FULL * interval:
            self._lower(interval, now)
        elif self._step and now - self._changed > self._patience and self._expected(self._step - 1) < ROOM * interval:
            self._change(self._step - 1, now)
            self._raised = True

    def _lower(self, interval: float, now: float) -> None:
        """To the first smaller size that should do."""
        if self._step == self._last_step:
            return
        if self._raised:
            self._patience = min(MOST_PATIENCE, 2 * self._patience)
            self._raised = False
        smaller = range(self._step + 1, self._last_step + 1)
        self._change(next((n for n in smaller if self._expected(n) < ROOM * interval), self._last_step), now)

    def _expected(self, step: int) -> float:
        """Seconds a frame at another step: as many times as long as it has times the pixels."""
        return self._cost * (STEPS[step] / STEPS[self._step]) ** 2

    def _change(self, step: int, now: float) -> None:
        self._step, self._changed, self._frames, self._fastest = step, now, 0, math.inf
