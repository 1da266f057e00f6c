"""The page: six tabs."""

import html
import json
import logging
from typing import Any

import gradio as gr

from vidstyle.demo.controls import FAILED, element, panel, visitor_of
from vidstyle.demo.device_page import PLACE
from vidstyle.demo.endpoints import add_endpoints
from vidstyle.demo.examples import PICTURES, videos
from vidstyle.demo.gallery import Gallery
from vidstyle.demo.guard import LONGEST_LINE
from vidstyle.demo.jobs import Jobs
from vidstyle.demo.key_jobs import KeyJobs
from vidstyle.demo.keys_tab import keys_tab
from vidstyle.demo.page_values import OTHER_PAGE
from vidstyle.demo.paint_tab import paint_tab
from vidstyle.demo.remembered import remembered
from vidstyle.demo.settings import DemoSettings
from vidstyle.demo.slow_jobs import SlowJobs
from vidstyle.demo.slow_tab import slow_tab
from vidstyle.demo.style_making import StyleMaker
from vidstyle.demo.styles_tab import styles_tab
from vidstyle.demo.webcam_tab import webcam_tab

log = logging.getLogger(__name__)

MOST_PAGE_STATES = 1000
"""Pages whose state is in memory, 0.2 MB each; a page whose state has made room must be loaded again."""
MOST_EVENTS = 200
"""Previews and the like that may wait, of all visitors; paintings have a line of their own."""
TABS = {
    "webcam": "Webcam",
    "video": "Video",
    "picture": "Picture",
    "keys": "By hand",
    "slow": "Slowly",
    "styles": "Styles",
}
"""By the names that stand in the page's address."""
HEADER = f"""
<header class="vs-header"><h1>vidstyle</h1><p>Moving pictures, painted in the style of still ones.</p>
<vs-tabs names="{html.escape(json.dumps(TABS))}"></vs-tabs></header>
"""


class Page(gr.Blocks):
    """Gradio's blocks; what a browser sends that no page of ours would is a line in the log, not a traceback.

    Gradio keeps the state of every page that was ever used; here it goes with its visitor, see Visitor.pages.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.state_session_capacity = MOST_PAGE_STATES

    async def process_api(self, *arguments: Any, **options: Any) -> dict[str, Any]:
        """What an event gives; its page is noted."""
        try:
            return await super().process_api(*arguments, **options)
        finally:
            request, session = options.get("request"), options.get("session_hash")
            if isinstance(request, gr.Request) and session:
                self.close_sessions(visitor_of(request).use_page(str(session)))

    def close_sessions(self, names: list[str]) -> None:
        """Let go of the state of pages."""
        with self.state_holder.lock:
            for name in names:
                self.state_holder.session_data.pop(name, None)
                self.state_holder.time_last_used.pop(name, None)

    async def preprocess_data(self, block_fn: Any, inputs: list[Any], *rest: Any, **options: Any) -> Any:
        """What an event's function gets of what a browser has sent; nothing of ours runs before this is done."""
        try:
            if block_fn.fn is None:
                raise ValueError("the browser does that itself")
            return await super().preprocess_data(block_fn, inputs, *rest, **options)
        except Exception as error:
            said = " ".join(str(error).split())[:LONGEST_LINE]
            log.warning("event %s: not understood: %s", block_fn._id, said)
            raise gr.Error(OTHER_PAGE, title=FAILED, print_exception=False) from error


def build_page(
    settings: DemoSettings, gallery: Gallery, jobs: Jobs, style_maker: StyleMaker, *, on_device: bool = False
) -> Page:
    """The page as Gradio's blocks; what is on it does its work through the other arguments.

    on_device: whether there is a page that paints on the visitor's own device.
    """
    with Page(title="vidstyle", analytics_enabled=False, fill_width=True) as page:
        element(HEADER)
        first, largest, examples = gallery.first, settings.largest_upload, {"video": videos(), "picture": PICTURES}
        kept: dict[str, dict[str, Any]] = {}
        with panel("webcam"):
            kept["webcam"] = webcam_tab(first, PLACE if on_device else "")
        for kind, tried in examples.items():
            with panel(kind):
                kept[kind] = paint_tab(kind, first, jobs, largest, tried)
        with panel("keys"):
            keys_tab(KeyJobs(jobs), largest, videos())
        with panel("slow"):
            kept["slow"] = slow_tab(SlowJobs(jobs, settings), largest, PICTURES)
        with panel("styles"):
            styles_tab(page, style_maker, largest)
        for tab, controls in kept.items():
            remembered(page, tab, controls)
        add_endpoints(gallery, jobs)
    page.queue(max_size=MOST_EVENTS, default_concurrency_limit=4)
    return page
