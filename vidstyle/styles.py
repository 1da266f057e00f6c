"""The style library: find styles by name, load them, mix them, and make them of pictures."""

import contextlib
import difflib
import math
import os
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidstyle.any_style import is_picture, painter_arguments, style_of_picture
from vidstyle.errors import InputError, parameter
from vidstyle.hub_styles import fetched, is_on_hub
from vidstyle.output_files import check_output
from vidstyle.shipped import library
from vidstyle.steps import FINE_STEPS, Steps, steps_to_take
from vidstyle.style_files import (
    SUFFIX,
    Style,
    StyleCard,
    has_grams,
    known_grams,
    knows_no_picture,
    lazy_style_file,
    load_style_file,
    network_of,
    read_card,
    save_style,
)

if TYPE_CHECKING:
    from torch import Tensor

DEFAULT_STYLE = "starry_night"
PART_OF_A_MIX = re.compile(r".{2,}:[0-9]*\.?[0-9]+")
META_STYLE = "meta_realtime"
"""What makes styles of pictures, unless something else is named."""
LIVE_NETWORKS = ("realtime", "form")
"""Networks that paint live on any machine, the one within the other."""
META_STYLES = (META_STYLE, "adain", "metanet_improved")
"""All that make styles of pictures, among the files that ship."""
NEAREST, SHORTEST_WORD = 3, 4
"""Names that are suggested for one that there is none of, at the most; and letters of what may be an artist's."""


def list_styles() -> list[StyleCard]:
    """Cards of all installed styles, by name."""
    return [read_card(path) for path in _installed()]


def live_styles() -> list[StyleCard]:
    """Cards of the installed styles that paint live on any machine: those of the real-time networks."""
    return [card for card in list_styles() if card.network in LIVE_NETWORKS]


def _installed() -> list[Path]:
    return [path for path in sorted(library().glob(f"*{SUFFIX}")) if path.stem not in META_STYLES]


def first_style(names: Sequence[str]) -> str:
    """Of these styles, the one to begin with where nobody has chosen."""
    return DEFAULT_STYLE if DEFAULT_STYLE in names else names[0]


def find_style(style: str | Path, *, argument: str = "style") -> Path:
    """The file of a style, named or given as a path; of a picture to make one of, the picture.

    Names are found as people write them, too: "Starry Night" and "The Starry Night" are `starry_night`.

    argument: what the parameter is called that names it.

    Raises:
        InputError: if there is none; the nearest names are suggested.
    """
    text = str(style)
    if is_on_hub(text):
        return fetched(text)
    if is_picture(text):
        # Of a name that no file can have this says no, where a Path's own raises.
        if not os.path.isfile(text):
            raise InputError(f"{style}: no such picture to make a style of")
        return Path(text)
    if text.endswith(SUFFIX) or "/" in text or "\\" in text:
        if not os.path.isfile(text):
            raise InputError(f"{style}: no such style file")
        return Path(style)
    known = {path.stem: path for path in _installed()}
    if text in known:
        return known[text]
    if os.path.isfile(text):
        return Path(style)
    alike = {_plain(name): path for name, path in known.items()}
    if _plain(text) in alike:
        return alike[_plain(text)]
    if text and os.path.isdir(text):
        raise InputError(f"{parameter(argument, text)}: is a folder")
    if text and os.path.isfile(f"{text}{SUFFIX}"):
        raise InputError(f"{parameter(argument, text)}: no such style; did you mean {text}{SUFFIX}?")
    close = difflib.get_close_matches(text.lower(), known, n=NEAREST, cutoff=0.5)
    near = list(dict.fromkeys((*close, *_told_of(text, known))))[:NEAREST]
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(known) or 'none'}"
    raise InputError(f"{parameter(argument, text)}: no such style; {hint}")


def _told_of(text: str, known: Mapping[str, Path]) -> list[str]:
    """The names of styles whose title or artist has these words, such as `monet`."""
    words = _plain(text)
    if len(words) < SHORTEST_WORD:
        return []
    cards = []
    for path in known.values():
        # A broken file is no reason to suggest nothing.
        with contextlib.suppress(InputError):
            cards.append(read_card(path))
    told = [card for card in cards if f"_{words}_" in f"_{_plain(f'{card.title} {card.artist}')}_"]
    return [card.name for card in sorted(told, key=lambda card: card.network not in LIVE_NETWORKS)]


def _plain(name: str) -> str:
    """A name without what people may write otherwise: case, accents, what is between words, and an article."""
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", letters).strip("_").removeprefix("the_")


def label_of(style_at: Sequence[tuple[float, str | Path | Style]], *, argument: str = "style") -> str:
    """What a painting may be called after its styles, in a file's name: `starry_night`, `great_wave+starry_night`.

    Args:
        style_at: styles, as load_style takes them or loaded, each with the time from which it is painted.
        argument: what the parameter is called that names them.

    Raises:
        InputError: if there is no such style.
    """
    names: list[str] = []
    for _, style in sorted(style_at, key=lambda one: one[0]):
        if isinstance(style, Style):
            names.append(re.sub(r"[^\w+.-]+", "_", style.card.name))
        else:
            names += [path.stem for path, _ in find_styles(style, argument=argument)]
    return "+".join(dict.fromkeys(names))


def find_styles(style: str | Path, *, argument: str = "style") -> list[tuple[Path, float]]:
    """The files of a style, or of a mix such as `great_wave:0.3,starry_night:0.7`, and their shares, which add up to 1.

    argument: what the parameter is called that names it.

    Raises:
        InputError: if one of them does not exist, or has a share that is not above 0.
    """
    return [(find_style(name, argument=argument), share) for name, share in parts_of(style)]


def parts_of(style: str | Path) -> list[tuple[str, float]]:
    """A style as it was named, or the parts of a mix, and their shares, which add up to 1.

    Raises:
        InputError: if one of them has a share that is not above 0.
    """
    text = str(style)
    if isinstance(style, Path) or "," not in text or os.path.isfile(text):
        if PART_OF_A_MIX.fullmatch(text) and not os.path.exists(text):
            raise InputError(
                f"{parameter('style', text)}: a mix has two styles or more, as in great_wave:0.5,starry_night:0.5; "
                f"{parameter('strength', 0.5)} shows a style half-way"
            )
        return [(text, 1.0)]
    parts = [_share(part.strip(), text) for part in text.split(",")]
    total = sum(weight for _, weight in parts)
    return [(name, weight / total) for name, weight in parts]


def check_steps(
    style_at: Sequence[tuple[float, str | Path | Style]], steps: int | None, *, argument: str = "style"
) -> None:
    """Whether paintings can be brought nearer to the pictures of these styles; no weights of named ones are loaded.

    Args:
        style_at: styles, as load_style takes them or loaded, each with the time from which it is painted.
        steps: as they were asked for, see vidstyle.restyle_options.Options.
        argument: what the parameter is called that names the styles.

    Raises:
        InputError: if one of them does not know its picture.
    """
    if not steps:
        return
    for _, style in style_at:
        if isinstance(style, Style):
            known_grams(style)
            continue
        for path, _ in find_styles(style, argument=argument):
            if not is_picture(path) and not has_grams(path):
                raise knows_no_picture(path.stem)


def steps_of_named(style: str | Path, asked: int | None, *, seldom: bool, argument: str = "style") -> Steps:
    """By how many steps paintings in a style are brought nearer to its picture; no weights are loaded.

    Args:
        style: as load_style takes it.
        asked, seldom: see vidstyle.steps.steps_to_take.
        argument: what the parameter is called that names the style.

    Raises:
        InputError: if there is no such style.
    """
    paths = [path for path, _ in find_styles(style, argument=argument)]
    # A mix knows its pictures if all its parts do.
    knows = all(is_picture(path) or has_grams(path) for path in paths)
    own = max(FINE_STEPS if is_picture(path) else read_card(path).optimise for path in paths)
    return steps_to_take(asked, own, knows_picture=knows, seldom=seldom)


def style_of(picture: Path, by: str | Path = META_STYLE, *, stroke_size: float = 1.0) -> Style:
    """A style of a picture.

    Args:
        picture: the picture.
        by: what makes it: one of META_STYLES, or the file of a meta network.
        stroke_size: see vidstyle.any_style.style_of_picture.

    Raises:
        InputError: for what is no picture, for what makes no styles, and for strokes that no style can have.
    """
    return style_of_picture(find_style(picture), _what_makes_styles(by), stroke_size)


def arguments_of_pictures_style() -> dict[str, Any]:
    """Of the network that `style_of` makes by itself.  Raises InputError if what makes it is not there."""
    return painter_arguments(_what_makes_styles(META_STYLE))


def _what_makes_styles(by: str | Path) -> Path:
    """The file of a meta network."""
    meta = library() / f"{by}{SUFFIX}" if by in META_STYLES else Path(by)
    if not meta.is_file():
        raise InputError(
            f"{parameter('by', by)}: nothing that makes styles; there are {', '.join(META_STYLES)}, "
            f"and files of your own"
        )
    return meta


def write_style_of(
    picture: Path,
    out: Path,
    *,
    by: str | Path = META_STYLE,
    stroke_size: float = 1.0,
    overwrite: bool = False,
) -> StyleCard:
    """Write a style file that paints like a picture, and return its card.

    Args:
        picture, by, stroke_size: see `style_of`.
        out: the file to make.
        overwrite: replace `out` if it exists.

    Raises:
        InputError: for a picture that cannot be made a style of, and a file that cannot be written.
    """
    check_style_output(out, overwrite=overwrite)
    style = style_of(picture, by, stroke_size=stroke_size)
    save_style(out, style.network, style.card, style.grams)
    return read_card(out)


def check_style_output(out: Path, *, overwrite: bool) -> None:
    """Raises InputError unless a style file can be made at `out`, or replaced if it may be."""
    if out.suffix != SUFFIX:
        raise InputError(f"{out}: a style file ends in {SUFFIX}")
    check_output(out, overwrite=overwrite)


def _share(part: str, mix: str) -> tuple[str, float]:
    """`NAME` or `NAME:WEIGHT` of a mix."""
    name, colon, number = part.rpartition(":")
    weight = 1.0
    if colon:
        with contextlib.suppress(ValueError):
            weight, part = float(number), name
    if not part or not 0 < weight < math.inf:
        raise InputError(f"{parameter('style', mix)}: takes NAME:WEIGHT,NAME:WEIGHT with weights above 0")
    return part, weight


def load_style(style: str | Path, *, argument: str = "style", lazy: bool = False) -> Style:
    """Load an installed style by name, any style file by path, or a mix of several.

    A mix is one network whose weights are the mean of the others': styles that were trained from one another lie so
    near that all between them are styles, too (Wortsman et al. 2022, "Model soups", section 2), and it paints as fast
    as one.  Files are only ever read as safetensors; nothing in them can run.

    A picture becomes a style by the meta network that ships (vidstyle.any_style).

    Args:
        style: `NAME`, a path, or `NAME:WEIGHT,NAME:WEIGHT`; a path may be that of a picture.
        argument: what the parameter is called that names it.
        lazy: load weights when they are needed, see vidstyle.style_files.lazy_style_file.

    Raises:
        InputError: for an unknown name, a file that is no style, tensors that do not fit the network, and for a mix of
            different networks.
    """
    found = find_styles(style, argument=argument)
    if lazy and len(found) == 1 and not is_picture(found[0][0]):
        lazily = lazy_style_file(found[0][0])
        if lazily is not None:
            return lazily
    parts = [(_load(path), share) for path, share in found]
    return parts[0][0] if len(parts) == 1 else _mixed(str(style), parts)


def _load(path: Path) -> Style:
    """The style in a file, or of a picture."""
    from vidstyle.nets import META_NETWORKS

    if is_picture(path):
        return style_of(path)
    style = load_style_file(path)
    if style.card.network in META_NETWORKS:
        raise InputError(f"{path}: is no style, but makes them: name a picture as the style")
    return style


def _mixed(name: str, parts: list[tuple[Style, float]]) -> Style:
    """One style between several, each with its share.

    Where one of them has a sense of form (vidstyle.nets.form), all others get one that adds nothing.
    """
    from vidstyle.nets.form import begun_from
    from vidstyle.perception.style_grams import mixed_grams

    first = next((style for style, _ in parts if style.card.network == "form"), parts[0][0])
    base, states = first.network.state_dict(), []
    for style, _ in parts:
        card, state = style.card, dict(style.network.state_dict())
        fits = card.network == first.card.network
        if first.card.network == "form" and card.network == "realtime":
            state, fits = begun_from(state, base), True
        # Arguments may say the default or leave it out; what counts is what they make.
        if not fits or _shapes(state) != _shapes(base):
            raise InputError(
                f"{parameter('style', name)}: cannot be mixed: {first.card.name} is a network {first.card.network} "
                f"{first.card.arguments}, {card.name} {card.network} {card.arguments}"
            )
        states.append(state)
    shares = [share for _, share in parts]
    mean = {key: sum(share * state[key] for share, state in zip(shares, states, strict=True)) for key in states[0]}
    title = " and ".join(f"{style.card.title or style.card.name} ({share:.0%})" for style, share in parts)
    like = first.card
    given = [(style.card.arguments, share) for style, share in parts]
    arguments = like.arguments | _mixed_padding([arguments for arguments, _ in given]) | _mixed_strokes(given)
    if any("orthochromatic" in arguments for arguments, _ in given):
        arguments["orthochromatic"] = sum(share * part.get("orthochromatic", 0.0) for part, share in given)
    grams = mixed_grams([(style.grams, share) for style, share in parts])
    card = StyleCard(
        name,
        Path(name),
        like.network,
        arguments,
        title,
        optimise=max(style.card.optimise for style, _ in parts) if grams else 0,
        parameters=like.parameters,
        bytes=like.bytes,
    )
    return Style(card, network_of(card, mean), grams)


def _mixed_padding(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """What a mix takes for what is around a picture: borders repeated if any of its styles has learnt with that.

    Those that have learnt with zeros paint as well so, and without lines along borders.
    """
    return {"padding_mode": "replicate"} if any(part.get("padding_mode") == "replicate" for part in parts) else {}


def _mixed_strokes(parts: list[tuple[dict[str, Any], float]]) -> dict[str, Any]:
    """The strokes of a mix as an argument of its network: as strong as the mean, as large as those that there are."""
    from vidstyle.nets.strokes import Strokes

    drawn = [(Strokes(**arguments["strokes"]), share) for arguments, share in parts if arguments.get("strokes")]
    if not drawn:
        return {}
    whole, all_of_it = sum(share for _, share in drawn), sum(share for _, share in parts)
    mean = {f.name: sum(getattr(s, f.name) * share for s, share in drawn) / whole for f in fields(Strokes)}
    return {"strokes": mean | {"strength": mean["strength"] * whole / all_of_it}}


def _shapes(tensors: "dict[str, Tensor]") -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}
