"""What is to be done: which files become which, and what of it cannot be; nothing heavy is loaded for that."""

import glob
import os
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from vidstyle.batch import places
from vidstyle.errors import InputError, parameter, some_of
from vidstyle.media.images import is_image
from vidstyle.media.suffixes import READ_SUFFIXES, VIDEO_SUFFIXES, check_picture_suffix
from vidstyle.output_files import check_folder, is_hidden
from vidstyle.restyle_options import Options, check_request, suffix_of_output
from vidstyle.styles import check_steps, label_of

FIELDS = ("stem", "style", "suffix")
"""Of a template for names."""
DEFAULT_NAME = "{stem}{suffix}"
StyleAt = tuple[tuple[float, str], ...]
"""Styles as they were named, each with the time from which it is painted."""
NAMED = 3
"""Files that are named where many have the same fault."""


@dataclass(frozen=True)
class Task:
    """One file to paint.

    Attributes:
        source, output: files; of URLs, see vidstyle.batch.places.as_named.
        style_at: what to paint it in.
        label: what that is called in names.
        picture: whether it is a picture rather than a video.
        options: how; of pictures without what is for videos.
    """

    source: Path
    output: Path
    style_at: StyleAt
    label: str
    picture: bool
    options: Options


@dataclass(frozen=True)
class BatchPlan:
    """What is to be done.

    Attributes:
        tasks: in the order in which they are done.
        left_out: files that are neither videos nor pictures.
    """

    tasks: list[Task]
    left_out: list[Path]


@dataclass(frozen=True)
class _Found:
    """A file, and where it lies below the folder of outputs."""

    path: Path
    folder: Path
    picture: bool


def make_plan(
    inputs: Sequence[str | Path],
    out: str | Path,
    styles: Sequence[StyleAt],
    options: Options,
    name: str = DEFAULT_NAME,
) -> BatchPlan:
    """Find files, and give each of its paintings a name.

    Args:
        inputs: files, folders, patterns such as `season*/*.mkv`, and URLs of files and folders.  What lies under a URL
            is known by its suffix, since nobody has looked into it.
        out: the folder to paint into, or its URL; each of several styles gets a folder in it.
        styles: what to paint each file in.
        options: how to paint.
        name: of each output, with `{stem}` and `{suffix}` of its input and `{style}`.

    Raises:
        InputError: for what cannot be: nothing to paint, names that collide, formats that cannot be written, steps
            towards pictures that nobody knows.
    """
    _check_template(name)
    for place, argument in ((str(out), "out"), *((str(one), "source") for one in inputs)):
        if places.is_url(place):
            places.check_url(place, argument)
    folder = Path(out)
    if not places.is_url(str(out)):
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{out}: is a file; {parameter('out')} takes a folder")
        check_folder(folder)
    local = [Path(one) for one in inputs if not places.is_url(str(one))]
    remote = {str(one): places.files_below(str(one)) for one in inputs if places.is_url(str(one))}
    left_out: list[Path] = []
    found = [*_found(local, folder, left_out), *_remote(remote, left_out, several=len(inputs) > 1)]
    if not found:
        some = f"; {_some(left_out)}" if left_out else ""
        raise InputError(f"{', '.join(map(str, [*local, *remote]))}: no video or picture to paint{some}")
    tasks: list[Task] = []
    for style_at in styles:
        check_steps(style_at, options.optimise)
        label = label_of(style_at)
        below = folder / label if len(styles) > 1 else folder
        tasks += [_task(file, below, style_at, label, options, name) for file in found]
    _check_names(tasks)
    if options.start is not None:
        _check_times(tasks)
    return BatchPlan(tasks, left_out)


def plan_of_one(source: Path, output: Path, style_at: StyleAt, options: Options) -> BatchPlan:
    """One file, which becomes another.

    Raises:
        InputError: for what cannot be; that the output exists is nobody's fault yet.
    """
    if source.is_dir():
        raise InputError(f"{source}: a folder; name the folder to paint into, with {parameter('out')}")
    check_request(source, output, replace(options, overwrite=True))
    picture = is_image(source)
    if picture and len(style_at) > 1:
        raise InputError(f"{parameter('style_at')}: is for videos, and {source} is a picture")
    check_steps(style_at, options.optimise)
    task = Task(source, output, style_at, label_of(style_at), picture, options)
    if options.start is not None:
        _check_times([task])
    return BatchPlan([task], [])


def _task(file: _Found, below: Path, style_at: StyleAt, label: str, options: Options, name: str) -> Task:
    if file.picture:
        if len(style_at) > 1:
            raise InputError(f"{parameter('style_at')}: is for videos, and {file.path} is a picture")
        options = replace(options, codec=None, quality=None, start=None, end=None)
    suffix = suffix_of_output(file.path, options.codec, picture=file.picture)
    written = name.format(stem=file.path.stem, style=label, suffix=suffix)
    output = below / file.folder / written
    if file.picture:
        check_picture_suffix(output)
    else:
        from vidstyle.media.output_containers import check_video_name

        check_video_name(output, options.codec, options.quality)
    return Task(file.path, output, style_at, label, file.picture, options)


def _check_template(name: str) -> None:
    says = f"{parameter('name', name)}: takes a file's name with {', '.join(f'{{{field}}}' for field in FIELDS)}"
    try:
        fields = {field for _, field, _, _ in string.Formatter().parse(name) if field is not None}
        written = name.format(**dict.fromkeys(FIELDS, "x"))
    except (ValueError, KeyError, IndexError, AttributeError) as error:
        raise InputError(f"{says} and nothing else in braces") from error
    if "/" in written or "\\" in written:
        raise InputError(f"{says}, and no folder: each of several styles has one of its own")
    if not fields <= set(FIELDS) or not written.strip(". "):
        raise InputError(says)


def _found(inputs: Sequence[Path], out: Path, left_out: list[Path]) -> Iterator[_Found]:
    """What there is to paint, each file once; `left_out` takes the rest."""
    several = len(inputs) > 1
    seen: set[Path] = set()
    for path in _expanded(inputs):
        if path.is_dir():
            # Of several folders, files of one name belong to different ones.
            folder = Path(Path(os.path.abspath(path)).name) if several else Path()
            files = [(file, folder / file.parent.relative_to(path)) for file in _below(path, out)]
        else:
            files = [(path, Path())]
        for file, where in files:
            if (real := file.resolve()) in seen:
                continue
            seen.add(real)
            suffix = file.suffix.lower()
            if not path.is_dir() or suffix in READ_SUFFIXES:
                yield _Found(file, where, is_image(file) or (path.is_dir() and not _moves(file)))
            elif suffix in VIDEO_SUFFIXES:
                yield _Found(file, where, False)
            else:
                left_out.append(file)


def _remote(remote: Mapping[str, Sequence[str]], left_out: list[Path], *, several: bool) -> Iterator[_Found]:
    """The same of files under URLs."""
    for url, names in remote.items():
        top = url.rstrip("/")
        for name in names:
            below = PurePosixPath(name.removeprefix(top).strip("/"))
            folder = Path(below.parent) if str(below) != "." else Path()
            if several and names != [url]:
                folder = Path(top.rpartition("/")[2]) / folder
            suffix = below.suffix.lower() or PurePosixPath(name).suffix.lower()
            if any(part.startswith(".") for part in below.parts):
                continue
            if suffix in READ_SUFFIXES | VIDEO_SUFFIXES:
                yield _Found(Path(name), folder, suffix in READ_SUFFIXES)
            else:
                left_out.append(Path(name))


def _moves(file: Path) -> bool:
    """Whether what is called as pictures are is an animation; damaged files are no reason to take them for one."""
    from vidstyle.media.animations import is_animation

    return is_animation(file)


def _expanded(inputs: Sequence[Path]) -> Iterator[Path]:
    """Inputs, with what patterns stand for in their place."""
    for path in inputs:
        if path.is_file() or path.is_dir():
            yield path
        elif path.exists():
            raise InputError(f"{path}: is neither a file nor a folder")
        elif matches := sorted(glob.glob(str(path), recursive=True)):
            yield from map(Path, matches)
        elif glob.has_magic(str(path)):
            raise InputError(f"{path}: nothing is called like that")
        else:
            raise InputError(f"{path}: no such file")


def _below(folder: Path, out: Path) -> Iterator[Path]:
    """All files below a folder, in order; not those that are hidden, nor those of outputs in it."""
    outputs = out.resolve()
    for at, folders, files in os.walk(folder):
        here = Path(at)
        folders[:] = sorted(n for n in folders if not n.startswith(".") and (here / n).resolve() != outputs)
        yield from (here / name for name in sorted(files) if not is_hidden(Path(name)) and (here / name).is_file())


def _check_names(tasks: Sequence[Task]) -> None:
    made: dict[Path, Task] = {}
    sources = {task.source.resolve() for task in tasks}
    for task in tasks:
        other = made.setdefault(task.output, task)
        if other is not task:
            raise InputError(
                f"{task.output}: would be made of {other.source} and of {task.source}; {parameter('name')} and "
                f"other folders tell them apart"
            )
        if task.output.is_dir():
            raise InputError(f"{task.output}: is a folder, and would be made of {task.source}")
        if task.output.resolve() in sources:
            raise InputError(f"{task.output}: is an input itself; choose another {parameter('out')}")


def _check_times(tasks: Sequence[Task]) -> None:
    """Whether there is something between start and end in every video, as far as they say how long they are."""
    from vidstyle.media.containers import seconds_of

    for task in tasks:
        start = task.options.start
        if task.picture or start is None or not task.source.exists():
            continue
        seconds = seconds_of(task.source)
        if seconds is not None and start >= seconds:
            raise InputError(
                f"{task.source}: nothing to paint after {parameter('start', start)} s; it is {seconds:.3f} s long"
            )


def _some(paths: Sequence[Path]) -> str:
    names = some_of(map(str, paths), NAMED)
    return f"left out: {names}"
