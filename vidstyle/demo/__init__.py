"""The demo: a page in the browser that paints a webcam, videos and pictures, and makes styles.

    from vidstyle.demo import DemoSettings, serve

    serve(DemoSettings(port=7860))

`app` builds the page, `guard` decides who may enter, `visitors` and `files` keep what belongs to whom, `webcams` paints
them, `jobs` paints files, `style_making` makes styles.
"""

from importlib.util import find_spec

from vidstyle.demo.settings import DemoSettings
from vidstyle.errors import InputError

__all__ = ["DemoSettings", "serve"]


def serve(settings: DemoSettings) -> None:
    """Serve the demo until Ctrl-C; see vidstyle.demo.server.serve.

    Raises:
        InputError: where Gradio is not installed.
    """
    missing = [name for name in ("gradio", "websockets") if find_spec(name) is None]
    if missing:
        raise InputError(f"the demo needs {' and '.join(missing)}: pip install 'vidstyle[demo]'")
    from vidstyle.demo.server import serve as serve_forever

    serve_forever(settings)
