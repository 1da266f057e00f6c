"""Painting a visitor's video by keys that they have painted: frames to take home, and what they bring back."""

import contextlib
import html
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from vidstyle.demo.files import file_url, without_path
from vidstyle.demo.jobs import Job, Jobs
from vidstyle.demo.pictures import read_shown
from vidstyle.demo.previews import as_jpeg, shrunk
from vidstyle.demo.progress import bar
from vidstyle.demo.visitors import Visitor
from vidstyle.errors import InputError, VidstyleError
from vidstyle.keys.choosing import WHY, Choice, few
from vidstyle.keys.key_files import check_shape, frame_number, key_name
from vidstyle.keys.key_films import KeyOptions, restyle_with_keys
from vidstyle.keys.key_frames import choose_keys, key_pixels
from vidstyle.media.images import Picture, write_picture
from vidstyle.media.sources import FileSource
from vidstyle.restyling import Summary
from vidstyle.video_runs import OnProgress

LEAST_KEYS, MOST_KEYS = 3, 8
COVER = 0.93
LONGEST_SECONDS = 120.0
"""Of a video whose keys are looked for here."""
LEARN_SECONDS = 10.0
THUMBNAIL = 480
"""Pixels along a key on the page."""


class KeyJobs:
    """Chooses keys, and paints by those that come back.

    Args:
        jobs: in whose line paintings wait.
    """

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    def choose(self, visitor: Visitor, upload: str) -> str:
        """The frames of a video to paint, as HTML with what to take home.

        Raises:
            InputError: for a file that is not this visitor's, and a video that is too long.
        """
        file = visitor.file(upload, "video")
        try:
            with contextlib.closing(FileSource(file.path)) as video:
                frames, rate = video.format.frames, video.format.rate
            if frames and frames / rate > LONGEST_SECONDS:
                raise InputError(f"Keys are looked for in videos of up to {LONGEST_SECONDS:g} s here; cut it first.")
            found, count = choose_keys(file.path, COVER)
            chosen = few(found, count, LEAST_KEYS, MOST_KEYS)
            return self._figures(visitor, file.path, Path(file.name).stem, chosen)
        except VidstyleError as error:
            raise InputError(without_path(error, file.path)) from error

    def _figures(self, visitor: Visitor, film: Path, name: str, chosen: Sequence[Choice]) -> str:
        archive = visitor.new_path(".zip")
        figures = []
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as bundle:
            for choice, (index, pixels) in zip(chosen, key_pixels(film, [c.index for c in chosen]), strict=True):
                path = visitor.new_path(".png")
                write_picture(path, Picture(pixels), overwrite=True)
                bundle.write(path, key_name(index))
                small = visitor.new_path(".jpg")
                small.write_bytes(as_jpeg(shrunk(pixels, THUMBNAIL)))
                shown = file_url(visitor.keep(small, "key.jpg", "preview"))
                link = file_url(visitor.keep(path, key_name(index), "key"), download=True)
                figures.append(
                    f'<figure><img src="{shown}" alt="frame {index}"><figcaption><a href="{link}" download>'
                    f"{key_name(index)}</a><small>{html.escape(WHY[choice.why])}</small></figcaption></figure>"
                )
        whole = file_url(visitor.keep(archive, f"{name} - keys.zip", "keys"), download=True)
        words = f"{len(chosen)} frames to paint, in any program, at any size. Keep their names."
        return (
            f'<p class="vs-note">{words}</p><div class="vs-keys">{"".join(figures)}</div>'
            f'<a class="vs-download" href="{whole}" download>Download all</a>'
        )

    def take(self, visitor: Visitor, upload: str, picture: str, painted: dict[int, str]) -> tuple[dict[int, str], str]:
        """Take a painted key; all that have come so far by the numbers of their frames, and as HTML.

        Raises:
            InputError: for a picture that is no key of the video.
        """
        film, file = visitor.file(upload, "video"), visitor.file(picture, "picture")
        number = frame_number(Path(file.name))
        if number is None:
            raise InputError(f"{file.name}: its name has no number of a frame; leave the names of keys as they are.")
        with contextlib.closing(FileSource(film.path)) as video:
            size = (video.format.width, video.format.height)
        try:
            check_shape(file.path, size)
        except VidstyleError as error:
            raise InputError(f"{file.name}: {without_path(error, file.path)}") from error
        kept = visitor.new_path(file.path.suffix)
        shutil.copyfile(file.path, kept)
        identity = visitor.keep(kept, file.name, "key")
        taken = dict(sorted((painted | {number: identity}).items()))
        return taken, self._shown(visitor, taken)

    def _shown(self, visitor: Visitor, painted: dict[int, str]) -> str:
        figures = []
        for number, identity in painted.items():
            pixels = shrunk(read_shown(visitor.file(identity, "key").path), THUMBNAIL)
            small = visitor.new_path(".jpg")
            small.write_bytes(as_jpeg(pixels))
            shown = file_url(visitor.keep(small, "painted.jpg", "preview"))
            figures.append(
                f'<figure><img src="{shown}" alt="painted frame {number}">'
                f"<figcaption>{key_name(number)}</figcaption></figure>"
            )
        return f'<div class="vs-keys">{"".join(figures)}</div>'

    def paint(self, visitor: Visitor, upload: str, painted: dict[int, str]) -> Iterator[tuple[str, str]]:
        """Paint the video by the keys that have come: HTML of the progress and of the result, again and again.

        Raises:
            InputError: for what cannot be painted.
            Cancelled: once it has been stopped.
        """
        file = visitor.file(upload, "video")
        if not painted:
            raise InputError("Drop a painted frame first.")
        keys = {number: visitor.file(identity, "key").path for number, identity in painted.items()}

        def make(output: Path, report: OnProgress) -> Summary:
            with tempfile.TemporaryDirectory(prefix="vidstyle-keys-") as folder:
                for number, path in keys.items():
                    shutil.copyfile(path, Path(folder) / f"{number:06}{path.suffix}")
                options = KeyOptions(learn_seconds=LEARN_SECONDS)
                return restyle_with_keys(file.path, output, folder, on_progress=report, key_options=options)

        yield bar(None, "Looking at the keys"), ""
        yield from self._jobs.run(visitor, Job(file, "by keys", ".mp4", make))
