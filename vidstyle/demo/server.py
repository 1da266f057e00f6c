"""Serving the page: everything put together, until Ctrl-C."""

import asyncio
import contextlib
import logging
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI

from vidstyle.demo.connections import BACKLOG, MOST_OF_ONE_ADDRESS, Connections, OutOfDescriptors
from vidstyle.demo.device_page import DevicePage
from vidstyle.demo.examples import PAGE
from vidstyle.demo.files import routes
from vidstyle.demo.gallery import Gallery
from vidstyle.demo.guard import Guard
from vidstyle.demo.hosts import Hosts
from vidstyle.demo.jobs import Jobs
from vidstyle.demo.originals import Originals
from vidstyle.demo.previews import Previews
from vidstyle.demo.settings import DemoSettings
from vidstyle.demo.style_making import StyleMaker
from vidstyle.demo.visitors import Visitors
from vidstyle.demo.webcams import LARGEST_MESSAGE, Webcams
from vidstyle.errors import InputError, parameter

SWEEP_SECONDS = 60
NEVER = 1 << 60
"""Events."""


def serve(settings: DemoSettings) -> None:
    """Serve the demo until Ctrl-C.  All that visitors have left goes away with it.

    Raises:
        InputError: for settings that cannot be, and an address that is taken.
    """
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(_listen(settings))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vidstyle-demo-")))
        port = listener.getsockname()[1]
        app = build_app(settings, folder, port)
        config = uvicorn.Config(
            app,
            log_level="warning",
            http=_bounded(settings),
            ws_max_size=LARGEST_MESSAGE,
            ws_per_message_deflate=False,
            backlog=BACKLOG,
            timeout_graceful_shutdown=1,
            # The guard does that.
            proxy_headers=False,
        )
        quiet = OutOfDescriptors()
        for logger in ("asyncio", "uvicorn.error"):
            logging.getLogger(logger).addFilter(quiet)
        print(f"vidstyle: http://{_shown(settings.host)}:{port}", file=sys.stderr, flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run([listener])


def build_app(settings: DemoSettings, folder: Path, port: int) -> FastAPI:
    """The application: Gradio's page, our routes, and the guard in front of both.

    Args:
        settings: how to serve.
        folder: for what visitors bring and take; all of it may go away afterwards.
        port: part of the cookie's name, since cookies are shared by all ports of a host.
    """
    # Read by Gradio when it is imported.
    os.environ["GRADIO_TEMP_DIR"] = str(folder / "gradio")
    # After each event it would sum up the last ten thousand, for a page that nobody can reach here.
    os.environ["GRADIO_ANALYTICS_CACHE_FREQUENCY"] = str(NEVER)
    import gradio as gr

    from vidstyle.demo.app import build_page
    from vidstyle.demo.theme import color_css, gallery_theme

    previews = Previews(settings.device)
    gallery = Gallery(previews, Originals(settings.paintings))
    hosts = Hosts(settings.host, settings.allow_host)
    device_page = DevicePage(gallery.in_order, folder, settings.runtime)
    webcams, style_maker = Webcams(gallery, settings.device), StyleMaker(settings)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        sweeping = asyncio.create_task(_sweep(visitors))
        link = asyncio.create_task(_share(port, hosts)) if settings.share else None
        yield
        sweeping.cancel()
        if link is not None:
            link.cancel()
        webcams.close()
        previews.close()
        style_maker.close()
        visitors.close()

    app = FastAPI(
        routes=[webcams.route, *device_page.routes(), *routes(gallery, settings.largest_upload)],
        lifespan=lifespan,
        openapi_url=None,
    )
    # Gradio would put its own container before each of these rules.
    head = f'<style>{color_css()}</style><script type="module" src="/vidstyle/page/main.js"></script>'
    jobs = Jobs(gallery, previews, settings.device, settings.queue, webcams.are_shown)
    page = build_page(settings, gallery, jobs, style_maker, on_device=device_page.is_offered)
    visitors = Visitors(folder, settings.most_stored, close_pages=page.close_sessions)
    gr.mount_gradio_app(
        app,
        page,
        path="/",
        theme=gallery_theme(),
        css_paths=[PAGE / "style.css"],
        head=head,
        footer_links=[],
        ssr_mode=False,
        run_history=False,
        show_error=False,
        # Uploads have a route of our own; Gradio's is not let through.
        max_file_size=1,
    )
    app.add_middleware(
        Guard,
        visitors=visitors,
        cookie=f"vidstyle_{port}",
        hosts=hosts,
        auth=settings.auth,
        embed=settings.embed,
        behind_proxy=settings.behind_proxy,
    )
    return app


async def _sweep(visitors: Visitors) -> None:
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        await asyncio.to_thread(visitors.sweep)


async def _share(port: int, hosts: Hosts) -> None:
    """Open a public link and say where it leads."""
    import secrets

    from gradio.networking import setup_tunnel

    try:
        link = await asyncio.to_thread(setup_tunnel, "127.0.0.1", port, secrets.token_urlsafe(32), None, None)
        hosts.allow(urlsplit(link).hostname or "")
        print(f"vidstyle: {link}", file=sys.stderr, flush=True)
    except Exception as error:  # whatever the network does; the page is there all the same
        reason = " ".join(str(error).split())
        print(
            f"vidstyle: warning: no public link ({reason}); the local address works",
            file=sys.stderr,
        )


def _bounded(settings: DemoSettings) -> type[asyncio.Protocol]:
    """uvicorn's protocol of a connection, within limits."""
    # All come from one address where there is a proxy; the guard counts by whom it names.
    connections = Connections(most_of_one=None if settings.behind_proxy else MOST_OF_ONE_ADDRESS)
    return cast(type[asyncio.Protocol], connections.protocol)


def _listen(settings: DemoSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        # Whoever reads the address may come at once; the server takes them when it is ready.
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise InputError(
            f"{parameter('host', settings.host)} {parameter('port', settings.port)}: cannot listen there "
            f"({error.strerror or error}); "
            "choose another port, or 0 for any"
        ) from error
    return listener


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else "localhost" if host in {"127.0.0.1", "0.0.0.0"} else host
