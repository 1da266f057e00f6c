"""A recipe: everything that determines a style's weights, read from train/NAME.toml."""

import dataclasses
import hashlib
import json
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import Field, TypeAdapter, ValidationError

from vidstyle.errors import InputError
from vidstyle.media.suffixes import pictures_in
from vidstyle.perception.objective import Loss
from vidstyle.perception.photographs import SCALES
from vidstyle.steps import MOST_STEPS

Pictures = Path | tuple[Path, ...]


@dataclass(frozen=True)
class StyleSource:
    """The picture whose style is learnt, and what is known of it."""

    image: Pictures
    """A picture, or several by one hand, or a folder of such; for a meta network a folder of pictures of any kind."""
    title: str = ""
    artist: str = ""
    year: str = ""
    licence: str = ""
    optimise: Annotated[int, Field(ge=0, le=MOST_STEPS)] = 0
    """Steps by which each painting in files is brought nearer to the picture, where nobody says otherwise."""
    shorter_side: int = 360
    """The picture is scaled to this before its features are taken, pixels: it sets the size of the strokes."""
    held_out: tuple[str, ...] = ()
    """Of a folder, the pictures that are never trained on: names without suffixes."""
    seldom: tuple[str, ...] = ()
    """Of a folder, the pictures that are shown a quarter as often, since many are alike: patterns such as `face_*`."""
    batches: int = 1
    """Of a folder, steps in a row for each picture."""

    @property
    def pictures(self) -> tuple[Path, ...]:
        """All of them.

        Raises:
            InputError: for a folder without pictures.
        """
        if isinstance(self.image, tuple):
            return self.image
        return tuple(pictures_in(self.image)) if self.image.is_dir() else (self.image,)


@dataclass(frozen=True)
class NetworkChoice:
    """Which transform network, with which arguments (see vidstyle.nets)."""

    name: str = "realtime"
    arguments: dict[str, Any] = field(default_factory=dict)
    init: Path | None = None
    """A style file whose weights to start from; of the same network."""
    init_share: float = 1.0
    """Share of the learning rate for what starts from `init`: less than 1 leaves more of it as it is."""
    form: Path | None = None
    """A style file of a FormNet: what the network has and `init` has not starts there, and adds nothing yet."""
    train_encoder: bool = False
    """Whether what describes pictures to a meta network, a VGG, learns along; in the papers it stays as it is."""
    experts: tuple[str, ...] = ()
    """Styles, of the network whose weights a meta network writes, from which it starts; named as recipes beside this
    one."""


@dataclass(frozen=True)
class Data:
    """Where the training material is."""

    photos: Path
    perceptual: Path | None = None
    """Folder or file with the weights of the perceptual network; those of torchvision are downloaded without."""
    clips: Path | None = None
    """Folder of videos; some of the pairs of frames come from them."""


@dataclass(frozen=True)
class Schedule:
    """How long and how fast: AdamW, linear warm-up, cosine annealing to zero."""

    steps: int = 4000
    minutes: float = 0.0
    """Above zero, training takes this long, in place of `steps`."""
    batch: int = 4
    crop: int = 256
    """Side of the square training crops, pixels."""
    surround: int = 0
    """Pixels around each crop that are painted and not judged.  Near its border a network whose convolutions pad knows
    where it is, and what is easiest to learn there is a frame of lines; in a picture, little lies near a border."""
    scales: tuple[float, ...] = SCALES
    """Between which a photograph's shorter side is scaled before cropping, as multiples of its own, never below the
    crop: enlarged photographs are as smooth as the frames of a video."""
    learning_rate: float = 2e-3
    warm_up: int = 100
    gradient_clip: float = 1.0
    seed: int = 0
    inversion_steps: int = 0
    """Of AdaIN: so many of the steps, at first, on `loss.inversion` alone."""
    clip_share: float = 0.25
    """Of the batches of pairs, how many come from clips, if there are any."""
    span: int = 4
    """Frames between the two of a pair from a clip, at the most."""
    finish_steps: int = 0
    """After `steps`, so many more from a warm-up on (Loshchilov and Hutter 2017, "SGDR"), on single photographs and
    without the temporal loss; not of training by minutes."""
    finish_crop: int = 144
    """Side of the photographs' crops in these, pixels."""
    finish_share: float = 1.0
    """How far weights go from those before the finish to those after it (Wortsman et al. 2022, equation 1): all the way
    is nearest to the style, less is nearer to the photograph and steadier."""


METHODS = ("perceptual", "cyclegan")
"""How a network is trained: by what a perceptual network sees, or by discriminators and a way back alone."""


@dataclass(frozen=True)
class Recipe:
    """One style's recipe; paths are absolute.

    Attributes:
        name: of the style.
        folder: where the recipe is from.
        method: of METHODS.
    """

    name: str
    style: StyleSource
    data: Data
    folder: Path = Path()
    network: NetworkChoice = NetworkChoice()
    loss: Loss = field(default_factory=Loss)
    schedule: Schedule = Schedule()
    method: str = METHODS[0]

    def hash(self) -> str:
        """SHA-256 of what determines the weights.

        Of files their names count, not the folders they are in; what is left at its default does not count, so
        that a recipe keeps its hash when recipes learn new words.
        """
        content: dict[str, Any] = {}
        for section in ("style", "network", "loss", "schedule"):
            part = getattr(self, section)
            content[section] = {
                f.name: _without_folders(getattr(part, f.name))
                for f in dataclasses.fields(part)
                if getattr(part, f.name) != f.default
            }
        if self.data.clips is not None:
            content["data"] = {"clips": self.data.clips.name}
        if self.method != METHODS[0]:
            content["method"] = self.method
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _without_folders(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_without_folders(each) for each in value)
    return value.name if isinstance(value, Path) else value


SECTIONS: dict[str, type] = {
    "style": StyleSource,
    "data": Data,
    "network": NetworkChoice,
    "loss": Loss,
    "schedule": Schedule,
}


def load_recipe(path: Path) -> Recipe:
    """Read a recipe.  Paths in it are relative to the recipe's own folder.

    Raises:
        InputError: for a file that is missing or no TOML, and for unknown, missing or mistyped keys.
    """
    try:
        content = tomllib.loads(path.read_text())
    except OSError as error:
        raise InputError(f"{path}: cannot read the recipe: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a TOML recipe: {error}") from error
    return parse_recipe(content, name=path.stem, folder=path.parent, where=str(path))


def parse_recipe(content: dict[str, Any], *, name: str, folder: Path, where: str) -> Recipe:
    """Check the parsed TOML of a recipe; `where` names it in messages."""
    method = content.get("method", METHODS[0])
    if method not in METHODS:
        raise InputError(f"{where}: method is {method!r}; it can be {', '.join(METHODS)}")
    if unknown := content.keys() - SECTIONS.keys() - {"method"}:
        raise InputError(f"{where}: unknown section [{min(unknown)}]; known: {', '.join(SECTIONS)}")
    parts: dict[str, Any] = {}
    for section, kind in SECTIONS.items():
        given = content.get(section, {})
        fields = {f.name: f for f in dataclasses.fields(kind)}
        if unknown := given.keys() - fields.keys():
            raise InputError(f"{where}: [{section}] has no {min(unknown)!r}; it has {', '.join(fields)}")
        values = {
            key: _convert(fields[key], value, folder, f"{where}: [{section}] {key}") for key, value in given.items()
        }
        try:
            parts[section] = kind(**values)
        except TypeError as error:
            missing = str(error).split(":")[-1].strip()
            raise InputError(f"{where}: [{section}] lacks {missing}") from error
    return Recipe(name=name, folder=folder.resolve(), method=method, **parts)


def _convert(spec: dataclasses.Field[Any], value: Any, folder: Path, where: str) -> Any:
    """One TOML value as the type that its field declares."""
    if spec.type in (Path, Path | None, Pictures) and isinstance(value, str):
        return (folder / value).resolve()
    if spec.type == Pictures and isinstance(value, list) and all(isinstance(each, str) for each in value):
        if not value:
            raise InputError(f"{where}: names no picture")
        return tuple((folder / each).resolve() for each in value)
    if isinstance(value, list):
        value = tuple(value)
    elif spec.type is str and isinstance(value, int):
        # A year, without quotes.
        value = str(value)
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(cast(Any, spec.type))
        return adapter.validate_python(value, strict=True)
    except ValidationError as error:
        in_range = not error.errors()[0]["type"].endswith("than_equal")
        raise InputError(f"{where}: {value!r} is {'of the wrong type' if in_range else 'out of range'}") from error


def picture_of(style: str, recipes: Path) -> Path | None:
    """The picture that a style was learnt from, as its recipe in the folder `recipes` says; None if it is not there.

    Of several, the first one.
    """
    recipe = recipes / f"{style}.toml"
    if not recipe.is_file():
        return None
    image = load_recipe(recipe).style.image
    picture = image[0] if isinstance(image, tuple) else image
    return picture if picture.is_file() else None
