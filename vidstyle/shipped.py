"""What comes with the program, and where it lies."""

from pathlib import Path

PHOTOS = Path(__file__).parent / "photos"
"""Photographs, to calibrate integers and to train the last touch with."""


def library() -> Path:
    """The folder of what ships: styles, what makes them of pictures, and what measures them."""
    installed = Path(__file__).parent / "weights"
    return installed if installed.is_dir() else Path(__file__).parents[1] / "weights"


def perceptual_weights() -> Path:
    """Of the perceptual network that ships: made by train/perceptual.py."""
    return library() / "perceptual" / "vidstyle.safetensors"


def example_clip() -> Path | None:
    """The sample clip; None where it does not come along."""
    installed = Path(__file__).parent / "examples" / "harbour.mp4"
    places = (installed, Path(__file__).parents[1] / "examples" / "harbour.mp4")
    return next((place for place in places if place.is_file()), None)
