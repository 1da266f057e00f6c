"""The tab of the styles: what there is, bring one, make one."""

from typing import Any

import gradio as gr

from vidstyle.demo.controls import (
    IDLE,
    READY,
    cancelled,
    drop_zone,
    dropped_shown,
    element,
    failed,
    visitor_of,
)
from vidstyle.demo.labels import LABELS
from vidstyle.demo.page_values import number, uploaded
from vidstyle.demo.style_making import StyleMaker
from vidstyle.demo.visitors import Visitor

LOOK_SECONDS = 1.5
"""Between two looks at a style in the making."""
MINUTES = 2.0
"""Of a training, at first: a style that starts from what is made of the picture at once is nearer to it by then."""


def styles_tab(page: gr.Blocks, style_maker: StyleMaker, largest: int) -> None:
    """Build the tab.

    Args:
        page: that it is on.
        style_maker: makes styles.
        largest: bytes of an upload.
    """
    element("<h2>Styles</h2>", elem_classes="vs-first")
    drop_zone("style", "image/*,.safetensors", "Drop any picture: it becomes a style, at once, for you alone", largest)
    element("<vs-cards></vs-cards>")
    with gr.Column(elem_classes="vs-making"):
        element("<h2>Train a style</h2><p>On one picture, in minutes, while you do other things here.</p>")
        _make_a_style(page, style_maker, largest)


def _make_a_style(page: gr.Blocks, style_maker: StyleMaker, largest: int) -> None:
    with gr.Row(elem_classes="vs-halves"):
        with gr.Column(min_width=0):
            dropped = drop_zone("picture", "image/*", "Drop a painting here", largest)
            painting = element(elem_id="training-painting")
        with gr.Column(min_width=0):
            with gr.Row(elem_classes="vs-fields"):
                title = gr.Textbox(label="Title", max_lines=1, min_width=120, max_length=80)
                artist = gr.Textbox(label="Artist", max_lines=1, min_width=120, max_length=80)
            minutes = gr.Slider(0.1, 120, MINUTES, step=0.1, label=LABELS["minutes"], elem_id="training-minutes")
            with gr.Row(elem_classes="vs-buttons"):
                start = gr.Button(
                    "Make the style", variant="primary", elem_id="training-start", interactive=False, min_width=140
                )
                cancel = gr.Button("Cancel", elem_id="training-cancel", interactive=False, min_width=100)
            watched = element(elem_id="training-progress")
    # An idle page asks for nothing.
    clock = gr.Timer(LOOK_SECONDS, active=False)

    def begin(upload: str, length: float, name: str, painter: str, request: gr.Request) -> tuple[Any, ...]:
        visitor = visitor_of(request)
        with failed() as failure:
            # The limits of the slider are only the page's.
            duration = min(120.0, max(0.05, number(length, MINUTES)))
            style_maker.start(visitor, uploaded(upload)[0], duration, str(name or ""), str(painter or ""))
        return (failure.html, gr.skip(), gr.skip(), gr.skip()) if failure.words else now(visitor)

    def look(request: gr.Request) -> tuple[Any, ...]:
        return now(visitor_of(request))

    def now(visitor: Visitor) -> tuple[Any, ...]:
        shown, running = style_maker.look(visitor), style_maker.is_running(visitor)
        return shown, gr.Timer(active=running), IDLE if running else gr.skip(), READY if running else IDLE

    def stop(request: gr.Request) -> tuple[Any, ...]:
        style_maker.cancel(visitor_of(request))
        return cancelled(), gr.Timer(active=False), READY, IDLE

    def take(upload: str, request: gr.Request) -> tuple[Any, str]:
        return READY if upload else IDLE, dropped_shown(upload, request)

    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    changes = [watched, clock, start, cancel]
    # One after the other, so that the picture that was dropped last is the one that shows.
    dropped.input(take, dropped, [start, painting], trigger_mode="multiple", concurrency_limit=1, **quiet)
    start.click(begin, [dropped, minutes, title, artist], changes, **quiet)
    cancel.click(stop, None, changes, queue=False, **quiet)
    clock.tick(look, None, changes, queue=False, **quiet)
    page.load(look, None, changes, queue=False, **quiet)
