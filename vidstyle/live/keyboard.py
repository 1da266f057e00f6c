"""What a live session goes by: what is asked for at the keyboard, or by other programs and threads."""

import threading
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
    "k\tframe to paint",
    "i\tfigures",
    "h\thelp",
    "q\tquit",
)
"""Keys of the keyboard, a tab, and what they do."""
SWITCHES = {
    "c": ("keep_colors", "the camera's colours", "the painting's colours"),
    "s": ("split", "split view", "the whole painting"),
    "m": ("mirror", "mirrored", "not mirrored"),
    "f": ("full_screen", "full screen", "window"),
    "r": ("recording", "", ""),
    "space": ("frozen", "", "goes on"),
    "i": ("figures", "", ""),
    "h": ("help", "", ""),
}
"""By key: what it switches, and what is said when it is on and off, where that does not show by itself."""


@dataclass
class LiveState:
    """What is asked for by whoever watches.

    Any thread may change and read it: a window's keys, remote control, a style that has been learnt.  Methods do what
    they do as a whole, so that no press is lost; attributes may be set one by one.

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
        to_paint: how many frames to be painted elsewhere have been asked for so far.
        blend: how much shows of another style beside this one, 0 to 1.
        blend_style: which; the next one if empty.
        done: the session is to end.
        answer: what was done last, for the person who asked for it.
        answers: how often that was said so far.
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
    to_paint: int = 0
    blend: float = 0.0
    blend_style: str = ""
    done: bool = False
    answer: str = ""
    answers: int = 0
    _actions: dict[str, Callable[[], None]] = field(init=False, repr=False)
    _changing: threading.RLock = field(default_factory=threading.RLock, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._actions = {key: self._switch(*switch) for key, switch in SWITCHES.items()} | {
            "left": lambda: self._change_style(-1),
            "right": lambda: self._change_style(1),
            "up": lambda: self._change_strength(STRENGTH_STEP),
            "down": lambda: self._change_strength(-STRENGTH_STEP),
            "[": lambda: self._change_strokes(1 / STROKE_STEP),
            "]": lambda: self._change_strokes(STROKE_STEP),
            "p": self._take_picture,
            "k": self._take_frame,
            "q": self._quit,
        }

    @property
    def keyboard_keys(self) -> list[str]:
        """What can be pressed."""
        return list(self._actions)

    def press(self, key: str) -> None:
        """Do what `key` stands for; see HELP.  Other keys do nothing."""
        if key in self._actions:
            with self._changing:
                self._actions[key]()

    def neighbours(self) -> list[str]:
        """The styles that one press of a key leads to."""
        with self._changing:
            return [self._style_at(-1), self._style_at(1)]

    @property
    def partner(self) -> str:
        """The style that shows beside this one, or would."""
        with self._changing:
            return self.blend_style or self._style_at(1)

    @property
    def near(self) -> set[str]:
        """The styles that are wanted, or may be next."""
        with self._changing:
            return {self.style, *self.neighbours()} | ({self.partner} if self.blend else set())

    def choose(self, style: str) -> None:
        """Go over to a style, all of it."""
        with self._changing:
            self.style, self.blend = style, 0.0
            self.say(f"style {style}")

    def add_style(self, style: str) -> None:
        """Have one more style to choose from, and go over to it."""
        with self._changing:
            self.styles = [style, *(other for other in self.styles if other != style)]
            self.style = style

    def say(self, answer: str) -> None:
        """Answer whoever has asked for something."""
        with self._changing:
            self.answer = answer
            self.answers += 1

    def _switch(self, name: str, on: str, off: str) -> Callable[[], None]:
        def switch() -> None:
            setattr(self, name, not getattr(self, name))
            if said := on if getattr(self, name) else off:
                self.say(said)

        return switch

    def _style_at(self, steps: int) -> str:
        return self.styles[(self.styles.index(self.style) + steps) % len(self.styles)]

    def _change_style(self, steps: int) -> None:
        self.choose(self._style_at(steps))

    def _change_strength(self, step: float) -> None:
        self.strength = round(min(1.0, max(0.0, self.strength + step)), 2)
        self.say(f"strength {self.strength:g}")

    def _change_strokes(self, times: float) -> None:
        self.stroke_size = round(min(LARGEST_STROKE, max(SMALLEST_STROKE, self.stroke_size * times)), 3)
        self.say(f"stroke size {self.stroke_size:g}")

    def _take_picture(self) -> None:
        self.pictures += 1

    def _take_frame(self) -> None:
        self.to_paint += 1

    def _quit(self) -> None:
        self.done = True
