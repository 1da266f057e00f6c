"""Still pictures: what is read and written, with colours, depth, transparency and tags."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from media_files import colorful_picture, corner_colors, quartered_picture, repaint
from PIL import ExifTags, Image, ImageCms, ImageOps

from vidstyle import InputError
from vidstyle.media.images import is_image, read_image, read_picture, upright_size


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tiff", ".tif", ".bmp", ".jpg", ".JPEG"])
def test_every_format_is_read_and_written(suffix: str, tmp_path: Path) -> None:
    source, output = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    picture = colorful_picture(0, 61, 47)
    options = {".webp": {"lossless": True}, ".jpg": {"quality": 95}, ".JPEG": {"quality": 95}}
    Image.fromarray(picture).save(source, **options.get(suffix, {}))
    assert is_image(source)
    repaint(source, output)
    error = np.abs(read_image(output).astype(int) - picture)
    lossless = suffix in {".png", ".tiff", ".tif", ".bmp"}
    assert error.max() == 0 if lossless else error.mean() < 3


@pytest.mark.parametrize("suffix", [".avif", ".jp2", ".ppm", ".tga"])
def test_rarer_formats_are_read_and_written(suffix: str, tmp_path: Path) -> None:
    source, output = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    picture = colorful_picture(0, 61, 47)
    Image.fromarray(picture).save(source, **({"quality": 95} if suffix == ".avif" else {}))
    assert is_image(source)
    repaint(source, output)
    assert np.abs(read_image(output).astype(int) - picture).mean() < 3


def make_tiles(path: Path, tiles: tuple[int, int], exif: bytes | None = None) -> np.ndarray:
    """A HEIC of more than one tile, as phones write them, and its picture."""
    picture = quartered_picture(512 * tiles[0], 512 * tiles[1])
    Image.fromarray(picture).save(path, quality=90, **({"exif": exif} if exif else {}))
    return picture


@pytest.mark.skipif("HEIF" not in Image.registered_extensions().values(), reason="pillow-heif is not installed")
@pytest.mark.parametrize(("orientation", "corners"), [(1, "rgbw"), (6, "brwg"), (3, "wbgr")])
def test_heic_is_read_whole_and_upright_and_written_as_jpeg(orientation: int, corners: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    make_tiles(tmp_path / "in.heic", (2, 1), exif.tobytes())
    assert is_image(tmp_path / "in.heic")
    pixels = read_image(tmp_path / "in.heic")
    assert pixels.shape == ((1024, 512, 3) if orientation == 6 else (512, 1024, 3))
    assert "".join(name[0] for name in corner_colors(pixels)) == corners
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "in.heic").rename(folder / "in.heic")
    repaint(folder, tmp_path / "painted")
    assert [p.name for p in (tmp_path / "painted").iterdir()] == ["in.jpg"]


@pytest.mark.parametrize("suffix", [".avif", ".tga", ".webp"])
def test_transparency_is_kept_where_the_format_has_it(suffix: str, tmp_path: Path) -> None:
    image = Image.fromarray(colorful_picture())
    alpha = Image.new("L", image.size, 255)
    alpha.paste(0, (0, 0, 20, 48))
    image.putalpha(alpha)
    image.save(tmp_path / f"in{suffix}")
    repaint(tmp_path / f"in{suffix}", tmp_path / f"out{suffix}")
    kept = read_picture(tmp_path / f"out{suffix}").alpha
    assert kept is not None
    assert kept[24, 4] == 0
    assert kept[24, 60] == 255


@pytest.mark.parametrize(
    ("begin", "name"), [(b"\xff\x0a", "JPEG XL"), (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"), (b"8BPS\0\1", "Photoshop")]
)
def test_a_format_that_is_not_read_is_refused_by_its_name(begin: bytes, name: str, tmp_path: Path) -> None:
    (tmp_path / "in.jxl").write_bytes(begin + bytes(64))
    with pytest.raises(InputError, match=f"{name}.*, which is not read here; convert it to PNG or AVIF first"):
        repaint(tmp_path / "in.jxl", tmp_path / "out.png")


def test_an_icon_in_a_folder_becomes_a_png_and_what_is_no_picture_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    Image.fromarray(colorful_picture(0, 32, 32)).save(folder / "a.ico")
    Image.fromarray(colorful_picture(0, 32, 32)).save(folder / "a.png")
    (folder / "notes.txt").write_text("mine")
    (folder / ".hidden").write_text("mine")
    summary = repaint(folder, tmp_path / "painted")
    assert sorted(p.name for p in (tmp_path / "painted").iterdir()) == ["a.ico.png", "a.png"]
    assert summary.warnings == [f"{folder}: 1 left out, no picture: notes.txt"]


def test_grey_becomes_rgb(tmp_path: Path) -> None:
    grey = colorful_picture()[..., 0]
    Image.fromarray(grey).save(tmp_path / "grey.png")
    assert (read_image(tmp_path / "grey.png") == grey[..., None]).all()
    Image.fromarray(grey > 128).save(tmp_path / "bits.png")
    assert (read_image(tmp_path / "bits.png") == 255 * (grey > 128)[..., None]).all()


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_sixteen_bits_are_scaled_rather_than_cut(suffix: str, tmp_path: Path) -> None:
    levels = np.linspace(0, 65535, 64 * 48).astype(np.uint16).reshape(48, 64)
    Image.fromarray(levels).save(tmp_path / f"deep{suffix}")
    read = read_image(tmp_path / f"deep{suffix}")
    assert (read.shape, read.dtype) == ((48, 64, 3), np.uint8)
    assert np.abs(read - levels[..., None] / 257).max() <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_that_is_converted_strip_by_strip_is_the_same(
    orientation: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, exif = tmp_path / "turned.png", Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    rgba = np.dstack([colorful_picture(0, 61, 47), colorful_picture(1, 61, 47)[..., :1]])
    Image.fromarray(rgba).save(path, exif=exif)
    monkeypatch.setattr("vidstyle.media.images.STRIP_PIXELS", 200)
    picture = read_picture(path)
    with Image.open(path) as image:
        upright = np.asarray(ImageOps.exif_transpose(image))
    assert picture.alpha is not None
    assert np.array_equal(np.dstack([picture.pixels, picture.alpha]), upright)
    assert upright_size(path) == (upright.shape[1], upright.shape[0])


def test_a_picture_too_large_for_the_memory_is_an_error_of_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    Image.fromarray(colorful_picture()).save(tmp_path / "large.png")
    monkeypatch.setattr("vidstyle.media.images.np.empty", fail)
    with pytest.raises(InputError, match=r"large\.png: there is not enough memory"):
        read_picture(tmp_path / "large.png")


def test_a_palette_is_looked_up(tmp_path: Path) -> None:
    Image.fromarray(quartered_picture()).quantize(8).save(tmp_path / "palette.png")
    assert corner_colors(read_image(tmp_path / "palette.png")) == ["red", "green", "blue", "white"]


def test_cmyk_is_converted_and_its_profile_left_behind(tmp_path: Path) -> None:
    source = tmp_path / "press.jpg"
    Image.fromarray(quartered_picture()).convert("CMYK").save(source, icc_profile=b"a profile of inks")
    picture = read_picture(source)
    assert corner_colors(picture.pixels) == ["red", "green", "blue", "white"]
    assert picture.icc_profile is None


def linear_light(picture: np.ndarray) -> np.ndarray:
    """Of sRGB (IEC 61966-2-1), float32, 1 is white."""
    signal = picture / 255
    return np.where(signal <= 0.04045, signal / 12.92, ((signal + 0.055) / 1.055) ** 2.4).astype(np.float32)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_floating_point_is_linear_light(channels: int, tmp_path: Path) -> None:
    picture = colorful_picture()
    light = linear_light(picture)[..., ::-1]
    stored = light[..., 2] if channels == 1 else light
    if channels == 4:
        stored = np.dstack([light, np.full(light.shape[:2], 0.5, np.float32)])
    cv2.imwrite(str(tmp_path / "a.tif"), stored)
    assert is_image(tmp_path / "a.tif")
    assert upright_size(tmp_path / "a.tif") == (picture.shape[1], picture.shape[0])
    read = read_picture(tmp_path / "a.tif")
    wanted = np.dstack([picture[..., 0]] * 3) if channels == 1 else picture
    assert np.abs(read.pixels.astype(int) - wanted).max() <= 1
    assert (read.alpha is not None) == (channels == 4)
    repaint(tmp_path / "a.tif", tmp_path / "b.png")
    assert np.array_equal(read_picture(tmp_path / "b.png").pixels, read.pixels)


def test_light_above_white_is_compressed_rather_than_cut_off(tmp_path: Path) -> None:
    light = np.repeat(np.geomspace(0.05, 8, 64, dtype=np.float32)[None, :, None], 48, axis=0).repeat(3, axis=2)
    cv2.imwrite(str(tmp_path / "a.tif"), light)
    levels = read_picture(tmp_path / "a.tif").pixels[0, :, 0].astype(int)
    assert (np.diff(levels) >= 0).all()
    assert len(np.unique(levels[light[0, :, 0] > 1])) > 10
    assert levels[-1] == 255


def test_a_webp_is_read_without_three_more_of_it(tmp_path: Path) -> None:
    picture = np.dstack([quartered_picture(2000, 1500), np.full((1500, 2000), 99, np.uint8)])
    Image.fromarray(picture).save(tmp_path / "a.webp", lossless=True, method=0)
    script = (
        "import resource, sys; from pathlib import Path; from vidstyle.media.images import read_picture\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "assert read_picture(Path(sys.argv[1])).alpha.max() == 99\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run([sys.executable, "-c", script, tmp_path / "a.webp"], capture_output=True, check=True)
    assert int(done.stdout) * 1024 < 2000 * 1500 * 16
    assert corner_colors(read_picture(tmp_path / "a.webp").pixels) == ["red", "green", "blue", "white"]


def test_the_profile_of_a_palette_is_kept_and_that_of_greys_left_behind(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = Image.fromarray(quartered_picture())
    picture.convert("P").save(tmp_path / "a.png", icc_profile=profile)
    repaint(tmp_path / "a.png", tmp_path / "b.png")
    assert read_picture(tmp_path / "b.png").icc_profile == profile
    grey = profile[:16] + b"GRAY" + profile[20:]
    picture.convert("L").save(tmp_path / "c.png", icc_profile=grey)
    assert read_picture(tmp_path / "c.png").icc_profile is None


def test_a_colour_profile_is_kept(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(colorful_picture()).save(tmp_path / "in.png", icc_profile=profile)
    for name in ("out.png", "out.jpg"):
        repaint(tmp_path / "in.png", tmp_path / name)
        assert Image.open(tmp_path / name).info["icc_profile"] == profile


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "avif", "tif"])
def test_when_where_and_with_what_a_picture_was_taken_is_kept(suffix: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Orientation] = "Maker", 6
    exif[ExifTags.IFD.Exif] = {
        ExifTags.Base.DateTimeOriginal: "2024:02:29 12:34:56",
        ExifTags.Base.ExifImageWidth: 64,
        ExifTags.Base.MakerNote: b"offsets",
    }
    exif[ExifTags.IFD.GPSInfo] = {ExifTags.GPS.GPSLatitudeRef: "N", ExifTags.GPS.GPSLatitude: (48.0, 1.0, 2.5)}
    Image.fromarray(colorful_picture()).save(tmp_path / "in.jpg", exif=exif)
    repaint(tmp_path / "in.jpg", tmp_path / f"out.{suffix}")
    kept = Image.open(tmp_path / f"out.{suffix}").getexif()
    assert kept[ExifTags.Base.Make] == "Maker"
    assert kept.get(ExifTags.Base.Orientation, 1) == 1
    assert dict(kept.get_ifd(ExifTags.IFD.Exif)) == {ExifTags.Base.DateTimeOriginal: "2024:02:29 12:34:56"}
    assert kept.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] == (48.0, 1.0, 2.5)


def test_exif_that_cannot_be_read_costs_no_picture(tmp_path: Path) -> None:
    Image.fromarray(colorful_picture()).save(tmp_path / "in.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff nothing more")
    repaint(tmp_path / "in.jpg", tmp_path / "out.jpg")
    assert Image.open(tmp_path / "out.jpg").size == Image.open(tmp_path / "in.jpg").size


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_stand_upright(orientation: int, tmp_path: Path) -> None:
    upright = Image.fromarray(quartered_picture())
    # How the camera held it, so that turning it as EXIF says makes it upright again.
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(undo[orientation]) if orientation in undo else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "photo.jpg", exif=exif, quality=95)
    assert read_image(tmp_path / "photo.jpg").shape == (48, 64, 3)
    repaint(tmp_path / "photo.jpg", tmp_path / "out.jpg")
    with Image.open(tmp_path / "out.jpg") as painted:
        assert painted.getexif().get(0x0112, 1) == 1
        assert corner_colors(np.asarray(painted)) == ["red", "green", "blue", "white"]


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tiff"])
def test_transparency_is_kept(suffix: str, tmp_path: Path) -> None:
    alpha = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (48, 1))
    picture = Image.fromarray(colorful_picture())
    picture.putalpha(Image.fromarray(alpha))
    picture.save(tmp_path / "in.png")
    repaint(tmp_path / "in.png", tmp_path / f"out{suffix}")
    painted = Image.open(tmp_path / f"out{suffix}")
    assert painted.mode == "RGBA"
    assert (np.asarray(painted)[..., 3] == alpha).all()


def test_transparency_follows_the_size(tmp_path: Path) -> None:
    picture = Image.fromarray(colorful_picture())
    picture.putalpha(Image.fromarray(np.full((48, 64), 77, np.uint8)))
    picture.save(tmp_path / "in.png")
    repaint(tmp_path / "in.png", tmp_path / "out.png", scale=0.5)
    assert (np.asarray(Image.open(tmp_path / "out.png"))[..., 3] == np.full((24, 32), 77)).all()


@pytest.mark.parametrize("suffix", [".jpg", ".bmp"])
def test_transparency_becomes_white_where_a_format_has_none(suffix: str, tmp_path: Path) -> None:
    picture = np.zeros((48, 64, 4), np.uint8)
    picture[:, 32:] = (200, 30, 30, 255)
    Image.fromarray(picture).save(tmp_path / "in.png")
    repaint(tmp_path / "in.png", tmp_path / f"out{suffix}")
    painted = read_image(tmp_path / f"out{suffix}").astype(int)
    assert painted[:, :24].min() > 250
    assert np.abs(painted[:, 40:] - (200, 30, 30)).max() < 6
