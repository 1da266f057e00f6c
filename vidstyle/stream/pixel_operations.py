"""What a Stream does with pixels, on the processor or on the device that paints."""

from typing import Any, Protocol

import numpy as np

from vidstyle.stream.composing import Look, composed, mixed
from vidstyle.stream.key_maps import CarriesKeys, Key, KeyMaps
from vidstyle.stream.laying import Layout
from vidstyle.stream.lifting import lifted
from vidstyle.stream.masks import laid_by
from vidstyle.stream.planes import resized
from vidstyle.stream.warm_starts import WarmStart, begun


class Lays(Protocol):
    """Draws what a view says: vidstyle.stream.laying.Layout, or one on a device."""

    def draw(self, view: Any, source: Any) -> Any:
        """Pixels of a frame; the same object as before where nothing has changed."""

    def learn_colors(self, key: Key) -> None:
        """From the painting of a key, for frames of which nothing has been painted yet."""


class PixelOperations(Protocol):
    """Pixels are arrays on the processor, and tensors on a device; see vidstyle.media.frame.Frame for both.

    What is decided about a frame is decided on the processor, by `on_processor` of its small picture, which is the
    same to the last bit whoever has made it.

    Attributes:
        beside: whether a thread may have pixels mixed, finished, masked and given while another one goes on.
    """

    beside: bool

    def taken(self, pixels: Any) -> Any:
        """Pixels of a frame, or of a painting, as the other methods take them."""

    def for_painter(self, pixels: Any) -> Any:
        """The same as whoever paints takes them."""

    def given(self, pixels: Any, like: Any) -> Any:
        """The same as the pixels of a frame, in the memory that those of `like` are in."""

    def on_processor(self, pixels: Any, frame: Any) -> np.ndarray:
        """The same as an array; `frame` are the pixels of the frame that they have been made of."""

    def resized(self, pixels: Any, size: tuple[int, int]) -> Any:
        """Pixels of the same kind at `size` (width, height)."""

    def layout(self) -> Lays:
        """What lays keys over each other, for one sequence in one style."""

    def begun(self, painting: Any, start: WarmStart) -> Any:
        """A painting, as whoever paints gives it, with the paint that is there already laid over it; from any thread.

        It waits for the paintings of the keys that this is of.
        """

    def key_maps(self) -> CarriesKeys:
        """What says where they are to be laid, for the same sequence and style."""

    def mixed(self, one: Any, other: Any, share: float) -> Any:
        """Pixels between two of the same kind and size: 0 is the first, 1 the other."""

    def finished(self, painting: Any, small: Any, source: Any, look: Look) -> Any:
        """A painting lifted to the size of its source, and mixed with it; `small` is the source at its size."""

    def masked(self, shown: Any, source: Any, mask: np.ndarray) -> Any:
        """The source where a mask (H, W) uint8 is 0, and what is shown of it where it is 255."""

    def same(self, one: Any, other: Any) -> bool:
        """Whether pixels are known to be alike."""


class ProcessorOperations:
    """On arrays, by OpenCV and Numba."""

    beside = True

    def taken(self, pixels: np.ndarray) -> np.ndarray:
        return pixels

    def for_painter(self, pixels: np.ndarray) -> np.ndarray:
        return pixels

    def given(self, pixels: np.ndarray, like: np.ndarray) -> np.ndarray:
        del like
        return pixels

    def on_processor(self, pixels: np.ndarray, frame: np.ndarray) -> np.ndarray:
        del frame
        return pixels

    def resized(self, pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        return resized(pixels, size)

    def layout(self) -> Layout:
        return Layout()

    def begun(self, painting: np.ndarray, start: WarmStart) -> np.ndarray:
        return begun(painting, start)

    def key_maps(self) -> KeyMaps:
        return KeyMaps()

    def mixed(self, one: np.ndarray, other: np.ndarray, share: float) -> np.ndarray:
        return mixed(one, other, share)

    def finished(self, painting: np.ndarray, small: np.ndarray, source: np.ndarray, look: Look) -> np.ndarray:
        return composed(source, lifted(painting, small, source), look)

    def masked(self, shown: np.ndarray, source: np.ndarray, mask: np.ndarray) -> np.ndarray:
        return laid_by(mask.astype(np.float32) / 255, shown, source)

    def same(self, one: np.ndarray, other: np.ndarray) -> bool:
        return bool(np.array_equal(one, other))


def operations_on(device: str) -> PixelOperations:
    """What works on pixels where frames are painted on `device`, as torch names it: on the processor, or on a GPU that
    runs CUDA, so that frames stay in its memory."""
    if not device.startswith("cuda"):
        return ProcessorOperations()
    from vidstyle.stream.device_operations import DeviceOperations

    return DeviceOperations(device)
