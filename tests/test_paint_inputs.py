"""Painting a picture by optimisation: pictures of every kind, and what is refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Result, contents
from media_files import colorful_picture, corner_colors, quartered_picture
from paint_material import SIZE
from PIL import Image

from vidstyle.media.images import read_image
from vidstyle.painting import optimisation

pytest_plugins = ["paint_material"]


pytestmark = [pytest.mark.usefixtures("one_thread"), pytest.mark.slow]


def one_color(path: Path) -> None:
    Image.new("RGB", (60, 50), (90, 120, 200)).save(path)


def one_pixel(path: Path) -> None:
    Image.new("RGB", (1, 1), (90, 120, 200)).save(path)


def grey(path: Path) -> None:
    Image.fromarray(colorful_picture()[..., 0]).save(path)


def sixteen_bit(path: Path) -> None:
    Image.fromarray(colorful_picture()[..., 0].astype(np.uint16) * 257).save(path)


def transparent(path: Path) -> None:
    picture = Image.fromarray(colorful_picture())
    picture.putalpha(Image.fromarray(colorful_picture()[..., 1]))
    picture.save(path)


def cmyk(path: Path) -> None:
    Image.fromarray(colorful_picture()).convert("CMYK").save(path, format="TIFF")


@pytest.mark.parametrize("make", [one_color, one_pixel, grey, sixteen_bit, transparent, cmyk])
@pytest.mark.parametrize("part", ["content", "style"])
def test_odd_pictures_are_painted(
    make: Callable[[Path], None], part: str, paint_cli: Callable[..., Result], pictures: Path
) -> None:
    files = {"content": pictures / "photo.png", "style": pictures / "a.png"}
    make(files[part])
    result = paint_cli(files["content"], files["style"], pictures / "out.png", "--steps", 2, "--match-colors")
    assert result.code == 0, result.err
    assert max(read_image(pictures / "out.png").shape) == SIZE


def test_transparency_is_kept(paint_cli: Callable[..., Result], pictures: Path) -> None:
    transparent(pictures / "photo.png")
    assert paint_cli(pictures / "photo.png", pictures / "a.png", pictures / "out.png").code == 0
    found = np.asarray(Image.open(pictures / "out.png").getchannel("A")).astype(int)
    assert np.abs(found - optimisation.fit(colorful_picture()[..., 1], *found.shape)).max() <= 2


def test_pictures_stand_upright(paint_cli: Callable[..., Result], pictures: Path) -> None:
    image = Image.fromarray(quartered_picture(48, 64))
    exif = image.getexif()
    exif[0x0112] = 6
    image.transpose(Image.Transpose.ROTATE_90).save(pictures / "turned.jpg", exif=exif, quality=95)
    result = paint_cli(pictures / "turned.jpg", pictures / "a.png", pictures / "out.png", "--style-weight", 0)
    assert result.code == 0, result.err
    upright = read_image(pictures / "out.png")
    assert upright.shape == (SIZE, 72, 3)
    assert corner_colors(upright) == corner_colors(read_image(pictures / "turned.jpg"))


def test_an_installed_style_is_no_picture_to_paint_like(run_cli: Callable[..., Result], tmp_path: Path) -> None:
    said = run_cli("paint", "cat.jpg", "starry_night", tmp_path / "out.png").err
    assert "starry_night: paint takes pictures to paint like; vidstyle restyle cat.jpg --style starry_night" in said


def test_too_large_a_picture_is_refused_before_it_is_decoded(paint_cli: Callable[..., Result], pictures: Path) -> None:
    Image.new("1", (20_000, 5_001)).save(pictures / "huge.png")
    for files in (("huge", "a"), ("photo", "huge")):
        result = paint_cli(*(pictures / f"{name}.png" for name in files), pictures / "out.png")
        assert result.code == 2
        assert result.err.endswith("huge.png: more than 100 megapixels; scale it down first\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("photo.png", "notes.txt", "out.png"), "notes.txt: not a picture that can be read"),
        (("notes.txt", "a.png", "out.png"), "notes.txt: not a picture that can be read"),
        (("missing.png", "a.png", "out.png"), "missing.png: no such file"),
        (("line.png", "a.png", "out.png"), "crop it, or raise --size"),
        (("photo.png", "out.png"), "one STYLE or more, and OUT"),
        (("photo.png", "a.png", "out.txt"), "no picture format"),
        (("photo.png", "a.png", "none/out.png"), "make it first"),
        (("photo.png", "a.png:0", "out.png"), "the weight of a style is above 0"),
        (("photo.png", "a.png", "out.png", "--size", "5000"), "--size 5000: takes 64 to 4096 pixels"),
        (("photo.png", "a.png", "out.png", "--preset", "nice"), "--preset nice: unknown; use best, gatys, d2l, adam"),
        (("photo.png", "a.png", "out.png", "--style-weight", "nan"), "--style-weight nan: takes 0 or more"),
        (("photo.png", "a.png", "out.png", "--stroke-size", "0"), "--stroke-size 0: takes 0.1 to 4"),
        (("photo.png", "a.png", "out.png", "--style-scale", "5"), "--stroke-size 5: takes 0.1 to 4"),
        (("photo.png", "a.png", "out.png", "--tile", "8"), "--tile 8: takes 128 pixels or more"),
        (("photo.png", "a.png", "out.png", "--init", "notes.txt"), "notes.txt: not a picture that can be read"),
        (("photo.png", "a.png", "out.png", "--init", "nosie"), "--init nosie: takes content, noise, style or"),
        (("photo.png", "a.png", "out.png", "--mask", "black.png"), "black.png: a mask is white where its style paints"),
        (("photo.png", "a.png", "b.png", "out.png", *["--mask", "a.png"] * 3), "--mask is given 3 times for 2 styles"),
        (("photo.png", "a.png", "out.png", "--perceptual", "vgg20"), "unknown perceptual network 'vgg20'"),
        (("photo.png", "a.png", "out.png", "--video", "--plot", "p.png"), "are for pictures, not for --video"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_in_one_line(
    arguments: tuple[str, ...],
    message: str,
    paint_cli: Callable[..., Result],
    pictures: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(pictures)
    Path("notes.txt").write_text("nothing to look at")
    Image.new("RGB", (600, 4)).save("line.png")
    Image.new("L", (40, 40)).save("black.png")
    before = contents(pictures)
    result = paint_cli(*arguments)
    assert (result.code, result.err.count("\n")) == (2, 1), result.err
    assert message in result.err
    assert contents(pictures) == before


def test_a_layer_that_the_network_lacks_is_said(paint_cli: Callable[..., Result], pictures: Path) -> None:
    result = paint_cli(pictures / "photo.png", pictures / "a.png", pictures / "out.png", "--preset", "gatys")
    assert result.code == 0
    assert "content is compared at relu4_1: this perceptual network has no relu4_2" in result.err
