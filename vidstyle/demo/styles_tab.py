"""The tab of the styles: what there is, bring one, make one."""

import html

import gradio as gr

from vidstyle.demo.controls import drop_zone, element, errors_shown, number, uploaded, visitor_of
from vidstyle.demo.labels import LABELS
from vidstyle.demo.style_making import StyleMaker

LOOK_SECONDS = 1.5
"""Between two looks at a style in the making."""


def styles_tab(style_maker: StyleMaker, largest: int, why_no_training: str) -> None:
    """Build the tab.

    Args:
        style_maker: makes styles.
        largest: bytes of an upload.
        why_no_training: what is missing to make styles; empty if nothing is.
    """
    element("<vs-cards></vs-cards>")
    with gr.Row(equal_height=False, elem_classes="vs-making"):
        with gr.Column(min_width=280):
            element("<h2>Bring a style</h2><p>Any picture, at once; or a style file. Only you will see it.</p>")
            drop_zone("style", "image/*,.safetensors", "Drop a picture or a .safetensors file here", largest)
        with gr.Column(min_width=280):
            element("<h2>Train a style</h2><p>On one picture, in minutes, while you do other things here.</p>")
            if why_no_training:
                note = f"Styles cannot be made here: {html.escape(why_no_training)}."
                element(f'<p class="vs-note" id="no-training">{note}</p>')
            else:
                _make_a_style(style_maker, largest)


def _make_a_style(style_maker: StyleMaker, largest: int) -> None:
    dropped = drop_zone("picture", "image/*", "Drop a painting here", largest)
    with gr.Row(elem_classes="vs-controls"):
        title = gr.Textbox(label="Title", max_lines=1, min_width=140, max_length=80)
        artist = gr.Textbox(label="Artist", max_lines=1, min_width=140, max_length=80)
    minutes = gr.Slider(0.1, 120, 30, step=0.1, label=LABELS["minutes"], elem_id="training-minutes")
    with gr.Row(elem_classes="vs-buttons"):
        start = gr.Button("Make the style", variant="primary", elem_id="training-start", min_width=140)
        cancel = gr.Button("Cancel", elem_id="training-cancel", min_width=100)
    watched = element(elem_id="training-progress")
    clock = gr.Timer(LOOK_SECONDS)

    def begin(upload: str, length: float, name: str, painter: str, request: gr.Request) -> str:
        if not upload:
            raise gr.Error("Drop a picture first.", duration=6, print_exception=False)
        visitor = visitor_of(request)
        with errors_shown():
            # The limits of the slider are only the page's.
            duration = min(120.0, max(0.05, number(length, 30)))
            style_maker.start(visitor, uploaded(upload)[0], duration, str(name or ""), str(painter or ""))
        return style_maker.look(visitor)

    def look(request: gr.Request) -> str:
        return style_maker.look(visitor_of(request))

    def stop(request: gr.Request) -> str:
        style_maker.cancel(visitor_of(request))
        return '<p class="vs-note">Cancelled.</p>'

    start.click(begin, [dropped, minutes, title, artist], watched, show_progress="hidden", api_visibility="private")
    cancel.click(stop, None, watched, queue=False, api_visibility="private")
    clock.tick(look, None, watched, show_progress="hidden", queue=False, api_visibility="private")
