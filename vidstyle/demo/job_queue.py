"""Who waits to have a file painted."""

import math
import threading
import time
from dataclasses import dataclass

from vidstyle.errors import InputError

MOST_PAINTINGS_OF_ONE_VISITOR = 2
"""Places that one visitor may have, with however many pages."""
ABSENT_SECONDS = 20.0
"""After which somebody in the queue who did not ask how it goes has left."""


@dataclass(eq=False, frozen=True)
class Ticket:
    """A place in a queue, and whose it is."""

    owner: object


class JobQueue:
    """Who waits to have a file painted: first come, first served, one at a time.

    Args:
        most: who may wait; whoever comes then is sent away.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._seen: dict[Ticket, float] = {}  # in the order of their coming; when each was here last
        self._lock = threading.Lock()

    def join(self, owner: object) -> Ticket:
        """A place.  Raises InputError if too many wait, or as many of the same owner's as there may be."""
        ticket = Ticket(owner)
        with self._lock:
            self._drop_absent()
            if sum(other.owner is owner for other in self._seen) >= MOST_PAINTINGS_OF_ONE_VISITOR:
                raise InputError("Two of your paintings are under way or waiting; begin this one when one is done.")
            if len(self._seen) > self._most:
                raise InputError("Too many paintings are waiting for their turn; try again in a while.")
            self._seen[ticket] = time.monotonic()
        return ticket

    def before(self, ticket: Ticket) -> int:
        """How many are before a ticket, which is kept in the queue by asking."""
        with self._lock:
            if ticket in self._seen:
                self._seen[ticket] = time.monotonic()
            self._drop_absent()
            return list(self._seen).index(ticket) if ticket in self._seen else len(self._seen)

    def begin(self, ticket: Ticket) -> None:
        """Stay in front until `leave`, without asking."""
        with self._lock:
            self._seen[ticket] = math.inf

    def leave(self, ticket: Ticket) -> None:
        """Make room."""
        with self._lock:
            self._seen.pop(ticket, None)

    def _drop_absent(self) -> None:
        latest = time.monotonic() - ABSENT_SECONDS
        self._seen = {ticket: seen for ticket, seen in self._seen.items() if seen > latest}
