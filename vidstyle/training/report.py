"""What is watched while a style is trained: losses, and test photographs as they are painted by then.

In the folder of a report are `losses.csv`, `snapshots/`, files for TensorBoard in `tensorboard/` if that is
installed, and, at the end, `loss_curves.png`, `progress.png` and, where there are clips, `strip.png`.
"""

import csv
import importlib.util
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vidstyle.errors import InputError, parameter
from vidstyle.media.images import read_image
from vidstyle.perception.tensors import to_pixels, to_tensor
from vidstyle.training.loop import TrainingLoop, TrainingProgress

PHOTOGRAPHS, SIDE = 4, 256
"""How many test photographs are painted, and their side in pixels."""
SNAPSHOTS = (1 / 64, 1 / 16, 1 / 4, 1 / 2, 1.0)
"""Shares of the training after which they are."""
STRIP, STRIDE = 6, 5
"""Frames of a clip that are shown, and from one to the next."""
SCALARS_EVERY = 10
"""Steps between the scalars that TensorBoard is given."""


class Report:
    """Keeps a record of one training in a folder; of a resumed one, too.

    Args:
        folder: made if it is not there.
        trainer: what is watched.

    Raises:
        InputError: if the folder cannot be written, or matplotlib is not installed.
    """

    def __init__(self, folder: Path, trainer: TrainingLoop) -> None:
        if importlib.util.find_spec("matplotlib") is None:
            raise InputError(f"{parameter('report')} draws with matplotlib: pip install 'vidstyle[train]'")
        self.folder, self.trainer = folder, trainer
        self.snapshots = folder / "snapshots"
        try:
            self.snapshots.mkdir(parents=True, exist_ok=True)
            self._forget_after(trainer.step)
            self._log = (folder / "losses.csv").open("a", newline="")
        except OSError as error:
            raise InputError(f"{folder}: cannot be written: {error.strerror}") from error
        self._due = [share for share in SNAPSHOTS if share > trainer.done]
        self._photographs = list(itertools.islice(trainer.photographs.held_back(SIDE), PHOTOGRAPHS))
        self._board = self._open_tensorboard()

    def update(self, progress: TrainingProgress) -> None:
        """Take note of one step."""
        writer = csv.writer(self._log)
        if self._log.tell() == 0:
            writer.writerow(("step", *progress.losses))
        writer.writerow((progress.step, *progress.losses.values()))
        # On disk before the checkpoint is, whatever happens.
        self._log.flush()
        if self._board and progress.step % SCALARS_EVERY == 0:
            self._board.add_scalar("learning rate", self.trainer.learning_rate(), progress.step)
            for name, value in progress.losses.items():
                self._board.add_scalar(f"loss/{name}", value, progress.step)
        if self._due and progress.done >= self._due[0]:
            self._due = [share for share in self._due if share > progress.done]
            self._take_snapshot(progress.step)

    def finish(self) -> None:
        """Draw the pictures."""
        from vidstyle import plots

        self._log.close()
        if self._board:
            self._board.close()
        recipe = self.trainer.recipe
        title = recipe.style.title or recipe.name
        columns = {f"step {step:,}": read_image(path) for step, path in self._taken()}
        originals = np.concatenate([to_pixels(photograph) for photograph in self._photographs])
        plots.draw_losses(self.folder / "loss_curves.png", f"{title}: training losses", read_losses(self.folder))
        plots.draw_progress(self.folder / "progress.png", title, {"photograph": originals, **columns})
        if self.trainer.clips:
            frames = self.trainer.clips.frames[0][::STRIDE][:STRIP]
            painted = [self._paint(to_tensor(frame)) for frame in frames]
            plots.draw_strip(self.folder / "strip.png", title, list(frames), painted, STRIDE)

    def _take_snapshot(self, step: int) -> None:
        painted = np.concatenate([self._paint(photograph) for photograph in self._photographs])
        Image.fromarray(painted).save(self.snapshots / f"step_{step:07}.png")
        if self._board:
            self._board.add_image("photographs", painted, step, dataformats="HWC")

    @torch.inference_mode()
    def _paint(self, picture: Tensor) -> np.ndarray:
        """RGB (3, H, W) in [0, 1] as it is painted by now: (H, W, 3) uint8."""
        network = self.trainer.network.eval()
        painted = network(picture[None].to(self.trainer.device))[0]
        network.train()
        return to_pixels(painted)

    def _taken(self) -> Iterator[tuple[int, Path]]:
        """Steps and files of the snapshots, in order."""
        for path in sorted(self.snapshots.glob("step_*.png")):
            yield int(path.stem.removeprefix("step_")), path

    def _forget_after(self, step: int) -> None:
        """Leave nothing of what will be done again, or of an earlier training."""
        for taken, path in self._taken():
            if taken > step:
                path.unlink()
        log = self.folder / "losses.csv"
        if log.exists():
            header, *rows = log.read_text().splitlines()
            kept = [row for row in rows if int(row.split(",")[0]) <= step]
            log.write_text("".join(f"{row}\r\n" for row in (header, *kept)) if kept else "")

    def _open_tensorboard(self) -> Any:
        if importlib.util.find_spec("tensorboard") is None:
            return None
        from torch.utils.tensorboard import SummaryWriter

        return SummaryWriter(str(self.folder / "tensorboard"), purge_step=self.trainer.step + 1)


def read_losses(folder: Path) -> dict[str, np.ndarray]:
    """The columns of a report's `losses.csv` by name: `step`, the weighted terms, `total`; each (steps,) float64."""
    with (folder / "losses.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    return dict(zip(header, np.array(rows, dtype=np.float64).T, strict=True))
