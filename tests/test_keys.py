"""`vidstyle keys` and `restyle --keys`: frames to paint, painted by anyone with anything, and carried to a film."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import Result
from made_scenes import HEIGHT, WIDTH, landscape, plain, view
from media_files import Sound, make_video, read_packets, read_times, read_video
from PIL import Image

from vidstyle.keys import KeyOptions, restyle_with_keys
from vidstyle.keys.drawing import Drawer
from vidstyle.keys.key_files import CONTACT_SHEET, find_keys, likeness, read_key
from vidstyle.media.images import Picture, read_image, write_picture
from vidstyle.media.sources import FileSource

Cli = Callable[..., Result]
FRAMES, CUT = 12, 6
RED, BLUE, GREEN = (200, 40, 40), (40, 40, 200), (40, 160, 40)
MIDDLE = (slice(40, -40), slice(40, -40))


def pictures() -> list[np.ndarray]:
    """Two shots."""
    one, other = view(landscape(1), 40), view(landscape(2), 40)
    return [one if n < CUT else other for n in range(FRAMES)]


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """A film of two shots, with sound, at times that are no clockwork."""
    times = [*range(FRAMES - 1), FRAMES + 3]
    return make_video(tmp_path / "film.mkv", pictures=pictures(), times=times, sounds=[Sound(seconds=0.4)])


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A key for each shot, in one colour."""
    folder = tmp_path / "keys"
    folder.mkdir()
    write_key(folder / "000000.png", plain(RED))
    write_key(folder / "000006.png", plain(BLUE))
    return folder


def write_key(path: Path, pixels: np.ndarray, alpha: np.ndarray | None = None) -> None:
    write_picture(path, Picture(pixels, alpha), overwrite=True)


def level(pixels: np.ndarray) -> list[int]:
    """The colour in the middle."""
    return [round(float(v)) for v in np.median(pixels[MIDDLE].reshape(-1, 3), axis=0)]


def is_near(pixels: np.ndarray, color: tuple[int, int, int], levels: int = 12) -> bool:
    return bool(np.abs(np.array(level(pixels)) - color).max() <= levels)


# --- choosing


def test_the_frames_worth_painting_are_written_with_a_contact_sheet(run_cli: Cli, film: Path, tmp_path: Path) -> None:
    folder = tmp_path / "chosen"
    result = run_cli("keys", film, folder)
    assert result.code == 0
    names = sorted(path.name for path in folder.iterdir())
    assert names[:2] == ["000000.png", "000006.png"]
    assert names[-1] == CONTACT_SHEET
    assert "of 12 frames to paint: 2 first of a shot" in result.err
    for name, index in (("000000.png", 0), ("000006.png", 6)):
        assert np.abs(read_image(folder / name).astype(int) - pictures()[index]).mean() < 4
    assert find_keys(folder)[1] == []


def test_what_was_chosen_can_be_read_by_a_program(run_cli: Cli, film: Path, tmp_path: Path) -> None:
    found = json.loads(run_cli("keys", film, tmp_path / "chosen", "--json").out)
    assert found["frames"] == FRAMES
    assert found["keys"][:2] == [{"frame": 0, "why": "shot"}, {"frame": 6, "why": "shot"}]


def test_painted_frames_are_not_replaced_by_unpainted_ones(refused: Callable[..., str], film: Path, keys: Path) -> None:
    assert "exists already" in refused("keys", film, keys)


def test_a_share_of_nothing_is_refused(refused: Callable[..., str], film: Path, tmp_path: Path) -> None:
    assert "--cover 1.5" in refused("keys", film, tmp_path / "chosen", "--cover", 1.5)


# --- painting a film


def test_a_film_is_painted_by_its_keys_with_its_sound_and_times(
    run_cli: Cli, film: Path, keys: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.mkv"
    result = run_cli("restyle", film, output, "--keys", keys)
    assert result.code == 0, result.err
    frames = read_video(output)
    assert all(is_near(pixels, RED) for _, pixels in frames[:CUT])
    assert all(is_near(pixels, BLUE) for _, pixels in frames[CUT:])
    assert read_times(output) == read_times(film)
    assert read_packets(output, 1) == read_packets(film, 1)


def test_films_of_keys_are_encoded_finer_unless_a_quality_is_named(film: Path, keys: Path, tmp_path: Path) -> None:
    for name, quality, crf in (("fine.mkv", None, 13), ("named.mkv", 21, 21)):
        restyle_with_keys(film, tmp_path / name, keys, quality=quality, key_options=KeyOptions(learn_seconds=0))
        # x264 writes its settings into what it encodes.
        assert f"crf={crf}.0 ".encode() in (tmp_path / name).read_bytes()


def test_a_key_may_have_any_size(film: Path, keys: Path, tmp_path: Path) -> None:
    write_key(keys / "000000.png", plain(RED, 2 * WIDTH, 2 * HEIGHT))
    write_key(keys / "000006.png", plain(BLUE, WIDTH // 2, HEIGHT // 2))
    done = restyle_with_keys(film, tmp_path / "out.mkv", keys)
    assert (done.width, done.height) == (WIDTH, HEIGHT)
    frames = read_video(tmp_path / "out.mkv")
    assert is_near(frames[2][1], RED)
    assert is_near(frames[9][1], BLUE)


@pytest.mark.parametrize(
    ("mode", "save"),
    [
        ("16 bits", lambda path: cv2.imwrite(str(path), plain(120)[..., 0].astype(np.uint16) * 257)),
        ("CMYK", lambda path: Image.fromarray(plain(120)).convert("CMYK").save(path)),
        ("grey", lambda path: Image.fromarray(plain(120)[..., 0]).save(path)),
        ("palette", lambda path: Image.fromarray(plain(120)).quantize(16).save(path)),
    ],
)
def test_a_key_may_be_of_any_kind(tmp_path: Path, mode: str, save: Callable[[Path], object]) -> None:
    path = tmp_path / ("000000.tif" if mode == "CMYK" else "000000.png")
    save(path)
    pixels, alpha = read_key(path, (WIDTH, HEIGHT))
    assert alpha is None
    assert np.abs(pixels.astype(int) - 120).max() <= 4


def test_where_a_key_is_transparent_the_film_shows(film: Path, keys: Path, tmp_path: Path) -> None:
    alpha = np.full((HEIGHT, WIDTH), 255, np.uint8)
    alpha[:, : WIDTH // 2] = 0
    write_key(keys / "000000.png", plain(RED), alpha)
    restyle_with_keys(film, tmp_path / "out.mkv", keys)
    picture = read_video(tmp_path / "out.mkv")[3][1].astype(int)
    left, right = picture[:, : WIDTH // 2 - 8], picture[:, WIDTH // 2 + 8 :]
    assert np.abs(left - pictures()[3][:, : WIDTH // 2 - 8]).mean() < 4
    assert np.abs(right - RED).mean() < 8


def test_a_mask_says_where_the_painting_shows(film: Path, keys: Path, tmp_path: Path) -> None:
    mask = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    mask[: HEIGHT // 2] = 255
    write_key(tmp_path / "mask.png", mask)
    restyle_with_keys(film, tmp_path / "out.mkv", keys, key_options=KeyOptions(tmp_path / "mask.png"))
    picture = read_video(tmp_path / "out.mkv")[3][1].astype(int)
    assert np.abs(picture[: HEIGHT // 2 - 8] - RED).mean() < 8
    assert np.abs(picture[HEIGHT // 2 + 8 :] - pictures()[3][HEIGHT // 2 + 8 :]).mean() < 4


def test_masks_of_frames_hold_for_them_alone(film: Path, keys: Path, tmp_path: Path) -> None:
    folder = tmp_path / "masks"
    folder.mkdir()
    write_key(folder / "000003.png", plain(0))
    restyle_with_keys(film, tmp_path / "out.mkv", keys, key_options=KeyOptions(folder))
    frames = read_video(tmp_path / "out.mkv")
    assert is_near(frames[2][1], RED)
    assert np.abs(frames[3][1].astype(int) - pictures()[3]).mean() < 8


@pytest.mark.parametrize(("start", "end"), [(7, 10), (2, 9), (2, 5)])
def test_a_part_of_a_film_has_the_keys_of_the_whole(
    film: Path, keys: Path, tmp_path: Path, start: int, end: int
) -> None:
    """From a frame on that lies after its key, and up to one before the next."""
    notes: list[str] = []
    summary = restyle_with_keys(film, tmp_path / "out.mkv", keys, start=start / 25, end=end / 25, on_note=notes.append)
    frames = read_video(tmp_path / "out.mkv")
    assert len(frames) == end - start
    assert [is_near(pixels, RED if start + n < CUT else BLUE) for n, (_, pixels) in enumerate(frames)] == [True] * (
        end - start
    )
    assert notes == []
    assert not any("none for" in warning for warning in summary.warnings)


def test_one_key_is_enough_and_a_style_paints_what_it_does_not_show(
    film: Path, keys: Path, tmp_path: Path, style_file: Path
) -> None:
    (keys / "000006.png").unlink()
    notes: list[str] = []
    restyle_with_keys(film, tmp_path / "out.mkv", keys, style=style_file, on_note=notes.append)
    frames = read_video(tmp_path / "out.mkv")
    assert is_near(frames[CUT - 1][1], RED)
    assert not is_near(frames[CUT][1], RED, 30)
    assert any("seen by no key, and painted by noise" in note for note in notes)


def test_a_changed_key_changes_its_own_stretch_alone(tmp_path: Path) -> None:
    still = view(landscape(), 40)
    film = make_video(tmp_path / "still.mkv", pictures=[still] * 9, times=range(9), codec="ffv1", pixel_format="bgr0")
    folder = tmp_path / "keys"
    folder.mkdir()
    for index, color in ((0, RED), (4, GREEN), (8, BLUE)):
        write_key(folder / f"{index:06}.png", plain(color))
    lossless = {"codec": "ffv1"}
    restyle_with_keys(film, tmp_path / "one.mkv", folder, **lossless)
    write_key(folder / "000008.png", plain(RED))
    restyle_with_keys(film, tmp_path / "two.mkv", folder, **lossless)
    one, two = (read_video(tmp_path / name) for name in ("one.mkv", "two.mkv"))
    same = [np.array_equal(a, b) for (_, a), (_, b) in zip(one, two, strict=True)]
    assert same[:5] == [True] * 5
    assert same[8] is False


def test_a_changed_key_costs_its_own_stretches_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    draw = Drawer.draw
    monkeypatch.setattr(
        Drawer, "draw", lambda self, plan, source: (drawn.append(plan.index), draw(self, plan, source))[1]
    )
    still = view(landscape(), 40)
    film = make_video(tmp_path / "still.mkv", pictures=[still] * 12, times=range(12), codec="ffv1", pixel_format="bgr0")
    folder = tmp_path / "keys"
    folder.mkdir()
    for index, color in ((0, RED), (4, GREEN), (8, BLUE)):
        write_key(folder / f"{index:06}.png", plain(color))
    wishes = KeyOptions(keep_stretches=tmp_path / "kept")

    def render(name: str) -> list[np.ndarray]:
        drawn.clear()
        restyle_with_keys(film, tmp_path / name, folder, key_options=wishes, codec="ffv1")
        return [pixels for _, pixels in read_video(tmp_path / name)]

    first = render("one.mkv")
    assert drawn == list(range(12))
    assert all(np.array_equal(a, b) for a, b in zip(render("two.mkv"), first, strict=True))
    assert drawn == []
    alpha = np.full((HEIGHT, WIDTH), 255, np.uint8)
    write_key(folder / "000008.png", plain(GREEN), alpha)
    third = render("three.mkv")
    assert drawn == list(range(5, 12))
    assert all(np.array_equal(a, b) for a, b in zip(third[:5], first, strict=False))
    assert is_near(third[9], GREEN)


def test_parts_of_films_are_not_kept(refused: Callable[..., str], film: Path, keys: Path, tmp_path: Path) -> None:
    kept = ("--keep-stretches", tmp_path / "kept", "--end", 0.2)
    assert "--keep-stretches: is for whole films" in refused("restyle", film, tmp_path / "o.mp4", "--keys", keys, *kept)


# --- what cannot be


def test_no_keys_are_no_keys(refused: Callable[..., str], film: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "no such folder" in refused("restyle", film, tmp_path / "out.mp4", "--keys", tmp_path / "none")
    assert "has no keys" in refused("restyle", film, tmp_path / "out.mp4", "--keys", tmp_path / "empty")


def test_a_key_of_another_shape_is_refused(refused: Callable[..., str], film: Path, keys: Path, tmp_path: Path) -> None:
    write_key(keys / "000006.png", plain(BLUE, HEIGHT, HEIGHT))
    said = refused("restyle", film, tmp_path / "out.mp4", "--keys", keys)
    assert "000006.png: is 144x144, and the frames are 192x144" in said


def test_a_key_that_cannot_be_read_is_named(
    refused: Callable[..., str], film: Path, keys: Path, tmp_path: Path
) -> None:
    whole = (keys / "000006.png").read_bytes()
    (keys / "000006.png").write_bytes(whole[: len(whole) // 2])
    said = refused("restyle", film, tmp_path / "out.mp4", "--keys", keys)
    assert "000006.png: not a picture that can be read" in said


def test_two_keys_of_one_frame_are_refused(refused: Callable[..., str], film: Path, keys: Path, tmp_path: Path) -> None:
    write_key(keys / "frame-6.jpg", plain(RED))
    assert "is of the same frame as" in refused("restyle", film, tmp_path / "out.mp4", "--keys", keys)


def test_keys_of_another_film_are_said_to_fit_little(film: Path, keys: Path, tmp_path: Path) -> None:
    write_key(keys / "000000.png", view(landscape(7), 40))
    write_key(keys / "000006.png", 255 - pictures()[6])
    write_key(keys / "000400.png", plain(RED))
    done = restyle_with_keys(film, tmp_path / "out.mkv", keys)
    warnings = "\n".join(done.warnings)
    assert "1 of 2 keys hardly fit their frames (000000.png by" in warnings
    assert "the film has only 12 frames, and none for 000400.png" in warnings


def test_keys_that_nobody_has_painted_are_named(film: Path, keys: Path, tmp_path: Path) -> None:
    as_they_were = [frame.pixels.copy() for frame in FileSource(film)]
    write_key(keys / "000000.png", as_they_were[0])
    write_key(keys / "000006.png", 255 - as_they_were[6])
    warnings = "\n".join(restyle_with_keys(film, tmp_path / "out.mkv", keys).warnings)
    assert "1 of 2 keys are frames as they were (000000.png); paint over these pictures" in warnings
    write_key(keys / "000000.png", as_they_were[0] // 10 * 9)
    warnings = "\n".join(restyle_with_keys(film, tmp_path / "again.mkv", keys).warnings)
    assert "as they were" not in warnings


def test_a_painting_fits_its_frame_and_no_other() -> None:
    one, other = view(landscape(1), 40), view(landscape(2), 40)
    painting = cv2.GaussianBlur(255 - one, (0, 0), 3)
    assert likeness(painting, one) > 0.7
    assert likeness(painting, other) < 0.4


def test_keys_are_for_videos_and_steady_ones(
    refused: Callable[..., str], film: Path, picture: Path, keys: Path, tmp_path: Path
) -> None:
    assert "--keys: is for videos" in refused("restyle", picture, tmp_path / "out.png", "--keys", keys)
    assert "--steady" in refused("restyle", film, tmp_path / "out.mp4", "--keys", keys, "--no-steady")


# --- keys painted by a program

PROGRAM = """
import sys
from PIL import Image, ImageOps
ImageOps.invert(Image.open(sys.argv[1]).convert("RGB")).save(sys.argv[2])
"""


def program(tmp_path: Path, text: str) -> str:
    """A command that runs a Python program with the names of both pictures."""
    path = tmp_path / "a program.py"
    path.write_text(text)
    return f"{sys.executable} '{path}' {{in}} {{out}}"


def test_any_program_paints_keys_once(run_cli: Cli, film: Path, tmp_path: Path) -> None:
    counted = PROGRAM + f"open({str(tmp_path / 'calls')!r}, 'a').write('x')\n"
    arguments = ("restyle", film, tmp_path / "out.mkv", "--keys-command", program(tmp_path, counted))
    result = run_cli(*arguments)
    assert result.code == 0, result.err
    calls = len((tmp_path / "calls").read_text())
    assert calls == len(find_keys(tmp_path / "out.mkv.keys")[0])
    for n, (_, pixels) in enumerate(read_video(tmp_path / "out.mkv")):
        assert np.abs(pixels[MIDDLE].astype(int) - (255 - pictures()[n])[MIDDLE]).mean() < 9, n
    (tmp_path / "out.mkv").unlink()
    assert run_cli(*arguments).code == 0
    assert len((tmp_path / "calls").read_text()) == calls


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import sys; print('no colours left'); sys.exit(3)", "has failed with exit code 3: no colours left"),
        ("pass", "has written no picture to {out}"),
        ("import time; time.sleep(60)", "has not painted a key in 1 s, see --keys-timeout"),
        ("import sys; open(sys.argv[2], 'w').write('x')", "what it has written: not a picture that can be read"),
        (
            "import sys; from PIL import Image; Image.new('RGB', (64, 64)).save(sys.argv[2])",
            "what it has written: is 64x64, and the frames are 192x144",
        ),
        ("import os; os.kill(os.getpid(), 9)", "was ended by signal 9"),
    ],
)
def test_a_program_that_fails_is_said_to(run_cli: Cli, film: Path, tmp_path: Path, text: str, said: str) -> None:
    command = program(tmp_path, text)
    result = run_cli("restyle", film, tmp_path / "out.mp4", "--keys-command", command, "--keys-timeout", 1)
    assert result.code == 1
    assert said in result.err
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("paint {in}", "names the frame's file as {in} and the painting's as {out}"),
        ("no-such-program {in} {out}", "there is no program no-such-program"),
        ("'paint {in} {out}", "No closing quotation"),
    ],
)
def test_a_command_that_cannot_be_is_refused(
    refused: Callable[..., str], film: Path, tmp_path: Path, command: str, said: str
) -> None:
    assert said in refused("restyle", film, tmp_path / "out.mp4", "--keys-command", command)


def test_a_command_that_has_painted_nothing_may_be_mended(run_cli: Cli, film: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mkv"
    wrong = run_cli("restyle", film, output, "--keys-command", program(tmp_path, "raise SystemExit(3)"))
    assert wrong.code == 1
    assert run_cli("restyle", film, output, "--keys-command", program(tmp_path, PROGRAM) + " more").code == 0


def test_keys_that_were_painted_otherwise_are_not_mixed_with_new_ones(run_cli: Cli, film: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mkv"
    assert run_cli("restyle", film, output, "--keys-command", program(tmp_path, PROGRAM)).code == 0
    output.unlink()
    other = program(tmp_path, PROGRAM) + " more"
    said = run_cli("restyle", film, output, "--keys-command", other)
    assert said.code == 2
    assert "has keys of another film or other settings" in said.err
    assert run_cli("restyle", film, output, "--keys-command", other, "--overwrite").code == 0
