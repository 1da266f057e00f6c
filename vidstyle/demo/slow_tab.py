"""The tab where a picture is painted like another one by optimisation: minutes, and one looks on."""

from collections.abc import Iterator
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
    main_column,
    side_column,
    visitor_of,
)
from vidstyle.demo.dropped_pictures import dropped_picture
from vidstyle.demo.examples import Example
from vidstyle.demo.jobs import Cancelled
from vidstyle.demo.labels import LABELS
from vidstyle.demo.page_values import number, uploaded
from vidstyle.demo.slow_jobs import SIZES, STROKES, SlowJobs, SlowRequest

SIZE = 384
STYLE_EXAMPLES = (
    ("roman_mosaic", "a mosaic"),
    ("great_wave", "a woodcut"),
    ("seaport", "an etching"),
    ("starry_night", "swirls"),
    ("composition_vii", "shapes"),
    ("deep_field", "stars"),
)
"""Pictures to paint like; all but the last are pictures that styles have painted."""


def slow_tab(jobs: SlowJobs, largest: int, examples: tuple[Example, ...]) -> dict[str, Any]:
    """Build the tab; the controls whose values a browser keeps.

    Args:
        jobs: does the work.
        largest: bytes of an upload.
        examples: pictures to try.
    """
    with gr.Row(elem_classes="vs-work"):
        with main_column():
            content = drop_zone("picture", "image/*", "Drop a picture to paint", largest, examples)
            result = element(elem_id="slow-result", elem_classes="vs-stage")
            with gr.Row(elem_classes="vs-buttons"):
                paint = gr.Button("Paint", variant="primary", elem_id="slow-paint", interactive=False, min_width=110)
                enough = gr.Button("Enough", elem_id="slow-enough", interactive=False, min_width=90)
                cancel = gr.Button("Cancel", elem_id="slow-cancel", interactive=False, min_width=90)
            progress = element(elem_id="slow-progress")
        with side_column():
            element(
                "<h2>Stroke by stroke</h2><p>The picture itself is changed until it is painted like another one. "
                "It takes minutes, and looks better than what paints at once.</p>"
            )
            style = drop_zone(
                "picture", "image/*", "Drop the picture to paint like", largest, STYLE_EXAMPLES, stays=True
            )
            like = element(elem_id="slow-style")
            with gr.Column(elem_classes="vs-controls"):
                size = gr.Slider(*SIZES, SIZE, step=64, label=f"{LABELS['size']}, pixels", min_width=160)
                strokes = gr.Slider(*STROKES, 1, step=0.25, label=LABELS["stroke_size"], min_width=160)
                colors = gr.Checkbox(False, label=LABELS["keep_colors"], min_width=160)
    buttons = [paint, enough, cancel]

    def take(dropped: str, other: str, request: gr.Request) -> tuple[Any, str]:
        # Of two that are dropped at once, answers may come in any order: the one that knows of both counts.
        ready = READY if other else gr.skip()
        return ready if dropped else IDLE, dropped_shown(dropped, request)

    def begin(
        first: str, second: str, size: float, strokes: float, colors: bool, request: gr.Request
    ) -> Iterator[tuple[Any, ...]]:
        visitor, photograph = visitor_of(request), ""
        with failed() as failure:
            content = uploaded(first)[0]
            before = dropped_picture(visitor, content)
            photograph = before.shown()
            wanted = SlowRequest(
                content,
                uploaded(second)[0],
                round(min(SIZES[1], max(SIZES[0], number(size, SIZE)))),
                min(STROKES[1], max(STROKES[0], number(strokes, 1.0))),
                bool(colors),
            )
            try:
                for told, shown in jobs.paint(visitor, wanted, before):
                    yield told, shown or photograph, IDLE, READY if shown else IDLE, READY
                yield gr.skip(), gr.skip(), READY, IDLE, IDLE
            except Cancelled:
                yield cancelled(), photograph, READY, IDLE, IDLE
        if failure.words:
            yield failure.html, photograph, READY, IDLE, IDLE

    def stop(request: gr.Request) -> tuple[Any, ...]:
        visitor_of(request).stop_painting()
        return cancelled(), IDLE, IDLE

    def leave_it(request: gr.Request) -> Any:
        visitor_of(request).enough.set()
        return IDLE

    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    for dropped, other, shown in ((content, style, result), (style, content, like)):
        # One after the other, so that the picture that was dropped last is the one that shows.
        dropped.input(take, [dropped, other], [paint, shown], trigger_mode="multiple", concurrency_limit=1, **quiet)
    wanted = [content, style, size, strokes, colors]
    paint.click(begin, wanted, [progress, result, *buttons], concurrency_limit=None, **quiet)
    enough.click(leave_it, None, enough, queue=False, **quiet)
    # As in paint_tab: it ends by itself.
    cancel.click(stop, None, [progress, enough, cancel], queue=False, **quiet)
    return {"size": size, "stroke_size": strokes, "keep_colors": colors}
