"""What of a long video is finished: its segments, in a hidden folder beside it, until they are joined."""

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from vidstyle.batch.records import Request, is_same, read_json
from vidstyle.errors import InputError, reason
from vidstyle.output_files import hold_folder, part_prefix, written_beside

SEGMENTS = "segments"
"""End of the folder's name."""
JOURNAL = "journal.json"


@dataclass(frozen=True)
class Finished:
    """A segment that is painted.

    Attributes:
        number: from 0 on.
        frames: in it.
        following: pts of the first frame after it, None if it is the last one.
        anywhere: whether what follows can be decoded by itself, see FileSource.can_begin_anywhere.
        unreadable_from: see FileSource.
    """

    number: int
    frames: int
    following: int | None
    anywhere: bool = False
    unreadable_from: float | None = None


class Journal:
    """The segments of one output.

    Args:
        output: the video that they will be joined to.
        request: what is asked for; segments of anything else are removed.

    Attributes:
        finished: segments in order, without a gap.

    Raises:
        InputError: if nothing can be written there, or another run paints the same.
    """

    def __init__(self, output: Path, request: Request) -> None:
        self._request = request
        self.folder = segments_folder(output)
        self.finished: list[Finished] = []
        self._handle = hold_segments(self.folder, output, mode=0o700)
        self._load()

    def _load(self) -> None:
        written = read_json(str(self.folder / JOURNAL))
        if is_same(written.get("request"), self._request):
            with contextlib.suppress(TypeError, ValueError):
                for line in written.get("finished", ()):
                    segment = Finished(**line)
                    if segment.number != len(self.finished) or not self.path(segment.number).is_file():
                        break
                    self.finished.append(segment)
        if self.finished and self.finished[-1].following is not None and not self.state_path.is_file():
            self.finished.clear()
        kept = {self.path(segment.number) for segment in self.finished} | {self.folder / JOURNAL}
        if self.finished:
            kept.add(self.state_path)
        for path in self.folder.iterdir():
            if path not in kept:
                path.unlink(missing_ok=True)

    def path(self, number: int) -> Path:
        """The file of a segment."""
        return self.folder / f"{number:06}.packets"

    @property
    def state_path(self) -> Path:
        """Where the state of the stream is after the last finished segment."""
        return self.folder / f"{len(self.finished) - 1:06}.state.npz"

    @property
    def frames(self) -> int:
        """That are finished."""
        return sum(segment.frames for segment in self.finished)

    def note(self, segment: Finished) -> None:
        """A segment is finished, and the state after it written."""
        self.finished.append(segment)
        with written_beside(self.folder / JOURNAL) as partial:
            partial.write_text(json.dumps({"request": self._request, "finished": list(map(asdict, self.finished))}))
        for path in self.folder.glob("*.state.npz"):
            if path != self.state_path:
                path.unlink(missing_ok=True)

    @property
    def segments(self) -> Iterator[Path]:
        """The files of all finished segments."""
        return (self.path(segment.number) for segment in self.finished)

    def remove(self) -> None:
        """All is joined."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.close()

    def close(self) -> None:
        """Let others go on; without a finished segment nothing is left."""
        if not self.finished and self._handle is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def hold_segments(folder: Path, output: Path | str, *, mode: int = 0o777) -> int | None:
    """Make the folder of an output's segments, and keep other runs from it; see vidstyle.output_files.hold_folder.

    Raises:
        InputError: if nothing can be written there, or another run paints the same.
    """
    try:
        return hold_folder(folder, InputError(f"{output}: is being painted by another run"), mode=mode, parents=True)
    except OSError as error:
        raise InputError(f"{output}: cannot write there: {reason(error)}") from error


def segments_folder(output: Path) -> Path:
    """Where the segments of an output are."""
    return output.parent / f"{part_prefix(output)}{SEGMENTS}"
