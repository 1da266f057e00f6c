"""The tab where a video is painted by hand: frames to take home, painted ones to bring back."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from vidstyle.demo.controls import (
    IDLE,
    READY,
    cancelled,
    drop_zone,
    element,
    failed,
    visitor_of,
)
from vidstyle.demo.examples import Example
from vidstyle.demo.jobs import Cancelled
from vidstyle.demo.key_jobs import KeyJobs
from vidstyle.demo.page_values import uploaded

HOW = (
    '<p class="vs-note">Three to eight of its frames are chosen for you. Take them home, paint them in any program, '
    "and drop them back here: the whole video is painted as they are.</p>"
)
"""What shows before there is a video."""


def keys_tab(jobs: KeyJobs, largest: int, examples: tuple[Example, ...]) -> None:
    """Build the tab.

    Args:
        jobs: does the work.
        largest: bytes of an upload.
        examples: videos to try.
    """
    film = drop_zone(
        "video", "video/*,.mkv", "Drop a video here, to paint a few of its frames yourself", largest, examples
    )
    keys = element(HOW, elem_id="keys-chosen")
    with gr.Column(visible=False) as back:
        dropped = drop_zone("picture", "image/*", "Drop a painted frame here, one after the other", largest)
        shown = element(elem_id="keys-painted")
        with gr.Row(elem_classes="vs-buttons"):
            watch = gr.Button(
                "Paint the video", variant="primary", elem_id="keys-paint", interactive=False, min_width=140
            )
            cancel = gr.Button("Cancel", elem_id="keys-cancel", interactive=False, min_width=100)
        progress = element(elem_id="keys-progress")
        result = element(elem_id="keys-result")
    painted = gr.State({})
    buttons = [watch, cancel]

    def choose(upload: str, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        yield '<p class="vs-note" role="status">Looking for frames to paint.</p>', gr.Column(visible=False), *_NOTHING
        chosen = ""
        with failed() as failure:
            chosen = jobs.choose(visitor_of(request), _identity(upload))
        yield chosen or failure.html, gr.Column(visible=bool(chosen)), *_NOTHING

    def take(upload: str, picture: str, taken: dict[int, str], request: gr.Request) -> tuple[Any, ...]:
        with failed() as failure:
            return *jobs.take(visitor_of(request), _identity(upload), _identity(picture), taken), "", READY
        return gr.skip(), gr.skip(), failure.html, READY if taken else IDLE

    def paint(upload: str, taken: dict[int, str], request: gr.Request) -> Iterator[tuple[Any, ...]]:
        with failed() as failure:
            try:
                for told, shown in jobs.paint(visitor_of(request), _identity(upload), taken):
                    yield told, shown, IDLE, READY
                yield gr.skip(), gr.skip(), READY, IDLE
            except Cancelled:
                yield cancelled(), "", READY, IDLE
        if failure.words:
            yield failure.html, "", READY, IDLE

    def stop(request: gr.Request) -> tuple[Any, ...]:
        visitor_of(request).stop_painting()
        return cancelled(), IDLE

    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    film.input(choose, film, [keys, back, painted, shown, progress, result, *buttons], concurrency_limit=1, **quiet)
    dropped.input(take, [film, dropped, painted], [painted, shown, progress, watch], **quiet)
    watch.click(paint, [film, painted], [progress, result, *buttons], concurrency_limit=None, **quiet)
    # As in paint_tab: it ends by itself.
    cancel.click(stop, None, [progress, cancel], queue=False, **quiet)


_NOTHING: tuple[Any, ...] = ({}, "", "", "", IDLE, IDLE)
"""No frames, nothing shown, no progress, no result, and nothing to do."""


def _identity(upload: str) -> str:
    """Of what an upload has answered.  Raises InputError."""
    return uploaded(upload)[0]
