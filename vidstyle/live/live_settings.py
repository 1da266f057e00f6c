"""What to paint live, and where to show it."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field, InstanceOf

from vidstyle.errors import InputError, parameter
from vidstyle.live.backgrounds import BLUR, KEEP, PAINT
from vidstyle.media.frame import LARGEST_SIDE, SMALLEST_SIDE
from vidstyle.media.live_sinks import check_target, has_sound
from vidstyle.media.window import check_window
from vidstyle.restyle_options import Size, Steps, Strength, StrokeSize
from vidstyle.style_files import Style
from vidstyle.validation import validated


@validated
class LiveSettings:
    """What to paint and where to show it; see `vidstyle live --help`.

    Attributes:
        style: a loaded style, the name of an installed one, or a style file; starry_night if None.
        camera: see vidstyle.media.live_sources.open_source.
        to: see vidstyle.media.live_sinks.open_sink, and `window`.
        device: `auto`, `cpu`, `cuda[:N]`, `mps`, `xpu[:N]`, or OpenVINO's `GPU` and `NPU`.
        size: (width, height) to show; the camera's own if None.
        camera_size, camera_fps: what to ask the camera for.
        loop: begin a file again at its end.
        sound: whether recordings and streams get the source's own sound, where it has some.
        microphone: whose sound they get in its place, see vidstyle.media.microphones.open_microphone; None for none.
        strength, keep_colors, mirror, stroke_size: see vidstyle.live.keyboard.LiveState.
        optimise: see vidstyle.restyle_options.Options.
        seconds: after which to end, None for no end.
        keys: folder for frames to paint, which are worn when they are, see vidstyle.live.watched_keys; None for none.
        background: what becomes of what is behind somebody: see vidstyle.live.backgrounds; None if all is painted.
        mask_model: network that finds them, see vidstyle.engines.segmentation.
        control: port on which other programs are listened to, see vidstyle.live.control; None for none.
        learn: seconds for which a network learns from each painted frame.
        overwrite: whether a recording may replace a file.
    """

    style: InstanceOf[Style] | str | Path | None = None
    camera: str = "0"
    to: Sequence[str] = ("window",)
    device: str = "auto"
    size: Size = None
    camera_size: Size = None
    camera_fps: Annotated[float | None, Field(gt=0, le=1000, description="takes frames per second, such as 30")] = None
    loop: bool = False
    sound: bool = True
    microphone: str | None = None
    strength: Strength = 1.0
    keep_colors: bool = False
    mirror: bool = False
    stroke_size: StrokeSize = 1.0
    optimise: Steps = None
    seconds: Annotated[float | None, Field(gt=0, allow_inf_nan=False, description="takes seconds above 0")] = None
    keys: Path | None = None
    learn: Annotated[float, Field(ge=0, allow_inf_nan=False, description="takes seconds from 0 on")] = 20.0
    background: str | None = None
    mask_model: Path | None = None
    control: Annotated[int | None, Field(ge=0, le=65535, description="takes a port, 0 to 65535")] = None
    overwrite: bool = False

    def __post_init__(self) -> None:
        for side in self.size or ():
            if not SMALLEST_SIDE <= side <= LARGEST_SIDE or side % 2:
                raise InputError(
                    f"{parameter('size', self.size)}: takes even sides of {SMALLEST_SIDE} to {LARGEST_SIDE}"
                )
        if self.keys is not None and self.keys.exists() and not self.keys.is_dir():
            raise InputError(f"{parameter('keys', self.keys)}: is a file; name a folder for the frames to paint")
        if len(set(self.to)) < len(self.to):
            raise InputError(f"{parameter('to')}: names the same place twice")
        self._check_background()
        for target in self.to:
            check_target(target, overwrite=self.overwrite)
        if self.microphone is not None and not any(t == "window" or has_sound(t) for t in self.to):
            raise InputError(
                f"{parameter('microphone')}: is for recordings and streams; name one such as "
                f"{parameter('to', 'out.mp4')}, too"
            )
        if "window" in self.to:
            if self.camera.startswith("screen") and sys.platform.startswith("linux"):
                raise InputError(
                    f"{parameter('camera', 'screen')} {parameter('to', 'window')}: do not go together on Linux; "
                    f"name another {parameter('to')}"
                )
            check_window()

    def _check_background(self) -> None:
        if self.background is None:
            if self.mask_model is not None:
                raise InputError(f"{parameter('mask_model')}: is for {parameter('background')}")
            return
        if self.background not in {KEEP, BLUR, PAINT} and not Path(self.background).is_file():
            raise InputError(
                f"{parameter('background', self.background)}: no such picture; takes one, {KEEP}, {BLUR} or {PAINT}"
            )
        if self.mask_model is None:
            raise InputError(
                f"{parameter('background')}: needs a network that tells people from what is behind them; name one "
                f"with {parameter('mask_model')}"
            )
        if not self.mask_model.is_file():
            raise InputError(f"{parameter('mask_model', self.mask_model)}: no such file")
