"""What a live session goes by: what the person at the keyboard asks for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from vidstyle.restyle_options import LARGEST_STROKE, SMALLEST_STROKE

STRENGTH_STEP = 0.1
STROKE_STEP = 2**0.5
"""Two presses of a key make strokes twice as large."""
HELP = (
    "left, right\tstyle",
    "up, down\tstrength",
    "[, ]\tstroke size",
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
    """What the person at the keyboard asks for.  One thread presses keys, others read.

    Attributes:
        styles: names to choose from.
        style: the one that is wanted.
        strength: 0 shows the source, 1 the painting.
        stroke_size: of strokes against the frame, as a multiple of that in the pictures of styles.
        keep_colors: the painting's luminance with the source's colours.
        split: the source on the left, the painting on the right.
        mirror: left and right exchanged.
        full_screen, figures, help: what the window shows.
        recording: to a file of its own, beside what `to` names.
        frozen: the picture stands still.
        pictures: how many still pictures have been asked for so far.
        done: the session is to end.
    """

    styles: Sequence[str]
    style: str
    strength: float = 1.0
    stroke_size: float = 1.0
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
            "[": lambda: self._change_strokes(1 / STROKE_STEP),
            "]": lambda: self._change_strokes(STROKE_STEP),
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

    def _change_strokes(self, times: float) -> None:
        self.stroke_size = round(min(LARGEST_STROKE, max(SMALLEST_STROKE, self.stroke_size * times)), 3)

    def _take_picture(self) -> None:
        self.pictures += 1

    def _quit(self) -> None:
        self.done = True
