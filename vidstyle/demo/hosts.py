"""By which names the demo is asked for, and what a proxy in front of it says about who asks."""

import ipaddress
import socket
from collections.abc import Iterable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers

Scope = MutableMapping[str, Any]

FORWARDED = "x-forwarded-"
TOLD_BY_PROXIES = {"forwarded", "x-real-ip"}
"""Besides everything that begins with FORWARDED."""
ANY_NAME = "*"


class Hosts:
    """The names that are ours.

    A page of somebody else's, at a name that is made to lead here, would be of one origin with ours for the browser
    ("DNS rebinding").  It is known by its `Host`.

    Args:
        listening: the address or the name that the demo listens on.
        allowed: further names, as in DemoSettings.allow_host; ANY_NAME is all of them.
    """

    def __init__(self, listening: str, allowed: Iterable[str] = ()) -> None:
        self._names = {"localhost", listening.lower(), *(name.lower().rstrip(".") for name in allowed)}
        address = _address(listening)
        self._everywhere = address is not None and address.is_unspecified
        self._loopback = listening.lower() == "localhost" or (address is not None and address.is_loopback)
        if self._everywhere:
            own = socket.gethostname().lower()
            self._names |= {own, f"{own.partition('.')[0]}.local"}

    def allow(self, name: str) -> None:
        """Answer to one more name."""
        self._names.add(name.lower())

    def knows(self, host: str | None) -> bool:
        """Whether a `Host` header, with or without a port, is a name of ours; addresses cannot be made to lead here."""
        name = host_name(host)
        if name is None:
            return False
        if name in self._names or ANY_NAME in self._names:
            return True
        address = _address(name)
        return address is not None and (self._everywhere or (self._loopback and address.is_loopback))


def host_name(host: str | None) -> str | None:
    """The name in a `Host` header in small letters, without port, brackets and last dot; None if there is none."""
    try:
        parts = urlsplit(f"//{host or ''}")
        return (parts.hostname or "").rstrip(".") or None if parts.netloc == host and "@" not in host else None
    except ValueError:
        return None


def same_origin(origin: str, host: str | None) -> bool:
    """Whether an `Origin` header names the host that was asked."""
    try:
        return urlsplit(origin).netloc.lower() == (host or "").lower() != ""
    except ValueError:
        return False


def as_seen(scope: Scope, *, behind_proxy: bool) -> Scope:
    """A connection as the visitor sees it.

    What a proxy adds anybody can send.  So it is taken at its word only if there is one, and otherwise taken out, since
    Gradio believes it.  Of several entries the last one counts, which the nearest proxy wrote.

    Args:
        scope: of an http or websocket connection.
        behind_proxy: whether every connection comes from a proxy.
    """
    headers = [(name, value) for name, value in scope["headers"] if not _is_told_by_proxies(name)]
    seen = {**scope, "headers": headers}
    if not behind_proxy:
        return seen
    told = Headers(scope=scope)
    if client := _last(told, "for"):
        seen["client"] = (client, 0)
    if (scheme := _last(told, "proto")) in {"http", "https"}:
        secure = scheme == "https"
        names = ("wss", "ws") if scope["type"] == "websocket" else ("https", "http")
        seen["scheme"] = names[0] if secure else names[1]
    if host := _last(told, "host"):
        seen["headers"] = [(n, v) for n, v in headers if n != b"host"] + [(b"host", host.encode("latin-1"))]
    return seen


def _is_told_by_proxies(name: bytes) -> bool:
    text = name.decode("latin-1").lower()
    return text.startswith(FORWARDED) or text in TOLD_BY_PROXIES


def _last(told: Headers, what: str) -> str:
    entries = ",".join(told.getlist(FORWARDED + what))
    return entries.rpartition(",")[2].strip()


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None
