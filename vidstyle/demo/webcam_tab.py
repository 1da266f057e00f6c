"""The tab that paints a webcam.  Frames go over a websocket, see vidstyle.demo.webcams and page/webcam.js."""

import gradio as gr

from vidstyle.demo.controls import element, look_controls

SAY = (
    "(style, strength, colours, strokes, mirror, split) => document.dispatchEvent(new CustomEvent('vs-look', {detail: "
    "{style, strength: strength / 100, keep_colors: colours, stroke_size: strokes, mirror, split}}))"
)

STROKES = (0.5, 2.75)
"""Finer ones cannot be painted while somebody waits."""


def webcam_tab(first: str) -> None:
    """Build the tab; `first` is the style to begin with."""
    element(f'<vs-webcam first="{first}"></vs-webcam>')
    look = look_controls(first, STROKES)
    with gr.Row(elem_classes="vs-controls"):
        mirror = gr.Checkbox(True, label="Mirror", min_width=120)
        split = gr.Checkbox(False, label="Split: the camera on the left", min_width=120)
    settings = [*look.all, mirror, split]
    look.style.input(None, settings, js=SAY)
    for component in settings[1:]:
        component.change(None, settings, js=SAY)
