"""Paint pictures one by one, from a program."""

from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from vidstyle.errors import InputError
from vidstyle.media.arrays import Channels, Pictures, check_channels, pictures_of
from vidstyle.media.frame import Frame
from vidstyle.restyle_options import Options
from vidstyle.style_files import Style, StyleCard
from vidstyle.styles import load_style
from vidstyle.video_runs import open_painter, open_stream

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass
class _Sequence:
    """What changes about a painter.

    Attributes:
        begins: whether the next frame has nothing to do with the last one.
        closed: whether there is no next frame.
    """

    begins: bool = True
    closed: bool = False


PLAIN = Options(optimise=0)
"""What a Painter has where nobody says otherwise."""


class Painter:
    """Paints pictures one by one, as one sequence; call `reset` before the first of another one.

        with vidstyle.Painter("starry_night") as painter:
            painted = painter(frame)

    What it was made with stays as it is: for another strength, make another one.

    Args:
        style: a loaded style, the name of an installed one, a style file, or a picture to paint like.
        device, engine, strength, keep_colors, steady, stroke_size: see Options.
        optimise: see Options; none unless somebody says so, since a picture takes a second with it.
        channels: order of the colours in arrays and tensors: `rgb`, or `bgr` as OpenCV has it.
        sizes_vary: frames come in many sizes; see vidstyle.engines.make_engine.

    Raises:
        InputError: for what cannot be, naming the parameter.
    """

    def __init__(
        self,
        style: Style | str | Path,
        *,
        device: str = "auto",
        engine: str = "auto",
        strength: float = 1.0,
        keep_colors: bool = False,
        steady: bool = True,
        stroke_size: float = 1.0,
        optimise: int | None = 0,
        channels: Channels = "rgb",
        sizes_vary: bool = False,
    ) -> None:
        options = Options(
            device=device,
            engine=engine,
            strength=strength,
            keep_colors=keep_colors,
            steady=steady,
            stroke_size=stroke_size,
            optimise=optimise,
        )
        check_channels(channels)
        loaded = style if isinstance(style, Style) else load_style(style, lazy=True)
        self._options, self._card, self._channels = options, loaded.card, channels
        self._painter = open_painter(loaded, options, low_latency=True, sizes_vary=sizes_vary)
        # What does not go together is refused here, rather than with the first frame.
        self._engine = self._painter.engine
        self._stream = open_stream([(0.0, self._painter)], options, look_ahead=1)
        self._sequence = _Sequence()

    def __setattr__(self, name: str, value: object) -> None:
        if "_sequence" in vars(self):
            raise AttributeError(f"{name}: a Painter stays as it was made; make another one")
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{name}: a Painter stays as it was made")

    @property
    def style(self) -> StyleCard:
        """What is painted in."""
        return self._card

    @property
    def options(self) -> Options:
        """What it was made with."""
        return self._options

    @property
    def device(self) -> str:
        """What paints: `cpu`, or `cuda:N`."""
        return self._engine.device

    @property
    def engine(self) -> str:
        """What it paints with: `openvino`, `torch_cpu` or `cuda`."""
        return self._engine.name

    @property
    def channels(self) -> Channels:
        """Order of the colours in arrays and tensors."""
        return self._channels

    @property
    def closed(self) -> bool:
        """Whether it paints no more."""
        return self._sequence.closed

    @overload
    def __call__(self, picture: NDArray[Scalar]) -> NDArray[Scalar]: ...
    @overload
    def __call__(self, picture: "Tensor") -> "Tensor": ...
    @overload
    def __call__(self, picture: "Image.Image") -> "Image.Image": ...

    def __call__(self, picture: Any) -> Any:
        """Paint a picture, or a batch as several of one sequence; gives back the same kind, of the same size.

        Args:
            picture: RGB (H, W, 3), grey (H, W) or (H, W, 1), RGBA (H, W, 4), or batches (N, H, W, C), uint8 or floats
                from 0 to 1; a tensor (3, H, W) or (N, 3, H, W), which comes back to its own device, without gradients;
                or a picture of Pillow.  At least 16 pixels a side.  What is transparent stays so; of what is grey,
                the painting's luminance comes back.

        Raises:
            InputError: for anything else, and once this is closed.
        """
        self._check_open()
        pictures: Pictures = pictures_of(picture, self._channels)
        painted = []
        for pixels in pictures.frames:
            frame = Frame(pixels, 0, Fraction(1), discontinuity=self._sequence.begins)
            self._sequence.begins = False
            self._stream.submit(frame)
            painted.append(self._stream.result().pixels.copy())
        return pictures.like(painted)

    def reset(self) -> None:
        """The next picture has nothing to do with the last one."""
        self._check_open()
        self._sequence.begins = True

    def close(self) -> None:
        """Let go of the device; more than once does no harm."""
        if not self._sequence.closed:
            self._sequence.closed = True
            self._stream.close()
            self._painter.close()

    def __enter__(self) -> Self:
        self._check_open()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        settled = {"device": self.device, "engine": self.engine}
        chosen = {
            field.name: getattr(self._options, field.name)
            for field in fields(Options)
            if field.name not in settled and getattr(self._options, field.name) != getattr(PLAIN, field.name)
        }
        if self._channels != "rgb":
            chosen["channels"] = self._channels
        said = "".join(f", {name}={value!r}" for name, value in (settled | chosen).items())
        return f"<{'closed ' if self.closed else ''}Painter({self._card.name!r}{said})>"

    def _check_open(self) -> None:
        if self._sequence.closed:
            raise InputError("this Painter is closed; make another one")
