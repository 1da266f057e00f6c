"""The tabs that paint a video or a picture: drop, look at one frame, paint, take home."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import gradio as gr

from vidstyle.demo.controls import (
    HEAR,
    IDLE,
    READY,
    cancelled,
    complaint,
    drop_zone,
    element,
    errors_shown,
    failed,
    look_controls,
    main_column,
    side_column,
    visitor_of,
)
from vidstyle.demo.examples import Example
from vidstyle.demo.jobs import AUTO, FINISHES, Cancelled, Jobs, PaintRequest
from vidstyle.demo.labels import LABELS
from vidstyle.demo.page_values import OTHER_PAGE, number, uploaded
from vidstyle.errors import InputError

WORDS = {
    "video": ("video/*,.mkv", "Drop a video here, or tap to choose one"),
    "picture": ("image/*", "Drop a picture here, or tap to choose one"),
}
STROKES = (0.25, 4.0)
FINE = "Fine is nearer to the style's picture, and slower."
LONGEST_PAGE_NAME = 64
"""Characters of what Gradio calls a page; its own are shorter, and a browser may say anything."""
PREVIEWS_AT_A_TIME = 6
"""Of all visitors.  One that takes steps waits for others that do, for seconds, and quick ones pass them."""
MOST_CHANGES = 20
"""Of style, in a video."""


def paint_tab(kind: str, first: str, jobs: Jobs, largest: int, examples: tuple[Example, ...]) -> dict[str, Any]:
    """Build the tab; the controls whose values a browser keeps.

    Args:
        kind: `video` or `picture`.
        first: the style to begin with.
        jobs: does the work.
        largest: bytes of an upload.
        examples: files to try.
    """
    is_video = kind == "video"
    with gr.Row(elem_classes="vs-work"):
        with main_column():
            dropped = drop_zone(kind, *WORDS[kind], largest, examples)
            preview = element(elem_id=f"{kind}-preview", elem_classes="vs-stage")
            with gr.Row(elem_classes="vs-buttons"):
                paint = gr.Button(
                    f"Paint the {kind}", variant="primary", elem_id=f"{kind}-paint", interactive=False, min_width=140
                )
                cancel = gr.Button("Cancel", elem_id=f"{kind}-cancel", interactive=False, min_width=100)
            progress = element(elem_id=f"{kind}-progress")
            result = element(elem_id=f"{kind}-result")
        with side_column():
            look = look_controls(kind, first, STROKES)
            with gr.Column(elem_classes=["vs-controls", "vs-finish"]):
                finish = gr.Radio(
                    [(name.title(), name) for name in FINISHES],
                    value=AUTO,
                    label=LABELS["optimise"],
                    info=FINE,
                    min_width=160,
                )
            with gr.Column(visible=False, elem_classes="vs-controls") as cut:
                start = gr.Slider(0, 1, 0, step=0.1, label=f"{LABELS['start']}, s", min_width=160)
                end = gr.Slider(0, 1, 1, step=0.1, label=f"{LABELS['end']}, s", min_width=160)
                changes = element(html_template="<vs-timeline></vs-timeline>", js_on_load=HEAR)
    inputs = [dropped, *look.all, finish, start, end, changes]
    buttons = [paint, cancel]
    taken = [preview, cut, start, end, progress, result, *buttons]

    def place(request: gr.Request) -> str:
        return f"{kind} {str(request.session_hash)[:LONGEST_PAGE_NAME]}"

    def previews(request: gr.Request, asked: PaintRequest) -> Iterator[str]:
        visitor, where = visitor_of(request), place(request)
        visitor.look_at(asked, where)
        yield from jobs.preview(visitor, asked, lambda: not visitor.looks_at(asked, where))

    # Gradio finds the request by its place, so none of these can take *inputs.
    def show_preview(
        upload: str,
        style: str,
        strength: float,
        colors: bool,
        strokes: float,
        finish: str,
        start: float,
        request: gr.Request,
    ) -> Iterator[Any]:
        with errors_shown():
            if upload:
                yield from previews(request, _asked_for(upload, style, strength, colors, strokes, finish, start))
        # At its end Gradio shows once more what an event gave last, over what others have shown since.
        yield gr.skip()

    def want_preview(
        upload: str,
        style: str,
        strength: float,
        colors: bool,
        strokes: float,
        finish: str,
        start: float,
        request: gr.Request,
    ) -> None:
        # What is wrong with it is said where it is to be shown.
        with contextlib.suppress(InputError):
            asked = _asked_for(upload, style, strength, colors, strokes, finish, start)
            visitor_of(request).look_at(asked, place(request))

    def take(
        upload: str, style: str, strength: float, colors: bool, strokes: float, finish: str, request: gr.Request
    ) -> Iterator[list[Any]]:
        # Whatever was dropped before is looked at no more.
        visitor_of(request).look_at(None, place(request))
        with failed() as failure:
            if upload:
                seconds = uploaded(upload)[1]
                asked = _asked_for(upload, style, strength, colors, strokes, finish)
                sliders = [gr.Slider(maximum=max(0.1, seconds), value=value) for value in (0, max(0.1, seconds))]
                # First of all, since a preview that is over before it shows gives nothing.
                yield [gr.skip(), gr.Column(visible=is_video and seconds > 0), *sliders, "", "", READY, IDLE]
                untouched = [gr.skip()] * (len(taken) - 1)
                for shown in previews(request, asked):
                    yield [shown, *untouched]
                yield [gr.skip(), *untouched]
        if failure.words or not upload:
            yield ["", gr.Column(visible=False), gr.skip(), gr.skip(), failure.html, "", IDLE, IDLE]

    def do_paint(
        upload: str,
        style: str,
        strength: float,
        colors: bool,
        strokes: float,
        finish: str,
        start: float,
        end: float,
        changes: str,
        request: gr.Request,
    ) -> Iterator[tuple[Any, ...]]:
        if not upload:
            yield complaint(f"Drop a {kind} first."), "", IDLE, IDLE
            return
        with failed() as failure:
            asked = _asked_for(upload, style, strength, colors, strokes, finish, start, end, changes)
            try:
                for told, shown in jobs.paint(visitor_of(request), asked):
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
    # A preview is one event to its end, fine or not, and none follows it: what is sent just when Gradio closes the
    # connection for results, as one that follows is, may never be answered.
    shown: dict[str, Any] = quiet | {"concurrency_limit": PREVIEWS_AT_A_TIME}
    dropped.input(take, [dropped, *look.all, finish], taken, trigger_mode="multiple", **shown)
    released = [slider.release for slider in (look.strength, look.stroke_size, start)]
    chosen = [look.style.input, finish.input, look.keep_colors.input, *released]
    looked_at = [dropped, *look.all, finish, start]
    # The next preview begins once that of the same control is over, which ends soon when it hears of the next.
    gr.on(chosen, want_preview, looked_at, None, trigger_mode="multiple", queue=False, **quiet)
    for choice in chosen:
        choice(show_preview, looked_at, preview, trigger_mode="always_last", **shown)
    # Jobs has a line of its own, in which one sees how far it is.
    paint.click(do_paint, inputs, [progress, result, *buttons], concurrency_limit=None, **quiet)
    # The painting ends by itself, and only then the next may begin: where Gradio cuts it off, an error may stay behind.
    cancel.click(stop, None, [progress, cancel], queue=False, **quiet)
    return look.remembered | {"finish": finish}


def _asked_for(
    upload: str,
    style: str,
    strength: float,
    colors: bool,
    strokes: float,
    finish: str,
    start: float | None = None,
    end: float | None = None,
    changes: str = "",
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
        finish=str(finish) if str(finish) in FINISHES else AUTO,
        start=begin or None,
        end=None if not seconds or until >= seconds - 0.1 else max(until, begin + 0.1),
        style_at=_changes(changes),
    )


def _changes(said: str) -> tuple[tuple[float, str], ...]:
    """Times and keys of styles, as page/timeline.js says them.  Raises InputError."""
    try:
        lines = json.loads(said or "[]")
        changes = tuple((number(time), str(style)) for time, style in lines)
    except (ValueError, TypeError, RecursionError) as error:
        raise InputError(OTHER_PAGE) from error
    if len(changes) > MOST_CHANGES:
        raise InputError(f"A video changes its style {MOST_CHANGES} times at most here.")
    times = [time for time, _ in changes]
    if len(set(times)) < len(times) or not all(time > 0 for time in times):
        raise InputError("Each change of style has a time of its own, after 0 s.")
    return changes
