"""The door: what every request passes before anything answers it."""

import logging
import math
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.responses import PlainTextResponse, Response

from vidstyle.demo.connections import MOST_OF_ONE_ADDRESS, subscriber_of
from vidstyle.demo.hosts import Hosts, as_seen, same_origin
from vidstyle.demo.passwords import Passwords
from vidstyle.demo.settings import MEGABYTE
from vidstyle.demo.visitors import Visitor, Visitors

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

log = logging.getLogger(__name__)

EVENTS = "/gradio_api/"
"""Where browsers tell Gradio what was done on the page."""
ROUTES = re.compile(
    r"/|/config/?|/theme\.css|/favicon\.ico|/manifest\.json|/pwa_icon(/\d+)?|/(assets|static)/.+|/vidstyle/.+"
    rf"|{EVENTS}(startup-events|app_id|theme\.css|info|queue/(join|data)|run/predict|heartbeat/\w+|cancel|reset|login_check)/?"
)
"""What the page uses.  Gradio has more routes, for files, streams and proxies; the demo needs none of them, and what
does not answer gives nothing away."""
UPLOADS = "/vidstyle/upload/"
"""Where bodies may be large; they are counted there, and go to the disk."""
WELCOMED = re.compile(rf"/|/vidstyle/here|{UPLOADS}.*")
"""Who comes here without a cookie gets one: pages, and what is kept.  To everything else, strangers are nobody."""
INTERNAL_ERROR = 500
LONGEST_LINE = 200
"""Characters in the log of what somebody else has written."""
LARGEST_BODY = MEGABYTE
"""Bytes of any other, which is in memory and is parsed before anybody looks at it."""


class Guard:
    """ASGI middleware: names, password, origin, routes, the cookie that tells visitors apart, headers for browsers.

    The visitor is in `scope["state"]["visitor"]` from then on.

    Args:
        app: what answers those who may pass.
        visitors: who is here.
        cookie: name of the cookie.
        hosts: names that the demo answers to.
        auth: USER:PASSWORD, or None for everyone.
        embed: hosts whose pages may frame this one.
        behind_proxy: whether to believe `X-Forwarded-*`.
    """

    def __init__(
        self,
        app: App,
        visitors: Visitors,
        *,
        cookie: str,
        hosts: Hosts,
        auth: str | None = None,
        embed: Iterable[str] = (),
        behind_proxy: bool = False,
    ) -> None:
        self._app, self._visitors, self._cookie, self._hosts = app, visitors, cookie, hosts
        self._small = RequestBodyLimitMiddleware(app, LARGEST_BODY)
        self._passwords = None if auth is None else Passwords(auth)
        self._policy, self._embedded = content_security_policy(embed), bool(tuple(embed))
        self._behind_proxy = behind_proxy
        self._at_once: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        scope = as_seen(scope, behind_proxy=self._behind_proxy)
        headers = Headers(scope=scope)
        visitor = self._visitors.find(_cookie(headers, self._cookie))
        address = (scope.get("client") or ("nowhere",))[0]
        refusal = self._refusal(scope, headers, visitor, address)
        if refusal is not None:
            await _refuse(scope, receive, self._with_headers(send), refusal)
            return
        new = None
        if visitor is None and WELCOMED.fullmatch(scope["path"]):
            new, visitor = self._visitors.welcome()
            new += self._cookie_terms(scope)
        elif visitor is None:
            visitor = self._visitors.stranger()
        visitor.admitted = True
        scope.setdefault("state", {})["visitor"] = visitor
        visitor.open_requests += 1
        network = subscriber_of(address)
        self._at_once[network] += 1
        app = self._app if scope["path"].startswith(UPLOADS) else self._small
        sending = self._with_headers(send, new)
        try:
            if scope["path"].startswith(EVENTS):
                await _understood(app, scope, receive, sending)
            else:
                await app(scope, receive, sending)
        finally:
            visitor.open_requests -= 1
            visitor.last_seen = time.monotonic()
            self._at_once[network] -= 1
            if not self._at_once[network]:
                del self._at_once[network]

    def _refusal(self, scope: Scope, headers: Headers, visitor: Visitor | None, address: str) -> Response | None:
        """Why this connection may not pass, None if it may."""
        if not self._hosts.knows(headers.get("host")):
            return PlainTextResponse("vidstyle: not under this name; --allow-host NAME adds one", 421)
        if self._at_once[subscriber_of(address)] >= MOST_OF_ONE_ADDRESS:
            return PlainTextResponse("vidstyle: too many requests at a time", 503, {"Retry-After": "5"})
        if self._passwords is not None and not (visitor is not None and visitor.admitted):
            said = headers.get("authorization", "")
            if said and (pause := self._passwords.pause(said, address)):
                wait = {"Retry-After": str(math.ceil(pause))}
                return PlainTextResponse("vidstyle: too many wrong passwords; wait a while", 429, wait)
            if not self._passwords.knows(said, address):
                ask = {"WWW-Authenticate": 'Basic realm="vidstyle", charset="UTF-8"'}
                return PlainTextResponse("vidstyle: name and password, please", 401, ask)
        reads_only = scope["type"] == "http" and scope["method"] in {"GET", "HEAD"}
        origin = headers.get("origin")
        # Pages of others may make a browser send our cookie along, but not hide where they are from.
        if not reads_only and origin is not None and not same_origin(origin, headers.get("host")):
            return PlainTextResponse("vidstyle: not from another site", 403)
        if not ROUTES.fullmatch(scope["path"]):
            return PlainTextResponse("vidstyle: nothing here", 404)
        return None

    def _cookie_terms(self, scope: Scope) -> str:
        # Scripts need not read it.  In the frame of another site's page browsers send it over https only.
        framed = self._embedded and scope["scheme"] in {"https", "wss"}
        return "; Path=/; HttpOnly; " + ("SameSite=None; Secure; Partitioned" if framed else "SameSite=Lax")

    def _with_headers(self, send: Send, new: str | None = None) -> Send:
        async def sending(message: MutableMapping[str, Any]) -> None:
            if message["type"] in {"http.response.start", "websocket.accept"}:
                headers = MutableHeaders(scope=message)
                if message["type"] == "http.response.start":
                    headers.setdefault("Content-Security-Policy", self._policy)
                    headers.setdefault("X-Content-Type-Options", "nosniff")
                    headers.setdefault("Referrer-Policy", "same-origin")
                if new is not None:
                    headers.append("set-cookie", f"{self._cookie}={new}")
            await send(message)

        return sending


def content_security_policy(embed: Iterable[str] = ()) -> str:
    """What the page may load and do, and who may frame it: nothing from elsewhere, and nobody but `embed`.

    Gradio has scripts in its page, and makes functions of the `js` of its events.

    Args:
        embed: hosts, such as `https://example.org`.
    """
    return "; ".join(
        (
            "default-src 'self'",
            "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "media-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self' data: blob:",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            " ".join(("frame-ancestors 'self'", *embed)),
        )
    )


async def _understood(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """Let Gradio answer; what it makes nothing of, though it does not say so, is a line in the log.

    It raises KeyError and the like for events that are not on the page.  What the page's own functions raise does not
    come by here, and keeps its traceback.
    """
    begun = False
    held: list[MutableMapping[str, Any]] = []

    async def sending(message: MutableMapping[str, Any]) -> None:
        nonlocal begun
        # It answers that it has failed, and fails then.
        if held or message.get("status") == INTERNAL_ERROR:
            held.append(message)
        else:
            begun = True
            await send(message)

    try:
        await app(scope, receive, sending)
    except Exception as error:
        said = " ".join(str(error).split())[:LONGEST_LINE]
        log.warning("%s: not understood: %s: %s", scope["path"], type(error).__name__, said)
        if not begun:
            await PlainTextResponse("vidstyle: not understood", 400)(scope, receive, send)
        return
    for message in held:
        await send(message)


def _cookie(headers: Headers, name: str) -> str | None:
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return None
    return morsel.value if morsel else None


async def _refuse(scope: Scope, receive: Receive, send: Send, response: Response) -> None:
    if scope["type"] == "websocket":
        # Closed before it was accepted: the browser sees a 403.
        await send({"type": "websocket.close", "code": 1008})
    else:
        await response(scope, receive, send)
