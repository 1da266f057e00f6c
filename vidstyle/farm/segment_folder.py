"""What of a video is painted already: its segments, in a hidden folder beside it, until they are joined."""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict

from vidstyle.batch import places
from vidstyle.batch.journal import SEGMENTS, hold_segments
from vidstyle.batch.records import Request, is_same, read_json
from vidstyle.farm.cuts import Bounds
from vidstyle.farm.painting_segments import Video, segment_name, state_name
from vidstyle.output_files import PREFIX

JOURNAL = "farm.json"


class SegmentFolder:
    """The segments of one video; on a disk, no other run has them until this is closed.

    Args:
        video: what they are of.
        request: what is asked for; segments of anything else are removed.
        segments: all that there are to be.

    Attributes:
        missing: those that no earlier run has left.

    Raises:
        InputError: if nothing can be written there, or another run paints the same.
        OSError, VidstyleError: if it cannot be read or emptied.
    """

    def __init__(self, video: Video, request: Request, segments: Sequence[Bounds]) -> None:
        self._video = video
        folder = places.on_disk(video.segments)
        self._handle = None if folder is None else hold_segments(folder, video.output)
        try:
            self.missing = self._missing(request, segments)
        except BaseException:
            self.close()
            raise

    def _missing(self, request: Request, segments: Sequence[Bounds]) -> list[Bounds]:
        folder, bounds = self._video.segments, [asdict(segment) for segment in segments]
        journal = places.joined(folder, JOURNAL)
        written = read_json(journal)
        if is_same(written.get("request"), request) and written.get("bounds") == bounds:
            return [segment for segment in segments if not self._is_painted(segment)]
        places.empty_folder(folder)
        places.write_text(journal, json.dumps({"request": request, "bounds": bounds}))
        return list(segments)

    def _is_painted(self, segment: Bounds) -> bool:
        left = places.exists(segment_name(self._video, segment.number))
        return left and (not segment.leads or places.exists(state_name(self._video, segment.number)))

    def remove(self) -> None:
        """All is joined."""
        places.remove_folder(self._video.segments)
        self.close()

    def close(self) -> None:
        """Let other runs go on; more than once does no harm."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def segments_name(output: str) -> str:
    """The folder for an output's segments, hidden beside it."""
    digest = hashlib.sha256(places.base(output).encode()).hexdigest()[:12]
    return places.joined(places.parent(output), f"{PREFIX}{digest}-{SEGMENTS}")
