"""Tables of the command line."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image
from rich.columns import Columns
from rich.console import Console, Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from vidstyle.cli.terminal_pictures import as_characters, shows_pictures

if TYPE_CHECKING:
    from vidstyle.batch.estimate import Estimate
    from vidstyle.batch.run import Outcome
    from vidstyle.style_files import StyleCard

PICTURE_WIDTH = 39
"""Characters; two pictures and what is between them fill a terminal of 80."""
FIGURES, SOURCE = "Less is better{}. docs/styles.md has more.", "; warp error source is the clip's own"


def print_styles(cards: "list[StyleCard]", *, figures: bool = False) -> None:
    """The installed styles on standard output, in as many columns as it is wide; with pictures, if it shows colours.

    figures: all that is known of each, rather than its name and what it is of.
    """
    console = Console()
    if shows_pictures(console):
        pictures = [(card.name, card.path.with_suffix(".jpg")) for card in cards]
        console.print(Columns([Group(_picture(path), name, "") for name, path in pictures if path.is_file()]))
    if not figures:
        for line in _short(cards):
            # Elsewhere nothing is too long.
            console.print(Text(line), overflow="ellipsis", no_wrap=True) if console.is_terminal else print(line)
        return
    table = _wide(cards)
    unbounded = console.options.update(max_width=10_000)
    if console.measure(table, options=unbounded).maximum > console.width:
        table = _narrow(cards)
    console.print(table)
    _say_what_figures_mean(console, cards)


def print_style(card: "StyleCard") -> None:
    """All that is known of one style, on standard output."""
    console = Console()
    path = card.path.with_suffix(".jpg")
    if shows_pictures(console) and path.is_file():
        with Image.open(path) as image:
            console.print(as_characters(image, min(console.width, 2 * PICTURE_WIDTH)), "")
    table = Table.grid(padding=(0, 2))
    made = ", ".join(filter(None, (card.artist, card.year)))
    rows = [("title", card.title), ("by", made), ("licence", card.licence), ("file", str(card.path))]
    rows += [("network", f"{card.network}, {card.parameters:,} parameters, {_size(card)}")]
    rows += [(_words(name), f"{value:.3g}") for name, value in sorted(card.metrics.items())]
    table.add_row(Text(card.name, "bold"), "")
    for name, value in rows:
        if value:
            table.add_row(name, escape(value))
    console.print(table)
    _say_what_figures_mean(console, [card])


def _say_what_figures_mean(console: Console, cards: "Sequence[StyleCard]") -> None:
    names = {name for card in cards for name in card.metrics}
    if names:
        console.print(Text(FIGURES.format(SOURCE if "warp_error_source" in names else "")))


def _short(cards: "list[StyleCard]") -> Iterator[str]:
    """A line a style: what to write, and what it is of."""
    width = max((len(card.name) for card in cards), default=0)
    for card in cards:
        of = ", ".join(filter(None, (card.title, card.artist, card.year)))
        yield f"{card.name:{width}}  {of}".rstrip()


def _picture(path: Path) -> Text:
    with Image.open(path) as image:
        return as_characters(image, PICTURE_WIDTH)


def _wide(cards: "list[StyleCard]") -> Table:
    """A column for everything."""
    table = Table(title=_count(cards))
    for heading in ("name", "title", "artist", "year", "network"):
        table.add_column(heading)
    table.add_column("size", justify="right")
    metrics = sorted({name for card in cards for name in card.metrics})
    for name in metrics:
        table.add_column(escape(_words(name)), justify="right")
    for card in cards:
        figures = [f"{card.metrics[name]:.3g}" if name in card.metrics else "" for name in metrics]
        texts = (card.name, card.title, card.artist, card.year, card.network, _size(card))
        table.add_row(*map(escape, texts), *figures)
    return table


def _narrow(cards: "list[StyleCard]") -> Table:
    """The figures alone; who has painted what is in the short list."""
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for heading in ("name", "network"):
        table.add_column(heading, vertical="bottom")
    metrics = sorted({name for card in cards for name in card.metrics})
    for name in ("kB", *metrics):
        table.add_column(escape(name.replace("_", "\n")), justify="right")
    for card in cards:
        figures = [f"{card.metrics[name]:.3g}" if name in card.metrics else "" for name in metrics]
        table.add_row(escape(card.name), escape(card.network), f"{card.bytes / 1000:.0f}", *figures)
    return table


def _count(cards: "list[StyleCard]") -> str:
    return f"{len(cards)} style{'s' * (len(cards) != 1)}"


def _size(card: "StyleCard") -> str:
    return f"{card.bytes / 1000:.0f} kB"


def _words(name: str) -> str:
    return name.replace("_", " ")


def print_figures(rows: list[dict[str, Any]], title: str) -> None:
    """What vidstyle.bench.evaluate measured, a row for each style, on standard output."""
    table = Table(title=escape(title))
    columns = list(dict.fromkeys(name for row in rows for name in row))
    for name in columns:
        table.add_column(_words(name), justify="left" if name == "style" else "right")
    for row in rows:
        table.add_row(
            *(f"{row[name]:.3g}" if isinstance(row.get(name), float) else row.get(name, "") for name in columns)
        )
    Console().print(table)


def print_bench(result: Mapping[str, Any]) -> None:
    """What vidstyle.bench measured, on standard output."""
    table = Table(
        title=f"{result['style']}, {result['width']}x{result['height']}, {result['engine']} on {result['device']}"
    )
    table.add_column("")
    for column in ("wall ms / frame", "CPU ms / frame", "fps", "busy end to end"):
        table.add_column(column, justify="right")
    for stage in ("decode", "network", "encode"):
        wall = result[f"{stage}_ms"]
        cpu, busy = result[f"{stage}_cpu_ms"], result[f"{stage}_busy"]
        table.add_row(f"{stage} alone", f"{wall:.2f}", f"{cpu:.2f}", f"{1000 / wall:.1f}", f"{100 * busy:.0f} %")
    for key, name in (
        ("end_to_end", "end to end, each frame by itself"),
        ("steady_end_to_end", "end to end, steady"),
        ("transcode", "end to end, no network"),
        ("johnson_end_to_end", "end to end, Johnson 2016"),
        ("plain_loop", "plain OpenCV and torch loop, Johnson 2016"),
    ):
        fps = result[f"{key}_fps"]
        table.add_row(name, f"{1000 / fps:.2f}", "", f"{fps:.1f}", "")
    Console().print(table)
    print(
        f"{result['speedup']:.1f} times Johnson's network in the same pipeline, "
        f"{result['plain_loop_speedup']:.1f} times the plain loop"
    )
    print(f"pipeline overhead {100 * result['overhead']:.1f} % over its bound of {result['bound_ms']:.2f} ms")
    size = f"{result['painted_width']}x{result['painted_height']}"
    print(
        f"steady: {result['paintings_per_frame']:.2f} paintings a frame, of {size}; CPU ms / frame: "
        f"flow {result['flow_ms']:.1f}, memory {result['memory_ms']:.1f}, lifting {result['lift_ms']:.1f}"
    )
    print(f"peak memory {result['peak_memory_mb']:.0f} MB, {result['cores']} cores, {result['rounds']} rounds")
    if "joules_per_frame" in result:
        print(f"{result['joules_per_frame']:.2f} J a frame, end to end, of the processor")
    if "limit_share" in result:
        print(
            f"GPU: network {result['resident_network_fps']:.0f} fps on resident frames, up {result['h2d_fps']:.0f}, "
            f"down {result['d2h_fps']:.0f}; together {result['pipelined_fps']:.0f}, "
            f"{100 * result['limit_share']:.0f} % of the slowest"
        )
    if "growth" in result:
        _print_growth(result["growth"])


def _print_growth(growth: Mapping[str, list[Mapping[str, Any]]]) -> None:
    for kind, title in (("sizes", "Over the size of the frames, steady"), ("lengths", "Over the length of the video")):
        table = Table(title=title)
        columns = ("size", "frames", "wall ms / frame", "CPU ms / frame", "fps", "peak MB")
        for column in (*columns, "paintings / frame", "flow", "memory", "lifting"):
            table.add_column(column, justify="right")
        for cost in growth[kind]:
            table.add_row(
                f"{cost['width']}x{cost['height']}",
                str(cost["frames"]),
                f"{cost['ms']:.1f}",
                f"{cost['cpu_ms']:.1f}",
                f"{1000 / cost['ms']:.1f}",
                f"{cost['peak_memory_mb']:.0f}",
                f"{cost['paintings_per_frame']:.2f}",
                *(f"{cost[name]:.1f}" for name in ("flow_ms", "memory_ms", "lift_ms")),
            )
        Console().print(table)


def print_outcomes(outcomes: "Sequence[Outcome]") -> None:
    """What became of many files, a row for each, and of all together, on standard output."""
    table = Table(title=f"{len(outcomes)} file{'s' * (len(outcomes) != 1)}")
    table.add_column("file", overflow="fold")
    table.add_column("became", overflow="fold")
    for column in ("frames", "s", "fps"):
        table.add_column(column, justify="right")
    for outcome in outcomes:
        done = outcome.summary
        figures = (str(done.frames), f"{done.seconds:.1f}", f"{done.fps:.1f}") if done is not None else ("", "", "")
        task = outcome.as_json()
        became = {"done": task["output"], "skipped": "complete already", "failed": outcome.error}
        style = "red" if outcome.status == "failed" else None
        table.add_row(escape(task["input"]), escape(became[outcome.status]), *figures, style=style)
    summaries = [outcome.summary for outcome in outcomes if outcome.summary is not None]
    table.add_section()
    failed = sum(outcome.status == "failed" for outcome in outcomes)
    frames, seconds = sum(done.frames for done in summaries), sum(done.seconds for done in summaries)
    said = f"{len(summaries)} painted, {failed} failed"
    table.add_row("all", said, str(frames), f"{seconds:.1f}", f"{frames / seconds:.1f}" if seconds else "")
    Console().print(table)


def print_estimates(estimates: "Sequence[Estimate]") -> None:
    """What would be done, a row for each file, and how long it would take, on standard output."""
    table = Table(title=f"{len(estimates)} file{'s' * (len(estimates) != 1)} to paint")
    table.add_column("file", overflow="fold")
    table.add_column("becomes", overflow="fold")
    table.add_column("frames", justify="right")
    table.add_column("time", justify="right")
    for one in estimates:
        cells = (str(one.task.source), one.error or str(one.task.output))
        time = "" if one.seconds is None else _clock(one.seconds)
        frames = "" if one.frames is None else str(one.frames)
        table.add_row(*map(escape, cells), frames, time, style="red" if one.error else None)
    table.add_section()
    total = sum(one.seconds or 0 for one in estimates)
    table.add_row("all", "", str(sum(one.frames or 0 for one in estimates)), _clock(total))
    Console().print(table)


def _clock(seconds: float) -> str:
    """H:MM:SS."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
