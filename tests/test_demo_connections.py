"""Connections to the demo that never come to an end, that are too many, or for which no descriptors are left."""

import asyncio
import contextlib
import logging
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

pytest.importorskip("uvicorn", reason="the demo is not installed")

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from waiting import PATIENCE, at_leisure, wait_for

from vidstyle.demo.connections import Connections, OutOfDescriptors, subscriber_of

pytestmark = pytest.mark.slow

HELLO = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def hello(request: Request) -> Response:
    try:
        return Response(str(len(await request.body())))
    except ClientDisconnect:
        return Response("", 400)


async def large(_request: Request) -> Response:
    return Response(bytes(30_000_000))


async def talk(connection: WebSocket) -> None:
    await connection.accept()
    await connection.receive()


APP = Starlette(
    routes=[Route("/", hello, methods=["GET", "PUT"]), Route("/large", large), WebSocketRoute("/talk", talk)]
)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything ten times as fast."""
    monkeypatch.setattr("vidstyle.demo.connections.FIRST_PATIENCE", 1.0)
    monkeypatch.setattr("vidstyle.demo.connections.LOOK_SECONDS", 0.1)
    monkeypatch.setattr("vidstyle.demo.connections.UNREAD_SECONDS", 1.0)


@pytest.fixture
def serving(quick: None) -> Iterator[Callable[..., int]]:
    """Serves APP within limits; gives the port."""
    with contextlib.ExitStack() as stack:

        def serve(**limits: int | None) -> int:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            config = uvicorn.Config(APP, http=Connections(**limits).protocol, log_level="error", lifespan="off")  # type: ignore[arg-type]
            server = uvicorn.Server(config)
            thread = threading.Thread(target=asyncio.run, args=(server.serve([listener]),))
            thread.start()

            def stop() -> None:
                server.should_exit = server.force_exit = True
                thread.join(PATIENCE)

            stack.callback(stop)
            return int(listener.getsockname()[1])

        yield serve


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), PATIENCE)


def ended_after(connection: socket.socket, drip: bytes = b"", longest: float = PATIENCE) -> float:
    """Seconds until the server closes a connection on which `drip` is sent byte by byte, ten in a second."""
    begin = time.monotonic()
    connection.settimeout(0.1)
    while time.monotonic() - begin < longest:
        try:
            if drip:
                connection.send(drip[:1])
                drip = drip[1:]
            if not connection.recv(1000):
                break
        except TimeoutError:
            continue
        except OSError:
            break
    return time.monotonic() - begin


BEGINNINGS = {
    "nothing at all": b"",
    "half a line": b"GET / HT",
    "headers without an end": b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ",
    "a body without an end": b"PUT / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nbeginning",
    "chunks without an end": b"PUT / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n",
    "a second request": HELLO + b"GET / HTTP",
}


@pytest.mark.parametrize("drip", [b"", b"a" * 1000], ids=["and nothing more", "and a byte now and then"])
def test_who_lets_the_server_wait_is_let_go(serving: Callable[..., int], drip: bytes) -> None:
    port = serving()

    def waited(beginning: bytes) -> float:
        with connected(port) as connection:
            connection.sendall(beginning)
            return ended_after(connection, drip)

    # All at once, since each of them takes seconds.
    with ThreadPoolExecutor(len(BEGINNINGS)) as pool:
        seconds = dict(zip(BEGINNINGS, pool.map(waited, BEGINNINGS.values()), strict=True))
    assert all(0.5 < ended < at_leisure(6) for ended in seconds.values()), seconds


def test_who_sends_slowly_but_steadily_is_waited_for(serving: Callable[..., int]) -> None:
    with connected(serving()) as connection:
        connection.sendall(b"PUT / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3000\r\n\r\n")
        for _ in range(30):
            connection.sendall(b"\0" * 100)
            time.sleep(0.1)
        assert connection.recv(1000).endswith(b"3000")


def test_who_takes_nothing_of_the_answer_is_let_go(serving: Callable[..., int]) -> None:
    with connected(serving()) as connection:
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        time.sleep(3)
        received = 0
        with contextlib.suppress(ConnectionError):
            while part := connection.recv(1_000_000):
                received += len(part)
        assert received < 30_000_000


def test_a_websocket_that_says_nothing_stays(serving: Callable[..., int]) -> None:
    with connected(serving()) as connection:
        connection.sendall(
            b"GET /talk HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        assert connection.recv(1000).startswith(b"HTTP/1.1 101")
        assert ended_after(connection, longest=2.5) >= 2.5


def answered(port: int) -> bool:
    with connected(port) as connection:
        connection.sendall(HELLO)
        try:
            return connection.recv(1000).startswith(b"HTTP/1.1 200")
        except ConnectionError:
            return False


@pytest.mark.parametrize("limits", [{"most": 20}, {"most_of_one": 20}])
def test_connections_beyond_the_limit_are_turned_away_until_others_end(
    serving: Callable[..., int], limits: dict[str, int]
) -> None:
    port = serving(**limits)
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(connected(port)) for _ in range(20)]
        for connection in held:
            connection.sendall(b"GET /")
        time.sleep(0.2)
        assert not answered(port)
    wait_for(lambda: answered(port))


def test_a_household_has_one_share_of_ipv6() -> None:
    assert subscriber_of("2001:db8:1:2:3::4") == subscriber_of("2001:db8:1:2::9") != subscriber_of("2001:db8:1:3::9")
    assert subscriber_of("::ffff:192.0.2.1") == subscriber_of("192.0.2.1") == "192.0.2.1"
    assert subscriber_of("testclient") == "testclient"


# --- descriptors

OUT_OF_DESCRIPTORS = """
import logging, resource, socket, sys
import uvicorn
sys.path.insert(0, sys.argv[1])
from test_demo_connections import APP
from vidstyle.demo.connections import BACKLOG, Connections, OutOfDescriptors
quiet = OutOfDescriptors()
for name in ("asyncio", "uvicorn.error"):
    logging.getLogger(name).addFilter(quiet)
resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60))
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
http = Connections(most=1000, most_of_one=None).protocol
uvicorn.Server(uvicorn.Config(APP, http=http, log_level="warning", lifespan="off", backlog=BACKLOG)).run([listener])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit")
def test_a_server_without_descriptors_says_so_once_a_second_and_goes_on(tmp_path: Path) -> None:
    command = [sys.executable, "-c", OUT_OF_DESCRIPTORS, str(Path(__file__).parent)]
    with (
        (tmp_path / "log").open("w") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as server,
    ):
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            begin = time.monotonic()
            with contextlib.ExitStack() as stack:
                # More than it has descriptors for, and no more than wait beside those.
                for _ in range(90):
                    stack.enter_context(connected(port)).sendall(b"GET /")
                wait_for((tmp_path / "log").read_text)
                time.sleep(3)
            lines = (tmp_path / "log").read_text().splitlines()
            assert 1 <= len(lines) <= 4 + time.monotonic() - begin, lines[:20]
            assert "too many files and connections" in lines[0]
            wait_for(lambda: answered(port))
        finally:
            server.kill()


def test_other_errors_keep_their_traceback(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("vidstyle.test")
    quiet = OutOfDescriptors()
    logger.addFilter(quiet)
    for error in (OSError(5, "broken"), OSError(24, "too many"), OSError(24, "too many")):
        try:
            raise RuntimeError("a request failed") from error
        except RuntimeError:
            logger.exception("what the server says")
    logger.removeFilter(quiet)
    assert [bool(record.exc_info) for record in caplog.records] == [True, False]
