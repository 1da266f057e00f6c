"""What can be set when the demo is started."""

from dataclasses import field
from typing import Annotated

from pydantic import Field

from vidstyle.errors import InputError, parameter
from vidstyle.validation import FilePath, validated

MEGABYTE = 1_000_000
Host = Annotated[str, Field(pattern=r"^([\w.-]+|[0-9a-fA-F:.]+|\*)$")]
FramingHost = Annotated[str, Field(pattern=r"^(https?://)?(\*\.)?[\w.-]+(:\d+|:\*)?$")]
"""What a Content-Security-Policy takes as the name of a host."""


@validated
class DemoSettings:
    """How to serve; see `vidstyle demo --help`.

    Attributes:
        host, port: where to listen; port 0 takes any that is free.
        share: whether to open a public link through Gradio's tunnel.
        auth: USER:PASSWORD that every request must know; None lets everyone in.
        allow_host: names that the demo answers to, besides what it listens on.
        embed: hosts whose pages may frame this one, such as `https://example.org`.
        behind_proxy: whether every request comes from a proxy, which says for whom.
        max_upload: megabytes of one uploaded file.
        max_stored: megabytes of the files of all visitors together.
        queue: paintings of files that may wait for their turn; one more is refused.
        device: `auto`, `cpu`, `cuda[:N]`, `mps`, `xpu[:N]`, or OpenVINO's `GPU` and `NPU`.
        runtime: folder of the npm package onnxruntime-web, for the page that paints on the visitor's own device; what
            an export has fetched before if None, and no such page without either.
        photos: folder of photographs to train styles with; those that come along if None.
        perceptual_weights: file or folder of a perceptual network's weights, to train and to paint stroke by stroke
            with; the network that comes along if None.
        paintings: folder with pictures of the paintings that styles were learnt from, to be shown beside them, each
            under the name of a style.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="takes 0 to 65535")] = 7860
    share: bool = False
    auth: Annotated[
        str | None,
        # A password may hold a colon, and whatever else there is.
        Field(pattern=r"(?s)^[^:]+:.+$", description="takes USER:PASSWORD, and neither may be empty"),
    ] = field(default=None, repr=False)
    allow_host: Annotated[
        tuple[Host, ...],
        Field(strict=False, description="takes a name such as demo.example.org, without port; * is any"),
    ] = ()
    embed: Annotated[
        tuple[FramingHost, ...], Field(strict=False, description="takes a host such as https://example.org")
    ] = ()
    behind_proxy: bool = False
    max_upload: Annotated[int, Field(ge=1, description="takes megabytes, at least 1")] = 500
    max_stored: int = 10_000
    queue: Annotated[int, Field(ge=1, description="takes the number of paintings that may wait, at least 1")] = 8
    device: str = "auto"
    runtime: FilePath | None = None
    photos: FilePath | None = None
    perceptual_weights: FilePath | None = None
    paintings: FilePath | None = None

    def __post_init__(self) -> None:
        if self.max_stored < self.max_upload:
            raise InputError(
                f"{parameter('max_stored', self.max_stored)}: takes megabytes, at least those of "
                f"{parameter('max_upload')}"
            )
        for name in ("photos", "paintings"):
            folder = getattr(self, name)
            if folder is not None and not folder.is_dir():
                raise InputError(f"{parameter(name, folder)}: no such folder")
        if self.perceptual_weights is not None and not self.perceptual_weights.exists():
            raise InputError(f"{parameter('perceptual_weights', self.perceptual_weights)}: no such file or folder")

    @property
    def largest_upload(self) -> int:
        """Bytes of one uploaded file."""
        return self.max_upload * MEGABYTE

    @property
    def most_stored(self) -> int:
        """Bytes of the files of all visitors together."""
        return self.max_stored * MEGABYTE
