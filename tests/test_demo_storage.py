"""What visitors may keep: how much all together, for how long, and what decoding it may cost."""

import asyncio
import itertools
import shutil
import subprocess
import sys
import threading
import time
import warnings
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from media_files import colorful_picture, make_video
from PIL import Image

pytest.importorskip("starlette", reason="the demo is not installed")

from starlette.applications import Starlette
from starlette.testclient import TestClient
from waiting import PATIENCE, wait_for

from vidstyle.demo.files import routes
from vidstyle.demo.gallery import Gallery
from vidstyle.demo.guard import Guard
from vidstyle.demo.hosts import Hosts
from vidstyle.demo.pictures import check_picture, picture_for_style, read_shown
from vidstyle.demo.storage import NoRoomError, Storage
from vidstyle.demo.visitors import Visitor, Visitors
from vidstyle.errors import InputError
from vidstyle.styles import live_styles

pytestmark = pytest.mark.slow


def file_of(visitor: Visitor, size: int) -> str:
    path = visitor.new_path(".png")
    path.write_bytes(b"\0" * size)
    return visitor.keep(path, "mine.png", "picture")


def door(visitors: Visitors, gallery: Gallery) -> TestClient:
    app = Guard(Starlette(routes=routes(gallery, 10_000_000)), visitors, cookie="us", hosts=Hosts("testserver"))
    return TestClient(app)


@pytest.fixture
def gallery() -> Gallery:
    class Nothing(Gallery):
        """Uploads of pictures need no styles."""

        def __init__(self) -> None:
            pass

    return Nothing()


def put(client: TestClient, data: bytes) -> int:
    return int(client.put("/vidstyle/upload/picture", params={"name": "mine.png"}, content=data).status_code)


def put_in_parts(visitors: Visitors, gallery: Gallery, parts: Sequence[bytes], *, last: bool = True) -> int:
    """Status of an upload whose body comes in these parts, and no further unless they are the last ones."""
    scope = {
        "type": "http",
        "method": "PUT",
        "path": "/vidstyle/upload/picture",
        "query_string": b"",
        "headers": [],
        "state": {"visitor": visitors.welcome()[1]},
    }
    coming, answers = iter(parts), list[dict[str, Any]]()

    async def receive() -> dict[str, Any]:
        part = next(coming, None)
        if part is None:
            assert last, "more was asked for"
            return {"type": "http.request", "body": b""}
        return {"type": "http.request", "body": part, "more_body": True}

    async def send(message: dict[str, Any]) -> None:
        answers.append(message)

    asyncio.run(Starlette(routes=routes(gallery, 10_000_000))(scope, receive, send))
    return int(answers[0]["status"])


def noise_file(tmp_path: Path) -> bytes:
    """A picture of some 30 KB."""
    path = tmp_path / "noise.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (100, 100, 3), dtype=np.uint8)).save(path)
    return path.read_bytes()


# --- room


def test_visitors_without_cookies_share_one_quota(tmp_path: Path, gallery: Gallery) -> None:
    data = noise_file(tmp_path)
    folder = tmp_path / "demo"
    folder.mkdir()
    visitors = Visitors(folder, most_bytes=5 * len(data))
    with door(visitors, gallery) as client:
        for _ in range(12):
            client.cookies.clear()
            assert put(client, data) == 200, "those who left make room"
            kept = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
            assert kept <= 5 * len(data)


def test_an_upload_for_which_there_is_no_room_is_507_with_a_sentence_and_leaves_nothing(
    tmp_path: Path, gallery: Gallery
) -> None:
    data = noise_file(tmp_path)
    folder = tmp_path / "demo"
    folder.mkdir()
    visitors = Visitors(folder, most_bytes=3 * len(data))
    _, other = visitors.welcome()
    other.open_requests = 1
    identity = file_of(other, 2 * len(data) + 100)
    client = door(visitors, gallery)
    answer = client.put("/vidstyle/upload/picture", content=data)
    assert answer.status_code == 507
    assert answer.json()["error"].endswith(".")
    in_parts = (data[n : n + 1000] for n in range(0, len(data), 1000))
    assert client.put("/vidstyle/upload/picture", content=in_parts).status_code == 507
    assert not list(folder.rglob("*.upload"))
    assert other.file(identity).path.exists(), "whose page is open"
    other.open_requests = 0
    assert put(client, data) == 200


def test_the_number_of_files_is_limited_as_well(tmp_path: Path) -> None:
    storage = Storage(tmp_path, most_files=2)
    storage.add(1)
    storage.check()
    storage.add(1)
    with pytest.raises(NoRoomError, match="no room"):
        storage.check()
    storage.remove(1)
    storage.check()


def test_a_disk_that_is_nearly_full_takes_nothing_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = Storage(tmp_path)
    disk = SimpleNamespace(total=100_000_000_000, free=1_000_000_001)
    monkeypatch.setattr("vidstyle.demo.storage.shutil.disk_usage", lambda _: disk)
    storage.check()
    with storage.arriving() as take:
        take(1)
        disk.free -= 1
        with pytest.raises(NoRoomError):
            take(1)
    disk.free, disk.total = 150, 1000
    storage.check()  # a small disk may be nine tenths full


def test_who_looks_at_the_page_does_not_wait_for_the_room_that_an_upload_takes(
    tmp_path: Path, gallery: Gallery
) -> None:
    data = noise_file(tmp_path)
    folder = tmp_path / "demo"
    folder.mkdir()
    visitors = Visitors(folder, most_bytes=2 * len(data))
    _, gone = visitors.welcome()
    file_of(gone, 2 * len(data))
    going, may_go = threading.Event(), threading.Event()

    def leave() -> None:
        going.set()
        may_go.wait(10)

    gone.leave = leave
    with door(visitors, gallery) as client, ThreadPoolExecutor(1) as others:
        upload = others.submit(put, client, data)
        assert going.wait(PATIENCE)
        begin = time.monotonic()
        assert client.get("/vidstyle/file/nothing").status_code == 404
        assert time.monotonic() - begin < 5
        may_go.set()
        assert upload.result(PATIENCE) == 200


def test_nor_for_the_styles_that_are_mixed_for_somebody(tmp_path: Path, gallery: Gallery) -> None:
    asked, may_go = threading.Event(), threading.Event()

    def card(*_: object) -> Any:
        asked.set()
        may_go.wait(10)
        raise InputError("no such style")

    gallery.card = card
    with door(Visitors(tmp_path), gallery) as client, ThreadPoolExecutor(1) as others:
        mix = others.submit(client.get, "/vidstyle/style/great_wave+the_scream:30")
        assert asked.wait(PATIENCE)
        begin = time.monotonic()
        assert client.get("/vidstyle/file/nothing").status_code == 404
        assert time.monotonic() - begin < 5
        may_go.set()
        assert mix.result(PATIENCE).status_code == 404


def test_the_disk_is_looked_at_now_and_then_while_a_large_file_arrives(
    tmp_path: Path, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, usage = list[object](), shutil.disk_usage
    monkeypatch.setattr("vidstyle.demo.storage.shutil.disk_usage", lambda of: (looks.append(of), usage(of))[1])
    assert put_in_parts(Visitors(tmp_path), gallery, 300 * [10_000 * b"\0"]) == 422
    assert 3 <= len(looks) < 10


def test_a_file_is_too_large_as_soon_as_it_has_more_than_it_may_have(tmp_path: Path, gallery: Gallery) -> None:
    whole = 10_000_000 // 10_000 * [10_000 * b"\0"]
    assert put_in_parts(Visitors(tmp_path), gallery, whole) == 422, "no picture"
    # More than it may have is never waited for.
    assert put_in_parts(Visitors(tmp_path), gallery, [*whole, b"\0"], last=False) == 413
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_file_that_arrives_in_parts_arrives_whole(tmp_path: Path, gallery: Gallery) -> None:
    picture = tmp_path / "noise.png"
    noise = np.random.default_rng(0).integers(0, 255, (900, 1200, 3), dtype=np.uint8)
    Image.fromarray(noise).save(picture, compress_level=0)
    data = picture.read_bytes()
    parts = [data[n : n + 50_000] for n in range(0, len(data), 50_000)]
    assert put_in_parts(Visitors(tmp_path / "demo"), gallery, parts) == 200
    (kept,) = (tmp_path / "demo").rglob("*.png")
    assert kept.read_bytes() == data


def test_of_two_files_that_come_at_a_time_one_gets_the_last_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, both, looks = Storage(tmp_path, most_bytes=100), threading.Barrier(2), itertools.count()

    class Disk:
        total = 1000

        @property
        def free(self) -> int:
            # Both look, and only then the first goes on.
            if threading.current_thread().name.startswith("arriving") and next(looks) < 2:
                both.wait(PATIENCE)
            return 500

    def arrive() -> bool:
        try:
            take(60)
        except NoRoomError:
            return False
        return True

    monkeypatch.setattr("vidstyle.demo.storage.shutil.disk_usage", lambda _: Disk())
    with storage.arriving() as take, ThreadPoolExecutor(2, "arriving") as threads:
        assert sorted(one.result() for one in [threads.submit(arrive) for _ in range(2)]) == [False, True]
        storage.check(40)
        with pytest.raises(NoRoomError):
            storage.check(41)
    storage.check(100)


def test_who_comes_while_room_is_made_waits_for_it(tmp_path: Path) -> None:
    going, may_go = threading.Event(), threading.Event()

    def make_room() -> bool:
        if going.is_set():
            return False  # nobody else has left
        going.set()
        assert may_go.wait(PATIENCE)
        storage.remove(100)
        return True

    storage = Storage(tmp_path, most_bytes=100, make_room=make_room)
    storage.add(100)
    with storage.arriving() as take, ThreadPoolExecutor(2) as threads:
        first = threads.submit(take, 50)
        assert going.wait(PATIENCE)
        second = threads.submit(take, 50)
        time.sleep(0.2)
        may_go.set()
        first.result(PATIENCE)
        second.result(PATIENCE)


def test_a_picture_that_is_looked_at_is_closed_again(tmp_path: Path, gallery: Gallery) -> None:
    client = door(Visitors(tmp_path / "demo"), gallery)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        assert put(client, noise_file(tmp_path)) == 200
    assert [str(one.message) for one in warned if one.category is ResourceWarning] == []


def test_a_newcomer_waits_for_nobody_to_go_and_is_known_from_then_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidstyle.demo.visitors.MOST_VISITORS", 1)
    visitors, may_go = Visitors(tmp_path), threading.Event()
    _, gone = visitors.welcome()
    file_of(gone, 10)
    gone.leave = lambda: may_go.wait(10)
    begin = time.monotonic()
    cookie, newcomer = visitors.welcome()
    assert time.monotonic() - begin < 5
    assert visitors.find(cookie) is newcomer
    may_go.set()
    wait_for(lambda: not gone.folder.exists())
    visitors.close()


def test_what_goes_away_makes_room_again(tmp_path: Path) -> None:
    visitors = Visitors(tmp_path, most_bytes=1000)
    _, visitor = visitors.welcome()
    visitor.open_requests = 1
    for _ in range(3):
        file_of(visitor, 300)
    with pytest.raises(NoRoomError):
        visitor.storage.check(101)
    visitor.storage.check(100)
    visitor.open_requests = 0
    visitors.sweep(0)
    visitor.storage.check(1000)


def test_what_is_made_for_visitors_counts_as_well_as_what_they_bring(tmp_path: Path) -> None:
    visitors = Visitors(tmp_path, most_bytes=1000)
    _, visitor = visitors.welcome()
    visitor.open_requests = 1
    for _ in range(4):
        file_of(visitor, 300)
    with pytest.raises(NoRoomError):
        visitor.new_path(".jpg")


def test_a_stranger_who_asks_for_a_mix_leaves_no_file_behind(tmp_path: Path) -> None:
    class Installed(Gallery):
        """The styles that ship, without anything that paints."""

        def __init__(self) -> None:
            self._installed = {card.name: card for card in live_styles()}

    folder = tmp_path / "demo"
    folder.mkdir()
    mix = "+".join([card.name for card in live_styles()][:2]) + ":30"
    with door(Visitors(folder), Installed()) as client:
        assert client.get(f"/vidstyle/style/{mix}").status_code == 404
        assert not list(folder.rglob("*")), "nobody could ever take it away"
        client.put("/vidstyle/upload/picture", content=b"")  # which brings a cookie
        assert client.get(f"/vidstyle/style/{mix}").status_code == 200


# --- pages that are open


def test_an_idle_page_keeps_its_visitors_files_and_a_closed_one_does_not(tmp_path: Path, gallery: Gallery) -> None:
    visitors = Visitors(tmp_path)
    data = noise_file(tmp_path)
    with door(visitors, gallery) as client:
        identity = client.put("/vidstyle/upload/picture", content=data).json()["id"]
        url = f"/vidstyle/file/{identity}"
        with client.websocket_connect("/vidstyle/here"):
            visitors.sweep(0)
            assert client.get(url).content == data
        wait_for(lambda: (visitors.sweep(0), client.get(url).status_code != 200)[1])


def test_the_connection_of_a_page_takes_nothing_that_is_said(tmp_path: Path, gallery: Gallery) -> None:
    with door(Visitors(tmp_path), gallery) as client, client.websocket_connect("/vidstyle/here") as socket:
        socket.send_text("let me in")
        assert socket.receive()["code"] == 1003


# --- decoding


def flat_picture(path: Path, side: int) -> None:
    """A PNG file of one colour, RGB, in no memory to speak of."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    packer, row = zlib.compressobj(1), b"\0" + b"\x30\x60\xc0" * side
    rows = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    head = side.to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b""))


LOOK_AT_ALL = """
import resource, sys, threading
from pathlib import Path
from vidstyle.demo.pictures import check_picture

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
threads = [threading.Thread(target=check_picture, args=(Path(sys.argv[1]),)) for _ in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ru_maxrss has other units elsewhere")
def test_large_pictures_that_come_at_once_are_decoded_one_at_a_time_and_once_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "flat.png"
    flat_picture(path, 7000)
    assert path.stat().st_size < 700_000
    command = [sys.executable, "-c", LOOK_AT_ALL, str(path)]
    kilobytes = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    # Pillow has 4 bytes for each of the 49 million pixels.
    assert kilobytes * 1024 < 4 * 7000**2 + 100_000_000


def test_a_video_of_frames_that_are_too_large_is_refused_before_one_is_decoded(
    tmp_path: Path, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = make_video(tmp_path / "large.mp4", pictures=[colorful_picture(0, 320, 180)] * 3, times=range(3))
    monkeypatch.setattr("vidstyle.demo.files.LARGEST_VIDEO", 200 * 100)
    monkeypatch.setattr("vidstyle.demo.files.FileSource", None)
    folder = tmp_path / "demo"
    folder.mkdir()
    answer = door(Visitors(folder), gallery).put("/vidstyle/upload/video?name=large.mp4", content=clip.read_bytes())
    assert answer.status_code == 422
    assert answer.json()["error"].startswith("large.mp4: 320x180 is larger than")
    assert not [path for path in folder.rglob("*") if path.is_file()]


@pytest.fixture
def shown_small(monkeypatch: pytest.MonkeyPatch) -> int:
    """Pictures are small, and shown at a quarter of their sides."""
    monkeypatch.setattr("vidstyle.demo.pictures.SHOWN_PIXELS", 10_000)
    return 10_000


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_a_large_picture_is_shown_as_it_is_but_smaller(tmp_path: Path, suffix: str, shown_small: int) -> None:
    path, picture = tmp_path / f"large{suffix}", colorful_picture(0, 420, 390)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    Image.fromarray(picture).save(path, exif=exif, quality=95)
    shown = read_shown(path)
    assert check_picture(path) == (390, 420)
    assert shown_small <= shown.shape[0] * shown.shape[1] <= 4 * shown_small
    assert shown.shape[0] > shown.shape[1], "upright"
    upright = Image.fromarray(np.rot90(picture, -1)).resize(shown.shape[1::-1], Image.Resampling.BOX)
    assert np.abs(shown - np.asarray(upright, int)).mean() < 6


def test_a_style_is_made_of_a_small_copy_which_goes_away(tmp_path: Path, shown_small: int) -> None:
    path = tmp_path / "large.upload"
    Image.fromarray(colorful_picture(0, 420, 390)).save(path, "JPEG")
    with picture_for_style(path) as small:
        assert small is not None
        with Image.open(small) as image:
            assert image.width * image.height <= 4 * shown_small
    assert [file.name for file in tmp_path.iterdir()] == ["large.upload"]
    path.write_bytes(b"no picture")
    with picture_for_style(path) as nothing:
        assert nothing is None
