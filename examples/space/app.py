"""The demo as Hugging Face Spaces starts it: behind their proxy, in a frame of their page."""

import os

from vidstyle.demo import DemoSettings, serve

serve(
    DemoSettings(
        host="0.0.0.0",
        port=int(os.environ.get("GRADIO_SERVER_PORT", "7860")),
        # Their proxy knows by which name it was called, and nobody gets past it.
        behind_proxy=True,
        allow_host=tuple(filter(None, [os.environ.get("SPACE_HOST")])) or ("*",),
        embed=("https://huggingface.co",),
        max_upload=100,
        max_stored=2000,
    )
)
