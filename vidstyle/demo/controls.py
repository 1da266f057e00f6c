"""What several tabs have in common: the gallery to choose from, how to paint, where to drop files."""

import html
import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import gradio as gr

from vidstyle.demo.dropped_pictures import dropped_picture
from vidstyle.demo.examples import Example
from vidstyle.demo.labels import LABELS, labelled
from vidstyle.demo.page_values import uploaded
from vidstyle.demo.visitors import Visitor
from vidstyle.errors import VidstyleError

log = logging.getLogger(__name__)

HEAR = """
element.addEventListener('vs-value', event => { props.value = event.detail; trigger('input'); });
element.addEventListener('vs-set', event => { props.value = event.detail; });
"""
"""Hands what one of the page's own elements says on to Gradio; quietly if nobody has just said it."""
IDLE, READY = gr.update(interactive=False), gr.update(interactive=True)
"""What becomes of a button that cannot act, and of one that can."""
FAILED = "That did not work"
"""Above a notice of something that can be mended."""


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

    @property
    def remembered(self) -> dict[str, Any]:
        """What a browser keeps, by name; the style is kept by the gallery itself."""
        return {"strength": self.strength, "keep_colors": self.keep_colors, "stroke_size": self.stroke_size}


@contextmanager
def panel(tab: str) -> Iterator[None]:
    """What shows while a tab of that name is chosen; page/place.js chooses."""
    with gr.Column(elem_id=f"panel-{tab}", elem_classes="vs-panel"):
        element(f'<vs-panel tab="{tab}"></vs-panel>')
        yield


def main_column() -> gr.Column:
    """Where the picture is."""
    return gr.Column(elem_classes="vs-main", min_width=0)


def side_column() -> gr.Column:
    """Where it is decided how to paint it: beside it, or on a phone below."""
    return gr.Column(elem_classes="vs-side", min_width=0)


def style_picker(tab: str, first: str) -> gr.HTML:
    """The gallery of painted thumbnails; its value is the key of the chosen style."""
    template = f'<vs-picker tab="{tab}" first="{first}"></vs-picker>'
    return element(first, html_template=template, js_on_load=HEAR, elem_classes="vs-gallery")


def drop_zone(
    kind: str, accept: str, words: str, largest: int, examples: Sequence[Example] = (), *, stays: bool = False
) -> gr.HTML:
    """Where files are dropped; its value is what the upload has answered, JSON.

    Args:
        kind: of files, as in files.py.
        accept: what browsers offer.
        words: what may be dropped.
        largest: bytes of a file.
        examples: what can be tried by one click.
        stays: whether examples are a gallery, which stays when there is a file.
    """
    told = html.escape(json.dumps(list(examples)))
    template = (
        f'<vs-drop kind="{kind}" accept="{accept}" words="{words}" largest="{largest}" examples="{told}"'
        f"{' gallery' if stays else ''}></vs-drop>"
    )
    return element(html_template=template, js_on_load=HEAR)


def dropped_shown(upload: str, request: gr.Request) -> str:
    """The picture that was dropped, as HTML; nothing if it cannot be shown.

    upload: what the upload has answered.
    """
    if upload:
        with failed():
            return dropped_picture(visitor_of(request), uploaded(upload)[0]).shown()
    return ""


def look_controls(tab: str, first: str, strokes: tuple[float, float]) -> LookControls:
    """Style, strength, colours, and size of strokes, from the finest to the broadest."""
    style = style_picker(tab, first)
    with gr.Column(elem_classes="vs-controls"):
        strength = gr.Slider(0, 100, 100, step=1, label=f"{LABELS['strength']}, %", min_width=160)
        stroke_size = gr.Slider(*strokes, 1, step=0.25, label=LABELS["stroke_size"], min_width=160)
        keep_colors = gr.Checkbox(False, label=LABELS["keep_colors"], min_width=160)
    return LookControls(style, strength, keep_colors, stroke_size)


OUR_FAULT = "Something went wrong on the server, which has made a note of it. Try once more."


def visitor_of(request: gr.Request) -> Visitor:
    """Who asks; the guard has found out."""
    visitor: Visitor = request.state.visitor
    return visitor


def complaint(words: str) -> str:
    """What went wrong, as HTML."""
    return f'<p class="vs-message" role="alert">{html.escape(words)}</p>'


def cancelled() -> str:
    """That it was, as HTML."""
    return '<p class="vs-note" role="status">Cancelled.</p>'


@dataclass
class Failure:
    """What has gone wrong, if anything has.

    Attributes:
        words: for the visitor.
    """

    words: str = ""

    @property
    def html(self) -> str:
        return complaint(self.words) if self.words else ""


@contextmanager
def failed() -> Iterator[Failure]:
    """What a visitor can mend is put in words for them; whatever else it is, is logged, and said without details."""
    failure = Failure()
    try:
        yield failure
    except VidstyleError as error:
        failure.words = error.worded(labelled)
    except Exception:
        log.exception("an event of the page")
        failure.words = OUR_FAULT


@contextmanager
def errors_shown() -> Iterator[None]:
    """The same, in a notice that goes away again."""
    with failed() as failure:
        yield
    if failure.words:
        raise gr.Error(failure.words, duration=8, title=FAILED, print_exception=False)
