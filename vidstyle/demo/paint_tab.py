"""The tabs that paint a video or a picture: drop, look at one frame, paint, take home."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from vidstyle.demo.controls import drop_zone, element, errors_shown, look_controls, number, uploaded, visitor_of
from vidstyle.demo.jobs import Cancelled, Jobs, PaintRequest
from vidstyle.demo.labels import LABELS

WORDS = {
    "video": ("video/*,.mkv", "Drop a video here, or tap to choose one"),
    "picture": ("image/*", "Drop a picture here, or tap to choose one"),
}
STROKES = (0.25, 4.0)


def paint_tab(kind: str, first: str, jobs: Jobs, largest: int) -> None:
    """Build the tab.

    Args:
        kind: `video` or `picture`.
        first: the style to begin with.
        jobs: does the work.
        largest: bytes of an upload.
    """
    is_video = kind == "video"
    dropped = drop_zone(kind, *WORDS[kind], largest)
    preview = element(elem_id=f"{kind}-preview", elem_classes="vs-stage")
    with gr.Row(visible=False, elem_classes="vs-controls") as cut:
        start = gr.Slider(0, 1, 0, step=0.1, label=f"{LABELS['start']}, s", min_width=200)
        end = gr.Slider(0, 1, 1, step=0.1, label=f"{LABELS['end']}, s", min_width=200)
    look = look_controls(first, STROKES)
    with gr.Row(elem_classes="vs-buttons"):
        paint = gr.Button(f"Paint the {kind}", variant="primary", elem_id=f"{kind}-paint", min_width=140)
        cancel = gr.Button("Cancel", elem_id=f"{kind}-cancel", min_width=100)
    progress = element(elem_id=f"{kind}-progress")
    result = element(elem_id=f"{kind}-result")
    inputs = [dropped, *look.all, start, end]

    # Gradio finds the request by its place, so neither function can take *inputs.
    def show_preview(
        upload: str,
        style: str,
        strength: float,
        colors: bool,
        strokes: float,
        start: float,
        end: float,
        request: gr.Request,
    ) -> str:
        if not upload:
            return ""
        with errors_shown():
            return jobs.preview(visitor_of(request), _asked_for(upload, style, strength, colors, strokes, start, end))

    def take(upload: str, style: str, strength: float, colors: bool, strokes: float, request: gr.Request) -> list[Any]:
        with errors_shown():
            seconds = uploaded(upload)[1] if upload else 0.0
            shown = ""
            if upload:
                shown = jobs.preview(visitor_of(request), _asked_for(upload, style, strength, colors, strokes))
        sliders = [gr.Slider(maximum=max(0.1, seconds), value=value) for value in (0, max(0.1, seconds))]
        return [shown, gr.Row(visible=is_video and seconds > 0), *sliders, "", ""]

    def do_paint(
        upload: str,
        style: str,
        strength: float,
        colors: bool,
        strokes: float,
        start: float,
        end: float,
        request: gr.Request,
    ) -> Iterator[tuple[str, str]]:
        if not upload:
            raise gr.Error(f"Drop a {kind} first.", duration=6, print_exception=False)
        with errors_shown():
            try:
                yield from jobs.paint(
                    visitor_of(request), _asked_for(upload, style, strength, colors, strokes, start, end)
                )
            except Cancelled:
                yield '<p class="vs-note">Cancelled.</p>', ""

    def stop(shown: str, request: gr.Request) -> Any:
        visitor_of(request).stop_painting.set()
        if shown:
            return gr.skip()  # it is done already
        return '<p class="vs-note">Cancelled.</p>'

    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    dropped.input(take, [dropped, *look.all], [preview, cut, start, end, progress, result], **quiet)
    latest: dict[str, Any] = quiet | {"trigger_mode": "always_last", "concurrency_limit": 2}
    look.style.input(show_preview, inputs, preview, **latest)
    for slider in (look.strength, look.stroke_size, start):
        slider.release(show_preview, inputs, preview, **latest)
    look.keep_colors.input(show_preview, inputs, preview, **latest)
    painting = paint.click(
        do_paint,
        inputs,
        [progress, result],
        show_progress_on=progress,
        show_progress="minimal",
        # Jobs has a line of its own, in which one sees how far it is.
        concurrency_limit=None,
        api_visibility="private",
    )
    cancel.click(stop, result, progress, cancels=[painting], queue=False, api_visibility="private")


def _asked_for(
    upload: str,
    style: str,
    strength: float,
    colors: bool,
    strokes: float,
    start: float | None = None,
    end: float | None = None,
) -> PaintRequest:
    """What the page says, as far as it makes sense; a browser may say anything."""
    identity, seconds = uploaded(upload)
    # To the end is to the end, however the length was rounded.
    begin, until = number(start), number(end, seconds)
    return PaintRequest(
        file=identity,
        style=str(style),
        strength=min(1.0, max(0.0, number(strength, 100) / 100)),
        keep_colors=bool(colors),
        stroke_size=min(STROKES[1], max(STROKES[0], number(strokes, 1.0))),
        start=begin or None,
        end=None if not seconds or until >= seconds - 0.1 else max(until, begin + 0.1),
    )
