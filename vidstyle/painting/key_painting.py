"""Keys painted by optimisation, each begun with the one before, so that they agree."""

import dataclasses
import json
from collections.abc import Callable, Sequence

import numpy as np
import torch

from vidstyle.keys.key_making import KeyFrame
from vidstyle.painting.optimisation import Optimisation, Scale
from vidstyle.painting.paint_settings import PaintSettings, StylePicture, weighted_styles
from vidstyle.painting.picture import PaintingProgress
from vidstyle.painting.tiled_loss import Past
from vidstyle.perception.tensors import to_tensor
from vidstyle.stream.lifting import painted_size

FOLLOWING = 0.4
"""Steps of a key that starts from another, as a share of those at the last scale."""
HELD = 0.1
"""Weight of the last key in the next one, as a share of that of a frame in the one after it: a key may be repainted
where that makes it more beautiful, as long as nothing jumps."""


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
        known = dataclasses.asdict(settings) | {"device": "", "following": FOLLOWING, "held": HELD}
        known |= {"styles": [[hashlib.sha256(s.path.read_bytes()).hexdigest(), s.weight] for s in self._named]}
        self.settings = json.dumps(known, default=str, sort_keys=True)

    def paint_key(self, frame: KeyFrame) -> np.ndarray:
        """RGB (H, W, 3) uint8, of the size that strokes want."""
        height, width = frame.pixels.shape[:2]
        width, height = painted_size((width, height))
        optimisation = self._opened(max(width, height))
        scales = optimisation.scales(height, width)
        scales[-1] = dataclasses.replace(scales[-1], height=height, width=width)
        start, past = None, None
        if frame.carried is not None and frame.seen is not None:
            scales = [dataclasses.replace(scales[-1], steps=max(1, round(FOLLOWING * scales[-1].steps)))]
            start = _fitted(frame.carried, scales[0]).to(optimisation.device)
            seen = torch.nn.functional.interpolate(
                torch.from_numpy(frame.seen)[None, None].float(), (height, width), mode="bilinear", align_corners=False
            )
            past = Past(start, HELD * seen.to(optimisation.device))
        steps = sum(scale.steps for scale in scales)
        image = frame.pixels
        for step in optimisation.paint(frame.pixels, scales, start, past):
            image = step.image
            self._on_progress(PaintingProgress(step.step, steps, step.losses, frame.share))
        return image

    def _opened(self, size: int) -> Optimisation:
        if self._optimisation is None or self._optimisation.settings.size != size:
            self._optimisation = Optimisation(self._named, dataclasses.replace(self._wishes, size=size))
            for note in self._optimisation.notes:
                self._on_note(note)
        return self._optimisation


def _fitted(pixels: np.ndarray, scale: Scale) -> torch.Tensor:
    from vidstyle.painting.optimisation import fit

    return to_tensor(fit(pixels, scale.height, scale.width))[None]
