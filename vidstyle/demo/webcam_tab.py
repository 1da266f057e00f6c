"""The tab that paints a webcam.  Frames go over a websocket, see vidstyle.demo.webcams and page/webcam.js."""

from typing import Any

import gradio as gr

from vidstyle.demo.controls import element, look_controls, main_column, side_column

STROKES = (0.5, 2.75)
"""Finer ones cannot be painted while somebody waits."""


def webcam_tab(first: str, device: str = "") -> dict[str, Any]:
    """Build the tab; the controls whose values a browser keeps, and tells the webcam.

    Args:
        first: the style to begin with.
        device: where the page is that paints on the visitor's own device; empty if it is not offered.
    """
    with gr.Row(elem_classes="vs-work"):
        with main_column():
            element(f'<vs-webcam first="{first}" device="{device}"></vs-webcam>', elem_classes="vs-stage")
        with side_column():
            look = look_controls("webcam", first, STROKES)
            with gr.Row(elem_classes="vs-switches"):
                mirror = gr.Checkbox(True, label="Mirror", min_width=90)
                split = gr.Checkbox(False, label="Split: half camera, half painting", min_width=90)
    return look.remembered | {"mirror": mirror, "split": split}
