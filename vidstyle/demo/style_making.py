"""Making a style from a visitor's picture, in a process of its own, watched from the page."""

import contextlib
import dataclasses
import html
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from torch import Tensor

from vidstyle.demo.files import file_url
from vidstyle.demo.gallery import OWN
from vidstyle.demo.pictures import read_shown
from vidstyle.demo.previews import SAMPLE_SIDE, as_jpeg, sample_picture, shrunk
from vidstyle.demo.progress import bar, spoken
from vidstyle.demo.settings import DemoSettings
from vidstyle.demo.storage import NoRoomError
from vidstyle.demo.visitors import Visitor
from vidstyle.engines import is_openvinos
from vidstyle.errors import InputError
from vidstyle.nets import build_network
from vidstyle.perception.perceptual_network import OWN as OWN_NETWORK
from vidstyle.perception.tensors import painted_by
from vidstyle.processor import NICENESS
from vidstyle.shipped import PHOTOS
from vidstyle.style_files import SUFFIX, save_style
from vidstyle.styles import arguments_of_pictures_style, load_style

log = logging.getLogger(__name__)

SAID = "vidstyle: error: "
"""Before what a command says that a user can mend."""
CHECKPOINT_STEPS = 4
"""Between two looks at the style in the making."""


@dataclass
class Training:
    """One style in the making.

    Attributes:
        visitor: whose it is.
        folder: where everything about it lies.
        process: `vidstyle train`.
        minutes: that it takes.
        title, artist: for the card.
        shown: when the checkpoint that `picture` shows was written.
        picture: URL of the sample picture as painted by then; empty at first.
        step, elapsed: where it stands, steps and seconds.
        finished: key of the style, once it is done.
        failure: what went wrong.
    """

    visitor: Visitor
    folder: Path
    process: "subprocess.Popen[str]"
    minutes: float
    title: str
    artist: str
    shown: float = 0.0
    picture: str = ""
    step: int = 0
    elapsed: float = 0.0
    finished: str = ""
    failure: str = ""

    @property
    def picture_file(self) -> Path:
        """What it is made of."""
        return next(self.folder.glob("picture.*"))

    @property
    def output(self) -> Path:
        """The style file that comes out."""
        return self.folder / f"style{SUFFIX}"

    @property
    def is_running(self) -> bool:
        """Whether there is more to come."""
        return not (self.finished or self.failure)


class StyleMaker:
    """Makes one style at a time, for whoever came first.

    Args:
        settings: with a folder of photographs and perceptual weights, in place of those that come along.
    """

    def __init__(self, settings: DemoSettings) -> None:
        self._settings = settings
        self._trainings: dict[int, Training] = {}
        # What is written for one may make others go, whose training is cancelled then.
        self._lock = threading.RLock()

    def start(self, visitor: Visitor, picture: str, minutes: float, title: str, artist: str) -> None:
        """Begin to make a style of an uploaded picture.

        Raises:
            InputError: where that cannot be done here, or somebody else's style is being made.
        """
        source = visitor.file(picture, "picture")
        with self._lock:
            if any(training.process.poll() is None for training in self._trainings.values()):
                raise InputError("A style is being made already; try again when it is done.")
            folder = Path(tempfile.mkdtemp(dir=visitor.folder, prefix="training-"))
            copy = folder / f"picture{source.path.suffix}"
            shutil.copy(source.path, copy)
            process = self._command(copy, folder / f"style{SUFFIX}", minutes)
            title = title.strip() or Path(source.name).stem
            training = Training(visitor, folder, process, minutes, title[:80], artist.strip()[:80])
            self._trainings[id(visitor)] = training
        visitor.is_busy = lambda: training.is_running and process.poll() is None
        visitor.leave = lambda: self.cancel(visitor)

    def cancel(self, visitor: Visitor) -> None:
        """Stop the visitor's training, if there is one."""
        with self._lock:
            training = self._trainings.pop(id(visitor), None)
        if training is not None:
            # Also when it has ended and been heard already.
            with training.process:
                training.process.kill()
            shutil.rmtree(training.folder, ignore_errors=True)

    def close(self) -> None:
        """Stop everything."""
        for training in list(self._trainings.values()):
            self.cancel(training.visitor)

    def is_running(self, visitor: Visitor) -> bool:
        """Whether the visitor's training goes on."""
        with self._lock:
            training = self._trainings.get(id(visitor))
        return training is not None and training.is_running

    def look(self, visitor: Visitor) -> str:
        """How far the visitor's training is, as HTML; empty if there is none."""
        with self._lock:
            training = self._trainings.get(id(visitor))
            if training is None:
                return ""
            if training.is_running:
                _update(training)
        return _described(training)

    def _command(self, picture: Path, output: Path, minutes: float) -> "subprocess.Popen[str]":
        settings = self._settings
        command = [sys.executable, "-m", "vidstyle", "train", str(picture), "--out", str(output), "--quiet"]
        command += ["--photos", str(settings.photos or PHOTOS)]
        # What comes along, rather than to fetch another one for a visitor.
        weights = settings.perceptual_weights
        command += ["--perceptual", OWN_NETWORK] if weights is None else ["--perceptual-weights", str(weights)]
        command += ["--minutes", str(minutes), "--checkpoint-every", str(CHECKPOINT_STEPS)]
        # What OpenVINO names paints only.
        command += ["--device", "auto" if is_openvinos(settings.device) else settings.device]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        if hasattr(os, "setpriority"):
            os.setpriority(os.PRIO_PROCESS, process.pid, NICENESS)
        return process


def _update(training: Training) -> None:
    """Look at what has been written since the last time."""
    code = training.process.poll()
    if code is None:
        _look_at_checkpoint(training)
        return
    said = training.process.communicate()[1].strip().splitlines()
    if code == 0 and training.output.is_file():
        try:
            _finish(training)
        except NoRoomError as error:
            training.failure = str(error)
    else:
        mendable = code == InputError.exit_code and said and said[-1].startswith(SAID)
        if not mendable:
            log.warning("a training ended with code %s: %s", code, said[-1] if said else "nothing was said")
        reason = said[-1].removeprefix(SAID) if mendable else "The training has ended too early; try it once more."
        training.failure = reason.replace(str(training.folder), "the picture")
    shutil.rmtree(training.folder, ignore_errors=True)


def _look_at_checkpoint(training: Training) -> None:
    checkpoint = training.output.with_suffix(".checkpoint")
    try:
        written = checkpoint.stat().st_mtime
        if written == training.shown:
            return
        with safe_open(checkpoint, "pt") as file:
            metadata = file.metadata()
            tensors = {k.removeprefix("network."): file.get_tensor(k) for k in file.keys() if k.startswith("network.")}  # noqa: SIM118
    except (OSError, SafetensorError):
        return  # none yet, or done in the meantime
    training.shown, training.step = written, int(metadata["step"])
    training.elapsed = float(metadata["elapsed"])
    with contextlib.suppress(NoRoomError):  # the last one is shown on
        training.picture = _kept(training.visitor, _sample_of(tensors))


def _sample_of(tensors: dict[str, Tensor]) -> np.ndarray:
    """The sample picture, as a network in the making paints it."""
    network = build_network("realtime", arguments_of_pictures_style()).eval()
    network.load_state_dict(tensors)
    return painted_by(network, sample_picture())


def _kept(visitor: Visitor, pixels: np.ndarray) -> str:
    path = visitor.new_path(".jpg")
    path.write_bytes(as_jpeg(pixels))
    return file_url(visitor.keep(path, "progress.jpg", "preview"))


def _finish(training: Training) -> None:
    """Hand the style over to its visitor."""
    style = load_style(training.output)
    path = training.visitor.new_path(SUFFIX)
    card = dataclasses.replace(style.card, title=training.title, artist=training.artist)
    save_style(path, style.network, card, style.grams)
    identity = training.visitor.keep(path, f"{training.title}{SUFFIX}", "style")
    original = training.visitor.new_path(".jpg")
    original.write_bytes(as_jpeg(shrunk(read_shown(training.picture_file), SAMPLE_SIDE)))
    training.visitor.keep(original, identity, "original")
    training.finished = OWN + identity


def _described(training: Training) -> str:
    title = html.escape(training.title)
    picture = f'<img src="{training.picture}" alt="The harbour, painted so far">' if training.picture else ""
    if training.failure:
        return f'<p class="vs-message" role="alert">{html.escape(training.failure)}</p>'
    if training.finished:
        # A number of its own, so that the page notices.
        key = html.escape(training.finished)
        return f'<vs-changed key="{key}"></vs-changed><p class="vs-note">“{title}” is in your gallery.</p>'
    whole = 60 * training.minutes
    text = f"step {training.step} · {spoken(max(0.0, whole - training.elapsed))} left"
    progress = bar(training.elapsed / whole, text) if training.step else bar(None, "Getting ready")
    return f'<figure class="vs-training">{picture}<figcaption>“{title}”{progress}</figcaption></figure>'
