"""Optical flow: estimated between two frames, and pairs of frames that it is known of."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from vidstyle.perception.warping import pixel_grid


@dataclass(frozen=True)
class Pair:
    """A batch of frame pairs.

    Attributes:
        first, second: RGB (N, 3, H, W) in [0, 1].
        flow: (N, H, W, 2), x before y, pixels: where each pixel of `second` was in `first`, less its own place.
        visible: (N, 1, H, W), 1 where that place shows the same thing, 0 where it is hidden or outside.
    """

    first: Tensor
    second: Tensor
    flow: Tensor
    visible: Tensor

    def __getitem__(self, which: slice) -> "Pair":
        """Some of the pairs."""
        return Pair(self.first[which], self.second[which], self.flow[which], self.visible[which])

    def to(self, device: torch.device) -> "Pair":
        """The same on another device."""
        return Pair(*(x.to(device) for x in (self.first, self.second, self.flow, self.visible)))


def estimate_flow(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Flow from the second frame back to the first, and where it can be trusted; frames RGB (H, W, 3) uint8.

    Kroeger et al. 2016, "Fast Optical Flow using Dense Inverse Search".  Flow there and back again must cancel:
    |w + w'|^2 < 0.01 (|w|^2 + |w'|^2) + 0.5, Sundaram et al. 2010, as in Ruder et al. 2016, equation 5.

    Returns (H, W, 2) float32, x before y, pixels, and (H, W) bool.
    """
    one, other = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (first, second))
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    back, forth = (np.asarray(dis.calc(*greys, None)) for greys in ((other, one), (one, other)))  # type: ignore[call-overload]
    at = _positions(back) + back
    returned = cv2.remap(forth, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    lengths = (back**2).sum(-1) + (returned**2).sum(-1)
    return back, (((back + returned) ** 2).sum(-1) < 0.01 * lengths + 0.5) & inside(back)


def inside(flow: np.ndarray) -> np.ndarray:
    """Where flow (H, W, 2) leads to within the picture: (H, W) bool."""
    at = _positions(flow) + flow
    limit = (flow.shape[1] - 1, flow.shape[0] - 1)
    return ((at >= 0) & (at <= limit)).all(-1)


def _positions(flow: np.ndarray) -> np.ndarray:
    return pixel_grid(*flow.shape[:2]).numpy()
