"""The page that paints in the visitor's own browser, in Chromium."""

import base64
import functools
import http.server
import io
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Result
from helper_demo_camera import write_camera
from media_files import colorful_picture, psnr
from PIL import Image
from web_runtime import find_runtime, make_package

from vidstyle.engines.frame_function import frame_function
from vidstyle.errors import InputError, VidstyleError
from vidstyle.export import runtime as runtime_module
from vidstyle.export.runtime import FILES, runtime_files
from vidstyle.styles import load_style

pytest.importorskip("onnx", reason="onnx is not installed")
RUNTIME = find_runtime()
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE = 60_000
"""Milliseconds; the machine may be busy."""
in_chromium = [
    pytest.mark.slow,
    pytest.mark.skipif(RUNTIME is None, reason="onnxruntime-web is not installed (npm install)"),
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (apt-get install chromium)"),
]


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files as they are, as the plainest host of static files does."""

    headers_too: dict[str, str] = {}  # noqa: RUF012 (replaced, not changed)

    def log_message(self, *_: object) -> None:
        pass

    def end_headers(self) -> None:
        for name, value in self.headers_too.items():
            self.send_header(name, value)
        super().end_headers()


class WithHeaders(Quiet):
    """Serves them with what threads need."""

    headers_too = {  # noqa: RUF012
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Embedder-Policy": "require-corp",
    }


def serve(folder: Path, kind: type[Quiet]) -> http.server.ThreadingHTTPServer:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(kind, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture(scope="module")
def second(style_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same style under another name."""
    return Path(shutil.copyfile(style_file, tmp_path_factory.mktemp("second") / "second.safetensors"))


@pytest.fixture(scope="module")
def page_folder(style_file: Path, second: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from vidstyle.export.web import export_web

    out = tmp_path_factory.mktemp("web") / "page"
    export_web([str(style_file), str(second)], out, runtime=RUNTIME)
    return out


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    playwright_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    camera = tmp_path_factory.mktemp("camera") / "camera.mjpeg"
    write_camera(camera)
    flags = ["--no-sandbox", "--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={camera}"]
    with playwright_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield opened
        opened.close()


@pytest.fixture(params=[Quiet, WithHeaders], ids=["plain host", "with headers"])
def visit(request: pytest.FixtureRequest, browser: Any, page_folder: Path) -> Iterator[Callable[..., Any]]:
    """Opens the page; nothing may go wrong in it."""
    server = serve(page_folder, request.param)
    context = browser.new_context(permissions=["camera"])
    context.set_default_timeout(PATIENCE)
    failures: list[str] = []

    def opened(query: str = "") -> Any:
        page = context.new_page()
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.goto(f"http://127.0.0.1:{server.server_port}/{query}")
        page.wait_for_function("window.vidstyle")
        return page

    opened.threads = request.param is WithHeaders  # type: ignore[attr-defined]
    opened.stop = server.shutdown  # type: ignore[attr-defined]
    yield opened
    context.close()
    server.shutdown()
    assert not failures


def shown(page: Any) -> np.ndarray:
    """The canvas, RGB (H, W, 3)."""
    data = page.evaluate("document.getElementById('screen').toDataURL('image/png')").split(",")[1]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))


def png(path: Path, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels).save(path)
    return path


class TestInChromium:
    """With a browser and the runtime."""

    pytestmark = in_chromium

    def test_a_picture_is_painted_as_we_paint_it_and_again_without_a_network(
        self, visit: Any, style_file: Path, tmp_path: Path
    ) -> None:
        pixels = colorful_picture(0, 161, 97)
        page = visit()
        page.set_input_files("#picture", png(tmp_path / "a.png", pixels))
        page.wait_for_function("document.getElementById('figures').textContent.includes('161x97')")
        with torch.inference_mode():
            expected = frame_function(load_style(style_file).network, torch.float32)(torch.from_numpy(pixels)).numpy()
        assert psnr(shown(page), expected) > 40
        figures = page.inner_text("#figures")
        assert ("1 thread" in figures.split(", ")) == (
            not visit.threads or page.evaluate("navigator.hardwareConcurrency") == 1
        )
        # What it took is kept.
        page.wait_for_function("caches.match('ort/ort-wasm-simd-threaded.wasm')")
        visit.stop()
        page.close()
        again = visit()
        assert again.evaluate("self.crossOriginIsolated")
        again.set_input_files("#picture", tmp_path / "a.png")
        again.wait_for_function("document.getElementById('figures').textContent.includes('161x97')")
        assert psnr(shown(again), expected) > 40

    def test_the_camera_is_painted_larger_and_larger_and_styles_are_switched(self, visit: Any) -> None:
        # However busy this machine is.
        page = visit("?up=0.5")
        page.click("#start")
        page.wait_for_function("/fps/.test(document.getElementById('figures').textContent)")
        first = page.inner_text("#figures")
        assert "x120" in first
        page.wait_for_function("!document.getElementById('figures').textContent.includes('x120')")
        page.locator("#styles button").nth(1).click()
        assert "second" in page.inner_text("#label") or "Noise" in page.inner_text("#label")
        page.wait_for_function("/fps/.test(document.getElementById('figures').textContent)")
        page.click("#start")
        assert page.inner_text("#start") == "Start the camera"


def test_a_page_is_whole_and_replaces_only_its_kind(
    run_cli: Callable[..., Result], refused: Callable[..., str], style_file: Path, tmp_path: Path
) -> None:
    package, out = make_package(tmp_path / "package"), tmp_path / "page"
    command = ["export", style_file, out, "--to", "web", "--runtime", package]
    assert run_cli(*command).code == 0
    names = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    assert names == sorted(
        ["_headers", "index.html", "main.js", "models/00-noise.onnx", "style.css", "styles.json", "sw.js", "worker.js"]
        + [f"ort/{name}" for name in FILES]
    )
    first = (out / "sw.js").read_text()
    assert "@" not in first
    assert "exists already" in refused(*command)
    assert run_cli(*command, "--overwrite").code == 0
    assert (out / "sw.js").read_text() == first
    # Another page is another version, so that nothing of the old one is taken for it.
    assert run_cli(*command, "--overwrite", "--stroke-size", "2").code == 0
    assert (out / "sw.js").read_text() != first
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    assert "something else" in refused("export", style_file, tmp_path / "mine", "--to", "web", "--overwrite")


def test_a_runtime_of_another_version_or_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is needed"):
        runtime_files(make_package(tmp_path / "old", "1.2.3"))
    with pytest.raises(InputError, match="not the npm package"):
        runtime_files(tmp_path)


def test_what_is_fetched_must_be_what_it_was(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    archive = f"{runtime_module.PACKAGE}/-/{runtime_module.PACKAGE}-{runtime_module.VERSION}.tgz"
    (tmp_path / archive).parent.mkdir(parents=True)
    (tmp_path / archive).write_bytes(b"something else")
    server = serve(tmp_path, Quiet)
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr(runtime_module, "cached_runtime", lambda: tmp_path / "kept")
    with pytest.raises(VidstyleError, match="is not what it was"):
        runtime_files()
    (tmp_path / archive).unlink()
    with pytest.raises(VidstyleError, match="cannot be fetched"):
        runtime_files()
    server.shutdown()
    assert not (tmp_path / "kept").exists()
