"""onnxruntime-web: what runs a network in a browser; the npm package at one version, whose contents are known."""

import base64
import hashlib
import io
import json
import os
import shutil
import tarfile
import urllib.request
from pathlib import Path

from platformdirs import user_cache_path

from vidstyle.errors import InputError, VidstyleError, parameter, reason
from vidstyle.output_files import PartFolder

PACKAGE, VERSION = "onnxruntime-web", "1.30.0"
INTEGRITY = "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
"""Of the package's archive, as npm has it."""
REGISTRY = "https://registry.npmjs.org"
TIMEOUT_SECONDS = 60
LARGEST_ARCHIVE = 1 << 28
FILES = (
    "ort.wasm.bundle.min.mjs",
    "ort-wasm-simd-threaded.wasm",
    "ort.webgpu.bundle.min.mjs",
    "ort-wasm-simd-threaded.asyncify.wasm",
)
"""Of its folder `dist`: what paints on the processor, and what paints on the GPU; browsers load one of the pairs."""


def runtime_files(folder: Path | None = None) -> list[Path]:
    """The files of FILES.

    Args:
        folder: of the package, or of its `dist`; fetched, and kept for the next time, if None.

    Raises:
        InputError: for a folder of anything else.
        VidstyleError: if it cannot be fetched, or is not what it should be.
    """
    if folder is None:
        folder = cached_runtime()
        if not folder.is_dir():
            _fetch(folder)
    dist = folder / "dist" if (folder / "dist").is_dir() else folder
    files = [dist / name for name in FILES]
    if missing := [file.name for file in files if not file.is_file()]:
        said = f"not the npm package {PACKAGE} {VERSION}, which has {missing[0]}"
        raise InputError(f"{parameter('runtime', str(folder))}: {said}")
    _check_version(dist.parent)
    return files


def cached_runtime() -> Path:
    """Where it is kept once it has been fetched."""
    return user_cache_path("vidstyle") / f"{PACKAGE}-{VERSION}"


def _check_version(package: Path) -> None:
    try:
        version = json.loads((package / "package.json").read_text()).get("version")
    except (OSError, ValueError, AttributeError):
        return  # files by themselves
    if version != VERSION:
        raise InputError(f"{parameter('runtime', str(package))}: is {PACKAGE} {version}; {VERSION} is needed")


def _fetch(folder: Path) -> None:
    """Fetch the package from its registry, and keep what is needed of it."""
    registry = os.environ.get("NPM_CONFIG_REGISTRY") or REGISTRY
    address = f"{registry.rstrip('/')}/{PACKAGE}/-/{PACKAGE}-{VERSION}.tgz"
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT_SECONDS) as answer:
            archive = answer.read(LARGEST_ARCHIVE)
    except (OSError, ValueError) as error:
        said = f"{address}: cannot be fetched ({reason(error)})"
        raise VidstyleError(f"{said}; name a folder with the package, with {parameter('runtime')}") from error
    if f"sha512-{base64.b64encode(hashlib.sha512(archive).digest()).decode()}" != INTEGRITY:
        raise VidstyleError(f"{address}: is not what it was when vidstyle was written; nothing of it is used")
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = PartFolder(folder, folder.parent)
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            for name in FILES:
                member = tar.extractfile(f"package/dist/{name}")
                if member is None:
                    raise VidstyleError(f"{address}: has no {name}")
                with (part.path / name).open("wb") as file:
                    shutil.copyfileobj(member, file)
        part.path.replace(folder)
    finally:
        part.discard()
