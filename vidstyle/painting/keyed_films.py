"""A film painted by keys, wherever these come from: a folder, any program, or painting by optimisation."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from vidstyle.keys.key_commands import CommandPainter
from vidstyle.keys.key_films import KeyOptions, restyle_with_keys
from vidstyle.keys.key_making import KeyPainter, paint_keys
from vidstyle.keys.key_requests import KeyRequest, kept_keys
from vidstyle.restyle_options import Options
from vidstyle.restyling import Summary
from vidstyle.video_runs import OnProgress


def paint_keys_and_restyle(
    source: Path,
    output: Path,
    request: KeyRequest,
    style: Any,
    settings: dict[str, Any],
    on_progress: OnProgress = lambda *_: None,
    on_note: Callable[[str], None] = lambda _: None,
    check: Callable[[], None] = lambda: None,
) -> Summary:
    """Paint a film by its keys, which are painted first where that is asked for, and kept beside `output`.

    Args:
        source, output: video files.
        request: where keys come from.
        style: what paints that which no key has seen, see vidstyle.keys.restyle_with_keys.
        settings: fields of vidstyle.restyle_options.Options.
        on_progress, on_note: see vidstyle.keys.restyle_with_keys.
        check: called often; what it raises stops the run.

    Raises:
        InputError: for anything that the caller can mend.
    """
    request.check(source, output, Options(**settings))
    folder = Path(request.keys) if request.keys is not None else Path()
    painter = _painter(request, on_note, check)
    if painter is not None:
        folder = kept_keys(output)

        def report(done: int, count: int) -> None:
            check()
            on_note(f"{done} of {count} keys are painted")

        paint_keys(
            source,
            folder,
            painter,
            cover=request.cover,
            overwrite=bool(settings.get("overwrite")),
            on_progress=report,
        )
    return restyle_with_keys(
        source,
        output,
        folder,
        style=style,
        on_progress=on_progress,
        on_note=on_note,
        key_options=KeyOptions(request.mask, request.learn, request.keep_stretches),
        **settings,
    )


def _painter(request: KeyRequest, on_note: Callable[[str], None], check: Callable[[], None]) -> KeyPainter | None:
    if request.keys_command is not None:
        return CommandPainter(request.keys_command, request.keys_timeout)
    if request.picture is None:
        return None
    # With torch, which a folder of keys does without.
    from vidstyle.painting.key_painting import OptimisedKeys
    from vidstyle.painting.paint_settings import PaintSettings

    paint_settings = PaintSettings(
        steps=request.steps, perceptual=request.perceptual, perceptual_weights=request.perceptual_weights
    )
    return OptimisedKeys([request.picture], paint_settings, lambda _: check(), on_note)
