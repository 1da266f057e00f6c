"""The driver: gives segments to workers that Ray keeps, wherever they are, and those that were lost to others."""

import contextlib
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from vidstyle.batch import places
from vidstyle.batch.plan import BatchPlan, Task
from vidstyle.batch.records import Request, request_of, write_record
from vidstyle.batch.run import BatchProgress, Named, Outcome, failure
from vidstyle.errors import InputError, VidstyleError, parameter, reason
from vidstyle.farm.painting_segments import SegmentPainter, Survey, Video
from vidstyle.farm.segment_folder import SegmentFolder, segments_name
from vidstyle.interruption import SIGNALS
from vidstyle.restyling import Summary

ATTEMPTS = 3
"""At one segment, before its file is given up."""
CORES = 4
"""Of a worker at the most: two fast ones beat a large one, whose decoder and encoder are waited for."""
POLL_SECONDS = 0.2
NODES_SECONDS = 2.0
"""Between two looks at which machines there are, while none is missing."""
AHEAD = 2
"""Files for each worker that are looked at while others are painted."""


def connect(address: str) -> None:
    """Join a cluster, or start one on this machine.

    Args:
        address: `auto` (the one that runs here), `local` (a new one here), or where it is.

    Raises:
        VidstyleError: if Ray is not here, or there is no such cluster.
    """
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        import ray
    except ImportError as error:
        raise VidstyleError(f"Ray is not here ({reason(error)}); pip install 'vidstyle[ray]'") from error
    heeded = {number: signal.getsignal(number) for number in SIGNALS}
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR", "configure_logging": False}
    try:
        if address == "local":
            ray.init(address="local", include_dashboard=False, **quiet)
        else:
            ray.init(address=address, **quiet)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        said = f"{parameter('ray', address)}: no such cluster ({reason(error)})"
        instead = parameter("ray", "local")
        raise InputError(f"{said}; `ray start --head` starts one, and {instead} needs none") from error
    finally:
        if threading.current_thread() is threading.main_thread():
            # Ray has its own ways with signals.
            for number, handler in heeded.items():
                signal.signal(number, handler)


def disconnect() -> None:
    """Leave the cluster; what has been started there for us ends."""
    import ray

    ray.shutdown()


class _Actor:
    """One worker's process; an actor of Ray's."""

    def __init__(self, cores: int) -> None:
        # The driver says when to stop.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _keep_to(cores)
        self._segment_painter = SegmentPainter()

    def do(self, step: str, *arguments: Any) -> Any:
        """A method of SegmentPainter's; what is the user's to mend comes back as it is."""
        try:
            return getattr(self._segment_painter, step)(*arguments)
        except VidstyleError as error:
            return error


def _keep_to(cores: int) -> None:
    """Use so many cores of this machine, those with the least to do by chance."""
    if not hasattr(os, "sched_setaffinity"):
        return
    here = sorted(os.sched_getaffinity(0))
    if len(here) > cores:
        first = os.getpid() * cores % len(here)
        os.sched_setaffinity(0, {here[(first + number) % len(here)] for number in range(cores)})


@dataclass
class _Job:
    """A file on its way."""

    task: Task
    video: Video
    request: Request
    begin: float = field(default_factory=time.perf_counter)
    folder: SegmentFolder | None = None
    segments: int = 0
    left: int = 0
    waiting: "dict[int, _Step]" = field(default_factory=dict)
    over: bool = False


@dataclass
class _Step:
    """Something that one worker does for a file: `look`, `paint_whole`, `paint_segment` or `join`."""

    job: _Job
    name: str
    arguments: tuple[Any, ...] = ()
    frames: int = 0
    attempts: int = 0


class Farm:
    """Paints a plan's files with the workers of the cluster that is connected.

    Args:
        plan: what is to be done; sources and outputs may be URLs.
        complete: what of it is done already.
        on_progress: called several times a second; what it raises stops the run.
        worded: the message of an error.
        cores: of a worker.
    """

    def __init__(
        self,
        plan: BatchPlan,
        *,
        complete: "frozenset[Task] | set[Task]" = frozenset(),
        on_progress: Callable[[BatchProgress], None] = lambda _: None,
        worded: Named = str,
        cores: int | None = None,
    ) -> None:
        import ray

        self._ray: Any = ray
        self._todo = deque(task for task in plan.tasks if task not in complete)
        self._skipped = [task for task in plan.tasks if task in complete]
        self._progress = BatchProgress(len(plan.tasks), files=len(self._skipped))
        self._on_progress, self._worded = on_progress, worded
        self._steps: deque[_Step] = deque()
        self._running: dict[Any, tuple[_Step, Any]] = {}
        self._idle: list[Any] = []
        self._jobs = 0
        self._folders: set[SegmentFolder] = set()
        self._cores = cores
        self._actor_class: Any = None
        self._looked, self._slots = -NODES_SECONDS, 0

    def run(self) -> Iterator[Outcome]:
        """Paint, and tell of each file as it is finished."""
        for task in self._skipped:
            yield Outcome(task, "skipped")
        begin = time.perf_counter()
        try:
            while self._todo or self._jobs:
                self._hire()
                yield from self._begin_jobs()
                self._give_out()
                if not self._running:
                    continue
                done, _ = self._ray.wait(list(self._running), num_returns=1, timeout=POLL_SECONDS)
                self._progress.seconds = time.perf_counter() - begin
                self._on_progress(self._progress)
                for reference in done:
                    outcome = self._done(reference)
                    if outcome is not None:
                        self._jobs -= 1
                        self._progress.files += 1
                        yield outcome
        finally:
            self._dismiss()

    @property
    def _workers(self) -> list[Any]:
        """All that are there."""
        return [*self._idle, *(worker for _, worker in self._running.values())]

    def _hire(self) -> None:
        """As many workers as there is room for: nodes come and go."""
        now = time.perf_counter()
        if now - self._looked < NODES_SECONDS and len(self._workers) >= self._slots:
            return
        self._looked = now
        share, slots = self._share()
        self._slots = slots
        if self._actor_class is None:
            cores = int(share.get("num_cpus", CORES))
            self._actor_class = self._ray.remote(**share, max_restarts=0)(_Actor)
            self._cores = cores
        wanted = min(slots, len(self._todo) + len(self._steps) + len(self._running))
        for _ in range(max(0, wanted - len(self._workers))):
            self._idle.append(self._actor_class.remote(self._cores))

    def _share(self) -> tuple[dict[str, float], int]:
        """What of a machine one worker gets, and how many workers that makes."""
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        if gpus := sum(int(node.get("GPU", 0)) for node in nodes):
            return {"num_gpus": 1, "num_cpus": 1}, gpus
        cores = self._cores or max(1, min([CORES, *(int(node.get("CPU", 0)) for node in nodes if node.get("CPU"))]))
        return {"num_cpus": cores}, max(1, sum(int(node.get("CPU", 0)) // cores for node in nodes))

    def _begin_jobs(self) -> Iterator[Outcome]:
        """Take up the next files, not all, of which there may be thousands; what becomes of those that cannot be."""
        while self._todo and self._jobs < AHEAD * max(1, len(self._workers)):
            task = self._todo.popleft()
            try:
                source, output = (places.place_of(path) for path in (task.source, task.output))
                request = request_of(source, task.style_at, task.options, picture=task.picture)
            except Exception as error:
                self._progress.files += 1
                yield failure(task, error, self._worded)
                continue
            video = Video(source, output, task.style_at, task.picture, task.options, segments_name(output))
            self._jobs += 1
            self._steps.append(_Step(_Job(task, video, request), "look", (video,)))

    def _give_out(self) -> None:
        while self._steps and self._idle:
            step, worker = self._steps.popleft(), self._idle.pop()
            if step.job.over:
                self._idle.append(worker)
                continue
            step.attempts += 1
            self._progress.name = places.base(step.job.video.source)
            self._running[worker.do.remote(step.name, *step.arguments)] = step, worker

    def _done(self, reference: Any) -> Outcome | None:
        """A worker has finished a step, or is gone; what became of its file, if that is known now."""
        step, worker = self._running.pop(reference)
        outcome = self._outcome(step, worker, reference)
        self._let_go(step.job)
        return outcome

    def _outcome(self, step: _Step, worker: Any, reference: Any) -> Outcome | None:
        try:
            result = self._ray.get(reference)
        except self._ray.exceptions.RayActorError as error:
            # The process or its machine has gone: somebody else does it.
            return self._again(
                step, VidstyleError(f"{step.job.video.source}: its worker was lost ({type(error).__name__})")
            )
        except self._ray.exceptions.RayError as error:
            self._idle.append(worker)
            return self._again(step, VidstyleError(f"{step.job.video.source}: {reason(error)}"))
        self._idle.append(worker)
        if isinstance(result, InputError):
            return self._fail(step.job, result)
        if isinstance(result, VidstyleError):
            return self._again(step, result)
        if step.job.over:
            return None
        try:
            return self._next(step, result)
        except Exception as error:
            return self._fail(step.job, error)

    def _let_go(self, job: _Job) -> None:
        """Leave the segments of a file to other runs, once nobody here writes any."""
        if job.over and job.folder is not None and not any(step.job is job for step, _ in self._running.values()):
            job.folder.close()
            self._folders.discard(job.folder)

    def _again(self, step: _Step, error: VidstyleError) -> Outcome | None:
        if step.job.over:
            return None
        if step.attempts < ATTEMPTS:
            self._steps.appendleft(step)
            return None
        return self._fail(step.job, error)

    def _fail(self, job: _Job, error: Exception) -> Outcome | None:
        if job.over:
            return None
        job.over = True
        return failure(job.task, error, self._worded)

    def _next(self, step: _Step, result: Any) -> Outcome | None:
        """What follows a step."""
        job, video = step.job, step.job.video
        if isinstance(result, Survey):
            if not result.segments:
                self._steps.appendleft(_Step(job, "paint_whole", (video,), result.frames))
                return None
            job.folder = SegmentFolder(video, job.request, result.segments)
            self._folders.add(job.folder)
            todo = job.folder.missing
            job.segments, job.left = len(result.segments), len(todo)
            numbers = {bounds.number for bounds in todo}
            # What has been begun is finished first; what goes on from another one waits for that.
            for bounds in reversed(todo):
                step = _Step(job, "paint_segment", (video, bounds), bounds.frames)
                if bounds.follows and bounds.number - 1 in numbers:
                    job.waiting[bounds.number] = step
                else:
                    self._steps.appendleft(step)
            if not todo:
                self._steps.appendleft(_Step(job, "join", (video, job.segments)))
            return None
        self._progress.frames += step.frames
        if step.name == "paint_segment":
            job.left -= 1
            following = job.waiting.pop(step.arguments[1].number + 1, None)
            if following is not None:
                self._steps.appendleft(following)
            if job.left == 0:
                self._steps.appendleft(_Step(job, "join", (video, job.segments)))
            return None
        assert isinstance(result, Summary)
        if job.folder is not None:
            job.folder.remove()
        write_record(video.output, job.request, result)
        job.over = True
        seconds = time.perf_counter() - job.begin
        fps = round(result.frames / seconds, 2)
        return Outcome(job.task, "done", Summary(**(asdict(result) | {"seconds": round(seconds, 3), "fps": fps})))

    def _dismiss(self) -> None:
        """End all workers, whatever they are doing."""
        for worker in self._workers:
            with contextlib.suppress(Exception):
                self._ray.kill(worker)
        for folder in self._folders:
            folder.close()
        self._running.clear()
        self._idle.clear()
