"""Where the npm package onnxruntime-web may be, which tests do not fetch: `npm install` in a checkout puts it there."""

import os
from pathlib import Path

from vidstyle.export.runtime import FILES, PACKAGE, VERSION, cached_runtime

CHECKOUT = Path(__file__).parents[1]
PLACES = (os.environ.get("VIDSTYLE_ORT_WEB"), CHECKOUT / "node_modules" / PACKAGE, cached_runtime())


def find_runtime() -> Path | None:
    """The package, or its files by themselves; None if there is neither."""
    for place in PLACES:
        if place is None:
            continue
        for folder in (Path(place), Path(place) / "dist"):
            if all((folder / name).is_file() for name in FILES):
                return Path(place)
    return None


def find_package() -> Path | None:
    """The package as npm installs it, with what it needs beside it; None if it is not there."""
    for place in PLACES[:2]:
        if place is not None and (Path(place) / "package.json").is_file():
            return Path(place).resolve()
    return None


def make_package(folder: Path, version: str = VERSION) -> Path:
    """Something that looks like the package."""
    (folder / "dist").mkdir(parents=True)
    for name in FILES:
        (folder / "dist" / name).write_bytes(b"code")
    (folder / "package.json").write_text(f'{{"version": "{version}"}}')
    return folder
