"""What several tabs have in common: the gallery to choose from, how to paint, where to drop files."""

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import gradio as gr

from vidstyle.demo.labels import LABELS, labelled
from vidstyle.demo.visitors import Visitor
from vidstyle.errors import InputError, VidstyleError

HEAR = "element.addEventListener('vs-value', event => { props.value = event.detail; trigger('input'); });"
"""Hands what one of the page's own elements says on to Gradio."""


def element(value: str = "", **settings: Any) -> gr.HTML:
    """HTML of our own, without Gradio's typography."""
    return gr.HTML(value, apply_default_css=False, **settings)


@dataclass(frozen=True)
class LookControls:
    """Which style, how strong, in whose colours, with how large strokes."""

    style: gr.HTML
    strength: gr.Slider
    keep_colors: gr.Checkbox
    stroke_size: gr.Slider

    @property
    def all(self) -> list[Any]:
        """The components, in the order of their names."""
        return [self.style, self.strength, self.keep_colors, self.stroke_size]


def style_picker(first: str) -> gr.HTML:
    """The gallery of painted thumbnails; its value is the key of the chosen style."""
    return element(first, html_template=f'<vs-picker first="{first}"></vs-picker>', js_on_load=HEAR)


def drop_zone(kind: str, accept: str, words: str, largest: int) -> gr.HTML:
    """Where files are dropped; its value is what the upload has answered, JSON."""
    template = f'<vs-drop kind="{kind}" accept="{accept}" words="{words}" largest="{largest}"></vs-drop>'
    return element(html_template=template, js_on_load=HEAR)


def look_controls(first: str, strokes: tuple[float, float]) -> LookControls:
    """Style, strength, colours, and size of strokes, from the finest to the broadest."""
    style = style_picker(first)
    with gr.Row(elem_classes="vs-controls"):
        strength = gr.Slider(0, 100, 100, step=1, label=f"{LABELS['strength']}, %", min_width=240)
        stroke_size = gr.Slider(*strokes, 1, step=0.25, label=LABELS["stroke_size"], min_width=240)
        keep_colors = gr.Checkbox(False, label=LABELS["keep_colors"], min_width=240)
    return LookControls(style, strength, keep_colors, stroke_size)


OTHER_PAGE = "This page is not from this version of vidstyle; load it again."
"""Where a browser sends what the page would not."""


def number(value: object, fallback: float = 0.0) -> float:
    """A number that a browser says; `fallback` if it says nothing.

    Raises:
        InputError: for what is no finite number.
    """
    if value is None or value == "":
        return fallback
    try:
        said = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(OTHER_PAGE) from error
    if not math.isfinite(said):
        raise InputError(OTHER_PAGE)
    return said


def uploaded(upload: str) -> tuple[str, float]:
    """Identity and seconds of what the upload has answered.  Raises InputError."""
    try:
        file = json.loads(upload)
        return str(file["id"]), number(file.get("seconds"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError("That file is no longer here; drop it once more.") from error


def visitor_of(request: gr.Request) -> Visitor:
    """Who asks; the guard has found out."""
    visitor: Visitor = request.state.visitor
    return visitor


@contextmanager
def errors_shown() -> Iterator[None]:
    """What a visitor can mend is shown to them; whatever else goes wrong is logged, and said without details."""
    try:
        yield
    except VidstyleError as error:
        raise gr.Error(error.worded(labelled), duration=8, print_exception=False) from error
