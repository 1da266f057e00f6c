"""Pictures that visitors have dropped, as the page shows them."""

import html
from dataclasses import dataclass

from vidstyle.demo.files import file_url, without_path
from vidstyle.demo.pictures import read_shown
from vidstyle.demo.previews import as_jpeg, shrunk
from vidstyle.demo.visitors import Visitor
from vidstyle.errors import InputError, VidstyleError
from vidstyle.stream.planes import picture_size


@dataclass(frozen=True)
class DroppedPicture:
    """One, no larger than a preview.

    Attributes:
        name: of the visitor's file.
        url: where its visitor finds it.
        width, height: its shape.
    """

    name: str
    url: str
    width: int
    height: int

    def shown(self, painted: str = "") -> str:
        """As HTML; with what is painted of it on the other side of a line, if there is something by now.

        painted: where that is.
        """
        after = f' after="{html.escape(painted)}"' if painted else ""
        words = f'before="{self.url}" words="{html.escape(self.name)}"'
        return f'<vs-compare {words}{after} width="{self.width}" height="{self.height}"></vs-compare>'


def dropped_picture(visitor: Visitor, identity: str) -> DroppedPicture:
    """An uploaded picture of a visitor's, to be shown.

    Raises:
        InputError: if it is not this visitor's, or cannot be read.
        NoRoomError: if there is no room for it.
    """
    file = visitor.file(identity, "picture")
    try:
        pixels = shrunk(read_shown(file.path))
    except VidstyleError as error:
        raise InputError(without_path(error, file.path)) from error
    path = visitor.new_path(".jpg")
    path.write_bytes(as_jpeg(pixels))
    return DroppedPicture(file.name, file_url(visitor.keep(path, "dropped.jpg", "preview")), *picture_size(pixels))
