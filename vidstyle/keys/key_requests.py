"""What can be asked of painting by keys, and what of it can be refused before anything is loaded."""

from dataclasses import fields
from pathlib import Path
from typing import Annotated

from pydantic import Field

from vidstyle.errors import InputError, parameter
from vidstyle.restyle_options import Options, check_request
from vidstyle.validation import validated

COVER = 0.97
"""Share of every frame that is to be seen by a key, by default."""
LEARN_SECONDS, TIMEOUT_SECONDS = 20.0, 600.0
"""By default, for how long a network learns from keys, and after which a program that paints one has failed."""
LearnSeconds = Annotated[float, Field(ge=0, allow_inf_nan=False, description="takes seconds from 0 on")]

PAINT = "paint:"
"""Begins the name of a picture in whose style keys are to be painted by optimisation."""


@validated
class KeyRequest:
    """How a film is to be painted by keys; see `vidstyle restyle --help`.

    Attributes:
        keys: a folder of painted frames, or PAINT and a picture to paint keys like.
        keys_command: a program that paints keys, see vidstyle.keys.key_commands.CommandPainter; in place of `keys`.
        keys_timeout: seconds that it may take for one.
        cover: share of every frame that keys which are painted here have to see.
        mask, learn, keep_stretches: see vidstyle.keys.key_films.KeyOptions.
        steps, perceptual, perceptual_weights: of painting by optimisation, see
            vidstyle.painting.paint_settings.PaintSettings.
    """

    keys: str | None = None
    keys_command: str | None = None
    keys_timeout: Annotated[float, Field(gt=0, allow_inf_nan=False, description="takes seconds above 0")] = (
        TIMEOUT_SECONDS
    )
    cover: Annotated[float, Field(gt=0, lt=1, description=f"takes a share above 0 and below 1, such as {COVER:g}")] = (
        COVER
    )
    mask: Path | None = None
    learn: LearnSeconds = LEARN_SECONDS
    keep_stretches: Path | None = None
    steps: int | None = None
    perceptual: str | None = None
    perceptual_weights: Path | None = None

    @property
    def picture(self) -> Path | None:
        """What keys are painted like, if they are by optimisation."""
        if self.keys is None or not self.keys.startswith(PAINT):
            return None
        return Path(self.keys.removeprefix(PAINT))

    def check_use(self) -> None:
        """Raises InputError for what was asked for and is not used: a forgotten word makes another film."""
        paints, commands = parameter("keys", PAINT + "PICTURE"), parameter("keys_command")
        any_keys = self.keys is not None or self.keys_command is not None
        uses = {
            "cover": (f"{paints} and {commands}", self.picture is not None or self.keys_command is not None),
            "keys_timeout": (commands, self.keys_command is not None),
            "learn": (f"{parameter('keys')} and {commands}", any_keys),
            "keep_stretches": (f"{parameter('keys')} and {commands}", any_keys),
            "steps": (paints, self.picture is not None),
            "perceptual": (paints, self.picture is not None),
            "perceptual_weights": (paints, self.picture is not None),
        }
        for given in fields(self):
            to, used = uses.get(given.name, ("", True))
            if not used and getattr(self, given.name) != given.default:
                name = "paint_steps" if given.name == "steps" else given.name
                raise InputError(f"{parameter(name)}: goes with {to}")

    def check(self, source: Path, output: Path, options: Options, *, style_at: bool = False) -> None:
        """Raises InputError for what cannot be, as far as names and options tell; nothing is written."""
        from vidstyle.media.images import is_image

        check_keyed_request(source, output, options)
        if style_at:
            raise InputError(f"{parameter('style_at')}: keys are of one painting; leave out one of the two")
        if self.keys is not None and self.keys_command is not None:
            raise InputError(f"{parameter('keys')}, {parameter('keys_command')}: give one of the two")
        if self.picture is not None and not self.picture.is_file():
            raise InputError(f"{parameter('keys', self.keys)}: there is no picture {self.picture}")
        if self.mask is not None and not self.mask.exists():
            raise InputError(f"{parameter('mask', self.mask)}: no such picture or folder")
        if self.mask is not None and not self.mask.is_dir() and not is_image(self.mask):
            raise InputError(
                f"{parameter('mask', self.mask)}: with {parameter('keys')}, a picture or a folder of one a frame"
            )


def kept_keys(output: Path) -> Path:
    """The folder where keys are kept that are painted for a film."""
    return output.with_name(output.name + ".keys")


def check_keyed_request(source: Path, output: Path, options: Options) -> None:
    """Raises InputError for what cannot be, as far as names and options tell; nothing is written."""
    from vidstyle.media.images import is_image

    check_request(source, output, options)
    if source.is_dir() or is_image(source):
        raise InputError(f"{parameter('keys')}: is for videos, and {source} is none")
    if not options.steady:
        raise InputError(
            f"{parameter('keys')}: keys are carried along with what moves; leave out {parameter('steady', False)}"
        )
    if options.optimise:
        raise InputError(
            f"{parameter('optimise')}: is for what styles paint, and keys are painted already; leave one of the two out"
        )
