"""Visits to a demo without a browser: fixtures as a plugin of pytest, and what visitors bring."""

import io
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from media_files import colorful_picture
from PIL import Image

NAMES = ("testserver",)
ORIGIN = {"origin": "http://testserver"}


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a demo keeps what visitors bring."""
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def browser(demo_folder: Path) -> Iterator[Callable[[], Any]]:
    """Makes browsers that visit a demo which takes 1 MB at most."""
    pytest.importorskip("gradio", reason="gradio is not installed")
    from starlette.testclient import TestClient

    from vidstyle.demo import DemoSettings
    from vidstyle.demo.server import build_app

    app = build_app(DemoSettings(max_upload=1, allow_host=NAMES), demo_folder, 7860)
    with TestClient(app):
        yield lambda: TestClient(app)


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
