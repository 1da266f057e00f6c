"""The demo's door: names, headers, proxies, passwords, strangers; behind it are a few lines that say who came."""

import base64
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette", reason="the demo is not installed")

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from vidstyle.demo import DemoSettings
from vidstyle.demo.guard import LARGEST_BODY, Guard
from vidstyle.demo.hosts import Hosts, host_name
from vidstyle.demo.passwords import FREE_GUESSES, LONGEST_PAUSE, Passwords
from vidstyle.demo.visitors import MOST_VISITORS, Visitors
from vidstyle.errors import InputError

pytestmark = pytest.mark.slow


async def who(request: Request) -> Response:
    """Everything that an application can know of a request."""
    body = await request.body()
    seen = {"client": request.client.host if request.client else "", "url": str(request.url), "bytes": len(body)}
    return JSONResponse(seen | {"headers": dict(request.headers), "folder": str(request.state.visitor.folder)})


async def file(_request: Request) -> Response:
    return Response("a file", headers={"Content-Security-Policy": "sandbox"})


@pytest.fixture
def visitors(tmp_path: Path) -> Visitors:
    return Visitors(tmp_path)


@pytest.fixture
def behind(visitors: Visitors) -> Callable[..., TestClient]:
    """A browser before a door that is made as asked for."""
    everything = [Route("/vidstyle/file/mine", file), Route("/{path:path}", who, methods=["GET", "POST", "PUT"])]

    def made(
        *names: str, listening: str = "127.0.0.1", at: str = "http://localhost:7860", **options: Any
    ) -> TestClient:
        app = Guard(Starlette(routes=everything), visitors, cookie="us", hosts=Hosts(listening, names), **options)
        return TestClient(app, base_url=at, client=("203.0.113.7", 5000))

    return made


# --- names


@pytest.mark.parametrize(
    ("listening", "host", "known"),
    [
        ("127.0.0.1", "localhost:7860", True),
        ("127.0.0.1", "LocalHost.", True),
        ("127.0.0.1", "127.0.0.1:80", True),
        ("127.0.0.1", "[::1]:7860", True),
        ("127.0.0.1", "evil.example:7860", False),
        ("127.0.0.1", "192.0.2.1", False),
        ("127.0.0.1", "localhost.evil.example", False),
        ("127.0.0.1", "evil@localhost", False),
        ("127.0.0.1", "http://localhost", False),
        ("127.0.0.1", "localhost/..", False),
        ("127.0.0.1", "[", False),
        ("127.0.0.1", "", False),
        ("0.0.0.0", "192.0.2.1:7860", True),
        ("::", "[2001:db8::1]:7860", True),
        ("0.0.0.0", "evil.example", False),
        ("studio.lan", "studio.lan:7860", True),
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
    ],
)
def test_the_demo_answers_to_its_own_names_only(
    behind: Callable[..., TestClient], listening: str, host: str, known: bool
) -> None:
    answer = behind(listening=listening).get("/", headers={"host": host})
    assert answer.status_code == (200 if known else 421)
    assert known or "--allow-host" in answer.text


def test_a_name_may_be_added_and_any_be_allowed(behind: Callable[..., TestClient]) -> None:
    assert behind("Demo.example.org").get("/", headers={"host": "demo.example.org:8443"}).status_code == 200
    assert behind("demo.example.org").get("/", headers={"host": "example.org"}).status_code == 421
    assert behind("*").get("/", headers={"host": "whatever.example"}).status_code == 200
    assert host_name("a b") in {None, "a b"}


# --- what browsers are told


def test_the_page_may_load_nothing_from_elsewhere_and_be_framed_by_nobody_else(
    behind: Callable[..., TestClient],
) -> None:
    headers = behind().get("/").headers
    policy = dict(part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'self'"
    assert policy["frame-ancestors"] == "'self'"
    assert policy["object-src"] == "'none'"
    assert not [sources for sources in policy.values() if "http" in sources or "*" in sources.split()]
    assert headers["x-content-type-options"] == "nosniff"


def test_those_who_are_named_may_frame_it(behind: Callable[..., TestClient]) -> None:
    client = behind(embed=("https://museum.example",))
    answer = client.get("/")
    assert "frame-ancestors 'self' https://museum.example" in answer.headers["content-security-policy"]
    assert "SameSite=Lax" in answer.headers["set-cookie"], "browsers refuse the other kind over http"
    secure = behind(embed=("https://museum.example",), at="https://localhost").get("/").headers["set-cookie"]
    assert "SameSite=None; Secure; Partitioned" in secure


def test_refusals_have_the_headers_too_and_a_stricter_policy_stays(behind: Callable[..., TestClient]) -> None:
    assert behind().get("/nowhere").headers["x-content-type-options"] == "nosniff"
    answer = behind().get("/vidstyle/file/mine")
    assert answer.headers["content-security-policy"] == "sandbox"


# --- proxies

TOLD = {
    "x-forwarded-for": "198.51.100.9, 192.0.2.8",
    "x-forwarded-host": "demo.example.org",
    "x-forwarded-proto": "https",
    "x-real-ip": "198.51.100.9",
    "forwarded": "for=198.51.100.9",
}


def test_what_only_a_proxy_may_say_is_not_believed_of_visitors(behind: Callable[..., TestClient]) -> None:
    seen = behind().get("/", headers=TOLD).json()
    assert (seen["client"], seen["url"]) == ("203.0.113.7", "http://localhost:7860/")
    assert not TOLD.keys() & seen["headers"].keys(), "Gradio would believe them"


def test_behind_a_proxy_the_nearest_one_is_believed(behind: Callable[..., TestClient]) -> None:
    seen = behind("demo.example.org", behind_proxy=True).get("/", headers=TOLD).json()
    assert (seen["client"], seen["url"]) == ("192.0.2.8", "https://demo.example.org/")
    origin = {"origin": "https://demo.example.org"}
    client = behind("demo.example.org", behind_proxy=True)
    assert client.put("/vidstyle/upload/picture", headers=TOLD | origin).status_code == 200


def test_behind_a_proxy_a_name_that_is_not_ours_is_refused_as_well(behind: Callable[..., TestClient]) -> None:
    assert behind(behind_proxy=True).get("/", headers=TOLD).status_code == 421


# --- bodies


def test_a_large_body_is_refused_wherever_it_is_no_upload(behind: Callable[..., TestClient]) -> None:
    large = b"[" + b"0," * LARGEST_BODY + b"0]"
    assert behind().post("/gradio_api/queue/join", content=large).status_code == 413
    in_parts = (large[n : n + 50_000] for n in range(0, len(large), 50_000))
    assert behind().post("/gradio_api/queue/join", content=in_parts).status_code == 413
    assert behind().post("/gradio_api/queue/join", content=large[:1000]).json()["bytes"] == 1000
    assert behind().put("/vidstyle/upload/picture", content=large).json()["bytes"] == len(large)


# --- origins and other headers that are nonsense

ODD = ["http://[", "null", "", "://", "http://[::1", "\xe9", "localhost:7860", "http://localhost:7860.evil.example"]


@pytest.mark.parametrize("origin", ODD)
def test_an_origin_that_is_not_ours_or_none_at_all_is_refused(behind: Callable[..., TestClient], origin: str) -> None:
    headers = {"origin": origin.encode("latin-1")}
    assert behind().put("/vidstyle/upload/picture", headers=headers).status_code == 403


def basic(said: str, coding: str = "utf-8") -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(said.encode(coding)).decode()}


@pytest.mark.parametrize(
    "header", ["Basic \xe9", "Basic =", "Basic", "", "Bearer abc", "Basic a b", "\xff", "Basic " + "A" * 9999]
)
def test_a_malformed_password_is_a_wrong_one(behind: Callable[..., TestClient], header: str) -> None:
    answer = behind(auth="ann:secret").get("/", headers={"authorization": header.encode("latin-1")})
    assert answer.status_code == 401


@pytest.mark.parametrize("cookie", ["us=\xe9", "us=;;;", "us", '"', "us=" + "A" * 5000, "us[]=1"])
def test_a_malformed_cookie_is_that_of_a_stranger(behind: Callable[..., TestClient], cookie: str) -> None:
    assert behind().get("/", headers={"cookie": cookie.encode("latin-1")}).status_code == 200


# --- passwords


class Clock:
    """Time that passes when told."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_wrong_passwords_cost_longer_and_longer_pauses_and_the_right_one_ends_them() -> None:
    clock = Clock()
    passwords = Passwords("ann:secret", clock)
    wrong, right = basic("ann:guess")["authorization"], basic("ann:secret")["authorization"]
    for _ in range(FREE_GUESSES):
        assert passwords.pause(wrong, "192.0.2.1") == 0
        assert not passwords.knows(wrong, "192.0.2.1")
    assert passwords.pause(right, "192.0.2.1") == 0, "five are free"
    pauses = []
    for _ in range(12):
        assert not passwords.knows(wrong, "192.0.2.1")
        pauses.append(passwords.pause(basic("bob:guess")["authorization"], "192.0.2.1"))
        clock.now += pauses[-1]
    assert pauses[:5] == [1, 2, 4, 8, 16]
    assert pauses[-1] == LONGEST_PAUSE["address"], "whoever they say they are"
    assert passwords.knows(right, "192.0.2.1")
    assert passwords.pause(wrong, "192.0.2.1") == 0


def test_many_addresses_that_guess_one_name_wait_as_well() -> None:
    clock = Clock()
    passwords = Passwords("ann:secret", clock)
    for n in range(40):
        passwords.knows(basic(f"ann:{n}")["authorization"], f"192.0.2.{n}")
    assert passwords.pause(basic("ann:40")["authorization"], "198.51.100.1") == LONGEST_PAUSE["user"]
    assert passwords.pause(basic("bob:40")["authorization"], "198.51.100.1") == 0


def test_a_household_guesses_as_one_whatever_its_addresses() -> None:
    passwords = Passwords("ann:secret", Clock())
    for n in range(FREE_GUESSES + 1):
        passwords.knows(basic(f"{n}:guess")["authorization"], f"2001:db8:0:7::{n + 1:x}")
    assert passwords.pause(basic("bob:guess")["authorization"], "2001:db8:0:7:a:b:c:d") == 1
    assert passwords.pause(basic("bob:guess")["authorization"], "2001:db8:0:8::1") == 0


def test_guesses_are_forgiven_after_a_while_and_never_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    passwords = Passwords("ann:secret", clock)
    for _ in range(FREE_GUESSES):
        passwords.knows(basic("ann:guess")["authorization"], "192.0.2.1")
    clock.now += 4000
    passwords.knows(basic("ann:guess")["authorization"], "192.0.2.1")
    assert passwords.pause(basic("ann:guess")["authorization"], "192.0.2.1") == 0
    monkeypatch.setattr("vidstyle.demo.passwords.MOST_REMEMBERED", 50)
    for n in range(500):
        passwords.knows(basic(f"{n}:guess")["authorization"], f"192.0.2.{n}")
    assert len(passwords._guessers) <= 50


def test_a_guesser_is_told_to_wait_and_the_log_says_so_once_a_minute(
    behind: Callable[..., TestClient], caplog: pytest.LogCaptureFixture
) -> None:
    client = behind(auth="ann:secret")
    with caplog.at_level(logging.WARNING):
        begin, answers = time.monotonic(), [client.get("/", headers=basic(f"ann:{n}")) for n in range(200)]
    codes = [answer.status_code for answer in answers]
    assert codes[: FREE_GUESSES + 1] == [401] * (FREE_GUESSES + 1)
    tried = codes.count(401)
    assert tried <= FREE_GUESSES + 2 + (time.monotonic() - begin), "a guess a second at most"
    assert set(codes) == {401, 429}
    assert int(answers[FREE_GUESSES + 1].headers["retry-after"]) >= 1
    assert len([record for record in caplog.records if "wrong password" in record.getMessage()]) == 1


def test_who_is_inside_already_does_not_wait_for_a_guesser(behind: Callable[..., TestClient]) -> None:
    inside = behind(auth="ann:secret")
    assert inside.get("/", headers=basic("ann:secret")).status_code == 200
    for n in range(20):
        inside.get("/", headers=basic(f"ann:{n}") | {"cookie": ""})
    assert inside.get("/").status_code == 200


# --- visitors


def test_visitors_are_made_by_pages_and_uploads_only(behind: Callable[..., TestClient]) -> None:
    assert "set-cookie" not in behind().get("/vidstyle/styles").headers
    assert "set-cookie" not in behind().post("/gradio_api/queue/join").headers
    assert "us=" in behind().get("/").headers["set-cookie"]
    assert "us=" in behind().put("/vidstyle/upload/picture").headers["set-cookie"]
    client = behind()
    folder = client.get("/").json()["folder"]
    assert client.get("/vidstyle/styles").json()["folder"] == folder


def test_a_crowd_without_cookies_pushes_nobodys_files_out(
    visitors: Visitors, behind: Callable[..., TestClient]
) -> None:
    cookie, owner = visitors.welcome()
    path = owner.new_path(".png")
    path.write_bytes(b"a picture")
    identity = owner.keep(path, "mine.png", "picture")
    for _ in range(MOST_VISITORS + 5):
        visitors.welcome()
    assert visitors.find(cookie) is owner
    assert owner.file(identity).path.exists()
    client = behind()
    for _ in range(50):
        client.cookies.clear()
        client.get("/")
    assert owner.file(identity).path.exists()


# --- options


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"allow_host": ("https://demo.example.org",)}, "allow_host"),
        ({"allow_host": ("demo.example.org:80",)}, "allow_host"),
        ({"embed": ("'unsafe-inline'; script-src *",)}, "embed"),
        ({"embed": ("https://a.example/page",)}, "embed"),
        ({"max_stored": 10}, "max_stored"),
    ],
)
def test_an_option_that_would_be_something_else_is_refused(options: dict[str, Any], why: str) -> None:
    with pytest.raises(InputError, match=why):
        DemoSettings(**options)
    DemoSettings(
        allow_host=("demo.example.org", "*"), embed=("https://a.example:8443", "b.example", "https://*.c.example")
    )
