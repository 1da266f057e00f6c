"""Styles under hf://, from a server on loopback that answers as the hub does."""

import hashlib
import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vidstyle.errors import InputError
from vidstyle.hub_styles import fetched, is_on_hub

pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def hub(style_file: Path) -> Iterator[str]:
    """A hub with one repository, somebody/styles, that has noise.safetensors."""
    data = style_file.read_bytes()

    class Hub(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self.answer(b"")

        def do_GET(self) -> None:
            self.answer(data)

        def answer(self, body: bytes) -> None:
            there = self.path.startswith("/somebody/styles/resolve/") and self.path.endswith("/noise.safetensors")
            self.send_response(200 if there else 404)
            if there:
                self.send_header("X-Repo-Commit", COMMIT)
                self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
                self.send_header("Content-Length", str(len(data)))
            else:
                self.send_header("X-Error-Code", "EntryNotFound")
                self.send_header("Content-Length", "0")
            self.end_headers()
            if there:
                self.wfile.write(body)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


SCRIPT = """
import sys
from vidstyle.errors import InputError
from vidstyle.hub_styles import pinned
from vidstyle.styles import load_style, label_of
name = "hf://somebody/styles/noise.safetensors"
print(load_style(name).card.title, label_of([(0.0, name)]), pinned(name))
try:
    load_style("hf://somebody/styles/other.safetensors")
except InputError as error:
    print(error)
"""


@pytest.mark.slow
def test_a_style_on_the_hub_is_fetched_and_pinned(hub: str, tmp_path: Path) -> None:
    environment = os.environ | {"HF_ENDPOINT": hub, "HF_HOME": str(tmp_path), "HF_HUB_DISABLE_XET": "1"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True, timeout=120
    )
    first, second = done.stdout.splitlines()
    assert first == f"Noise noise hf://somebody/styles/noise.safetensors@{COMMIT}"
    assert second == "hf://somebody/styles/other.safetensors: there is no such file on the hub"


@pytest.mark.parametrize("name", ["hf://a/b", "hf://a/b/c.bin", "hf://a/b/../c.safetensors", "hf:///b/c.safetensors"])
def test_nothing_but_safetensors_is_fetched(name: str) -> None:
    assert is_on_hub(name)
    with pytest.raises(InputError, match="takes hf://"):
        fetched(name)


def test_the_command_line_refuses_such_names_in_one_line(refused: Callable[..., str], clip: Path) -> None:
    assert "takes hf://" in refused("restyle", clip, clip.with_name("out.mkv"), "--style", "hf://a/b/c.pkl")
