"""What to paint live, and where to show it."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field, InstanceOf

from vidstyle.errors import InputError, parameter
from vidstyle.media.frame import LARGEST_SIDE, SMALLEST_SIDE
from vidstyle.media.live_sinks import check_target, check_window, is_recording
from vidstyle.restyle_options import Size, Strength, StrokeSize
from vidstyle.style_files import Style
from vidstyle.validation import validated


@validated
class LiveSettings:
    """What to paint and where to show it; see `vidstyle live --help`.

    Attributes:
        style: a loaded style, the name of an installed one, or a style file; the first installed one if None.
        camera: see vidstyle.media.cameras.open_source.
        to: see vidstyle.media.live_sinks.open_sink, and `window`.
        device: `auto`, `cpu`, `cuda[:N]`, `mps`, `xpu[:N]`, or OpenVINO's `GPU` and `NPU`.
        size: (width, height) to show; the camera's own if None.
        camera_size, camera_fps: what to ask the camera for.
        loop: begin a file again at its end.
        microphone: whose sound recordings get, see vidstyle.media.microphones.open_microphone; None for none.
        strength, keep_colors, mirror, stroke_size: see vidstyle.live.keys.LiveState.
        seconds: after which to end, None for no end.
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
    microphone: str | None = None
    strength: Strength = 1.0
    keep_colors: bool = False
    mirror: bool = False
    stroke_size: StrokeSize = 1.0
    seconds: Annotated[float | None, Field(gt=0, allow_inf_nan=False, description="takes seconds above 0")] = None
    overwrite: bool = False

    def __post_init__(self) -> None:
        for side in self.size or ():
            if not SMALLEST_SIDE <= side <= LARGEST_SIDE or side % 2:
                raise InputError(
                    f"{parameter('size', self.size)}: takes even sides of {SMALLEST_SIDE} to {LARGEST_SIDE}"
                )
        if len(set(self.to)) < len(self.to):
            raise InputError(f"{parameter('to')}: names the same place twice")
        for target in self.to:
            check_target(target, overwrite=self.overwrite)
        if self.microphone is not None and not any(t == "window" or is_recording(t) for t in self.to):
            raise InputError(
                f"{parameter('microphone')}: is for recordings; name a file such as {parameter('to', 'out.mp4')}, too"
            )
        if "window" in self.to:
            if self.camera.startswith("screen") and sys.platform.startswith("linux"):
                raise InputError(
                    f"{parameter('camera', 'screen')} {parameter('to', 'window')}: do not go together on Linux; "
                    f"name another {parameter('to')}"
                )
            check_window()
