"""The demo's server, without a browser: who may do what, and what becomes of what is sent."""

import contextlib
import io
import itertools
import json
import re
import shutil
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
import torch
from conftest import Result
from made_scenes import landscape
from media_files import Sound, colorful_picture, make_video, read_times
from PIL import Image

from vidstyle.nets import build_network
from vidstyle.style_files import StyleCard, save_style

pytest.importorskip("gradio", reason="gradio is not installed")

from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from vidstyle.demo import DemoSettings
from vidstyle.demo.files import file_url
from vidstyle.demo.gallery import Gallery
from vidstyle.demo.jobs import Cancelled, JobQueue, Jobs, PaintRequest
from vidstyle.demo.previews import Previews
from vidstyle.demo.server import build_app
from vidstyle.demo.style_making import StyleMaker
from vidstyle.demo.visitors import MOST_FILES, Visitors
from vidstyle.errors import InputError

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("few_steps")]

MEGABYTE = 1_000_000
NAMES = ("testserver",)
ORIGIN = {"origin": "http://testserver"}
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def browser(folder: Path) -> Iterator[Callable[[], TestClient]]:
    """Makes browsers that visit a demo which takes 1 MB at most."""
    app = build_app(DemoSettings(max_upload=1, allow_host=NAMES), folder, 7860)
    with TestClient(app):
        yield lambda: TestClient(app)


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[SimpleNamespace]:
    """What paints files, and a visitor for whom it does."""
    previews = Previews("cpu")
    visitor = Visitors(tmp_path).welcome()[1]
    yield SimpleNamespace(run=Jobs(Gallery(previews), previews, "cpu"), visitor=visitor)
    previews.close()


def send(client: TestClient, kind: str, data: bytes, name: str = "mine") -> Any:
    return client.put(f"/vidstyle/upload/{kind}", params={"name": name}, content=data, headers=ORIGIN)


def picture_file(width: int = 64, height: int = 48, kind: str = "PNG") -> bytes:
    data = io.BytesIO()
    Image.fromarray(colorful_picture(0, width, height)).save(data, kind)
    return data.getvalue()


def webcam_frame(number: int, **size: int) -> bytes:
    return struct.pack("<I", number) + picture_file(kind="JPEG", **size)


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
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    # One that stays open, since Gradio's queue belongs to one event loop.
    with TestClient(build_app(DemoSettings(allow_host=NAMES), tmp_path, 7860)) as client:
        send_hostile_events(client)
    assert any("run/predict: not understood: KeyError" in record.getMessage() for record in caplog.records)
    assert "Traceback" not in capfd.readouterr().err
    assert not [record for record in caplog.records if record.exc_info]
    assert all(len(record.getMessage().splitlines()) == 1 for record in caplog.records)


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
    browser: Callable[[], TestClient], folder: Path, kind: str, data: bytes, why: str
) -> None:
    client = browser()
    answer = send(client, kind, data, "holiday.mp4")
    assert answer.status_code == 422
    assert re.search(f"^holiday.mp4: .*({why})", answer.json()["error"])
    assert str(folder) not in answer.text
    assert not list(folder.rglob("*.upload"))
    assert client.get("/vidstyle/styles").status_code == 200


def test_a_file_that_is_too_large_is_refused_before_it_is_read(browser: Callable[[], TestClient]) -> None:
    answer = send(browser(), "video", b"\0" * (MEGABYTE + 1))
    assert answer.status_code == 413
    assert "1 MB" in answer.json()["error"]


def test_a_file_that_hides_its_size_is_refused_when_it_gets_too_large(
    browser: Callable[[], TestClient], folder: Path
) -> None:
    parts = (b"\0" * 100_000 for _ in range(20))
    answer = browser().put("/vidstyle/upload/video", content=parts, headers=ORIGIN)
    assert answer.status_code == 413
    assert not list(folder.rglob("*.upload"))


def test_a_style_is_only_in_the_gallery_of_who_brought_it(browser: Callable[[], TestClient], style_file: Path) -> None:
    owner, other = browser(), browser()
    key = send(owner, "style", style_file.read_bytes(), "noise.safetensors").json()["id"]
    assert {"key": key, "own": True, "title": "Noise"}.items() <= owner.get("/vidstyle/styles").json()[0].items()
    assert Image.open(io.BytesIO(owner.get(f"/vidstyle/thumbnail/{key}").content)).format == "JPEG"
    assert owner.get(f"/vidstyle/style/{key}").content == style_file.read_bytes()
    assert key not in [style["key"] for style in other.get("/vidstyle/styles").json()]
    assert other.get(f"/vidstyle/thumbnail/{key}").status_code == 404
    assert other.get(f"/vidstyle/style/{key}").status_code == 404


def test_a_picture_that_is_brought_becomes_a_style(browser: Callable[[], TestClient], folder: Path) -> None:
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
    assert not list(folder.rglob("*.upload"))


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
    most = MOST_FILES["preview"]
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
    deadline = time.monotonic() + 10
    while "ended too early" not in style_maker.look(visitor):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    visitors.sweep(0)
    assert not any(tmp_path.iterdir())
    style_maker.close()


def test_nothing_is_left_when_the_server_ends(tmp_path: Path) -> None:
    with TestClient(build_app(DemoSettings(allow_host=NAMES), tmp_path, 7860)) as client:
        send(client, "picture", picture_file())
        assert list(tmp_path.rglob("*.png"))
    assert not list(tmp_path.rglob("*.png"))


# --- painting files


def finished(steps: Iterator[tuple[str, str]]) -> str:
    """The HTML of the result."""
    return list(steps)[-1][1]


def test_a_range_of_a_video_is_painted_with_its_sound(jobs: SimpleNamespace, tmp_path: Path) -> None:
    clip = make_video(tmp_path / "clip.mp4", times=tuple(range(50)), sounds=[Sound(seconds=2)])
    identity = jobs.visitor.keep(clip, "holiday.mp4", "video")
    html = finished(jobs.run.paint(jobs.visitor, PaintRequest(identity, "starry_night", start=0.4, end=1.2)))
    (result,) = jobs.visitor.files("result").values()
    assert result.name == "holiday - The Starry Night.mp4"
    assert len(read_times(result.path)) == 20
    with av.open(str(result.path)) as container:
        assert container.streams.audio
    assert "<video" in html


def test_a_preview_shows_the_frame_as_filmed_and_as_painted(jobs: SimpleNamespace, tmp_path: Path) -> None:
    clip = make_video(tmp_path / "clip.mp4", pictures=[colorful_picture(n, 128, 96) for n in range(10)])
    identity = jobs.visitor.keep(clip, "holiday.mp4", "video")

    def shown(**asked: Any) -> tuple[np.ndarray, np.ndarray]:
        html = jobs.run.preview(jobs.visitor, PaintRequest(identity, "starry_night", **asked))
        found = [re.search(rf'{which}="/vidstyle/file/([^"]+)"', html) for which in ("before", "after")]
        paths = [jobs.visitor.file(match[1]).path for match in found if match]
        before, after = (np.asarray(Image.open(path), np.float32) for path in paths)
        return before, after

    before, after = shown()
    assert np.abs(before - colorful_picture(0, 128, 96)).mean() < 6
    assert np.abs(after - before).mean() > 15
    before, unpainted = shown(strength=0.0)
    assert np.abs(unpainted - before).mean() < 1


@pytest.mark.parametrize("stroke_size", [1.0, 2.0])
def test_a_preview_shows_what_will_be_downloaded(
    jobs: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stroke_size: float
) -> None:
    # A picture is read at a half for a preview.
    monkeypatch.setattr("vidstyle.demo.pictures.SHOWN_PIXELS", 600 * 400)
    monkeypatch.setattr("vidstyle.demo.jobs.LARGEST_SIDE", 600)
    path = tmp_path / "large.png"
    Image.fromarray(landscape(0, 1440, 960)).save(path)
    identity = jobs.visitor.keep(path, "large.png", "picture")
    request = PaintRequest(identity, "starry_night", stroke_size=stroke_size)
    html = jobs.run.preview(jobs.visitor, request)
    after = Image.open(jobs.visitor.file(re.findall(r'after="/vidstyle/file/([^"]+)"', html)[0]).path)
    finished(jobs.run.paint(jobs.visitor, request))
    (result,) = jobs.visitor.files("result").values()
    downloaded = Image.open(result.path)
    assert downloaded.size == (1440, 960)
    seen = np.asarray(downloaded.resize(after.size, Image.Resampling.BOX), float)
    away = np.abs(seen - np.asarray(after, float)).mean()
    coarser = jobs.run.preview(jobs.visitor, PaintRequest(identity, "starry_night", stroke_size=2 * stroke_size))
    other = Image.open(jobs.visitor.file(re.findall(r'after="/vidstyle/file/([^"]+)"', coarser)[0]).path)
    assert away < 0.5 * np.abs(np.asarray(other, float) - np.asarray(after, float)).mean(), away
    assert away < 8


def test_a_cancelled_painting_leaves_no_file(jobs: SimpleNamespace, tmp_path: Path) -> None:
    clip = make_video(tmp_path / "clip.mp4", pictures=60 * [colorful_picture(0, 640, 360)], times=tuple(range(60)))
    identity = jobs.visitor.keep(clip, "holiday.mp4", "video")
    steps = jobs.run.paint(jobs.visitor, PaintRequest(identity, "starry_night"))
    next(steps)
    jobs.visitor.stop_painting.set()
    with pytest.raises(Cancelled):
        next(steps)
    assert not jobs.visitor.files("result")
    assert not list(jobs.visitor.folder.glob("*"))


def test_a_painting_whose_visitor_leaves_stops(jobs: SimpleNamespace, tmp_path: Path) -> None:
    clip = make_video(tmp_path / "clip.mp4", pictures=60 * [colorful_picture(0, 640, 360)], times=tuple(range(60)))
    identity = jobs.visitor.keep(clip, "holiday.mp4", "video")
    steps = jobs.run.paint(jobs.visitor, PaintRequest(identity, "starry_night"))
    next(steps)
    steps.close()
    deadline = time.monotonic() + 20
    while list(jobs.visitor.folder.glob("*")) or list(jobs.visitor.folder.glob(".*")):
        assert time.monotonic() < deadline, "it went on"
        time.sleep(0.05)


def test_paintings_wait_for_their_turn_and_one_too_many_is_sent_away(tmp_path: Path) -> None:
    previews, visitors = Previews("cpu"), Visitors(tmp_path / "visitors")
    run = Jobs(Gallery(previews), previews, "cpu", 1)
    clip = make_video(tmp_path / "clip.mp4", pictures=30 * [colorful_picture(0)], times=tuple(range(30)))

    def begun() -> tuple[Iterator[tuple[str, str]], Any]:
        visitor = visitors.welcome()[1]
        (copy := visitor.new_path(".mp4")).write_bytes(clip.read_bytes())
        return run.paint(visitor, PaintRequest(visitor.keep(copy, "holiday.mp4", "video"), "starry_night")), visitor

    (first, _), (second, waiting), (third, looking) = begun(), begun(), begun()
    assert "Getting ready" in next(first)[0]
    assert "Waiting for one painting" in next(second)[0]
    with pytest.raises(InputError, match="Too many paintings are waiting"):
        next(third)
    # Others may look at frames all the while.
    assert "vs-compare" in run.preview(looking, PaintRequest(next(iter(looking.files("video"))), "starry_night"))
    waiting.stop_painting.set()
    with pytest.raises(Cancelled):
        list(second)
    (fourth, _) = begun()
    assert "Waiting for one painting" in next(fourth)[0]
    assert "<video" in finished(first)
    assert "<video" in finished(fourth)
    previews.close()


def test_who_left_the_line_without_a_word_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    queue = JobQueue(2)
    gone, patient = queue.join("gone"), queue.join("patient")
    assert queue.before(patient) == 1
    monkeypatch.setattr("vidstyle.demo.jobs.ABSENT_SECONDS", 0.2)
    deadline = time.monotonic() + 5
    while queue.before(patient):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    queue.begin(patient)
    time.sleep(0.3)
    assert queue.before(queue.join("new")) == 1, "who is being painted stays"
    assert queue.before(gone) > 0


def test_one_visitor_does_not_take_all_places() -> None:
    queue = JobQueue(8)
    first = queue.join("ann")
    queue.join("ann")
    with pytest.raises(InputError, match="Two of your paintings"):
        queue.join("ann")
    queue.join("bob")
    queue.leave(first)
    queue.join("ann")


def test_another_visitors_file_cannot_be_painted(jobs: SimpleNamespace, tmp_path: Path) -> None:
    stranger = Visitors(tmp_path).welcome()[1]
    (tmp_path / "film.mp4").touch()
    identity = stranger.keep(tmp_path / "film.mp4", "film.mp4", "video")
    with pytest.raises(InputError, match="no longer here"):
        jobs.run.preview(jobs.visitor, PaintRequest(identity, "starry_night"))


# --- webcams


def look(**wanted: Any) -> str:
    return json.dumps({"style": "starry_night", "strength": 1, "keep_colors": False, "split": False} | wanted)


def received(socket: Any) -> tuple[int, np.ndarray]:
    """Number and pixels of the next picture."""
    data = socket.receive_bytes()
    return struct.unpack_from("<I", data)[0], np.asarray(Image.open(io.BytesIO(data[4:])), np.float32)


def shown_in_the_end(socket: Any, frame: bytes, fits: Callable[[np.ndarray], bool]) -> np.ndarray:
    """What is shown of a frame that is sent again and again, once it fits: paintings take their time."""
    deadline = time.monotonic() + 60
    for number in itertools.count():
        assert time.monotonic() < deadline, "it never came"
        socket.send_bytes(struct.pack("<I", number) + frame)
        again, pixels = received(socket)
        assert again == number
        if fits(pixels):
            return pixels
    raise AssertionError


def test_a_webcam_frame_comes_back_painted_under_its_number(browser: Callable[[], TestClient]) -> None:
    frame = picture_file(kind="JPEG", width=640, height=360)
    source = np.asarray(Image.open(io.BytesIO(frame)), np.float32)
    with browser().websocket_connect("/vidstyle/live") as socket:
        socket.send_text(look())
        socket.send_bytes(struct.pack("<I", 7) + frame)
        number, first = received(socket)
        assert number == 7
        assert np.abs(first - source).mean() < 8, "nothing is painted yet: the camera's own picture"
        painted = shown_in_the_end(socket, frame, lambda pixels: np.abs(pixels - source).mean() > 15)
        assert painted.shape == (360, 640, 3)
        # These act at once.
        socket.send_text(look(split=True))
        socket.send_bytes(struct.pack("<I", 8) + frame)
        _, halves = received(socket)
        assert np.abs(halves - source)[:, :310].mean() < 5 < np.abs(halves - source)[:, 330:].mean()
        socket.send_text(look(strength=0))
        socket.send_bytes(struct.pack("<I", 9) + frame)
        assert np.abs(received(socket)[1] - source).mean() < 5


def test_a_webcam_is_painted_at_the_size_that_strokes_need_and_shown_at_its_own(
    browser: Callable[[], TestClient],
) -> None:
    frame = picture_file(kind="JPEG", width=1280, height=720)
    source = np.asarray(Image.open(io.BytesIO(frame)), np.float32)
    with browser().websocket_connect("/vidstyle/live") as socket:
        painted = shown_in_the_end(socket, frame, lambda pixels: np.abs(pixels - source).mean() > 15)
        assert painted.shape == (720, 1280, 3)


def test_a_style_of_ones_own_paints_the_webcam(browser: Callable[[], TestClient], style_file: Path) -> None:
    client = browser()
    key = send(client, "style", style_file.read_bytes(), "noise.safetensors").json()["id"]
    with client.websocket_connect("/vidstyle/live") as socket:
        frame = picture_file(kind="JPEG", width=640, height=360)
        source = np.asarray(Image.open(io.BytesIO(frame)), np.float32)
        installed = shown_in_the_end(socket, frame, lambda pixels: np.abs(pixels - source).mean() > 15)
        socket.send_text(look(style=key))
        shown_in_the_end(socket, frame, lambda pixels: np.abs(pixels - installed).mean() > 10)


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (struct.pack("<I", 1) + b"no picture", "could not be read"),
        (struct.pack("<I", 1) + picture_file(), "could not be read"),
        (webcam_frame(1, width=2000, height=1000), "2000x1000"),
    ],
)
def test_a_frame_that_is_none_is_answered_with_a_message_and_the_next_is_painted(
    browser: Callable[[], TestClient], frame: bytes, why: str
) -> None:
    with browser().websocket_connect("/vidstyle/live") as socket:
        socket.send_bytes(frame)
        assert why in json.loads(socket.receive_text())["error"]
        socket.send_bytes(webcam_frame(2))
        assert received(socket)[0] == 2


def test_nonsense_on_the_websocket_ends_it_with_a_message(browser: Callable[[], TestClient]) -> None:
    with browser().websocket_connect("/vidstyle/live") as socket:
        socket.send_text(json.dumps({"style": "starry_night"}))
        assert "load it again" in json.loads(socket.receive_text())["error"]


def at_the_page(client: TestClient) -> TestClient:
    """The same, once it has loaded the page and is known from then on."""
    assert client.get("/").status_code == 200
    return client


def test_two_webcams_are_shown_in_turns(browser: Callable[[], TestClient]) -> None:
    # Both have a frame waiting at all times, the first one many.
    with contextlib.ExitStack() as stack:
        visitors = (at_the_page(browser()) for _ in range(2))
        greedy, modest = (stack.enter_context(one.websocket_connect("/vidstyle/live")) for one in visitors)
        turns = []
        for number in range(1, 13):
            for _ in range(5):
                greedy.send_bytes(webcam_frame(number, width=640, height=360))
            modest.send_bytes(webcam_frame(number, width=640, height=360))
            turns.append(received(modest)[0])
    assert turns == list(range(1, 13)), "the modest one had its turn each time"


def test_who_comes_after_somebody_has_gone_is_painted(browser: Callable[[], TestClient]) -> None:
    for _ in range(3):
        with browser().websocket_connect("/vidstyle/live") as socket:
            socket.send_bytes(webcam_frame(7))
            assert socket.receive_bytes()[:4] == struct.pack("<I", 7)


def test_too_many_webcams_are_told_so(browser: Callable[[], TestClient]) -> None:
    with contextlib.ExitStack() as stack:
        visitors = [at_the_page(browser()) for _ in range(9)]
        sockets = [stack.enter_context(one.websocket_connect("/vidstyle/live")) for one in visitors]
        assert "Too many" in json.loads(sockets[-1].receive_text())["error"]
        sockets[0].send_bytes(webcam_frame(1))
        assert received(sockets[0])[0] == 1


@pytest.mark.parametrize("known", [True, False], ids=["known", "strangers"])
def test_nobody_takes_all_the_places_of_webcams(browser: Callable[[], TestClient], known: bool) -> None:
    somebody, other = at_the_page(browser()) if known else browser(), at_the_page(browser())

    def page_of(client: TestClient) -> Any:
        return client.websocket_connect("/vidstyle/live")

    with page_of(somebody) as first:
        with page_of(somebody) as second, page_of(somebody) as third, page_of(other) as another:
            assert "Two of your pages" in json.loads(third.receive_text())["error"]
            for socket in (first, second, another):
                socket.send_bytes(webcam_frame(1))
                assert received(socket)[0] == 1
        # Those have gone, which makes room.
        with page_of(somebody) as fourth:
            fourth.send_bytes(webcam_frame(2))
            assert received(fourth)[0] == 2


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
