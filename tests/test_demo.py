"""The demo's server, without a browser: who may do what, and what becomes of what is sent."""

import io
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from conftest import Result
from demo_visits import NAMES, ORIGIN, picture_file, send, webcam_frame
from PIL import Image
from waiting import wait_for

from vidstyle.nets import build_network
from vidstyle.style_files import StyleCard, save_style

pytest.importorskip("gradio", reason="gradio is not installed")

from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from vidstyle.demo import DemoSettings
from vidstyle.demo.files import file_url
from vidstyle.demo.gallery import Gallery
from vidstyle.demo.previews import Previews
from vidstyle.demo.server import build_app
from vidstyle.demo.style_making import StyleMaker
from vidstyle.demo.visitors import MOST_FILES_OF_ONE_VISITOR, MOST_PAGES, Visitors
from vidstyle.errors import InputError

pytest_plugins = ["demo_visits"]
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("few_steps")]

MEGABYTE = 1_000_000
JSON = {"content-type": "application/json"}


# --- passwords and origins

EVERYWHERE = [
    "/",
    "/config",
    "/theme.css",
    "/assets/index.js",
    "/vidstyle/styles",
    "/vidstyle/page/main.js",
    "/vidstyle/thumbnail/starry_night",
    "/gradio_api/startup-events",
    "/gradio_api/queue/data",
    "/gradio_api/upload",
    "/nowhere",
]


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    app = build_app(DemoSettings(auth="ann:secret:1", allow_host=NAMES), tmp_path_factory.mktemp("locked"), 7860)
    with TestClient(app) as client:
        yield client


@pytest.mark.parametrize("path", EVERYWHERE)
def test_every_route_asks_for_the_password(locked: TestClient, path: str) -> None:
    for method in ("GET", "POST", "PUT"):
        answer = locked.request(method, path)
        assert answer.status_code == 401
        assert "Basic" in answer.headers["www-authenticate"]
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("wrong", [("ann", "secret"), ("bob", "secret:1"), ("", ""), ("ann", "secret:12")])
def test_a_wrong_password_opens_nothing(locked: TestClient, wrong: tuple[str, str]) -> None:
    assert locked.get("/vidstyle/styles", auth=wrong).status_code == 401


def test_the_webcam_asks_for_the_password_too(locked: TestClient) -> None:
    with pytest.raises(WebSocketDisconnect), locked.websocket_connect("/vidstyle/live"):
        pass


def test_who_has_shown_the_password_is_known_by_a_cookie_from_then_on(locked: TestClient) -> None:
    assert locked.get("/", auth=("ann", "secret:1")).status_code == 200
    assert locked.get("/vidstyle/styles").status_code == 200
    with locked.websocket_connect("/vidstyle/live") as socket:
        socket.send_bytes(webcam_frame(1))
        assert socket.receive_bytes()


def test_pages_of_other_sites_can_send_nothing(browser: Callable[[], TestClient]) -> None:
    client, foreign = browser(), {"origin": "https://evil.example"}
    assert client.put("/vidstyle/upload/picture", content=picture_file(), headers=foreign).status_code == 403
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/vidstyle/live", headers=foreign):
        pass


# --- files

CRAFTED = [
    "/vidstyle/page/../server.py",
    "/vidstyle/page/%2e%2e/server.py",
    "/vidstyle/page/..%2fserver.py",
    "/vidstyle/file/..%2f..%2fetc%2fpasswd",
    "/vidstyle/thumbnail/..%2f..%2fetc%2fpasswd",
    "/vidstyle/style/%2fetc%2fpasswd",
    "/gradio_api/file=/etc/passwd",
    "/gradio_api/file=http://127.0.0.1:1/",
    "/gradio_api/proxy=http://127.0.0.1:1/",
    "/static/..%2f..%2f..%2fpyproject.toml",
    "/assets/%2e%2e/%2e%2e/%2e%2e/version.txt",
    "/file=/etc/passwd",
]


@pytest.mark.parametrize("path", CRAFTED)
def test_a_crafted_path_reads_nothing(browser: Callable[[], TestClient], path: str) -> None:
    answer = browser().get(path)
    assert answer.status_code in {400, 403, 404}
    assert "root:" not in answer.text
    assert "import" not in answer.text


def test_a_file_is_readable_by_who_brought_it_and_nobody_else(browser: Callable[[], TestClient]) -> None:
    owner, other, data = browser(), browser(), picture_file()
    other.get("/vidstyle/styles")
    url = file_url(send(owner, "picture", data).json()["id"])
    assert owner.get(url).content == data
    assert other.get(url).status_code == 404
    assert browser().get(url).status_code == 404


EVENT: dict[str, Any] = {"data": [], "fn_index": 0, "session_hash": "one"}
NESTED = "[" * 5000
HOSTILE_VALUES = [
    None,
    5,
    "x",
    [],
    {},
    '{"id": 5}',
    '{"id": "a", "seconds": "x"}',
    NESTED,
    1e308,
    {"__type__": "update"},
]


def test_events_that_no_page_of_ours_sends_are_a_line_in_the_log(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    summed: list[object] = []
    monkeypatch.setattr("gradio.queueing.Queue._get_df", summed.append)
    # One that stays open, since Gradio's queue belongs to one event loop.
    with TestClient(build_app(DemoSettings(allow_host=NAMES), tmp_path, 7860)) as client:
        send_hostile_events(client)
    assert any("run/predict: not understood: KeyError" in record.getMessage() for record in caplog.records)
    assert "Traceback" not in capfd.readouterr().err
    assert not [record for record in caplog.records if record.exc_info]
    assert all(len(record.getMessage().splitlines()) == 1 for record in caplog.records)
    assert not summed, "Gradio has summed up all events after each"


def send_hostile_events(client: TestClient) -> None:
    client.get("/")
    bodies = [b"", b"{", b"null", b'{"data": [], "fn_index": 1e400}', b"[" * 20_000]
    bodies += [json.dumps(EVENT | {"fn_index": number}).encode() for number in (-1, 10**9)]
    for body in bodies:
        for route in ("queue/join", "run/predict", "cancel", "reset"):
            answer = client.post(f"/gradio_api/{route}", content=body, headers=ORIGIN | JSON)
            assert 400 <= answer.status_code < 500, (route, body, answer.status_code)
    events = client.get("/config").json()["dependencies"]
    for event in events:
        count = len(event["inputs"])
        for data in ([None] * (count - 1), *([value] * count for value in HOSTILE_VALUES)):
            body = EVENT | {"fn_index": event["id"], "data": data}
            assert client.post("/gradio_api/queue/join", json=body, headers=ORIGIN).status_code == 200
            heard = client.get("/gradio_api/queue/data", params={"session_hash": "one"}).text
            assert "process_completed" in heard


def test_what_was_uploaded_never_becomes_a_page(browser: Callable[[], TestClient]) -> None:
    client = browser()
    url = file_url(send(client, "picture", picture_file(), "page.html").json()["id"])
    headers = client.get(url).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "sandbox"


PLAYLIST = b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"


@pytest.mark.parametrize(
    ("kind", "data", "why"),
    [
        ("video", b"just some words\n" * 99, "not a video"),
        ("video", PLAYLIST, "not a video"),
        ("video", b"ffconcat version 1.0\nfile /etc/passwd\n", "not a video"),
        ("video", b"\0\0\0\x20ftypisom" + b"\0" * 500, "not a video|read|decoded|video track"),
        ("video", b"", "not a video"),
        ("picture", b"just some words\n" * 99, "not a picture"),
        ("picture", picture_file()[:90], "not a picture"),
        ("style", b"\x80\x04\x95pickle", "not a safetensors file"),
    ],
)
def test_a_file_that_is_something_else_is_refused_in_a_sentence(
    browser: Callable[[], TestClient], demo_folder: Path, kind: str, data: bytes, why: str
) -> None:
    client = browser()
    answer = send(client, kind, data, "holiday.mp4")
    assert answer.status_code == 422
    assert re.search(f"^holiday.mp4: .*({why})", answer.json()["error"])
    assert str(demo_folder) not in answer.text
    assert not list(demo_folder.rglob("*.upload"))
    assert client.get("/vidstyle/styles").status_code == 200


def test_a_file_that_is_too_large_is_refused_before_it_is_read(browser: Callable[[], TestClient]) -> None:
    answer = send(browser(), "video", b"\0" * (MEGABYTE + 1))
    assert answer.status_code == 413
    assert "1 MB" in answer.json()["error"]


def test_a_file_that_hides_its_size_is_refused_when_it_gets_too_large(
    browser: Callable[[], TestClient], demo_folder: Path
) -> None:
    parts = (b"\0" * 100_000 for _ in range(20))
    answer = browser().put("/vidstyle/upload/video", content=parts, headers=ORIGIN)
    assert answer.status_code == 413
    assert not list(demo_folder.rglob("*.upload"))


def test_a_style_is_only_in_the_gallery_of_who_brought_it(browser: Callable[[], TestClient], style_file: Path) -> None:
    owner, other = browser(), browser()
    key = send(owner, "style", style_file.read_bytes(), "noise.safetensors").json()["id"]
    assert {"key": key, "own": True, "title": "Noise"}.items() <= owner.get("/vidstyle/styles").json()[0].items()
    assert Image.open(io.BytesIO(owner.get(f"/vidstyle/thumbnail/{key}").content)).format == "JPEG"
    assert owner.get(f"/vidstyle/style/{key}").content == style_file.read_bytes()
    assert key not in [style["key"] for style in other.get("/vidstyle/styles").json()]
    assert other.get(f"/vidstyle/thumbnail/{key}").status_code == 404
    assert other.get(f"/vidstyle/style/{key}").status_code == 404


def test_a_picture_that_is_brought_becomes_a_style(browser: Callable[[], TestClient], demo_folder: Path) -> None:
    owner = browser()
    data = io.BytesIO()
    Image.new("RGB", (80, 60), (30, 60, 200)).save(data, "PNG")
    answer = send(owner, "style", data.getvalue(), "blue_sea.png").json()
    assert answer["title"] == "blue sea"
    card = next(style for style in owner.get("/vidstyle/styles").json() if style["key"] == answer["id"])
    assert (card["network"], card["file"], card["own"]) == ("realtime", "blue_sea.safetensors", True)
    thumbnail = Image.open(io.BytesIO(owner.get(f"/vidstyle/thumbnail/{answer['id']}").content))
    red, _, blue = (sum(i * n for i, n in enumerate(band.histogram())) for band in thumbnail.split())
    assert blue > 1.5 * red
    # The picture itself is not kept.
    assert not list(demo_folder.rglob("*.upload"))


def test_a_style_that_would_keep_everyone_waiting_is_refused(tmp_path: Path) -> None:
    path, arguments = tmp_path / "huge.safetensors", {"channels": 700, "blocks": 1}
    with torch.device("meta"):
        network = build_network("realtime", arguments).to_empty(device="cpu")
    for tensor in network.state_dict().values():
        tensor.zero_()
    save_style(path, network, StyleCard("huge", path, "realtime", arguments))
    with pytest.raises(InputError, match="parameters"):
        Gallery(Previews("cpu")).admit(path)


def test_an_installed_style_is_shown_with_what_is_known_of_it(browser: Callable[[], TestClient]) -> None:
    cards = {card["key"]: card for card in browser().get("/vidstyle/styles").json()}
    card = cards["starry_night"]
    assert (card["title"], card["artist"], card["year"]) == ("The Starry Night", "Vincent van Gogh", "1889")
    assert card["licence"]
    assert card["metrics"]["style_distance"] > 0


def test_what_a_visitor_has_left_goes_away(tmp_path: Path) -> None:
    visitors = Visitors(tmp_path)
    cookie, visitor = visitors.welcome()
    path = visitor.new_path(".mp4")
    path.write_bytes(b"film")
    identity = visitor.keep(path, "film.mp4", "video")
    visitor.open_requests = 1
    visitors.sweep(0)
    assert visitor.file(identity).path.read_bytes() == b"film", "the page is still open"
    visitor.open_requests = 0
    visitors.sweep(60)
    assert path.exists(), "it was here a minute ago"
    visitors.sweep(0)
    assert visitors.find(cookie) is None
    assert not any(tmp_path.iterdir())


def test_old_files_make_room_for_new_ones_of_their_kind(tmp_path: Path) -> None:
    visitor = Visitors(tmp_path).welcome()[1]
    path = visitor.new_path(".mp4")
    path.touch()
    film = visitor.keep(path, "film.mp4", "video")
    most = MOST_FILES_OF_ONE_VISITOR["preview"]
    paths = [visitor.new_path(".jpg") for _ in range(most + 12)]
    for path in paths:
        path.touch()
        visitor.keep(path, "preview.jpg", "preview")
    assert [path.exists() for path in paths] == 12 * [False] + most * [True]
    assert visitor.file(film).name == "film.mp4"


def test_who_has_made_a_style_can_leave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    visitors = Visitors(tmp_path)
    visitor = visitors.welcome()[1]
    path = visitor.new_path(".png")
    path.write_bytes(picture_file())
    style_maker = StyleMaker(DemoSettings(photos=tmp_path, perceptual_weights=tmp_path))
    monkeypatch.setattr("sys.executable", shutil.which("false"))
    style_maker.start(visitor, visitor.keep(path, "dots.png", "picture"), 1, "Dots", "")
    wait_for(lambda: "ended too early" in style_maker.look(visitor))
    visitors.sweep(0)
    assert not any(tmp_path.iterdir())
    style_maker.close()


def test_nothing_is_left_when_the_server_ends(tmp_path: Path) -> None:
    with TestClient(build_app(DemoSettings(allow_host=NAMES), tmp_path, 7860)) as client:
        send(client, "picture", picture_file())
        assert list(tmp_path.rglob("*.png"))
    assert not list(tmp_path.rglob("*.png"))


def test_what_gradio_keeps_of_a_page_goes_with_its_visitor(tmp_path: Path) -> None:
    app = build_app(DemoSettings(allow_host=NAMES), tmp_path, 7860)
    (gradio,) = (route.app for route in app.routes if hasattr(getattr(route, "app", None), "state_holder"))
    (styles,) = (number for number, event in gradio.get_blocks().fns.items() if event.api_name == "styles")
    (visitors,) = (one.kwargs["visitors"] for one in app.user_middleware if "visitors" in one.kwargs)

    def pages() -> list[str]:
        assert set(gradio.state_holder.time_last_used) == set(gradio.state_holder.session_data)
        return list(gradio.state_holder.session_data)

    with TestClient(app) as client:

        def use(name: str) -> None:
            body = {"data": [], "fn_index": styles, "session_hash": name}
            assert client.post("/gradio_api/run/predict", json=body, headers=ORIGIN).status_code == 200

        use("a stranger's")
        assert not pages()
        client.get("/")
        names = [f"page {number}" for number in range(MOST_PAGES + 1)]
        for name in names[:-1]:
            use(name)
        use(names[0])
        use(names[-1])
        assert sorted(pages()) == sorted({*names} - {names[1]}), "that which was not used for longest has made room"
        visitors.sweep(0)
        assert not pages()


def test_a_picture_can_be_painted_though_its_preview_was_over_before_it_showed(tmp_path: Path) -> None:
    import gradio as gr

    from vidstyle.demo.controls import READY
    from vidstyle.demo.paint_tab import paint_tab

    class NothingShown:
        """Another style was chosen meanwhile."""

        def preview(self, *_: object) -> Iterator[str]:
            return iter(())

    with gr.Blocks() as page:
        paint_tab("picture", "starry_night", NothingShown(), MEGABYTE, ())
    (take,) = (event.fn for event in page.fns.values() if event.name == "take")
    (click,) = (event for event in page.fns.values() if event.name == "do_paint")
    visitor = Visitors(tmp_path).welcome()[1]
    request = SimpleNamespace(state=SimpleNamespace(visitor=visitor), session_hash="a page")
    given = list(take(json.dumps({"id": "mine"}), "starry_night", 100, False, 1, "auto", request))
    button = [output.elem_id for output in click.outputs].index("picture-paint") - len(click.outputs)
    assert [one[button] for one in given if one[button] != gr.skip()] == [READY]


# --- the command


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--port", "70000"], "--port 70000: takes 0 to 65535"),
        (["--auth", "ann"], "USER:PASSWORD"),
        (["--auth", ":secret"], "USER:PASSWORD"),
        (["--max-upload", "0"], "megabytes"),
        (["--queue", "0"], "at least 1"),
        (["--photos", "nowhere"], "no such folder"),
        (["--paintings", "nowhere"], "no such folder"),
        (["--perceptual-weights", "nowhere"], "no such file"),
        (["--host", "203.0.113.1", "--port", "0"], "cannot listen there"),
    ],
)
def test_an_option_that_cannot_be_is_an_error_of_one_line(
    run_cli: Callable[..., Result], arguments: list[str], why: str
) -> None:
    result = run_cli("demo", *arguments)
    assert result.code == 2
    assert why in result.err
    assert result.err.count("\n") == 1
