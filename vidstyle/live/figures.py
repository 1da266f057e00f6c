"""What a live session did, in numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Figures:
    """What a session did.

    Attributes:
        captured: frames that the source gave.
        shown: frames that reached the first sink.
        dropped: frames that gave way to newer ones on the way there.
        paintings: frames that were painted; paint is carried along to the others.
        seconds: from the first frame to the last.
        fps: frames shown a second.
        width, height: of what was shown, pixels.
        painted_width, painted_height: at which the last frame was painted.
        delay_ms: from capture until the first sink was done with a frame: p50, p95, p99.
        stages_ms: the same of each stage: waiting, drawing (to find motion, carry paint along and lay it over), and the
            rest of the way.
        sinks: of each: name, frames shown, frames dropped in front of it.
        camera, style, device, engine: what was used, at the end.
        files: recordings and pictures that were made, beside those that `to` names.
        not_saved: recordings, pictures and frames to paint that were asked for and were not made, each with the reason.
    """

    captured: int
    shown: int
    dropped: int
    paintings: int
    seconds: float
    fps: float
    width: int
    height: int
    painted_width: int
    painted_height: int
    delay_ms: dict[str, float]
    stages_ms: dict[str, dict[str, float]]
    sinks: list[dict[str, str | int]]
    camera: str
    style: str
    device: str
    engine: str
    files: list[str] = field(default_factory=list)
    not_saved: list[str] = field(default_factory=list)


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """p50, p95 and p99, milliseconds; of nothing, zeros."""
    values = np.percentile(list(seconds) or [0.0], (50, 95, 99)) * 1000
    return {name: round(float(value), 2) for name, value in zip(("p50", "p95", "p99"), values, strict=True)}
