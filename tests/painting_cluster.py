"""A cluster of one worker in this process, which paints: what the driver does with files, without Ray's processes."""

import itertools
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from vidstyle.errors import VidstyleError
from vidstyle.farm.painting_segments import SegmentPainter, Video


class PaintingCluster:
    """Stands for the module `ray`, as far as the driver uses it; a step is done when its result is taken.

    Args:
        before, after: called with the name of each step and its video; what they raise ends the driver's run.

    Attributes:
        done: names of steps and of sources' files, in their order.
    """

    def __init__(
        self,
        *,
        before: Callable[[str, Video], None] = lambda *_: None,
        after: Callable[[str, Video], None] = lambda *_: None,
    ) -> None:
        self.exceptions = SimpleNamespace(RayActorError=_LostError, RayError=_LostError)
        self.done: list[tuple[str, str]] = []
        self._before, self._after = before, after
        self._painter = SegmentPainter()
        self._calls: dict[int, tuple[str, Video, tuple[Any, ...]]] = {}
        self._numbers = itertools.count()

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Alive": True, "Resources": {"CPU": 1}}]

    def remote(self, **_: Any) -> Any:
        return lambda _actor: SimpleNamespace(
            remote=lambda _cores: SimpleNamespace(do=SimpleNamespace(remote=self._call))
        )

    def wait(self, references: Sequence[int], **_: Any) -> tuple[list[int], list[int]]:
        return [references[0]], []

    def get(self, reference: int) -> Any:
        step, video, arguments = self._calls.pop(reference)
        self._before(step, video)
        try:
            result = getattr(self._painter, step)(video, *arguments)
        except VidstyleError as error:
            return error
        self.done.append((step, video.source.rpartition("/")[2]))
        self._after(step, video)
        return result

    def kill(self, _: Any) -> None:
        self._painter.close()

    def _call(self, step: str, video: Video, *arguments: Any) -> int:
        reference = next(self._numbers)
        self._calls[reference] = step, video, arguments
        return reference


class _LostError(Exception):
    """Nobody is lost here."""
