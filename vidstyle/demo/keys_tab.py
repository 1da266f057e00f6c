"""The tab where a video is painted by hand: frames to take home, painted ones to bring back."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from vidstyle.demo.controls import drop_zone, element, errors_shown, uploaded, visitor_of
from vidstyle.demo.jobs import Cancelled
from vidstyle.demo.key_jobs import KeyJobs


def keys_tab(jobs: KeyJobs, largest: int) -> None:
    """Build the tab.

    Args:
        jobs: does the work.
        largest: bytes of an upload.
    """
    film = drop_zone("video", "video/*,.mkv", "Drop a video here, to paint a few of its frames yourself", largest)
    keys = element(elem_id="keys-chosen")
    with gr.Column(visible=False) as back:
        dropped = drop_zone("picture", "image/*", "Drop a painted frame here, one after the other", largest)
        shown = element(elem_id="keys-painted")
        with gr.Row(elem_classes="vs-buttons"):
            watch = gr.Button("Paint the video", variant="primary", elem_id="keys-paint", min_width=140)
            cancel = gr.Button("Cancel", elem_id="keys-cancel", min_width=100)
        progress = element(elem_id="keys-progress")
        result = element(elem_id="keys-result")
    painted = gr.State({})

    def choose(upload: str, request: gr.Request) -> tuple[Any, ...]:
        with errors_shown():
            return jobs.choose(visitor_of(request), _identity(upload)), gr.Column(visible=True), {}, "", "", ""

    def take(upload: str, picture: str, taken: dict[int, str], request: gr.Request) -> tuple[Any, ...]:
        with errors_shown():
            return jobs.take(visitor_of(request), _identity(upload), _identity(picture), taken)

    def paint(upload: str, taken: dict[int, str], request: gr.Request) -> Iterator[tuple[str, str]]:
        with errors_shown():
            try:
                yield from jobs.paint(visitor_of(request), _identity(upload), taken)
            except Cancelled:
                yield '<p class="vs-note">Cancelled.</p>', ""

    def stop(done: str, request: gr.Request) -> Any:
        visitor_of(request).stop_painting.set()
        return gr.skip() if done else '<p class="vs-note">Cancelled.</p>'

    quiet: dict[str, Any] = {"api_visibility": "private"}
    film.input(
        choose,
        film,
        [keys, back, painted, shown, progress, result],
        show_progress="minimal",
        show_progress_on=keys,
        concurrency_limit=1,
        **quiet,
    )
    dropped.input(take, [film, dropped, painted], [painted, shown], show_progress="hidden", **quiet)
    painting = watch.click(
        paint,
        [film, painted],
        [progress, result],
        show_progress_on=progress,
        show_progress="minimal",
        concurrency_limit=None,
        **quiet,
    )
    cancel.click(stop, result, progress, cancels=[painting], queue=False, **quiet)


def _identity(upload: str) -> str:
    """Of what an upload has answered.  Raises InputError."""
    return uploaded(upload)[0]
