"""Measure everything on a GPU, in eight minutes: python examples/on_gpu.py [FOLDER] [--device cuda:0]

Writes FOLDER/on_gpu.json and the same as a table, FOLDER/on_gpu.md, with the timeline of 1920x1080 beside them: the
tests that need a GPU, decoding, network, copies and encoding alone and together at four sizes, memory, delay, twenty
viewers, and training.  What there is no time for is left out, and said to be.  `--device cpu --tiny` shows in a minute
that it works.
"""

import argparse
import contextlib
import itertools
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import torch

import vidstyle
from vidstyle.bench.on_device import measure_delay, measure_parts, measure_viewers, measure_whole, subject
from vidstyle.media.sources import FileSource
from vidstyle.shipped import library
from vidstyle.styles import load_style
from vidstyle.training.distributed import Team
from vidstyle.training.recipe import Data, NetworkChoice, Recipe, Schedule, StyleSource
from vidstyle.training.trainer import Trainer

SECONDS = 480
"""For all of it."""
SIZES = ((640, 360), (1280, 720), (1920, 1080), (3840, 2160))
FRAMES = {(640, 360): (48, 20), (1280, 720): (48, 10), (1920, 1080): (32, 8), (3840, 2160): (12, 6)}
"""Of a clip, and how often it is shown: a GPU is through with little in no time."""
TINY = ((64, 48),)
TIMELINE_SIZE = (1920, 1080)
VIEWERS, VIEWERS_SIZE, VIEWERS_SECONDS = 20, (640, 360), 6.0
TRAINED_STEPS, WARM_UP_STEPS, CROPS = 60, 8, 24
GOALS = {
    "network at 1920x1080, frames a second": ("1920x1080", "resident_network_fps", 1000.0),
    "steady over decoding and encoding alone": ("1920x1080", "share", 0.9),
    "upload, network and download over the slowest": ("1920x1080", "limit_share", 0.9),
    "delay of a live frame, milliseconds": ("1920x1080", "live_delay_ms", 5.0),
    "frames a second of each of 20 viewers": ("viewers", "shown_fps", 28.0),
}
"""What a card is to reach: where the figure is, and how much of it, or how little of a delay."""


class Run:
    """What has been measured, within its time."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self.figures: dict[str, Any] = {}
        self.left_out: list[str] = []

    @property
    def left(self) -> float:
        """Seconds."""
        return self._end - time.monotonic()

    def take(self, name: str, work: Callable[[], dict[str, Any]], needs: float) -> None:
        """Measure something that takes some seconds, if there are as many; a failure stops nothing else."""
        if self.left < needs:
            self.left_out.append(f"{name}: no time")
            return
        print(f"on_gpu: {name}", file=sys.stderr, flush=True)
        begin = time.monotonic()
        try:
            self.figures.setdefault(name, {}).update(work())
        except Exception as error:  # one part that fails must not cost the others
            self.left_out.append(f"{name}: {type(error).__name__}: {error}".splitlines()[0])
        self.figures.setdefault("seconds", {})[name] = round(time.monotonic() - begin, 1)


def run_tests(limit: float) -> dict[str, Any]:
    """`pytest -m gpu`: how it ended, and its last line."""
    tests = Path(__file__).parent.parent / "tests"
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider", str(tests)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        return {"exit_code": None, "said": f"more than {limit:.0f} s"}
    return {"exit_code": done.returncode, "said": (done.stdout.strip().splitlines() or [done.stderr.strip()])[-1]}


def measure_training(device: str, folder: Path, *, tiny: bool) -> dict[str, Any]:
    """Steps a second of a style's training, photographs and all, with the perceptual network that ships."""
    photos = folder / "photos"
    photos.mkdir(exist_ok=True)
    source = FileSource(next(folder.glob("*x*.mp4")))
    with contextlib.closing(source):
        for number, frame in enumerate(itertools.islice(source, CROPS)):
            cv2.imwrite(str(photos / f"{number}.jpg"), frame.pixels[..., ::-1])
    steps, warm_up, crop = (3, 1, 64) if tiny else (TRAINED_STEPS, WARM_UP_STEPS, 256)
    recipe = Recipe(
        "bench",
        StyleSource(library() / "starry_night.jpg"),
        Data(photos),
        network=NetworkChoice("realtime", {"channels": 16, "blocks": 1} if tiny else {}),
        loss=vidstyle_loss(),
        schedule=Schedule(steps=steps + warm_up, batch=2 if tiny else 8, crop=crop),
    )
    trainer = Trainer(recipe, device=device, team=Team())
    progress = trainer.run()
    for _ in itertools.islice(progress, warm_up):
        pass
    begin = time.perf_counter()
    done = sum(1 for _ in progress)
    seconds = time.perf_counter() - begin
    return {"steps_per_second": round(done / seconds, 3), "batch": recipe.schedule.batch, "crop": crop}


def vidstyle_loss() -> Any:
    """What a recipe compares by, with the perceptual network that ships."""
    from vidstyle.perception.objective import Loss
    from vidstyle.perception.perceptual_network import OWN

    return Loss(perceptual=OWN, temporal=20.0)


def machine(device: str) -> dict[str, Any]:
    """What this was measured on."""
    card = torch.cuda.get_device_name(device) if device.startswith("cuda") else platform.processor() or "processor"
    return {"device": device, "name": card, "torch": torch.__version__, "vidstyle": vidstyle.__version__}


def table(result: dict[str, Any]) -> str:
    """All of it as Markdown."""
    sizes = [name for name in result["figures"] if "x" in name]
    rows = sorted({key for size in sizes for key in result["figures"][size]})
    lines = [f"# {result['machine']['name']}", "", "| | " + " | ".join(sizes) + " |", "|---" * (len(sizes) + 1) + "|"]
    for row in rows:
        values = [result["figures"][size].get(row, "") for size in sizes]
        lines.append(f"| {row} | " + " | ".join(str(value) for value in values) + " |")
    for name in ("viewers", "training", "tests"):
        if not (figures := result["figures"].get(name)):
            continue
        lines += ["", f"{name}: " + ", ".join(f"{key} {value}" for key, value in figures.items())]
    lines += ["", "| goal | wanted | measured |", "|---|---|---|"]
    for goal, (size, key, wanted) in GOALS.items():
        figures = result["figures"].get(size, {})
        # Fewer viewers are no measure of so many.
        counts = figures.get("viewers", VIEWERS) == VIEWERS
        lines.append(f"| {goal} | {wanted:g} | {figures.get(key, 'not measured') if counts else 'not measured'} |")
    if result["left_out"]:
        lines += ["", "Left out:", "", *(f"- {what}" for what in result["left_out"])]
    return "\n".join(lines) + "\n"


def measure(folder: Path, device: str, *, tiny: bool, seconds: float) -> dict[str, Any]:
    """Everything, and the time it took."""
    begin, run, style = time.monotonic(), Run(seconds), load_style("starry_night")
    on_gpu = device.startswith("cuda")
    engine = "cuda" if on_gpu else "torch" if device == "cpu" else "auto"
    if on_gpu:
        run.take("tests", lambda: run_tests(min(150.0, run.left / 2)), needs=60)
    with tempfile.TemporaryDirectory(prefix="vidstyle-on-gpu-") as name:
        temporary = Path(name)
        for size in TINY if tiny else SIZES:
            frames, times = (8, 2) if tiny else FRAMES[size]
            called = f"{size[0]}x{size[1]}"
            timeline = folder / "timeline.png" if on_gpu and size == TIMELINE_SIZE else None

            def parts(size: Any = size, frames: int = frames, times: int = times, timeline: Any = timeline) -> Any:
                what = subject(style, device, size, frames, temporary, engine=engine, times=times)
                return measure_parts(what, timeline) | measure_whole(what) | measure_delay(what)

            run.take(called, parts, needs=0 if tiny else 45)
        size = TINY[0] if tiny else VIEWERS_SIZE

        def viewers() -> dict[str, Any]:
            what = subject(style, device, size, 8 if tiny else 48, temporary, engine=engine)
            return measure_viewers(what, 3 if tiny else VIEWERS, 0.5 if tiny else VIEWERS_SECONDS)

        run.take("viewers", viewers, needs=0 if tiny else 20)
        run.take("training", lambda: measure_training(device, temporary, tiny=tiny), needs=0 if tiny else 40)
    return {
        "machine": machine(device),
        "figures": run.figures,
        "left_out": run.left_out,
        "took_seconds": round(time.monotonic() - begin, 1),
    }


def main(arguments: list[str] | None = None) -> int:
    """Measure, write, and print the table; 1 if something was left out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path("on_gpu"))
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--tiny", action="store_true", help="small frames and few, to see that it works")
    given = parser.parse_args(arguments)
    if given.device.startswith("cuda") and not torch.cuda.is_available():
        print("on_gpu: error: no CUDA device here; --device cpu --tiny shows that it works", file=sys.stderr)
        return 2
    given.folder.mkdir(parents=True, exist_ok=True)
    result = measure(given.folder, given.device, tiny=given.tiny, seconds=given.seconds)
    (given.folder / "on_gpu.json").write_text(json.dumps(result, indent=2) + "\n")
    (given.folder / "on_gpu.md").write_text(table(result))
    print(table(result), end="")
    return 1 if result["left_out"] else 0


if __name__ == "__main__":
    sys.exit(main())
