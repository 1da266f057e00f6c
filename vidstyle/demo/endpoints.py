"""What programs can ask for by name, through Gradio's client: `/styles`, `/picture` and `/restyle`.

Files come and go by routes of our own, see files.py: a program uploads one, names it, and is told where the painting
is.  Whoever asks is known by the cookie that the upload has set.
"""

from typing import Any

import gradio as gr
from gradio.events import api

from vidstyle.demo.controls import errors_shown, visitor_of
from vidstyle.demo.files import file_url
from vidstyle.demo.gallery import Gallery
from vidstyle.demo.jobs import Jobs, PaintRequest
from vidstyle.demo.page_values import number
from vidstyle.errors import InputError


def add_endpoints(gallery: Gallery, jobs: Jobs) -> None:
    """Add them to the page that is being built."""

    def styles(request: gr.Request) -> list[dict[str, Any]]:
        """What can be painted in; `key` names a style."""
        with errors_shown():
            return gallery.cards(visitor_of(request))

    def picture(file: str, style: str, strength: float, keep_colors: bool, request: gr.Request) -> str:
        """Paint a picture.

        Args:
            file: `id` of what PUT /vidstyle/upload/picture has answered.
            style: `key` of a style.
            strength: 0 is the source, 1 the painting.
            keep_colors: the source's colours, painted.

        Returns:
            Where the painting is, on this server.
        """
        with errors_shown():
            asked = PaintRequest(str(file), str(style), _share(strength), bool(keep_colors))
        return paint(request, asked)

    def restyle(
        file: str, style: str, strength: float, keep_colors: bool, start: float, end: float, request: gr.Request
    ) -> str:
        """Paint a video, or a part of it.

        Args:
            file: `id` of what PUT /vidstyle/upload/video has answered.
            style, strength, keep_colors: as for a picture.
            start, end: of the part, seconds; 0 for the whole.

        Returns:
            Where the painting is, on this server.
        """
        with errors_shown():
            begin, until = max(0.0, number(start)) or None, max(0.0, number(end)) or None
            asked = PaintRequest(str(file), str(style), _share(strength), bool(keep_colors), start=begin, end=until)
        return paint(request, asked)

    def paint(request: gr.Request, asked: PaintRequest) -> str:
        results: list[str] = []
        with errors_shown():
            for _ in jobs.paint(visitor_of(request), asked, results.append):
                pass
            if not results:
                raise InputError("It was cancelled.")
        return file_url(results[0])

    # Jobs has a line of its own.
    for function in (styles, picture, restyle):
        api(function, api_name=function.__name__, concurrency_limit=None)


def _share(strength: float) -> float:
    return min(1.0, max(0.0, number(strength, 1.0)))
