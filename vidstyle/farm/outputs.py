"""Sources and outputs that may be URLs: what there is to paint, and what of it is complete."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from vidstyle.batch.complete import in_the_way
from vidstyle.batch.plan import BatchPlan, StyleAt, Task, as_named, make_plan
from vidstyle.batch.records import (
    FORMAT,
    NOT_ASKED,
    Request,
    is_complete,
    record_path,
    request_of,
    styles_asked,
    write_record,
)
from vidstyle.farm import places
from vidstyle.restyle_options import Options
from vidstyle.restyling import Summary


def plan_of(inputs: Sequence[str], out: str, styles: Sequence[StyleAt], options: Options, name: str) -> BatchPlan:
    """See vidstyle.batch.plan.make_plan; inputs, which may be folders, and out may be URLs."""
    for place, argument in ((out, "out"), *((one, "source") for one in inputs)):
        if places.is_url(place):
            places.check_url(place, argument)
    local = [one for one in inputs if not places.is_url(one)]
    remote = {one: places.files_below(one) for one in inputs if places.is_url(one)}
    files = [Path(one) for one in local]
    return make_plan(files, Path(out), styles, options, name, remote=remote, out_is_url=places.is_url(out))


def place_of(path: Path) -> str:
    """Where workers find a file: its URL, or where it is on all machines."""
    named = as_named(path)
    return named if places.is_url(named) else os.path.abspath(named)


def request_for(task: Task) -> Request:
    """See vidstyle.batch.records.request_of."""
    source = place_of(task.source)
    if not places.is_url(source):
        return request_of(task.source, task.style_at, task.options)
    size, changed = places.size_and_time(source)
    asked = {name: value for name, value in asdict(task.options).items() if name not in NOT_ASKED}
    request: Request = json.loads(
        json.dumps(
            {
                "format": FORMAT,
                "input": {"path": source, "bytes": size, "changed": changed},
                "styles": styles_asked(task.style_at),
                "options": asked,
            }
        )
    )
    return request


def write_record_of(task: Task, request: Request, summary: Summary) -> None:
    """Take note of what a complete output was made of."""
    made = {"frames": summary.frames, "width": summary.width, "height": summary.height}
    output = place_of(task.output)
    if not places.is_url(output):
        write_record(task.output, request, **made)
        return
    size, _ = places.size_and_time(output)
    record = {"request": request, "output": {"bytes": size, **made}}
    places.write_text(_record_name(output), json.dumps(record, indent=1) + "\n")


def complete_of(plan: BatchPlan, *, resume: bool) -> set[Task]:
    """See vidstyle.batch.complete.check_outputs."""
    complete, others = set(), []
    for task in plan.tasks:
        output = place_of(task.output)
        if not places.exists(output):
            continue
        if resume and _is_complete(task, output):
            complete.add(task)
        elif not task.options.overwrite:
            others.append(output)
    if others:
        raise in_the_way(others, resume=resume)
    return complete


def _is_complete(task: Task, output: str) -> bool:
    if not places.is_url(output):
        return is_complete(task.output, request_for(task))
    try:
        record = json.loads(places.read_text(_record_name(output)) or "{}")
        same = record["request"] == request_for(task)
        return bool(same and record["output"]["bytes"] == places.size_and_time(output)[0])
    except (ValueError, KeyError, TypeError):
        return False


def _record_name(output: str) -> str:
    return places.joined(places.parent(output), record_path(Path(places.base(output))).name)
