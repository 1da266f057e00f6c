"""What of a plan is done already."""

from collections.abc import Callable, Sequence
from pathlib import Path

from vidstyle.batch import places
from vidstyle.batch.plan import NAMED, BatchPlan, Task
from vidstyle.batch.records import Request, is_complete, request_of
from vidstyle.errors import InputError, parameter


def check_outputs(plan: BatchPlan, *, resume: bool, place: Callable[[Path], str] = str) -> set[Task]:
    """The tasks of a plan that need not be done, since they are complete.

    Args:
        plan: what is to be done.
        resume: whether what is complete is left out.
        place: where a file is; vidstyle.batch.places.place_of of what several machines paint.

    Raises:
        InputError: if there is something else under the name of an output, and it may not be replaced.
    """
    complete: set[Task] = set()
    others = []
    for task in plan.tasks:
        output = place(task.output)
        if not places.exists(output):
            continue
        if resume and is_complete(output, _request(task, place(task.source))):
            complete.add(task)
        elif not task.options.overwrite:
            others.append(output)
    if others:
        raise _in_the_way(others, resume=resume)
    return complete


def _in_the_way(outputs: Sequence[str], *, resume: bool) -> InputError:
    """What to raise where outputs exist that may not be replaced."""
    some = ", ".join(outputs[:NAMED]) + (f" and {len(outputs) - NAMED} more" * (len(outputs) > NAMED))
    replaces = f"{parameter('overwrite', True)} replaces it"
    if resume:
        return InputError(f"{some}: was made of another input, style or options; {replaces}")
    leaves = f"{parameter('resume', True)} leaves out what is complete"
    return InputError(f"{some}: exists already; {leaves}, {replaces}")


def _request(task: Task, source: str) -> Request:
    return request_of(source, task.style_at, task.options, picture=task.picture)
