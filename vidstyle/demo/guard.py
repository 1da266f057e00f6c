"""The door: what every request passes before anything answers it."""

import base64
import binascii
import re
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response

from vidstyle.demo.visitors import Visitor, Visitors

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

ROUTES = re.compile(
    r"/|/config/?|/theme\.css|/favicon\.ico|/manifest\.json|/pwa_icon(/\d+)?|/(assets|static)/.+|/vidstyle/.+"
    r"|/gradio_api/(startup-events|app_id|theme\.css|info|queue/(join|data)|run/predict|heartbeat/\w+|cancel|reset|login_check)/?"
)
"""What the page uses.  Gradio has more routes, for files, streams and proxies; the demo needs none of them, and what
does not answer gives nothing away."""


class Guard:
    """ASGI middleware: password, origin, routes, and the cookie that tells visitors apart.

    The visitor is in `scope["state"]["visitor"]` from then on.

    Args:
        app: what answers those who may pass.
        visitors: who is here.
        cookie: name of the cookie.
        auth: USER:PASSWORD, or None for everyone.
    """

    def __init__(self, app: App, visitors: Visitors, *, cookie: str, auth: str | None) -> None:
        self._app, self._visitors, self._cookie = app, visitors, cookie
        self._auth = None if auth is None else auth.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        visitor = self._visitors.find(_cookie(headers, self._cookie))
        refusal = self._refusal(scope, headers, visitor)
        if refusal is not None:
            await _refuse(scope, receive, send, refusal)
            return
        new = None
        if visitor is None:
            new, visitor = self._visitors.welcome()
        visitor.admitted = True
        scope.setdefault("state", {})["visitor"] = visitor
        visitor.open_requests += 1
        try:
            await self._app(scope, receive, self._with_cookie(send, new) if new else send)
        finally:
            visitor.open_requests -= 1
            visitor.last_seen = time.monotonic()

    def _refusal(self, scope: Scope, headers: Headers, visitor: Visitor | None) -> Response | None:
        """Why this connection may not pass, None if it may."""
        if self._auth is not None and not (visitor is not None and visitor.admitted) and not self._knows(headers):
            ask = {"WWW-Authenticate": 'Basic realm="vidstyle", charset="UTF-8"'}
            return PlainTextResponse("vidstyle: name and password, please", 401, ask)
        reads_only = scope["type"] == "http" and scope["method"] in {"GET", "HEAD"}
        origin = headers.get("origin")
        # Pages of others may make a browser send our cookie along, but not hide where they are from.
        if not reads_only and origin is not None and urlsplit(origin).netloc != headers.get("host"):
            return PlainTextResponse("vidstyle: not from another site", 403)
        if not ROUTES.fullmatch(scope["path"]):
            return PlainTextResponse("vidstyle: nothing here", 404)
        return None

    def _knows(self, headers: Headers) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        try:
            said = base64.b64decode(given, validate=True)
        except binascii.Error:
            return False
        return scheme.lower() == "basic" and secrets.compare_digest(said, self._auth or b"")

    def _with_cookie(self, send: Send, value: str) -> Send:
        async def sending(message: MutableMapping[str, Any]) -> None:
            if message["type"] in {"http.response.start", "websocket.accept"}:
                # The page may be framed by nobody else's, and its scripts need not read the cookie.
                MutableHeaders(scope=message).append(
                    "set-cookie", f"{self._cookie}={value}; Path=/; HttpOnly; SameSite=Lax"
                )
            await send(message)

        return sending


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
