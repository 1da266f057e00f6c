"""`vidstyle restyle --out DIR`: many files, of which each may fail by itself."""

import json
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from vidstyle.cli.messages import option, say
from vidstyle.errors import InputError, VidstyleError, some_of
from vidstyle.interruption import interruptible

if TYPE_CHECKING:
    from vidstyle.batch.plan import BatchPlan, StyleAt, Task
    from vidstyle.batch.run import BatchProgress, Outcome

LISTED = 20
"""Files that are named at the end where they were left out."""


@dataclass(frozen=True)
class Wanted:
    """What the command line asks for.

    Attributes:
        files: inputs; without `out` an output may follow the only one.
        out: folder for outputs.
        styles, style_at: as they were named; either may be empty.
        name: template of outputs' names.
        settings: fields of Options.
        ray: the cluster to paint on, None for this machine alone.
        resume, dry_run, quiet, as_json: see `vidstyle restyle --help`.
    """

    files: list[str]
    out: str | None
    styles: list[str]
    style_at: list[tuple[float, str]]
    name: str | None
    settings: dict[str, Any]
    ray: str | None
    resume: bool
    dry_run: bool
    quiet: bool
    as_json: bool


def restyle_many(wanted: Wanted) -> None:
    """Do it, or tell what would be done.

    Raises:
        InputError: for what cannot be, before anything heavy is loaded.
        typer.Exit: with code 1 if a file has failed, or would.
    """
    from vidstyle.batch.complete import check_outputs
    from vidstyle.batch.places import place_of

    if wanted.ray is not None and wanted.dry_run:
        raise InputError("--dry-run: is for this machine; leave --ray out")
    plan = _plan(wanted)
    complete = check_outputs(plan, resume=wanted.resume, place=str if wanted.ray is None else place_of)
    if wanted.dry_run:
        _tell(plan, complete, as_json=wanted.as_json)
        return
    outcomes: list[Outcome] = []
    try:
        _run(plan, complete, wanted, outcomes)
    except KeyboardInterrupt:
        _say_left_out(plan)
        done = sum(outcome.status != "failed" for outcome in outcomes)
        say(f"{done} of {len(plan.tasks)} files are complete; the same with --resume goes on from there")
        raise
    if not wanted.as_json and not wanted.quiet:
        from vidstyle.cli.tables import print_outcomes

        print_outcomes(outcomes)
    _say_left_out(plan)
    if any(outcome.status == "failed" for outcome in outcomes):
        raise typer.Exit(1)


def _plan(wanted: Wanted) -> "BatchPlan":
    from vidstyle.batch.places import is_url
    from vidstyle.batch.plan import DEFAULT_NAME, make_plan, plan_of_one
    from vidstyle.restyle_options import Options, output_beside
    from vidstyle.styles import DEFAULT_STYLE, label_of

    if wanted.styles and wanted.style_at:
        raise InputError("--style, --style-at: name styles, or those of certain times")
    styles: list[StyleAt] = [((0.0, style),) for style in dict.fromkeys(wanted.styles or [DEFAULT_STYLE])]
    if wanted.style_at:
        styles = [tuple(wanted.style_at)]
    options = Options(**wanted.settings)
    name = wanted.name or DEFAULT_NAME
    if wanted.ray is not None:
        if wanted.out is None:
            raise InputError("--ray: name the folder to paint into, with --out DIR")
        return make_plan(wanted.files, wanted.out, styles, options, name)
    for place in (*wanted.files, *([] if wanted.out is None else [wanted.out])):
        if is_url(place):
            raise InputError(f"{place}: a URL; --ray local, or a cluster of yours, reads and writes them")
    if wanted.out is not None:
        return make_plan(wanted.files, wanted.out, styles, options, name)
    if len(wanted.files) > 2 or len(styles) > 1 or wanted.name is not None:
        raise InputError("several files, several styles and --name: name the folder to paint into, with --out DIR")
    source, *rest = (Path(file) for file in wanted.files)
    if not source.exists():
        raise InputError(f"{source}: no such file")
    beside = output_beside(source, label_of(styles[0]), options.codec)
    return plan_of_one(source, rest[0] if rest else beside, styles[0], options)


def _run(plan: "BatchPlan", complete: "set[Task]", wanted: Wanted, outcomes: "list[Outcome]") -> None:
    """Paint; outcomes are told as they come."""
    from vidstyle.cli.progress_bars import BatchBar

    with BatchBar(quiet=wanted.quiet) as bar:

        def paint(check: Callable[[], None]) -> None:
            def report(progress: "BatchProgress") -> None:
                check()
                bar.update(progress)

            if wanted.ray is None:
                from vidstyle.batch.run import run_plan

                told = run_plan(plan, complete=complete, on_progress=report, worded=_worded)
            else:
                from vidstyle.farm.driver import Farm

                told = Farm(plan, complete=complete, on_progress=report, worded=_worded).run()
            for outcome in told:
                outcomes.append(outcome)
                _tell_outcome(outcome, wanted)
                check()

        if wanted.ray is None:
            interruptible(paint)
            return
        from vidstyle.farm.driver import connect, disconnect

        connect(wanted.ray)
        try:
            interruptible(paint)
        finally:
            disconnect()


def _tell_outcome(outcome: "Outcome", wanted: Wanted) -> None:
    if wanted.as_json:
        print(json.dumps(outcome.as_json()), flush=True)
    elif outcome.summary is not None and not wanted.quiet:
        for warning in outcome.summary.warnings:
            say(f"warning: {warning}")
    if outcome.trace:
        print(outcome.trace, file=sys.stderr)
    if outcome.error:
        say(f"error: {outcome.error}")


def _worded(error: VidstyleError) -> str:
    return error.worded(option)


def _say_left_out(plan: "BatchPlan") -> None:
    from vidstyle.batch.places import as_named

    left_out = plan.left_out
    if left_out:
        some = some_of(map(as_named, left_out), LISTED)
        say(f"{len(left_out)} left out, neither video nor picture: {some}")


def _tell(plan: "BatchPlan", complete: "set[Task]", *, as_json: bool) -> None:
    """What would be done."""
    from vidstyle.batch.estimate import estimated

    todo = [task for task in plan.tasks if task not in complete]
    estimates = interruptible(lambda _: estimated(todo))
    if as_json:
        for one in estimates:
            task = one.task
            told: dict[str, Any] = {"input": str(task.source), "output": str(task.output), "style": task.label}
            told |= {"frames": one.frames, "seconds": one.seconds and round(one.seconds, 1)}
            print(json.dumps(told | ({"error": one.error} if one.error else {})))
    else:
        from vidstyle.cli.tables import print_estimates

        print_estimates(estimates)
    counts = Counter(task in complete for task in plan.tasks)
    if counts[True]:
        say(f"{counts[True]} complete already, and left out")
    _say_left_out(plan)
    if any(one.error for one in estimates):
        raise typer.Exit(1)
