"""Tags of a file: which of them hold for a copy, and which a container has a place for."""

from __future__ import annotations

import io
from collections.abc import Mapping

import av
import numpy as np
from av.video.frame import VideoFrame

STALE_TAGS = ("duration", "bps", "number_of_", "_statistics_", "encoder", "vendor_id", "alpha_mode", "software")
"""Beginnings of the names of tags that were true of the old file only."""
OWN_TAGS = frozenset({"major_brand", "minor_version", "compatible_brands", "timecode"})
"""What muxers write by themselves."""
PHONE_TAGS = ("com.apple.quicktime.", "com.android.")
"""Beginnings of tags that MOV and MP4 keep under their own names only."""
CAMERA_TAGS = frozenset({"make", "model"})
"""Which MOV has a place for, and MP4 keeps under their own names only."""
UNDER_OWN_NAMES = "+use_metadata_tags"
"""Flag of the muxer of MOV and MP4; Apple's players look for titles elsewhere, so that it is set only where it must."""
CHOOSY = frozenset({"mp4", "mov", "ipod", "mpegts"})
"""Containers that take certain tags only, and let others go without a word."""


TAGLESS = frozenset({"gif", "apng", "webp", "avif"})
"""Those that have no place for any."""


def lasting_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Those tags of a file or track that hold for a copy that is encoded anew or shorter."""
    return {name: tag for name, tag in tags.items() if not name.lower().startswith(STALE_TAGS)}


def under_own_names(container: str, tags: Mapping[str, str]) -> bool:
    """Whether tags need UNDER_OWN_NAMES to be kept by a container, which is FFmpeg's name of it."""
    if container not in {"mp4", "mov", "ipod"}:
        return False
    cameras = container != "mov" and any(name.lower() in CAMERA_TAGS for name in tags)
    return cameras or any(name.startswith(PHONE_TAGS) for name in tags)


def lost_tags(container: str, tags: Mapping[str, str]) -> list[str]:
    """The names of the tags that a container has no place for, which shows when they are read back.

    Args:
        container: FFmpeg's name of it.
        tags: to be written; with UNDER_OWN_NAMES if they need it.
    """
    if container in TAGLESS:
        return sorted(tags)
    if container not in CHOOSY or not tags:
        return []
    flags = {"movflags": UNDER_OWN_NAMES} if under_own_names(container, tags) else {}
    file = io.BytesIO()
    with av.open(file, "w", format=container, container_options=flags) as trial:
        trial.metadata.update(tags)
        stream = trial.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.width = stream.height = 16
        trial.mux(stream.encode(VideoFrame.from_ndarray(np.zeros((24, 16), np.uint8), "yuv420p")))
        trial.mux(stream.encode(None))
    file.seek(0)
    with av.open(file, metadata_errors="replace") as read:
        kept = {_plain(name) for name in read.metadata}
    return sorted(name for name in tags if _plain(name) not in kept)


def _plain(name: str) -> str:
    """A name in small letters, without the language that may follow it."""
    return name.lower().partition("-")[0]
