"""Styles under hf://, from a server on loopback that answers as the hub does."""

import hashlib
import http.server
import json
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


def environment_of(hub: str, home: Path) -> dict[str, str]:
    """With which styles are fetched from there."""
    return os.environ | {"HF_ENDPOINT": hub, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1"}


@pytest.mark.slow
def test_a_style_on_the_hub_is_fetched_and_pinned(hub: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=environment_of(hub, tmp_path),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    first, second = done.stdout.splitlines()
    assert first == f"Noise noise hf://somebody/styles/noise.safetensors@{COMMIT}"
    assert second == "hf://somebody/styles/other.safetensors: there is no such file on the hub"


@pytest.mark.slow
@pytest.mark.parametrize("first", [True, False])
def test_of_a_mix_what_is_on_the_hub_is_pinned(
    hub: str, style_file: Path, clip: Path, tmp_path: Path, first: bool
) -> None:
    name = "hf://somebody/styles/noise.safetensors"
    parts = [f"{name}:0.25", f"{style_file}:0.75"]
    mix = ",".join(parts if first else reversed(parts))
    command = ["restyle", clip, "--out", tmp_path / "out", "--style", mix, "--resume", "--json"]
    record = tmp_path / "out" / f".{clip.name}.vidstyle.json"
    for becomes in ("done", "skipped", "skipped"):
        done = subprocess.run(
            [sys.executable, "-m", "vidstyle", *map(str, command)],
            env=environment_of(hub, tmp_path),
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["status"] == becomes
        written = json.loads(record.read_text())
        if becomes == "done":
            assert written["request"]["styles"][0][2] == f"{name}@{COMMIT}"
        # Its name, which was not written of all mixes before, makes it no other style.
        written["request"]["styles"][0][2] = ""
        record.write_text(json.dumps(written))


@pytest.mark.parametrize("name", ["hf://a/b", "hf://a/b/c.bin", "hf://a/b/../c.safetensors", "hf:///b/c.safetensors"])
def test_nothing_but_safetensors_is_fetched(name: str) -> None:
    assert is_on_hub(name)
    with pytest.raises(InputError, match="takes hf://"):
        fetched(name)


def test_the_command_line_refuses_such_names_in_one_line(refused: Callable[..., str], clip: Path) -> None:
    assert "takes hf://" in refused("restyle", clip, clip.with_name("out.mkv"), "--style", "hf://a/b/c.pkl")
