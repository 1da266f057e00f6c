"""`vidstyle train`: make a style from a recipe."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from vidstyle.cli.messages import say
from vidstyle.cli.options import Device, PerceptualName, PerceptualWeights, RecomputeActivations, TrainingPreview


def train(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE|PICTURE", help="A recipe (.toml) or a style picture.")],
    out: Annotated[
        Optional[Path],
        typer.Option(help="File to make; by default weights/NAME.safetensors beside the recipe's folder."),
    ] = None,
    photos: Annotated[
        Optional[Path], typer.Option(help="Folder of photographs; some come along, for two minutes and less.")
    ] = None,
    clips: Annotated[Optional[Path], typer.Option(help="Folder of videos, for steadiness.")] = None,
    perceptual: PerceptualName = None,
    perceptual_weights: PerceptualWeights = None,
    steps: Annotated[Optional[int], typer.Option(min=1, help="In place of the recipe's.")] = None,
    minutes: Annotated[Optional[float], typer.Option(min=0.01, help="Train this long, in place of steps.")] = None,
    seed: Annotated[Optional[int], typer.Option(help="In place of the recipe's.")] = None,
    network: Annotated[
        Optional[str], typer.Option(metavar="realtime|large|johnson", help="In place of the recipe's; large for GPUs.")
    ] = None,
    init: Annotated[Optional[str], typer.Option(metavar="NAME|FILE", help="Style to start from.")] = None,
    balance: Annotated[bool, typer.Option("--balance", help="Find the weight of style by itself.")] = False,
    recompute_activations: RecomputeActivations = False,
    report: Annotated[Optional[Path], typer.Option(help="Folder for curves, pictures and TensorBoard.")] = None,
    preview: TrainingPreview = None,
    device: Device = "auto",
    checkpoint_every: Annotated[int, typer.Option(min=1, help="Steps between checkpoints.")] = 200,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Make a style from a recipe, or from a picture and a folder of photographs.

    Under torchrun, several processes share every batch.
    """
    from vidstyle.allocator import keep_freed_memory
    from vidstyle.cli.progress_bars import TrainingBar, shown_in
    from vidstyle.output_files import check_output
    from vidstyle.training.make_style import default_output, make_style
    from vidstyle.training.recipe_options import resolve_recipe

    keep_freed_memory()
    if out is not None or recipe.suffix != ".toml":
        # Before anything is fetched; a recipe says its own name.
        check_output(out or default_output(recipe, recipe.stem), overwrite=overwrite)
    resolved = resolve_recipe(
        recipe,
        photos=photos,
        clips=clips,
        perceptual=perceptual,
        perceptual_weights=perceptual_weights,
        steps=steps,
        minutes=minutes,
        seed=seed,
        network=network,
        init=init,
        balance=balance,
        on_note=say if perceptual is None else None,
    )
    with TrainingBar(resolved.name, quiet=quiet) as bar:
        card = make_style(
            resolved,
            out or default_output(recipe, resolved.name),
            device=device,
            checkpoint_every=checkpoint_every,
            recompute_activations=recompute_activations,
            resume=resume,
            overwrite=overwrite,
            report=report,
            on_progress=bar.update,
            on_picture=shown_in(bar, preview, overwrite=overwrite),
            on_warning=lambda warning: say(f"warning: {warning}"),
        )
    if card is not None:
        figures = ", ".join(f"{name} {value:.3g}" for name, value in card.metrics.items())
        say(f"{card.path}: {card.parameters:,} parameters; {figures}")
