"""Visits to a demo without a browser: fixtures as a plugin of pytest, and what visitors bring."""

import contextlib
import io
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import FAILED
from media_files import colorful_picture
from PIL import Image

NAMES = ("testserver",)
ORIGIN = {"origin": "http://testserver"}


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a demo keeps what visitors bring."""
    return tmp_path_factory.mktemp("demo")


class Demos:
    """A demo that takes 1 MB at most, until it is given up; then another one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._app: Any = None
        self._open = contextlib.ExitStack()

    def browser(self) -> Any:
        """One that visits it."""
        from starlette.testclient import TestClient

        from vidstyle.demo import DemoSettings
        from vidstyle.demo.server import build_app

        if self._app is None:
            self._app = build_app(DemoSettings(max_upload=1, allow_host=NAMES), self._folder, 7860)
            self._open.enter_context(TestClient(self._app))
        return TestClient(self._app)

    def give_up(self) -> None:
        """End it, in a thread that nobody waits for long: it may be the one that hangs."""
        ending = threading.Thread(target=self._open.close, daemon=True)
        ending.start()
        ending.join(5)
        self._app, self._open = None, contextlib.ExitStack()

    def close(self) -> None:
        """End it, and wait for that."""
        self._open.close()


@pytest.fixture(scope="module")
def demos(demo_folder: Path) -> Iterator[Demos]:
    """What the tests of a module visit."""
    pytest.importorskip("gradio", reason="gradio is not installed")
    with contextlib.closing(Demos(demo_folder)) as demos:
        yield demos


@pytest.fixture
def browser(request: pytest.FixtureRequest, demos: Demos) -> Iterator[Callable[[], Any]]:
    """Makes browsers that visit a demo which takes 1 MB at most."""
    yield demos.browser
    if request.node.stash.get(FAILED, False):
        demos.give_up()


def send(client: Any, kind: str, data: bytes, name: str = "mine") -> Any:
    """Upload a file; the answer."""
    return client.put(f"/vidstyle/upload/{kind}", params={"name": name}, content=data, headers=ORIGIN)


def picture_file(width: int = 64, height: int = 48, kind: str = "PNG") -> bytes:
    """A colourful one."""
    data = io.BytesIO()
    Image.fromarray(colorful_picture(0, width, height)).save(data, kind)
    return data.getvalue()


def webcam_frame(number: int, **size: int) -> bytes:
    """What a page sends of its camera."""
    return struct.pack("<I", number) + picture_file(kind="JPEG", **size)
