"""What can be tried by one click: files that come along, and pictures that styles have painted."""

from pathlib import Path

from vidstyle.demo.gallery import Gallery
from vidstyle.shipped import PHOTOS, example_clip

Example = tuple[str, str]
"""The name of one, and what it shows."""
PAGE = Path(__file__).parent / "page"
VIDEOS: tuple[Example, ...] = (("harbour", "a harbour"),)
PICTURES: tuple[Example, ...] = (("harbour", "a harbour"), ("cat", "a cat"))


def example(gallery: Gallery, name: str) -> Path | bytes:
    """The file of an example such as `cat.jpg`, or what is in it.

    Raises:
        InputError: if there is none.
    """
    files = {f"{path.stem}.jpg": path for path in (PAGE / "harbour.jpg", *PHOTOS.glob("*.jpg"))}
    if name == "harbour.mp4" and (clip := example_clip()) is not None:
        return clip
    return files[name] if name in files else gallery.painted_sample(name.removesuffix(".jpg"))


def videos() -> tuple[Example, ...]:
    """Those that are there: a checkout and a wheel have the clip, other installations may not."""
    return VIDEOS if example_clip() is not None else ()
