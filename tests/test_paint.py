"""Painting a picture by optimisation: what is made, and what is kept."""

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Result, contents
from media_files import colorful_picture
from paint_material import SIZE
from PIL import Image
from waiting import PATIENCE, wait_until

import vidstyle
from vidstyle.media.images import read_image
from vidstyle.painting import optimisation
from vidstyle.painting.colors import luminance, match_histogram
from vidstyle.painting.optimisation import Scale
from vidstyle.painting.paint_settings import PaintSettings, WeightedStyle, parse_style, weighted_styles
from vidstyle.painting.picture import work
from vidstyle.painting.tiled_loss import Evaluation, Past, TiledLoss
from vidstyle.perception.tensors import to_pixels, to_tensor

pytest_plugins = ["paint_material"]


pytestmark = [pytest.mark.usefixtures("one_thread"), pytest.mark.slow]


def painted(pictures: Path, weights: Path, *styles: object, **settings: object) -> list[optimisation.Step]:
    options = {"size": SIZE, "steps": 3, "perceptual_weights": weights, **settings}
    return list(vidstyle.paint(pictures / "photo.png", list(styles) or [pictures / "a.png"], **options))


def test_the_library_gives_every_step(pictures: Path, weights: Path) -> None:
    steps = painted(pictures, weights, size=192, steps=4)
    assert [step for step, _, _ in steps] == list(range(1, 9))
    assert [image.shape for _, _, image in steps[3::4]] == [(113, 136, 3), (160, 192, 3)]
    assert all(image.dtype == np.uint8 for _, _, image in steps)
    assert {"content", "style", "total"} <= steps[0].losses.keys()
    assert steps[3].losses["total"] < steps[0].losses["total"]


def test_the_same_seed_makes_the_same_picture(pictures: Path, weights: Path) -> None:
    one, same, other = (painted(pictures, weights, init="noise", seed=seed)[-1].image for seed in (1, 1, 2))
    assert (one == same).all()
    assert (one != other).mean() > 0.5


@pytest.mark.parametrize("preset", ["best", "gatys", "d2l", "adam"])
def test_every_preset_makes_the_loss_smaller(preset: str, pictures: Path, weights: Path) -> None:
    # By the filters of this network, the picture's own are far from the style's.
    steps = painted(pictures, weights, preset=preset, steps=12, style_weight=10_000.0)
    assert steps[-1].losses["style"] < 0.9 * steps[0].losses["style"]


def test_weights_of_content_and_style_pull_against_each_other(pictures: Path, weights: Path) -> None:
    photo = optimisation.fit(read_image(pictures / "photo.png"), 80, SIZE).astype(int)
    faithful, free = (
        painted(pictures, weights, content_weight=content, style_weight=style, steps=8)[-1].image
        for content, style in ((100.0, 1.0), (1.0, 100.0))
    )
    assert np.abs(faithful - photo).mean() < np.abs(free - photo).mean()


@pytest.mark.parametrize("init", ["noise", "content", "style", "FILE"])
def test_painting_starts_where_it_is_told(init: str, pictures: Path, weights: Path) -> None:
    start = str(pictures / "b.png") if init == "FILE" else init
    # One step moves a pixel by no more than the rate.
    first = painted(pictures, weights, init=start, steps=1)[0].image.astype(int)
    for name, file in (("content", "photo"), ("style", "a"), ("FILE", "b")):
        near = np.abs(first - optimisation.fit(read_image(pictures / f"{file}.png"), 80, SIZE)).mean() < 8
        assert near == (init == name)


def test_several_styles_are_mixed(pictures: Path, weights: Path) -> None:
    a, b = pictures / "a.png", pictures / "b.png"
    most, half = (painted(pictures, weights, (a, share), (b, 1 - share))[-1].image for share in (0.99, 0.5))
    alone = painted(pictures, weights, a)[-1].image
    assert np.abs(alone.astype(int) - most).mean() < np.abs(alone.astype(int) - half).mean()


def test_styles_are_read_with_their_weights(tmp_path: Path) -> None:
    assert parse_style("a.jpg:0.7") == WeightedStyle(Path("a.jpg"), 0.7)
    assert parse_style("a.jpg") == WeightedStyle(Path("a.jpg"), 1.0)
    assert parse_style("C:/a.jpg") == WeightedStyle(Path("C:/a.jpg"), 1.0)
    (tmp_path / "odd:2").touch()
    assert parse_style(f"{tmp_path}/odd:2") == WeightedStyle(tmp_path / "odd:2", 1.0)
    assert weighted_styles(("a.jpg", 0.5)) == weighted_styles(["a.jpg:0.5"]) == [WeightedStyle(Path("a.jpg"), 0.5)]
    for wrong in ("a.jpg:0", "a.jpg:-1", "a.jpg:nan"):
        with pytest.raises(vidstyle.InputError, match="above 0"):
            parse_style(wrong)


def test_styles_paint_where_their_masks_are_white(pictures: Path, weights: Path) -> None:
    for name, color in (("red", (200, 20, 20)), ("blue", (20, 20, 200))):
        Image.new("RGB", (64, 64), color).save(pictures / f"{name}.png")
    left = np.zeros((80, SIZE), np.uint8)
    left[:, : SIZE // 2] = 255
    Image.fromarray(left).save(pictures / "left.png")
    styles = (pictures / "red.png", pictures / "blue.png")
    settings = {"content_weight": 0.0, "masks": (pictures / "left.png",), "steps": 40}
    image = painted(pictures, weights, *styles, **settings)[-1].image.astype(int)
    redder = image[..., 0] - image[..., 2]
    assert redder[:, : SIZE // 3].mean() > redder[:, -SIZE // 3 :].mean() + 30


def test_luminance_alone_may_be_painted(pictures: Path, weights: Path) -> None:
    photo = optimisation.fit(read_image(pictures / "photo.png"), 80, SIZE)
    image = painted(pictures, weights, keep_colors=True, steps=8)[-1].image
    change = image.astype(int) - photo
    assert np.abs(change).mean() > 3
    within = ((image > 0) & (image < 255)).all(-1)
    # One and the same change for red, green and blue.
    assert (change.max(-1) - change.min(-1))[within].max() <= 2


def without_colors(path: Path) -> torch.Tensor:
    return luminance(to_tensor(read_image(path))[None]).expand(-1, 3, -1, -1)


def test_luminance_does_not_hang_on_the_colours_of_the_start(pictures: Path, weights: Path) -> None:
    Image.fromarray(to_pixels(without_colors(pictures / "b.png")[0])).save(pictures / "grey.png")
    colored, plain = (
        painted(pictures, weights, keep_colors=True, init=str(pictures / name), steps=1)[-1].image
        for name in ("b.png", "grey.png")
    )
    # A step of 5 levels up or down may hang on how grey was rounded.
    assert np.abs(colored.astype(int) - plain).mean() < 2


def test_luminance_does_not_hang_on_the_colours_of_the_frame_before(
    pictures: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In bfloat16 eight steps make much of how grey was rounded.
    monkeypatch.setattr(optimisation, "prefers_bfloat16", lambda: False)
    settings = PaintSettings(size=SIZE, steps=8, perceptual_weights=weights, keep_colors=True)
    photo = read_image(pictures / "photo.png")
    painter = optimisation.Optimisation([WeightedStyle(pictures / "a.png")], settings)
    results = []
    for before in (to_tensor(read_image(pictures / "b.png"))[None], without_colors(pictures / "b.png")):
        past = Past(before, torch.ones_like(before[:, :1]))
        *_, last = painter.paint(photo, painter.scales(*photo.shape[:2]), before, past)
        results.append(last.image.astype(int))
    assert np.abs(results[0] - results[1]).mean() < 1


def test_styles_may_be_given_the_colours_of_the_content() -> None:
    style, content = (0.3 + 0.4 * to_tensor(colorful_picture(seed))[None] ** power for seed, power in ((0, 1), (9, 3)))
    matched = match_histogram(style, content).flatten(2)[0]
    theirs = content.flatten(2)[0]
    torch.testing.assert_close(matched.mean(1), theirs.mean(1), atol=0.01, rtol=0)
    torch.testing.assert_close(torch.cov(matched), torch.cov(theirs), atol=0.003, rtol=0.1)
    assert luminance(content).std() > 0


def test_the_scale_of_a_style_is_that_of_its_strokes(pictures: Path, weights: Path) -> None:
    fine, coarse = (painted(pictures, weights, style_scale=scale, steps=6)[-1].image for scale in (0.5, 2.0))
    assert (fine != coarse).mean() > 0.5


def test_time_left_follows_from_what_steps_of_small_pictures_take() -> None:
    shares = work([Scale(85, 128, 100), Scale(120, 181, 100), Scale(170, 256, 100)])
    # Of two cores, a hundred steps each: 22, 32 and 42 s.
    assert 0.2 < shares[99] < 0.3
    assert 0.5 < shares[199] < 0.65
    assert shares[299] == pytest.approx(1)


def test_a_picture_is_painted_with_preview_snapshots_and_curves(
    paint_cli: Callable[..., Result], pictures: Path
) -> None:
    pytest.importorskip("matplotlib")
    out = pictures / "out.png"
    result = paint_cli(
        pictures / "photo.png", f"{pictures}/a.png:0.7", f"{pictures}/b.png:0.3", out, "--steps", 7, "--snapshots", 2,
        "--preview", pictures / "now.jpg", "--plot", pictures / "curves.png", "--json",
    )  # fmt: skip
    assert result.code == 0, result.err
    summary = json.loads(result.out)
    assert (summary["steps"], summary["width"], summary["height"], summary["complete"]) == (7, SIZE, 80, True)
    assert summary["losses"]["total"] > 0
    assert set(contents(pictures)) == {
        "photo.png", "a.png", "b.png", "out.png", "now.jpg", "curves.png", "out-step0004.png", "out-step0007.png",
    }  # fmt: skip
    final = read_image(out)
    assert (read_image(pictures / "out-step0007.png") == final).all()
    assert (read_image(pictures / "out-step0004.png") != final).any()
    assert np.abs(read_image(pictures / "now.jpg").astype(int) - final).mean() < 4
    assert min(Image.open(pictures / "curves.png").size) > 300


def test_the_preview_is_rewritten_and_always_whole(
    pictures: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vidstyle.painting.picture import PaintSettings, Watch, paint_picture
    from vidstyle.painting.record import Outputs

    seen = []

    def look(_progress: object) -> None:
        seen.append(read_image(pictures / "now.png").tobytes())

    paint_picture(
        pictures / "photo.png",
        [pictures / "a.png"],
        pictures / "out.png",
        PaintSettings(size=SIZE, steps=12, perceptual_weights=weights),
        outputs=Outputs(preview=pictures / "now.png"),
        watch=Watch(on_progress=look),
    )
    assert [seen.index(image) + 1 for image in dict.fromkeys(seen)] == [1, 5, 10, 12]
    assert seen[-1] == read_image(pictures / "out.png").tobytes()


def test_tiles_paint_the_same_picture(pictures: Path, weights: Path) -> None:
    whole, tiled = (painted(pictures, weights, size=256, steps=2, tile=tile)[-1].image for tile in (None, 128))
    assert np.abs(whole.astype(int) - tiled).mean() < 1


def test_nothing_is_overwritten_unasked(paint_cli: Callable[..., Result], pictures: Path) -> None:
    photo, style = pictures / "photo.png", pictures / "a.png"
    out, preview = pictures / "out.png", pictures / "now.png"
    preview.write_bytes(b"mine")
    out.write_bytes(b"mine")
    assert paint_cli(photo, style, out).err.endswith("out.png: exists already; --overwrite replaces it\n")
    out.unlink()
    result = paint_cli(photo, style, out, "--preview", preview)
    assert (result.code, preview.read_bytes(), out.exists()) == (2, b"mine", False)
    assert paint_cli(photo, style, photo, "--overwrite").code == 2
    assert paint_cli(photo, style, out, "--preview", preview, "--overwrite").code == 0


def test_what_a_painting_is_made_from_is_never_overwritten(paint_cli: Callable[..., Result], pictures: Path) -> None:
    photo, style, other, out = (pictures / f"{name}.png" for name in ("photo", "a", "b", "out"))
    before = contents(pictures)
    for arguments in (
        (photo, style, style),
        (photo, f"{style}:0.5", style),
        (photo, style, other, "--mask", other),
        (photo, style, other, "--init", other),
        (photo, style, out, "--preview", photo),
        (photo, style, out, "--plot", style),
    ):
        result = paint_cli(*arguments, "--overwrite")
        assert result.code == 2, arguments
        assert contents(pictures) == before
    result = paint_cli(photo, style, style, "--overwrite")
    assert result.err.endswith(f"is the name of {style} too; choose another one\n")


def test_an_interrupted_painting_is_kept(
    start_cli: Callable[..., "subprocess.Popen[str]"], pictures: Path, weights: Path
) -> None:
    process = start_cli(
        "paint", pictures / "photo.png", pictures / "a.png", pictures / "out.png", "--preview", pictures / "now.png",
        "--size", 256, "--steps", 100_000, "--perceptual-weights", weights,
    )  # fmt: skip
    wait_until(process, (pictures / "now.png").exists)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "vidstyle: stopping after this step; once more ends at once" in errors
    assert errors.endswith("vidstyle: interrupted\n")
    # At the first scale, and in full size all the same.
    assert read_image(pictures / "out.png").shape == (213, 256, 3)
    assert not list(pictures.glob(".*"))


@pytest.mark.parametrize("good", [0, 4])
def test_a_loss_that_is_no_number_ends_it_and_keeps_the_last_good_picture(
    good: int, paint_cli: Callable[..., Result], pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate, calls = TiledLoss.evaluate, []

    def break_down(loss: TiledLoss, image: torch.Tensor) -> Evaluation:
        calls.append(1)
        found = evaluate(loss, image)
        return found if len(calls) <= good else Evaluation(dict.fromkeys(found.losses, float("nan")), found.gradient)

    monkeypatch.setattr(TiledLoss, "evaluate", break_down)
    result = paint_cli(pictures / "photo.png", pictures / "a.png", pictures / "out.png", "--steps", 9)
    assert result.code == 1
    assert f"no longer a number at step {good + 1};" in result.err
    assert "Traceback" not in result.err
    assert (pictures / "out.png").exists() == (good > 0)
    if good:
        assert "out.png is the painting after step 4" in result.err
        assert 0 < read_image(pictures / "out.png").mean() < 255
