"""Where somebody is in live frames, found beside the painting, at its own pace."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import cv2
import numpy as np

from vidstyle.processor import give_way
from vidstyle.stream.masks import softened
from vidstyle.stream.motion import averaged, find_motion, small_picture
from vidstyle.stream.planes import sample

NEWEST = 0.65
"""Share of the newest mask in what is taken for the mask; the rest is the one before, moved along, so that edges do
not flicker."""


class LiveMask:
    """The mask of each frame of a sequence, of the newest mask that there is, moved along with the picture.

    Args:
        network: gives a mask (h, w) float32, 0 to 1, of RGB (H, W, 3) uint8; called in a thread of its own.
        rgb: RGB of the pixels of frames.

    Attributes:
        found: how many masks have been found so far.
    """

    def __init__(self, network: Callable[[np.ndarray], np.ndarray], rgb: Callable[[np.ndarray], np.ndarray]) -> None:
        self._network, self._rgb = network, rgb
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="vidstyle-mask", initializer=give_way)
        self._looking: Future[np.ndarray] | None = None
        self._looked_at: np.ndarray | None = None
        self._picture: np.ndarray | None = None
        self._mask: np.ndarray | None = None
        self.found = 0

    def of(self, pixels: np.ndarray) -> np.ndarray | None:
        """The mask of the next frame, (H, W) float32, 0 to 1; None as long as none has been found.

        Raises:
            Exception: what the network raises.
        """
        picture = small_picture(pixels)
        if self._looking is not None and self._looking.done():
            self._take(self._looking.result(), picture)
        if self._looking is None:
            self._looked_at = picture
            self._looking = self._worker.submit(lambda: self._network(self._rgb(pixels)))
        if self._mask is None or self._picture is None:
            return None
        return softened(_moved(self._mask, self._picture, picture), pixels)

    def close(self) -> None:
        """Look for nothing more."""
        self._worker.shutdown(wait=False, cancel_futures=True)

    def _take(self, found: np.ndarray, picture: np.ndarray) -> None:
        looked_at, self._looking = self._looked_at, None
        assert looked_at is not None
        height, width = averaged(looked_at).shape[:2]
        mask = cv2.resize(found, (width, height), interpolation=cv2.INTER_AREA)
        if self._mask is not None and self._picture is not None:
            motion = find_motion(self._picture, looked_at)
            if motion is not None:
                mask = NEWEST * mask + (1 - NEWEST) * sample(self._mask, motion.flow)
        self._mask, self._picture = mask.astype(np.float32), looked_at
        self.found += 1


def _moved(mask: np.ndarray, then: np.ndarray, now: np.ndarray) -> np.ndarray:
    """A mask of a `small_picture`, moved to where everything is in another one; as it is across a cut."""
    motion = find_motion(then, now) if then is not now else None
    return mask if motion is None or motion.still else sample(mask, motion.flow)
