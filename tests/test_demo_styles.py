"""What the demo's server does with styles: mixes, changes within a video, originals, examples; and stroke by stroke."""

import io
import json
import re
import tomllib
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from made_scenes import landscape
from media_files import colorful_picture, make_video, read_video
from packaging.requirements import Requirement
from PIL import Image
from training_material import make_material

pytest.importorskip("gradio", reason="gradio is not installed")

from starlette.testclient import TestClient

from vidstyle.demo import DemoSettings
from vidstyle.demo.dropped_pictures import dropped_picture
from vidstyle.demo.examples import PICTURES, VIDEOS
from vidstyle.demo.gallery import Gallery
from vidstyle.demo.guard import ROUTES
from vidstyle.demo.jobs import Cancelled, Jobs, PaintRequest
from vidstyle.demo.originals import Originals
from vidstyle.demo.previews import Previews
from vidstyle.demo.server import build_app
from vidstyle.demo.slow_jobs import SlowJobs, SlowRequest
from vidstyle.demo.slow_tab import STYLE_EXAMPLES
from vidstyle.demo.style_making import StyleMaker
from vidstyle.demo.visitors import Visitors
from vidstyle.errors import InputError
from vidstyle.shipped import PHOTOS
from vidstyle.styles import load_style

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("few_steps")]

ORIGIN = {"origin": "http://testserver"}
PAINTING = (20, 40, 120)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """A demo of which the owner has a picture of The Starry Night."""
    paintings = tmp_path_factory.mktemp("paintings")
    Image.new("RGB", (800, 500), PAINTING).save(paintings / "starry_night.png")
    settings = DemoSettings(allow_host=("testserver",), paintings=paintings)
    made = build_app(settings, tmp_path_factory.mktemp("demo"), 7860)
    with TestClient(made):
        yield made


@pytest.fixture
def browser(app: object) -> Callable[[], TestClient]:
    """Makes browsers that visit it."""
    return lambda: TestClient(app)  # type: ignore[arg-type]


@pytest.fixture
def here(tmp_path: Path) -> Iterator[SimpleNamespace]:
    """What paints, and a visitor for whom it does."""
    previews = Previews("cpu")
    gallery = Gallery(previews)
    (tmp_path / "visitors").mkdir()
    visitor = Visitors(tmp_path / "visitors").welcome()[1]
    yield SimpleNamespace(gallery=gallery, jobs=Jobs(gallery, previews, "cpu"), visitor=visitor)
    previews.close()


def bring(here: SimpleNamespace, pixels: np.ndarray, name: str = "mine.png") -> str:
    path = here.visitor.new_path(".png")
    Image.fromarray(pixels).save(path)
    return str(here.visitor.keep(path, name, "picture"))


# --- mixes and changes


def test_a_mix_of_two_styles_is_a_style(here: SimpleNamespace) -> None:
    card = here.gallery.card(here.visitor, "great_wave+the_scream:30")
    assert "70%" in card.title
    assert "30%" in card.title
    tensors = [load_style(one).network.state_dict() for one in (card.path, "great_wave", "the_scream")]
    for name in tensors[0]:
        assert np.allclose(tensors[0][name], 0.7 * tensors[1][name] + 0.3 * tensors[2][name], atol=1e-2), name
    assert here.gallery.card(here.visitor, "great_wave+the_scream:30").path == card.path, "it is made once"


@pytest.mark.parametrize(
    "key", ["great_wave+nothing:30", "great_wave+the_scream:0", "great_wave+the_scream:100", "+:5", "a+b+c:5"]
)
def test_a_mix_that_cannot_be_is_refused(here: SimpleNamespace, key: str) -> None:
    with pytest.raises(InputError, match="not here"):
        here.gallery.card(here.visitor, key)


def test_of_styles_that_cannot_be_mixed_nobody_learns_where_they_are(here: SimpleNamespace, style_file: Path) -> None:
    path = here.visitor.new_path(".safetensors")
    path.write_bytes(style_file.read_bytes())
    own = here.visitor.keep(path, "noise.safetensors", "style")
    with pytest.raises(InputError, match="cannot be mixed") as error:
        here.gallery.card(here.visitor, f"own:{own}+great_wave:30")
    assert str(path.parent) not in str(error.value)


def test_a_video_changes_its_style_at_a_time(here: SimpleNamespace, tmp_path: Path) -> None:
    clip = make_video(tmp_path / "visitors" / "clip.mp4", pictures=24 * [landscape(0, 192, 144)], times=range(24))
    identity = here.visitor.keep(clip, "clip.mp4", "video")
    seconds = 12 / 25

    def painted(**asked: object) -> list[np.ndarray]:
        steps = list(here.jobs.paint(here.visitor, PaintRequest(identity, "great_wave", **asked)))
        found = re.search(r'src="/vidstyle/file/([^"]+)"', steps[-1][1])
        assert found is not None
        return [pixels.astype(int) for _, pixels in read_video(here.visitor.file(found[1]).path)]

    plain, changed = painted(), painted(style_at=((seconds, "the_scream"),))
    assert np.abs(plain[0] - changed[0]).mean() < 8
    assert np.abs(plain[-1] - changed[-1]).mean() > 20
    names = [file.name for file in here.visitor.files("result").values()]
    assert names[-1] == "clip - Under the Wave off Kanagawa, The Scream.mp4"


# --- originals and examples


def test_a_style_of_a_picture_is_shown_beside_it(browser: Callable[[], TestClient]) -> None:
    owner, other, data = browser(), browser(), io.BytesIO()
    Image.new("RGB", (800, 600), (30, 60, 200)).save(data, "PNG")
    answer = owner.put("/vidstyle/upload/style?name=sea.png", content=data.getvalue(), headers=ORIGIN).json()
    card = owner.get("/vidstyle/styles").json()[0]
    assert (card["key"], card["original"]) == (answer["id"], True)
    shown = Image.open(io.BytesIO(owner.get(f"/vidstyle/original/{answer['id']}").content))
    assert shown.size == (480, 360)
    assert np.abs(np.asarray(shown, int) - (30, 60, 200)).mean() < 4
    other.get("/")
    assert other.get(f"/vidstyle/original/{answer['id']}").status_code == 404
    assert owner.get("/vidstyle/original/great_wave").status_code == 404


@pytest.mark.parametrize("style", ["starry_night", "starry_night_light"])
def test_a_painting_that_the_owner_has_is_shown_beside_the_styles_learnt_from_it(
    browser: Callable[[], TestClient], style: str
) -> None:
    visitor = browser()
    cards = {card["key"]: card["original"] for card in visitor.get("/vidstyle/styles").json()}
    assert cards[style]
    assert not cards["great_wave"]
    shown = Image.open(io.BytesIO(visitor.get(f"/vidstyle/original/{style}").content))
    assert shown.size == (480, 300)
    assert np.abs(np.asarray(shown, int) - PAINTING).mean() < 4


def test_the_nearest_name_is_that_of_the_painting(tmp_path: Path) -> None:
    for name in ("starry_night.jpg", "starry_night_form.jpg", "night.jpg", "notes.txt"):
        (tmp_path / name).touch()
    found = {style: Originals(tmp_path).of(style) for style in ("starry_night_large", "starry_night_form", "starry")}
    assert {style: path and path.name for style, path in found.items()} == {
        "starry_night_large": "starry_night.jpg",
        "starry_night_form": "starry_night_form.jpg",
        "starry": None,
    }


def test_a_small_picture_of_each_style_is_there_at_once(browser: Callable[[], TestClient]) -> None:
    visitor = browser()
    cards = visitor.get("/vidstyle/styles").json()
    assert all(card["sketch"] for card in cards if not card["own"])
    picture = Image.open(io.BytesIO(visitor.get("/vidstyle/thumbnail/great_wave?sketch").content))
    assert picture.size == (240, 135)
    for key in ("nothing", "own:1", "..%2fgreat_wave"):
        assert visitor.get(f"/vidstyle/thumbnail/{key}?sketch").status_code == 404


@pytest.mark.parametrize("name", sorted(name for name, _ in {*VIDEOS, *PICTURES, *STYLE_EXAMPLES}))
def test_everything_that_is_offered_to_try_is_there(browser: Callable[[], TestClient], name: str) -> None:
    answer = browser().get(f"/vidstyle/example/{name}.jpg")
    assert Image.open(io.BytesIO(answer.content)).format == "JPEG"


def test_there_is_a_video_to_try(browser: Callable[[], TestClient], tmp_path: Path) -> None:
    client = browser()
    clip = client.get("/vidstyle/example/harbour.mp4").content
    answer = client.put("/vidstyle/upload/video?name=harbour.mp4", content=clip, headers=ORIGIN)
    assert (answer.status_code, answer.json()["width"]) == (200, 640)


@pytest.mark.parametrize("name", ["nothing.jpg", "..%2fserver.py", "harbour.png", "README.md", "README.jpg"])
def test_nothing_else_can_be_tried(browser: Callable[[], TestClient], name: str) -> None:
    assert browser().get(f"/vidstyle/example/{name}").status_code == 404


def test_the_large_thumbnail_is_as_wide_as_a_stage(browser: Callable[[], TestClient]) -> None:
    client = browser()
    sizes = [
        Image.open(io.BytesIO(client.get(f"/vidstyle/thumbnail/starry_night{which}").content)).size
        for which in ("", "?large")
    ]
    assert sizes == [(480, 270), (1280, 720)]


# --- by optimisation


def test_a_picture_is_painted_like_another_one_and_shown_on_the_way(here: SimpleNamespace, tmp_path: Path) -> None:
    weights = make_material(tmp_path)
    slow = SlowJobs(here.jobs, DemoSettings(device="cpu", perceptual_weights=weights))
    content, style = bring(here, colorful_picture(0, 96, 64)), bring(here, colorful_picture(5, 96, 64), "dots.png")
    steps = slow.paint(here.visitor, SlowRequest(content, style, 64), dropped_picture(here.visitor, content))
    seen = set()
    for told, shown in steps:
        if found := re.search(r'before="/vidstyle/file/([^"]+)" .* after="/vidstyle/file/[^"]+\?step=(\d+)"', shown):
            seen.add(found[2])
            before = np.asarray(Image.open(here.visitor.file(found[1], "preview").path), int)
            assert np.abs(before - colorful_picture(0, 96, 64)).mean() < 6, "it is seen beside what it was"
            assert re.search(r"step \d+ of \d+ · .* left", told)
            here.visitor.enough.set()
    assert seen
    assert re.search(r"\d+ steps in \d+ s", told)
    (result,) = here.visitor.files("result").values()
    assert result.name == "mine - like dots.png"
    assert Image.open(result.path).size == (64, 43)
    assert "vs-compare" in shown


def test_a_dropped_picture_shows_to_who_dropped_it(here: SimpleNamespace, tmp_path: Path) -> None:
    pixels = colorful_picture(3, 1200, 400)
    identity = bring(here, pixels, 'a "small" <one>.png')
    picture = dropped_picture(here.visitor, identity)
    assert (picture.width, picture.height) == (960, 320)
    shown = Image.open(here.visitor.file(picture.url.rpartition("/")[2], "preview").path)
    assert np.abs(np.asarray(shown, int) - np.asarray(Image.fromarray(pixels).resize((960, 320)), int)).mean() < 8
    assert 'words="a &quot;small&quot; &lt;one&gt;.png"' in picture.shown()
    other = Visitors(tmp_path / "visitors").welcome()[1]
    with pytest.raises(InputError):
        dropped_picture(other, identity)


def test_painting_by_optimisation_is_cancelled(here: SimpleNamespace, tmp_path: Path) -> None:
    slow = SlowJobs(here.jobs, DemoSettings(device="cpu", perceptual_weights=make_material(tmp_path)))
    content = bring(here, colorful_picture(0, 96, 64))
    steps = slow.paint(here.visitor, SlowRequest(content, content, 64), dropped_picture(here.visitor, content))
    next(steps)
    here.visitor.stop_painting()
    with pytest.raises(Cancelled):
        list(steps)
    assert not here.visitor.files("result")


def test_what_ships_is_enough_to_train(here: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told: list[list[str]] = []

    class Process:
        pid = 0

        def __init__(self, command: list[str], **_: object) -> None:
            told.append(command)

        def poll(self) -> None:
            return None

    monkeypatch.setattr("vidstyle.demo.style_making.subprocess.Popen", Process)
    monkeypatch.setattr("vidstyle.demo.style_making.os.setpriority", lambda *_: None)
    StyleMaker(DemoSettings()).start(here.visitor, bring(here, colorful_picture(0, 96, 64)), 1, "", "")
    (command,) = told
    assert command[command.index("--photos") + 1] == str(PHOTOS)
    assert command[command.index("--perceptual") + 1] == "vidstyle"


# --- Gradio


def test_gradio_is_a_version_that_the_page_is_made_for() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    (asked,) = (
        needed for needed in map(Requirement, project["optional-dependencies"]["demo"]) if needed.name == "gradio"
    )
    assert {"<", ">="} <= {one.operator for one in asked.specifier}
    assert metadata.version("gradio") in asked.specifier


def test_all_that_the_page_needs_is_let_through(browser: Callable[[], TestClient]) -> None:
    client = browser()
    page = client.get("/").text
    named = set(re.findall(r'(?:src|href)="\.?(/?[^":#]+)"', page))
    own = {path for path in named if not path.startswith("//")}
    assert any("assets/" in path for path in own)
    for path in own:
        answer = client.get("/" + path.lstrip("./"))
        assert answer.status_code == 200, path
    config = json.loads(re.search(r"window\.gradio_config = (\{.*?\});?</script>", page, re.S)[1])
    assert {component["type"] for component in config["components"]} >= {"html", "slider", "button", "checkbox"}
    # What events use: another version of Gradio may have other routes.
    prefix = config.get("api_prefix", "")
    for route in ("queue/join", "queue/data", "heartbeat/abc", "startup-events"):
        assert ROUTES.fullmatch(f"{prefix}/{route}"), route
