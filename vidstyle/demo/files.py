"""What the page sends and fetches: uploads, results, thumbnails, and the page's own scripts.

Uploads are raw bodies, not forms, so nothing of them is parsed before it is counted, and a megabyte of each is in
memory at most.
"""

import contextlib
import logging
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import av
from anyio import CancelScope
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket

from vidstyle.demo.examples import PAGE, example
from vidstyle.demo.gallery import OWN, Gallery
from vidstyle.demo.labels import labelled
from vidstyle.demo.pictures import check_picture, picture_for_style, read_shown
from vidstyle.demo.previews import SAMPLE_SIDE, as_jpeg, shrunk
from vidstyle.demo.settings import MEGABYTE
from vidstyle.demo.storage import NoRoomError
from vidstyle.demo.visitors import Visitor
from vidstyle.errors import InputError, VidstyleError, reason
from vidstyle.media.sources import FileSource
from vidstyle.output_files import DISK_FULL
from vidstyle.style_files import SUFFIX, save_style
from vidstyle.styles import style_of

log = logging.getLogger(__name__)

KEPT_AN_HOUR = {"Cache-Control": "private, max-age=3600"}
LONGEST_NAME = 80
LARGEST_VIDEO = 4096 * 2304
"""Pixels of a frame."""
RAW = re.compile(r"(can be read|safetensors file) \([^()]*(?:\([^()]*\)[^()]*)*\)|(cannot be read): .*", re.DOTALL)
"""What libraries say of a file that they make nothing of; it helps nobody who has only dropped it."""
BLOCK = MEGABYTE
"""Bytes of an upload that are in memory before they are written, a little more at most."""
SNIFFED = 12
"""Bytes at the beginning of a file that tell what it is."""


def routes(gallery: Gallery, largest_upload: int) -> list[BaseRoute]:
    """Everything below /vidstyle but the webcam."""

    async def upload(request: Request) -> Response:
        return await _upload(request, gallery, largest_upload)

    async def styles(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(gallery.cards, request.state.visitor))

    async def thumbnail(request: Request) -> Response:
        key = request.path_params["key"]
        if "sketch" in request.query_params:
            return await sketch(key)
        try:
            data = await run_in_threadpool(
                gallery.thumbnail, request.state.visitor, key, large="large" in request.query_params
            )
        except VidstyleError:
            return Response(status_code=404)
        return Response(data, media_type="image/jpeg", headers=KEPT_AN_HOUR)

    async def sketch(key: str) -> Response:
        try:
            return FileResponse(gallery.sketch(key), headers=KEPT_AN_HOUR)
        except VidstyleError:
            return Response(status_code=404)

    async def original(request: Request) -> Response:
        try:
            data = await run_in_threadpool(gallery.original, request.state.visitor, request.path_params["key"])
        except VidstyleError:
            return Response(status_code=404)
        return Response(data, media_type="image/jpeg", headers=KEPT_AN_HOUR)

    async def tried(request: Request) -> Response:
        try:
            found = await run_in_threadpool(example, gallery, request.path_params["name"])
        except VidstyleError:
            return Response(status_code=404)
        if isinstance(found, bytes):
            return Response(found, media_type="image/jpeg", headers=KEPT_AN_HOUR)
        return FileResponse(found, headers=KEPT_AN_HOUR)

    async def style_file(request: Request) -> Response:
        try:
            # Two styles may have to be mixed for it.
            card = await run_in_threadpool(gallery.card, request.state.visitor, request.path_params["key"])
        except VidstyleError:
            return Response(status_code=404)
        return FileResponse(card.path, filename=f"{_plain(card.title or card.name)}{SUFFIX}")

    return [
        Route("/vidstyle/upload/{kind}", upload, methods=["PUT"]),
        Route("/vidstyle/file/{identity}", _file),
        WebSocketRoute("/vidstyle/here", _here),
        Route("/vidstyle/styles", styles),
        Route("/vidstyle/thumbnail/{key}", thumbnail),
        Route("/vidstyle/original/{key}", original),
        Route("/vidstyle/example/{name}", tried),
        Route("/vidstyle/style/{key}", style_file),
        Mount("/vidstyle/page", StaticFiles(directory=PAGE)),
    ]


async def _here(socket: WebSocket) -> None:
    """Stays open as long as the page does: an idle page asks for nothing, and its files must not go away."""
    await socket.accept()
    if (await socket.receive())["type"] != "websocket.disconnect":
        # It has nothing to say.
        await socket.close(1003)


async def _file(request: Request) -> Response:
    """A visitor's own file, in ranges if the player asks for them."""
    visitor: Visitor = request.state.visitor
    try:
        file = visitor.file(request.path_params["identity"])
    except InputError:
        return Response("vidstyle: no such file of yours", 404)
    disposition = "attachment" if "download" in request.query_params else "inline"
    # What was uploaded must not become a page of this site, whatever its name says.
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "private", "Content-Security-Policy": "sandbox"}
    if file.kind == "preview":
        # Of what is being painted there is another one every few steps, and no half of each must be sent.
        return Response(await run_in_threadpool(file.path.read_bytes), media_type="image/jpeg", headers=headers)
    return FileResponse(file.path, filename=file.name, content_disposition_type=disposition, headers=headers)


async def _upload(request: Request, gallery: Gallery, largest: int) -> Response:
    visitor: Visitor = request.state.visitor
    check = _CHECKS.get(request.path_params["kind"])
    if check is None:
        return Response(status_code=404)
    too_large = f"Larger than {largest // MEGABYTE} MB, which is the most here."
    declared = int(request.headers.get("content-length", "0") or 0)
    if declared > largest:
        return JSONResponse({"error": too_large}, 413, {"Connection": "close"})
    name = _plain(request.query_params.get("name", ""))
    arrival = _Arrival(visitor)
    try:
        await run_in_threadpool(arrival.begin, declared)
        received, block = 0, bytearray()
        async for part in request.stream():
            received += len(part)
            if received > largest:
                return JSONResponse({"error": too_large}, 413, {"Connection": "close"})
            block += part
            if len(block) >= BLOCK:
                await run_in_threadpool(arrival.write, block)
                block = bytearray()
        await run_in_threadpool(arrival.write, block, last=True)
        return JSONResponse(await run_in_threadpool(check, visitor, arrival.path, name, gallery))
    except ClientDisconnect:
        return Response(status_code=400)
    except NoRoomError as error:
        return JSONResponse({"error": str(error)}, 507, {"Connection": "close"})
    except VidstyleError as error:
        return JSONResponse({"error": f"{name}: {without_path(error, arrival.path)}"}, 422)
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        return JSONResponse({"error": str(NoRoomError())}, 507, {"Connection": "close"})
    except Exception:
        log.exception("an upload could not be checked")
        return JSONResponse({"error": f"{name}: cannot be read"}, 422)
    finally:
        # Also when the server ends meanwhile.
        with CancelScope(shield=True):
            await run_in_threadpool(arrival.end)


class _Arrival:
    """A file that arrives.  Threads do all of this, so that nobody else waits: room may have to be made for it, which
    takes as long as removing others' files does, and disks may be slow.

    Args:
        visitor: whose it is.

    Attributes:
        path: where it is written; nothing before it begins.
    """

    def __init__(self, visitor: Visitor) -> None:
        self._visitor, self._open = visitor, contextlib.ExitStack()
        self.path = Path()

    def begin(self, declared: int) -> None:
        """Find room for it; declared: bytes that are said to come, 0 if nothing is said.  Raises NoRoomError."""
        self._take = self._open.enter_context(self._visitor.storage.arriving(declared))
        self.path = self._visitor.new_path(".upload")
        self._file = self._open.enter_context(self.path.open("wb"))

    def write(self, block: bytes | bytearray, *, last: bool = False) -> None:
        """Write what has come.  Raises NoRoomError."""
        if block:
            self._take(len(block))
            self._file.write(block)
        if last:
            self._file.close()

    def end(self) -> None:
        """Count it no more, and remove what has not got another name by now, as what was accepted has."""
        with contextlib.suppress(OSError), self._open:
            pass
        with contextlib.suppress(OSError):
            self.path.unlink()


def _check_video(visitor: Visitor, path: Path, name: str, _gallery: Gallery) -> dict[str, Any]:
    suffix = _video_suffix(_head(path))
    if suffix is None:
        raise InputError("not a video that can be read here; mp4, mov, mkv, webm and avi are")
    accepted = path.rename(path.with_suffix(suffix))
    try:
        _check_video_size(accepted)
        video = FileSource(accepted)
        seconds = float(video.format.frames / video.format.rate) if video.format.frames else 0.0
        width, height = video.format.width, video.format.height
        video.close()
    except VidstyleError as error:
        accepted.unlink()
        raise InputError(without_path(error, accepted)) from error
    identity = visitor.keep(accepted, name, "video")
    return {"id": identity, "name": name, "width": width, "height": height, "seconds": round(seconds, 2)}


def _check_video_size(path: Path) -> None:
    """Before it is decoded: a few kilobytes can hold frames of hundreds of megapixels."""
    try:
        # FFmpeg looks at a frame when it opens a file; not at one that large.
        with av.open(str(path), options={"max_pixels": str(LARGEST_VIDEO)}, metadata_errors="replace") as container:
            known = [stream for stream in container.streams.video if stream.codec_context is not None]
            sizes = [(stream.width, stream.height) for stream in known]
    except (av.error.FFmpegError, OSError) as error:
        raise InputError(f"{path}: cannot be read: {reason(error)}") from error
    for width, height in sizes:
        if width * height > LARGEST_VIDEO:
            raise InputError(f"{width}x{height} is larger than what is painted here, 4096x2304; scale it down first")


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(SNIFFED)


def _video_suffix(head: bytes) -> str | None:
    """By content.  Playlists, which name other files to read, and FFmpeg's hundred other formats are not let in."""
    if head[4:8] == b"ftyp":
        return ".mp4"
    if head[:4] == b"\x1aE\xdf\xa3":
        return ".mkv"
    return ".avi" if head[:4] == b"RIFF" and head[8:12] == b"AVI " else None


def _check_picture(visitor: Visitor, path: Path, name: str, _gallery: Gallery) -> dict[str, Any]:
    width, height = check_picture(path)
    suffix = ".png" if _head(path)[:4] == b"\x89PNG" else ".jpg"
    identity = visitor.keep(path.rename(path.with_suffix(suffix)), name, "picture")
    return {"id": identity, "name": name, "width": width, "height": height}


def _check_style(visitor: Visitor, path: Path, name: str, gallery: Gallery) -> dict[str, Any]:
    accepted, original = path.with_suffix(SUFFIX), None
    with picture_for_style(path) as picture:
        if picture is not None:
            style = style_of(picture)
            original = as_jpeg(shrunk(read_shown(picture), SAMPLE_SIDE))
            card = replace(style.card, title=Path(name).stem.replace("_", " "))
            save_style(accepted, style.network, card, style.grams)
            name = Path(name).stem + SUFFIX
        else:
            path.rename(accepted)
    try:
        card = gallery.admit(accepted)
    except VidstyleError as error:
        accepted.unlink()
        raise InputError(without_path(error, accepted)) from error
    identity = visitor.keep(accepted, name, "style")
    if original is not None:
        with contextlib.suppress(NoRoomError):  # it is there to be looked at only
            shown = visitor.new_path(".jpg")
            shown.write_bytes(original)
            visitor.keep(shown, identity, "original")
    return {"id": OWN + identity, "name": name, "title": card.title}


_CHECKS: dict[str, Callable[[Visitor, Path, str, Gallery], dict[str, Any]]] = {
    "video": _check_video,
    "picture": _check_picture,
    "style": _check_style,
}


def without_path(error: Exception, path: Path) -> str:
    """What an error says, without a library's own words, and without where files lie, which is nobody's business.

    path: one of a visitor's files; what lies beside it is not named either.
    """
    message = error.worded(labelled) if isinstance(error, VidstyleError) else str(error)
    message = RAW.sub(r"\1\2", message)
    file = re.escape(str(path.parent)) + r"[/\\][\w.-]*\w"
    return re.sub(file, "the file", re.sub(f"{file}: ", "", message))


def _plain(name: str) -> str:
    """A file's name, without folders or what could end a header."""
    kept = "".join(c for c in name.replace("\\", "/").rsplit("/", 1)[-1] if c.isprintable())
    return kept[-LONGEST_NAME:].strip(". ") or "unnamed"


def file_url(identity: str, *, download: bool = False) -> str:
    """Where the owner of a file finds it."""
    return f"/vidstyle/file/{quote(identity)}{'?download' if download else ''}"
