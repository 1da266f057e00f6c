"""Who knows the password, and how long one has to wait after wrong ones."""

import base64
import binascii
import logging
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from vidstyle.demo.connections import subscriber_of

log = logging.getLogger(__name__)

FREE_GUESSES = 5
"""Wrong passwords that cost nothing; people mistype."""
FIRST_PAUSE = 1.0
"""Seconds after the sixth; every further one doubles it."""
LONGEST_PAUSE = {"address": 900.0, "user": 30.0}
"""Seconds.  Short for a name, since whoever it belongs to waits as well."""
MOST_REMEMBERED = 10_000
"""Addresses and names; the one that was heard of longest ago is forgotten."""
FORGIVEN_SECONDS = 3600.0
LOG_SECONDS = 60.0


@dataclass
class _Guesser:
    wrong: int = 0
    until: float = 0.0
    last: float = 0.0


class Passwords:
    """Tells right from wrong, more and more slowly.

    Args:
        auth: USER:PASSWORD.
        clock: seconds that only grow.
    """

    def __init__(self, auth: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._auth, self._clock = auth.encode(), clock
        self._guessers: OrderedDict[tuple[str, str], _Guesser] = OrderedDict()
        self._lock = threading.Lock()
        self._unsaid: OrderedDict[str, int] = OrderedDict()
        self._said = -LOG_SECONDS

    def pause(self, authorization: str, address: str) -> float:
        """Seconds for which whoever sends this need not try; their password is not looked at before.

        Args:
            authorization: the header.
            address: where it comes from; of IPv6, all of a household count as one.
        """
        now = self._clock()
        with self._lock:
            known = [self._guessers[key] for key in _keys(_said(authorization), address) if key in self._guessers]
            return max(0.0, max((guesser.until - now for guesser in known), default=0.0))

    def knows(self, authorization: str, address: str) -> bool:
        """Whether a header holds the right name and password; a wrong one is remembered."""
        said = _said(authorization)
        if said is not None and secrets.compare_digest(said, self._auth):
            with self._lock:
                for key in _keys(said, address):
                    self._guessers.pop(key, None)
            return True
        if authorization:
            self._remember(_keys(said, address), address)
        return False

    def _remember(self, keys: list[tuple[str, str]], address: str) -> None:
        now = self._clock()
        with self._lock:
            for key in keys:
                guesser = self._guessers.setdefault(key, _Guesser())
                if now - guesser.last > FORGIVEN_SECONDS:
                    guesser.wrong = 0
                guesser.wrong, guesser.last = guesser.wrong + 1, now
                if guesser.wrong > FREE_GUESSES:
                    doubled = FIRST_PAUSE * 2.0 ** min(20, guesser.wrong - FREE_GUESSES - 1)
                    guesser.until = now + min(LONGEST_PAUSE[key[0]], doubled)
                self._guessers.move_to_end(key)
            while len(self._guessers) > MOST_REMEMBERED:
                self._guessers.popitem(last=False)
            self._unsaid[address] = self._unsaid.get(address, 0) + 1
            if now - self._said < LOG_SECONDS:
                if len(self._unsaid) > MOST_REMEMBERED:
                    self._unsaid.popitem(last=False)
                return
            unsaid, self._unsaid, self._said = self._unsaid, OrderedDict(), now
        worst = max(unsaid, key=lambda key: unsaid[key])
        others = f" and {len(unsaid) - 1} other addresses" if len(unsaid) > 1 else ""
        count = sum(unsaid.values())
        log.warning("vidstyle: %d wrong password%s, from %s%s", count, "" if count == 1 else "s", worst, others)


def _said(authorization: str) -> bytes | None:
    """NAME:PASSWORD of a header, None if it is another one or none."""
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(given.strip(), validate=True)
    except (binascii.Error, ValueError):  # the latter for letters that are not Latin
        return None


def _keys(said: bytes | None, address: str) -> list[tuple[str, str]]:
    user = [] if said is None else [("user", said.partition(b":")[0][:80].decode("latin-1"))]
    return [("address", subscriber_of(address)), *user]
