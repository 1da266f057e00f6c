"""Connections: how many there may be, and how long one may keep the server waiting.

uvicorn waits for ever for a request that has begun, and accepts connections until there are no descriptors left.
"""

import asyncio
import ipaddress
import logging
import time
from collections import Counter
from collections.abc import Callable
from errno import EMFILE, ENFILE
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_CONNECTIONS = 1000
"""In all."""
MOST_OF_ONE_ADDRESS = 100
"""A browser has six and two websockets; a school may be behind one address."""
BACKLOG = 64
"""Connections that wait to be accepted; asyncio accepts as many in one go, before any can be turned away."""
RESERVED_DESCRIPTORS = 150
"""For files, devices and what paints."""
FIRST_PATIENCE = 20.0
"""Seconds within which a request has to begin to come."""
BYTES_A_SECOND = 500
"""Each so many bytes that come earn a second more, up to FIRST_PATIENCE: the rule and the numbers of Apache's
mod_reqtimeout."""
UNREAD_SECONDS = 120.0
"""After which somebody who takes nothing of an answer gets no more of it."""
LOOK_SECONDS = 1.0


class Connections:
    """All connections of a server.

    Args:
        most: in all; MOST_CONNECTIONS, or as many as there are descriptors for.
        most_of_one: from one address (of IPv6, one network of a house); None where all come from one proxy.
    """

    def __init__(self, most: int | None = None, most_of_one: int | None = MOST_OF_ONE_ADDRESS) -> None:
        self.most = _affordable() if most is None else most
        self._most_of_one = most_of_one
        # A websocket goes on with a protocol of its own, so what is open is known by the transports.
        self._open: dict[asyncio.Transport, str] = {}
        self._of_address: Counter[str] = Counter()
        self._waited_for: set[BoundedProtocol] = set()
        self._looking = False

    def protocol(self, *arguments: Any, **options: Any) -> "BoundedProtocol":
        """Makes uvicorn's protocol of one connection."""
        return BoundedProtocol(self, *arguments, **options)

    def admit(self, protocol: "BoundedProtocol", transport: asyncio.Transport) -> bool:
        """Whether there is room for one more connection."""
        peer = transport.get_extra_info("peername")
        address = subscriber_of(str(peer[0])) if peer else ""
        if self._is_full(address):
            self._drop_closed()
            if self._is_full(address):
                return False
        self._open[transport] = address
        self._of_address[address] += 1
        self._waited_for.add(protocol)
        if not self._looking:
            self._looking = True
            protocol.loop.call_later(LOOK_SECONDS, self._look, protocol.loop)
        return True

    def forget(self, protocol: "BoundedProtocol") -> None:
        """It has ended, or has become a websocket."""
        self._waited_for.discard(protocol)

    def _is_full(self, address: str) -> bool:
        most_of_one = self._most_of_one or self.most
        return len(self._open) >= self.most or self._of_address[address] >= most_of_one

    def _drop_closed(self) -> None:
        for transport in [transport for transport in self._open if transport.is_closing()]:
            address = self._open.pop(transport)
            self._of_address[address] -= 1
            if not self._of_address[address]:
                del self._of_address[address]

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._drop_closed()
        for protocol in list(self._waited_for):
            protocol.lose_patience(LOOK_SECONDS)
        self._looking = bool(self._open)
        if self._looking:
            loop.call_later(LOOK_SECONDS, self._look, loop)


class BoundedProtocol(H11Protocol):
    """uvicorn's, with an end to its patience."""

    def __init__(self, connections: Connections, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._all = connections
        self._patience = FIRST_PATIENCE
        self._unread, self._unread_for = 0, 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Turn it away where there is no room."""
        super().connection_made(transport)
        if not self._all.admit(self, transport):
            transport.write(
                b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            )
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """It has ended."""
        self._all.forget(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Every byte is worth some patience."""
        self._patience = min(FIRST_PATIENCE, self._patience + len(data) / BYTES_A_SECOND)
        if not self.transport.is_closing():
            super().data_received(data)

    def on_response_complete(self) -> None:
        """The next request has as much time as the first one."""
        self._patience = FIRST_PATIENCE
        super().on_response_complete()

    def handle_websocket_upgrade(self, event: Any) -> None:
        """Websockets look after themselves: who does not answer a ping is gone."""
        self._all.forget(self)
        super().handle_websocket_upgrade(event)

    def lose_patience(self, seconds: float) -> None:
        """`seconds` have passed; end the connection if it is waited for in vain."""
        if self.transport.is_closing():
            return
        answering = self.cycle is not None and not self.cycle.response_complete
        if not answering or (self.cycle.more_body and not self.flow.read_paused):
            self._patience -= seconds
            if self._patience <= 0:
                self.transport.abort()
                return
        unread = self.transport.get_write_buffer_size()
        self._unread_for = self._unread_for + seconds if unread and unread == self._unread else 0.0
        self._unread = unread
        if self._unread_for >= UNREAD_SECONDS:
            self.transport.abort()


def subscriber_of(address: str) -> str:
    """Whom an address belongs to: itself, and of IPv6 the first 64 bits, of which one household has all the rest."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(known, ipaddress.IPv4Address):
        return address
    return str(known.ipv4_mapped or ipaddress.ip_network((int(known) >> 64 << 64, 64)))


def _affordable() -> int:
    """Connections that there are descriptors for, after asking for as many as may be had."""
    try:
        import resource
    except ImportError:  # Windows
        return MOST_CONNECTIONS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + BACKLOG + RESERVED_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    return max(8, min(MOST_CONNECTIONS, soft - BACKLOG - RESERVED_DESCRIPTORS))


class OutOfDescriptors(logging.Filter):
    """Says that there are no descriptors left once a second, in a line, rather than with a traceback every time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock, self._said = clock, -LOOK_SECONDS

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is logged; its traceback is taken out."""
        error = record.exc_info[1] if record.exc_info else None
        while error is not None and not (isinstance(error, OSError) and error.errno in {EMFILE, ENFILE}):
            error = error.__cause__ or error.__context__
        if error is None:
            return True
        now = self._clock()
        if now - self._said < LOOK_SECONDS:
            return False
        self._said = now
        record.msg, record.args = "vidstyle: too many files and connections are open (ulimit -n)", ()
        record.exc_info = record.exc_text = None
        return True
