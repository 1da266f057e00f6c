"""The page: five tabs."""

import gradio as gr

from vidstyle.demo.controls import element
from vidstyle.demo.gallery import Gallery
from vidstyle.demo.jobs import Jobs
from vidstyle.demo.key_jobs import KeyJobs
from vidstyle.demo.keys_tab import keys_tab
from vidstyle.demo.paint_tab import paint_tab
from vidstyle.demo.settings import DemoSettings
from vidstyle.demo.style_making import StyleMaker
from vidstyle.demo.styles_tab import styles_tab
from vidstyle.demo.webcam_tab import webcam_tab

MOST_EVENTS = 200
"""Previews and the like that may wait, of all visitors; paintings have a line of their own."""
HEADER = """
<header class="vs-header"><h1>vidstyle</h1><p>Moving pictures, painted in the style of still ones.</p></header>
"""


def build_page(settings: DemoSettings, gallery: Gallery, jobs: Jobs, style_maker: StyleMaker) -> gr.Blocks:
    """The page as Gradio's blocks; what is on it does its work through the other arguments."""
    with gr.Blocks(title="vidstyle", analytics_enabled=False, fill_width=True) as page:
        element(HEADER)
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab("Webcam", id="webcam"):
                webcam_tab(gallery.first)
            with gr.Tab("Video", id="video"):
                paint_tab("video", gallery.first, jobs, settings.largest_upload)
            with gr.Tab("By hand", id="keys"):
                keys_tab(KeyJobs(jobs), settings.largest_upload)
            with gr.Tab("Picture", id="picture"):
                paint_tab("picture", gallery.first, jobs, settings.largest_upload)
            with gr.Tab("Styles", id="styles"):
                styles_tab(style_maker, settings.largest_upload, settings.why_no_training)
    page.queue(max_size=MOST_EVENTS, default_concurrency_limit=4)
    return page
