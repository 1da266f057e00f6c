"""A folder of static files that paints in the visitor's own browser: the page, styles as ONNX files, the runtime."""

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vidstyle.errors import InputError, parameter, reason
from vidstyle.export.onnx_file import onnx_bytes
from vidstyle.export.runtime import runtime_files
from vidstyle.output_files import PartFolder, check_folder, check_link, exists_already
from vidstyle.styles import find_styles, label_of, load_style

PAGE = Path(__file__).parent / "page"
SHELL = ("index.html", "main.js", "worker.js", "style.css")
HEADERS = """/*
  Cross-Origin-Opener-Policy: same-origin
  Cross-Origin-Embedder-Policy: require-corp
"""
"""As several hosts of static files read them from a file `_headers`."""


@dataclass(frozen=True)
class WebPage:
    """What was written.

    Attributes:
        path: the folder.
        bytes: of all its files.
    """

    path: Path
    bytes: int


def export_web(
    styles: Sequence[str],
    out: Path,
    *,
    runtime: Path | None = None,
    stroke_size: float = 1.0,
    overwrite: bool = False,
) -> WebPage:
    """Make a folder that any web server can serve.

    Args:
        styles: what can be chosen on the page, the first one to begin with; as load_style takes them.
        out: the folder to make.
        runtime: see vidstyle.export.runtime.runtime_files.
        stroke_size: see vidstyle.export.onnx_file.export_onnx.
        overwrite: replace `out` if it is a folder that was made so.

    Raises:
        InputError: for what cannot be written, and styles that cannot be exported.
        VidstyleError: if the runtime cannot be fetched.
    """
    _check(out, overwrite=overwrite)
    for style in styles:
        find_styles(style)
    files = runtime_files(runtime)
    try:
        part = PartFolder(out, out.resolve().parent)
    except OSError as error:
        raise InputError(f"{out}: cannot be written: {reason(error)}") from error
    try:
        _write(part.path, styles, files, stroke_size)
        size = sum(path.stat().st_size for path in part.path.rglob("*") if path.is_file())
        _publish(part.path, out)
    except OSError as error:
        raise InputError(f"{out}: cannot be written: {reason(error)}") from error
    finally:
        part.discard()
    return WebPage(out, size)


def _check(out: Path, *, overwrite: bool) -> None:
    check_link(out)
    check_folder(out)
    if not out.exists():
        return
    if not out.is_dir():
        raise InputError(f"{out}: is a file; {parameter('to', 'web')} makes a folder")
    if any(out.iterdir()):
        if not overwrite:
            raise exists_already(out)
        if not (out / "styles.json").is_file():
            raise InputError(f"{out}: holds something else than such a page; name another folder")


def _write(folder: Path, styles: Sequence[str], runtime: Sequence[Path], stroke_size: float) -> None:
    for name in SHELL:
        shutil.copyfile(PAGE / name, folder / name)
    for name in ("models", "ort"):
        (folder / name).mkdir()
    for path in runtime:
        shutil.copyfile(path, folder / "ort" / path.name)
    cards = []
    for place, name in enumerate(styles):
        style = load_style(name)
        key = f"{place:02}-{label_of([(0.0, name)])}"
        (folder / "models" / f"{key}.onnx").write_bytes(onnx_bytes(style, stroke_size=stroke_size))
        card = {"name": key, "model": f"models/{key}.onnx"}
        card |= {field: getattr(style.card, field) for field in ("title", "artist", "year", "licence")}
        picture = style.card.path.with_suffix(".jpg")
        if picture.is_file():
            shutil.copyfile(picture, folder / "models" / f"{key}.jpg")
            card["thumbnail"] = f"models/{key}.jpg"
        cards.append(card)
    (folder / "styles.json").write_text(json.dumps(cards, indent=1))
    (folder / "_headers").write_text(HEADERS)
    # Whatever has changed is another version, so that no browser mixes two.
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    # The first style comes along, so that the page works offline from the first visit on.
    shell = ["./", *SHELL[1:], "styles.json", *(cards[0][key] for key in ("model", "thumbnail") if key in cards[0])]
    worker = (PAGE / "sw.js").read_text()
    worker = worker.replace("@VERSION@", digest.hexdigest()[:16]).replace("@SHELL@", json.dumps(shell))
    (folder / "sw.js").write_text(worker)


def _publish(made: Path, out: Path) -> None:
    """Give the folder its name; what had it before goes."""
    target = Path(os.path.realpath(out))
    if target.exists():
        shutil.rmtree(target)
    made.replace(target)
