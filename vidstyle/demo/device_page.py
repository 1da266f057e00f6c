"""The page that paints on the visitor's own device, if what it takes is there; see vidstyle.export.web."""

import threading
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from vidstyle.errors import VidstyleError
from vidstyle.export.runtime import cached_runtime, runtime_files

PLACE = "/vidstyle/device/"
ISOLATED = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
"""With which browsers let threads share memory."""


class DevicePage:
    """Makes the page when somebody comes for it first.

    Args:
        styles: that can be chosen there, the first one to begin with.
        folder: where it may be written.
        runtime: folder of onnxruntime-web; the one that an export has fetched before if None.
    """

    def __init__(self, styles: list[str], folder: Path, runtime: Path | None) -> None:
        self._styles, self._folder = styles, folder / "device"
        self._runtime = runtime or cached_runtime()
        if runtime is not None:
            runtime_files(runtime)  # said at once rather than to the first visitor
        self._lock = threading.Lock()

    @property
    def is_offered(self) -> bool:
        """Whether there is what it takes; nothing is fetched for it."""
        from importlib.util import find_spec

        return self._runtime.is_dir() and find_spec("onnx") is not None

    def routes(self) -> list[BaseRoute]:
        """Below PLACE."""
        return [Route(PLACE.rstrip("/"), self._moved), Route(PLACE + "{path:path}", self._answer)]

    async def _moved(self, _: Request) -> Response:
        return RedirectResponse(PLACE)

    async def _answer(self, request: Request) -> Response:
        if not self.is_offered:
            return Response("vidstyle: not offered here", 404)
        try:
            folder = await run_in_threadpool(self._made)
        except VidstyleError:
            return Response("vidstyle: not offered here", 404)
        path = (folder / (request.path_params["path"] or "index.html")).resolve()
        if not path.is_relative_to(folder.resolve()) or not path.is_file():
            return Response("vidstyle: nothing here", 404)
        return FileResponse(path, headers=ISOLATED)

    def _made(self) -> Path:
        from vidstyle.export.web import export_web

        with self._lock:
            if not self._folder.is_dir():
                export_web(self._styles, self._folder, runtime=self._runtime)
        return self._folder
