"""Styles that others have published: `hf://USER/REPO/FILE`, fetched by huggingface_hub and kept by it."""

import os
import re
from functools import lru_cache
from pathlib import Path

from vidstyle.errors import InputError, VidstyleError, parameter, reason

SCHEME = "hf://"
_NAME = re.compile(r"hf://([\w.-]+)/([\w.-]+)/([\w./-]+\.safetensors)(?:@([\w./-]+))?")


def is_on_hub(style: str) -> bool:
    """Whether a style is named so."""
    return style.startswith(SCHEME)


@lru_cache(maxsize=64)
def fetched(style: str) -> Path:
    """The file of a style on the hub, on this machine.

    Args:
        style: `hf://USER/REPO/FILE.safetensors`, with `@REVISION` behind it or at its newest one.

    Raises:
        InputError: for another kind of name, and what is not there.
        VidstyleError: if it cannot be fetched.
    """
    match = _NAME.fullmatch(style)
    if match is None or ".." in match[3].split("/"):
        raise InputError(f"{parameter('style', style)}: takes hf://USER/REPO/FILE.safetensors, or that and @REVISION")
    user, repository, file, revision = match.groups()
    try:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError, RepositoryNotFoundError
    except ImportError as error:
        raise VidstyleError(f"{style}: huggingface_hub is not here; pip install 'vidstyle[hub]'") from error
    try:
        endpoint = os.environ.get("HF_ENDPOINT") or None
        return Path(hf_hub_download(f"{user}/{repository}", file, revision=revision, endpoint=endpoint))
    except LocalEntryNotFoundError as error:
        raise VidstyleError(f"{style}: cannot be fetched, and was not before ({_first_line(error)})") from error
    except (EntryNotFoundError, RepositoryNotFoundError) as error:
        raise InputError(f"{style}: there is no such file on the hub") from error
    except Exception as error:  # whatever networks do
        raise VidstyleError(f"{style}: cannot be fetched ({_first_line(error)})") from error


def pinned(style: str) -> str:
    """A style's name with the revision that it was fetched at, under which the same file will always be found."""
    path = fetched(style)
    parts = path.parts
    if "snapshots" not in parts:
        return style
    return f"{style.partition('@')[0]}@{parts[parts.index('snapshots') + 1]}"


def _first_line(error: Exception) -> str:
    return reason(error).partition(". ")[0][:200]
