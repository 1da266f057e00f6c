"""A picture in parts that overlap, so that a large one can be painted in the memory of a small one."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class CellTile:
    """A part of cells (1, h, w, K) that have a margin around them.

    Attributes:
        rows, columns: of the part.
        seen_rows, seen_columns: of the part and as much around it as its painting depends on, as far as there is any.
        margin: around the whole.
    """

    rows: slice
    columns: slice
    seen_rows: slice
    seen_columns: slice
    margin: int

    def seen(self, cells: Tensor) -> Tensor:
        """The part with its surroundings, of all cells with their margin; a view."""
        return cells[:, self.seen_rows, self.seen_columns]

    def own(self, cells: Tensor) -> Tensor:
        """The part alone, of all cells with their margin; a view."""
        return cells[:, self.rows, self.columns]

    def place(self, cells: Tensor) -> Tensor:
        """The part, of all cells without their margin; a view."""
        return cells[:, _shifted(self.rows, self.margin), _shifted(self.columns, self.margin)]

    def without_surroundings(self, seen: Tensor) -> Tensor:
        """The part, of what has been made of `seen`; a view."""
        return seen[:, _shifted(self.rows, self.seen_rows.start), _shifted(self.columns, self.seen_columns.start)]


def cell_tiles(
    height: int, width: int, margin: int, *, side: int, reach: int, alignment: int = 1
) -> Iterator[CellTile]:
    """All parts of (height, width) cells, whose outermost `margin` on each side is only looked at.

    Args:
        height, width, margin: cells.
        side: of the parts, at the most.
        reach: how far a part's painting depends on what is around it.
        alignment: what is seen begins and ends at multiples of so many cells, or where there are no more.
    """
    # Where the picture ends, what is seen ends as well: the network finds the same border.
    for rows in _spans(margin, height - margin, side):
        seen_rows = _widened(rows, reach, height, alignment)
        for columns in _spans(margin, width - margin, side):
            yield CellTile(rows, columns, seen_rows, _widened(columns, reach, width, alignment), margin)


def _spans(start: int, end: int, most: int) -> Iterator[slice]:
    """From `start` to `end` in even spans of at most `most`, so that none is a sliver."""
    count = -(-(end - start) // most)
    step = -(-(end - start) // count)
    for begin in range(start, end, step):
        yield slice(begin, min(end, begin + step))


def _widened(span: slice, reach: int, end: int, alignment: int) -> slice:
    start, stop = max(0, span.start - reach), span.stop + reach
    return slice(start - start % alignment, min(end, stop + -stop % alignment))


def _shifted(span: slice, origin: int) -> slice:
    return slice(span.start - origin, span.stop - origin)
