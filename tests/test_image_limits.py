"""Still pictures of odd sizes and too large ones, damaged ones, and folders of them."""

import contextlib
import random
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from conftest import contents
from media_files import colorful_picture, repaint
from PIL import Image

from vidstyle import InputError
from vidstyle.media.images import is_image, read_image, read_picture


@pytest.mark.parametrize(("width", "height"), [(16, 16), (17, 31), (101, 16)])
def test_odd_sizes_stay(width: int, height: int, tmp_path: Path) -> None:
    Image.fromarray(colorful_picture(0, width, height)).save(tmp_path / "in.png")
    repaint(tmp_path / "in.png", tmp_path / "out.png")
    assert (read_image(tmp_path / "out.png") == colorful_picture(0, width, height)).all()


def test_a_single_pixel_needs_a_size(tmp_path: Path) -> None:
    Image.new("RGB", (1, 1), (10, 20, 30)).save(tmp_path / "in.png")
    with pytest.raises(InputError, match=r"in\.png: cannot paint at 1x1; it takes 16 pixels a side"):
        repaint(tmp_path / "in.png", tmp_path / "out.png")
    repaint(tmp_path / "in.png", tmp_path / "out.png", size=(16, 16))
    assert (read_image(tmp_path / "out.png") == (10, 20, 30)).all()


def blank_png(path: Path, width: int, height: int) -> Path:
    """The header of a picture of any size, and no pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    return path


@pytest.mark.parametrize(("width", "height"), [(10_001, 10_000), (30_000, 30_000), (2_000_000_000, 2_000_000_000)])
def test_more_than_100_megapixels_are_refused(width: int, height: int, tmp_path: Path) -> None:
    source = blank_png(tmp_path / "large.png", width, height)
    with pytest.raises(InputError, match=r"large\.png: more than 100 megapixels; scale it down first"):
        repaint(source, tmp_path / "out.png")
    assert list(contents(tmp_path)) == ["large.png"]


def test_100_megapixels_are_not_too_many(tmp_path: Path) -> None:
    # It passes the limit, and only then turns out to have no pixels.
    source = blank_png(tmp_path / "large.png", 10_000, 10_000)
    with pytest.raises(InputError, match="not a picture that can be read"):
        repaint(source, tmp_path / "out.png")


def test_animations_are_videos_and_stacks_of_pages_are_not(tmp_path: Path) -> None:
    first, second = (Image.fromarray(colorful_picture(n)) for n in (0, 20))
    for name in ("a.gif", "a.png", "a.webp", "a.tiff"):
        first.save(tmp_path / name, save_all=True, append_images=[second])
    # What many telephones call a JPEG.
    first.save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[second])
    assert {path.name for path in tmp_path.iterdir() if is_image(path)} == {"a.tiff", "a.jpg"}
    assert (read_image(tmp_path / "a.tiff") == colorful_picture()).all()
    assert np.abs(read_image(tmp_path / "a.jpg").astype(int) - colorful_picture()).mean() < 5


def test_a_jpeg_that_lacks_its_end_is_painted_with_a_warning(tmp_path: Path) -> None:
    source = tmp_path / "a.jpg"
    picture = colorful_picture(0, 320, 240)
    Image.fromarray(picture).save(source, quality=95)
    source.write_bytes(source.read_bytes()[:-40])
    summary = repaint(source, tmp_path / "b.png")
    assert summary.warnings == [f"{source}: is cut off; what there is of it is painted"]
    assert np.abs(read_image(tmp_path / "b.png")[:200].astype(int) - picture[:200]).mean() < 4
    with pytest.raises(InputError, match="not a picture that can be read"):
        repaint(source, tmp_path / "c.png", strict=True)


def test_damaged_pictures_are_refused_rather_than_crash(tmp_path: Path) -> None:
    generator = random.Random(0)
    path = tmp_path / "damaged"
    refused = 0
    for suffix in (".png", ".jpg", ".webp", ".tiff", ".bmp", ".gif"):
        Image.fromarray(colorful_picture()).save(tmp_path / f"good{suffix}")
        good = (tmp_path / f"good{suffix}").read_bytes()
        for _ in range(60):
            data = bytearray(good[: generator.randrange(len(good)) if generator.random() < 0.3 else None])
            for _ in range(generator.randrange(1, 8)):
                if data:
                    data[generator.randrange(min(len(data), 200))] = generator.randrange(256)
            path.write_bytes(data)
            is_image(path)
            with contextlib.suppress(InputError):
                read_picture(path)
                continue
            refused += 1
    assert refused > 100


def test_a_folder_keeps_names_and_formats(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    pictures = {"b.png": "PNG", "A.JPG": "JPEG", "with space.webp": "WEBP", "ü.tif": "TIFF", "c.bmp": "BMP"}
    for number, (name, kind) in enumerate(pictures.items()):
        # Of several sizes.
        Image.fromarray(colorful_picture(0, 40 + 8 * number, 32)).save(folder / name, format=kind)
    repaint(folder, tmp_path / "out")
    painted = {path.name: Image.open(path) for path in (tmp_path / "out").iterdir()}
    assert {name: image.format for name, image in painted.items()} == pictures
    for name, image in painted.items():
        assert image.size == Image.open(folder / name).size
    assert (tmp_path / "out").stat().st_mode == folder.stat().st_mode


def test_a_folder_may_go_into_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    Image.fromarray(colorful_picture()).save(tmp_path / "in" / "a.png")
    repaint(tmp_path / "in", tmp_path / "out")
    assert list(contents(tmp_path / "out")) == ["a.png"]


def test_overwriting_a_folder_leaves_its_other_files_alone(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    Image.fromarray(colorful_picture()).save(tmp_path / "in" / "a.png")
    (tmp_path / "out" / "a.png").write_text("old")
    (tmp_path / "out" / "letter.txt").write_text("dear")
    with pytest.raises(InputError, match="exists already"):
        repaint(tmp_path / "in", tmp_path / "out")
    repaint(tmp_path / "in", tmp_path / "out", overwrite=True)
    assert (read_image(tmp_path / "out" / "a.png") == colorful_picture()).all()
    assert (tmp_path / "out" / "letter.txt").read_text() == "dear"
    assert len(contents(tmp_path / "out")) == 2


def test_a_folder_of_which_nothing_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_text("no picture")
    with pytest.raises(InputError, match=r"none of its pictures can be painted; .*a\.png: not a picture"):
        repaint(tmp_path / "in", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_size_that_a_format_cannot_hold(tmp_path: Path) -> None:
    Image.fromarray(colorful_picture()).save(tmp_path / "in.png")
    with pytest.raises(InputError, match=r"out\.webp: cannot be written: .*16383"):
        repaint(tmp_path / "in.png", tmp_path / "out.webp", size=(16384, 16))
    assert list(contents(tmp_path)) == ["in.png"]
