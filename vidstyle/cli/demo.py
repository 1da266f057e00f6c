"""`vidstyle demo`: serve a page in the browser."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from vidstyle.cli.options import PaintingDevice


def demo(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for the whole network.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes any that is free.")] = 7860,
    share: Annotated[bool, typer.Option("--share", help="Open a public link through Gradio's tunnel.")] = False,
    auth: Annotated[Optional[str], typer.Option(metavar="USER:PASSWORD", help="Ask everyone for it.")] = None,
    allow_host: Annotated[
        Optional[list[str]],
        typer.Option(metavar="NAME", help="A further name that it answers to; * is any. May be repeated."),
    ] = None,
    embed: Annotated[
        Optional[list[str]],
        typer.Option(metavar="HOST", help="Whose pages may frame this one: https://example.org. May be repeated."),
    ] = None,
    behind_proxy: Annotated[
        bool, typer.Option("--behind-proxy", help="Believe X-Forwarded-*; only where nobody can get past the proxy.")
    ] = False,
    max_upload: Annotated[int, typer.Option(metavar="MB", help="Largest file that is taken.")] = 500,
    max_stored: Annotated[
        int, typer.Option(metavar="MB", help="Megabytes that the files of all visitors may take together.")
    ] = 10_000,
    queue: Annotated[int, typer.Option(help="Paintings that may wait for their turn.")] = 8,
    photos: Annotated[
        Optional[Path], typer.Option(help="Folder of photographs to make styles with, in place of those that ship.")
    ] = None,
    perceptual_weights: Annotated[
        Optional[Path], typer.Option(help="Of a perceptual network, in place of the one that ships.")
    ] = None,
    runtime: Annotated[
        Optional[Path],
        typer.Option(metavar="DIR", help="Folder of onnxruntime-web, to offer painting on the visitor's own device."),
    ] = None,
    paintings: Annotated[
        Optional[Path],
        typer.Option(
            metavar="DIR", help="Pictures of what styles were learnt from, named as these are: great_wave.jpg."
        ),
    ] = None,
    device: PaintingDevice = "auto",
) -> None:
    """Serve a page that paints webcams, videos and pictures, and makes styles; Ctrl-C ends it."""
    from vidstyle.allocator import share_one_heap
    from vidstyle.demo import DemoSettings, serve

    share_one_heap()
    serve(
        DemoSettings(
            host=host,
            port=port,
            share=share,
            auth=auth,
            allow_host=tuple(allow_host or ()),
            embed=tuple(embed or ()),
            behind_proxy=behind_proxy,
            max_upload=max_upload,
            max_stored=max_stored,
            queue=queue,
            device=device,
            runtime=runtime,
            photos=photos,
            perceptual_weights=perceptual_weights,
            paintings=paintings,
        )
    )
