"""The page: four tabs."""

import logging
from typing import Any

import gradio as gr

from vidstyle.demo.controls import OTHER_PAGE, element
from vidstyle.demo.gallery import Gallery
from vidstyle.demo.guard import LONGEST_LINE
from vidstyle.demo.jobs import Jobs
from vidstyle.demo.paint_tab import paint_tab
from vidstyle.demo.settings import DemoSettings
from vidstyle.demo.style_making import StyleMaker
from vidstyle.demo.styles_tab import styles_tab
from vidstyle.demo.webcam_tab import webcam_tab

log = logging.getLogger(__name__)

MOST_EVENTS = 200
"""Previews and the like that may wait, of all visitors; paintings have a line of their own."""
HEADER = """
<header class="vs-header"><h1>vidstyle</h1><p>Moving pictures, painted in the style of still ones.</p></header>
"""


class Page(gr.Blocks):
    """Gradio's blocks; what a browser sends that no page of ours would is a line in the log, not a traceback."""

    async def preprocess_data(self, block_fn: Any, inputs: list[Any], *rest: Any, **options: Any) -> Any:
        """What an event's function gets of what a browser has sent; nothing of ours runs before this is done."""
        try:
            if block_fn.fn is None:
                raise ValueError("the browser does that itself")
            return await super().preprocess_data(block_fn, inputs, *rest, **options)
        except Exception as error:
            said = " ".join(str(error).split())[:LONGEST_LINE]
            log.warning("event %s: not understood: %s", block_fn._id, said)
            raise gr.Error(OTHER_PAGE, print_exception=False) from error


def build_page(settings: DemoSettings, gallery: Gallery, jobs: Jobs, style_maker: StyleMaker) -> gr.Blocks:
    """The page as Gradio's blocks; what is on it does its work through the other arguments."""
    with Page(title="vidstyle", analytics_enabled=False, fill_width=True) as page:
        element(HEADER)
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab("Webcam", id="webcam"):
                webcam_tab(gallery.first)
            with gr.Tab("Video", id="video"):
                paint_tab("video", gallery.first, jobs, settings.largest_upload)
            with gr.Tab("Picture", id="picture"):
                paint_tab("picture", gallery.first, jobs, settings.largest_upload)
            with gr.Tab("Styles", id="styles"):
                styles_tab(style_maker, settings.largest_upload, settings.why_no_training)
    page.queue(max_size=MOST_EVENTS, default_concurrency_limit=4)
    return page
