"""Keys painted by optimisation, each begun with the one before, so that they agree."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vidstyle.keys.key_making import KeyFrame
from vidstyle.painting.optimisation import Optimisation, Scale, fit
from vidstyle.painting.paint_settings import PaintSettings, StylePicture, weighted_styles
from vidstyle.painting.picture import PaintingProgress
from vidstyle.painting.soft_paint import Blur
from vidstyle.painting.tiled_loss import Past
from vidstyle.perception.tensors import to_tensor
from vidstyle.stream.lifting import painted_size

FOLLOWING = 0.4
"""Steps of a key that starts from another, at each scale, as a share of those of the first."""
HELD = 0.1
"""Weight of the last key in the next one, as a share of that of a frame in the one after it: a key may be repainted
where that makes it more beautiful, as long as nothing jumps."""
BLUR = Blur(luma=0.61, chroma=1.2)
"""What keys are painted through: they will be resampled between their pixels in every frame that moves, and encoded."""
NEW = 0.002
"""Share of a key that has come into sight, from which on that is painted from coarse to fine, too: large forms do not
grow from a photograph in the few steps at full size that all else needs."""


class OptimisedKeys:
    """Paints keys like pictures, by optimisation.

    Args:
        styles: see vidstyle.painting.picture.paint.
        settings: how to paint; their size is of no account, since keys are as large as strokes want them.
        on_progress: called after each step, with the share of this key and of all keys that is done; what it raises
            stops the run.
        on_note: called with a line that a user should know.

    Attributes:
        settings: what its paintings depend on, as text.
    """

    def __init__(
        self,
        styles: Sequence[StylePicture],
        settings: PaintSettings,
        on_progress: Callable[[PaintingProgress], None] = lambda _: None,
        on_note: Callable[[str], None] = lambda _: None,
    ) -> None:
        import hashlib

        self._named = weighted_styles(styles)
        self._wishes, self._on_progress, self._on_note = settings, on_progress, on_note
        self._optimisation: Optimisation | None = None
        known = dataclasses.asdict(settings) | {"device": "", "following": FOLLOWING, "held": HELD, "new": NEW}
        known |= {"blur": dataclasses.astuple(BLUR)}
        known |= {"styles": [[hashlib.sha256(s.path.read_bytes()).hexdigest(), s.weight] for s in self._named]}
        self.settings = json.dumps(known, default=str, sort_keys=True)

    def paint_key(self, frame: KeyFrame) -> np.ndarray:
        """RGB (H, W, 3) uint8, of the size that strokes want."""
        height, width = frame.pixels.shape[:2]
        width, height = painted_size((width, height))
        optimisation = self._opened(max(width, height))
        scales = optimisation.scales(height, width)
        scales[-1] = dataclasses.replace(scales[-1], height=height, width=width)
        last = None
        if frame.carried is not None and frame.seen is not None:
            last = _Carried(frame.pixels, frame.carried, frame.seen, optimisation.device)
            scales = scales if np.mean(frame.seen < 0.5) > NEW else scales[-1:]
            scales = [dataclasses.replace(scale, steps=max(1, round(FOLLOWING * scale.steps))) for scale in scales]
        done, steps = 0, sum(scale.steps for scale in scales)
        image = frame.pixels
        for run in [scales] if last is None else [[scale] for scale in scales]:
            start, past = (None, None) if last is None else last.at(run[0], image)
            for step in optimisation.paint(frame.pixels, run, start, past):
                image = step.image
                done += 1
                self._on_progress(PaintingProgress(done, steps, step.losses, frame.share))
        return image

    def _opened(self, size: int) -> Optimisation:
        if self._optimisation is None or self._optimisation.settings.size != size:
            self._optimisation = Optimisation(self._named, dataclasses.replace(self._wishes, size=size), BLUR)
            for note in self._optimisation.notes:
                self._on_note(note)
        return self._optimisation


@dataclass(frozen=True)
class _Carried:
    """The key before, as far as it shows anything of a frame; see vidstyle.keys.key_making.KeyFrame."""

    pixels: np.ndarray
    carried: np.ndarray
    seen: np.ndarray
    device: torch.device

    def at(self, scale: Scale, painted: np.ndarray) -> tuple[Tensor, Past]:
        """Where to start at a scale, with what has been painted at a smaller one where nothing is carried; and what to
        stay near to."""
        carried, frame, new = (
            to_tensor(fit(pixels, scale.height, scale.width))[None] for pixels in (self.carried, self.pixels, painted)
        )
        seen = torch.nn.functional.interpolate(
            torch.from_numpy(self.seen)[None, None].float(), carried.shape[-2:], mode="bilinear", align_corners=False
        )
        # What is carried has the frame where it shows nothing.
        start = (carried + (1 - seen) * (new - frame)).clamp(0, 1).to(self.device)
        return start, Past(start, HELD * seen.to(self.device))
