"""What visitors may keep: how much all together, for how long, and what decoding it may cost."""

import subprocess
import sys
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from media_files import colorful_picture, make_video
from PIL import Image

pytest.importorskip("starlette", reason="the demo is not installed")

from starlette.applications import Starlette
from starlette.testclient import TestClient
from waiting import wait_for

from vidstyle.demo.files import routes
from vidstyle.demo.gallery import Gallery
from vidstyle.demo.guard import Guard
from vidstyle.demo.hosts import Hosts
from vidstyle.demo.pictures import check_picture, picture_for_style, read_shown
from vidstyle.demo.storage import NoRoomError, Storage
from vidstyle.demo.visitors import Visitor, Visitors
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
