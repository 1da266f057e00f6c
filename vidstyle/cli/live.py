"""`vidstyle live`: paint a camera while it plays."""

import json
import sys
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Annotated, Optional

import typer

from vidstyle.cli.messages import say
from vidstyle.cli.options import OPTIMISE, PaintingDevice, Strength, StrokeSize, parse_size
from vidstyle.interruption import signals_as_event


def live(
    style: Annotated[
        Optional[str], typer.Option(metavar="NAME|FILE", help="Style to begin with. Default: starry_night.")
    ] = None,
    strength: Strength = 1.0,
    keep_colors: Annotated[bool, typer.Option("--keep-colors", help="The source's colours, painted.")] = False,
    stroke_size: StrokeSize = 1.0,
    optimise: Annotated[Optional[int], typer.Option(metavar="STEPS", help=OPTIMISE)] = None,
    camera: Annotated[str, typer.Option(help="Camera (number, name, device), screen[:N], URL or video file.")] = "0",
    camera_size: Annotated[Optional[str], typer.Option(metavar="WxH", help="Size to ask the camera for.")] = None,
    camera_fps: Annotated[Optional[float], typer.Option(help="Rate to ask the camera for.")] = None,
    loop: Annotated[bool, typer.Option("--loop", help="Begin a file again at its end.")] = False,
    mirror: Annotated[bool, typer.Option("--mirror", help="Left and right exchanged, as in a mirror.")] = False,
    seconds: Annotated[Optional[float], typer.Option(help="End after so many seconds.")] = None,
    to: Annotated[
        Optional[list[str]],
        typer.Option(
            help="window, virtual, pipe:, pipe:yuv420p, a file, or an rtmp, rtsp, udp or srt URL; may be repeated."
        ),
    ] = None,
    size: Annotated[Optional[str], typer.Option(metavar="WxH", help="Show at this size.")] = None,
    sound: Annotated[bool, typer.Option(help="Record and stream the source's own sound, too.")] = True,
    microphone: Annotated[
        bool, typer.Option("--microphone", help="Record and stream a microphone in place of it.")
    ] = False,
    microphone_name: Annotated[
        Optional[str], typer.Option(metavar="NAME|FILE", help="Another microphone than the usual one.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a recording that exists.")] = False,
    background: Annotated[
        Optional[str],
        typer.Option(
            metavar="PICTURE|blur|keep|paint",
            help="Paint people only, before a picture, a blur or the camera's own; or only what is behind them.",
        ),
    ] = None,
    mask_model: Annotated[
        Optional[Path],
        typer.Option(metavar="FILE", help="Network that finds people: ONNX, TFLite or OpenVINO's own."),
    ] = None,
    keys: Annotated[
        Optional[Path],
        typer.Option(
            metavar="FOLDER",
            help="Frames to paint in any program, saved there on `k`; worn as soon as they are painted.",
        ),
    ] = None,
    learn: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            min=0,
            help="With --keys: seconds to learn from each painted frame how to paint what it does not show.",
        ),
    ] = 20.0,
    device: PaintingDevice = "auto",
    control: Annotated[
        Optional[int], typer.Option(metavar="PORT", help="Take orders in OSC on this port of this machine.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No figures at the end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as one JSON object.")] = False,
) -> None:
    """Paint a camera, a stream, the screen or a file while it plays; `q` or Ctrl-C ends it."""
    targets = to or ["window"]
    with signals_as_event() as stop:
        # On Linux both carry libraries of X11, and only those of the one that is loaded first work: PyAV grabs
        # screens, OpenCV opens windows.
        import_module("av" if camera.startswith("screen") else "cv2")
        from vidstyle import live as session
        from vidstyle.allocator import share_one_heap

        share_one_heap()

        figures = session.run(
            session.LiveSettings(
                style=style,
                camera=camera,
                to=targets,
                device=device,
                size=None if size is None else parse_size(size),
                camera_size=None if camera_size is None else parse_size(camera_size, "--camera-size"),
                camera_fps=camera_fps,
                loop=loop,
                sound=sound,
                microphone=microphone_name or ("default" if microphone else None),
                strength=strength,
                keep_colors=keep_colors,
                mirror=mirror,
                stroke_size=stroke_size,
                optimise=optimise,
                seconds=seconds,
                keys=keys,
                background=background,
                mask_model=mask_model,
                control=control,
                learn=learn,
                overwrite=overwrite,
            ),
            stop,
            on_note=(lambda _: None) if quiet or as_json else say,
        )
        if stop.is_set() and not figures.shown:
            raise KeyboardInterrupt
    if as_json:
        # Frames have standard output to themselves.
        piped = any(target.startswith("pipe:") for target in targets)
        print(json.dumps(asdict(figures)), file=sys.stderr if piped else sys.stdout)
    elif not quiet:
        delay = figures.delay_ms
        size = f"{figures.painted_width}x{figures.painted_height}"
        count = f"{figures.paintings} painting{'s' * (figures.paintings != 1)}"
        painted = f"{count} at {size}" if figures.paintings else "nothing painted before the end"
        say(
            f"{figures.camera}: {figures.captured} frame{'s' * (figures.captured != 1)} captured, "
            f"{figures.shown} shown, {figures.dropped} dropped, "
            f"{figures.fps:.1f} fps, delay {delay['p50']:.0f} ms (p95 {delay['p95']:.0f}, p99 {delay['p99']:.0f}), "
            f"{painted} on {figures.device} ({figures.engine})"
        )
        for name in figures.files:
            say(f"saved {name}")
    for line in figures.not_saved:
        say(f"warning: {line}")
