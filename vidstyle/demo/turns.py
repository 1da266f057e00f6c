"""Whose frame is painted next: everyone who waits gets the same time of the painter, not the same number of turns.

Each has a clock that runs while they are painted, and whoever's shows least is next: fair queueing by virtual time, as
in Demers, Keshav and Shenker 1989 ("Analysis and simulation of a fair queueing algorithm", section 2).  Who costs three
times as much gets a third of the turns, and the others do not notice.
"""

import statistics
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Member = TypeVar("Member")

REMEMBERED, ENOUGH = 15, 5
"""Turns whose median is what one costs, and how many of them say so: a first one, or a busy moment, does not."""
MOST_CREDIT = 0.25
"""Seconds by which who comes back after a while is before the others; what was not used longer ago is lost."""
HEAVY = 2.0
"""How many times what the others cost a turn is worth a word."""


@dataclass
class _Account:
    """What somebody has had.

    Attributes:
        used: virtual seconds.
        costs: seconds of each of the last turns.
        pages: that they have open, which share all this.
    """

    used: float
    costs: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    pages: int = 1

    @property
    def cost(self) -> float | None:
        """Seconds of a turn; None while that is not known."""
        return statistics.median(self.costs) if len(self.costs) >= ENOUGH else None


class Turns(Generic[Member]):
    """Gives turns.  Not for several threads at a time."""

    def __init__(self) -> None:
        self._accounts: dict[Member, _Account] = {}
        self._now = 0.0  # virtual time: what whoever was painted last had used before

    def join(self, key: Member) -> None:
        """Somebody comes, and begins where the others are; or opens another page, and gets no more than before."""
        if key in self._accounts:
            self._accounts[key].pages += 1
        else:
            self._accounts[key] = _Account(self._now)

    def leave(self, key: Member) -> None:
        """Somebody goes, or closes one of their pages; nothing happens for who is not here."""
        account = self._accounts.get(key)
        if account is not None:
            account.pages -= 1
            if not account.pages:
                del self._accounts[key]

    def next(self, ready: Collection[Member]) -> Member | None:
        """Who of those who have a frame waiting is painted; None if there are none.

        Args:
            ready: in the order of their waiting, longest first, which decides between equals.
        """
        here = [key for key in ready if key in self._accounts]
        if not here:
            return None
        chosen = min(here, key=lambda key: max(self._accounts[key].used, self._now - MOST_CREDIT))
        account = self._accounts[chosen]
        account.used = max(account.used, self._now - MOST_CREDIT)
        self._now = max(self._now, account.used)
        return chosen

    def took(self, key: Member, seconds: float, *, is_typical: bool = True) -> None:
        """A turn is over.

        Args:
            key: whose.
            seconds: that it took.
            is_typical: whether later ones will take about as long.
        """
        account = self._accounts.get(key)
        if account is not None:
            account.used += seconds
            if is_typical:
                account.costs.append(seconds)

    def changed(self, key: Member) -> None:
        """Somebody has chosen another style: what a turn costs is not known again."""
        if key in self._accounts:
            self._accounts[key].costs.clear()

    def times_others(self, key: Member) -> float:
        """How many times what the median of the others costs a turn of somebody takes; 1 while that is not known."""
        account = self._accounts.get(key)
        others = [cost for other, one in self._accounts.items() if other != key and (cost := one.cost)]
        cost = account.cost if account is not None else None
        if cost is None or not others:
            return 1.0
        return cost / statistics.median(others)

    def notice(self, key: Member) -> str:
        """What somebody should know who gets fewer turns than the others; empty otherwise."""
        times = self.times_others(key)
        if times < HEAVY:
            return ""
        return (
            f"This style takes {times:.0f} times as long as those of the others here, so yours is painted less often."
        )
