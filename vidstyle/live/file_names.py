"""Names of files that whoever watches asks for by a key."""

from collections.abc import Collection
from datetime import datetime
from pathlib import Path


def new_file(suffix: str, taken: Collection[Path]) -> Path:
    """A file in this folder, named after the time, that is neither there nor one of those taken."""
    stem = f"vidstyle-{datetime.now():%Y%m%d-%H%M%S}"
    names = (f"{stem}{f'-{n}' * (n > 1)}{suffix}" for n in range(1, 1000))
    return next(Path(name) for name in names if Path(name) not in taken and not Path(name).exists())
