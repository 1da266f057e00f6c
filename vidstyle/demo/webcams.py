"""Webcams painted while they play: a stream for each browser, and one painter for all who want the same style.

A browser sends JPEG frames over a websocket, each with its number, and gets what is shown back under the same
numbers.  The newest frame of each browser wins.  Time is shared out twice: that of the thread which carries paint
along and shows every frame, and that of the painters, which delay nobody.
"""

import asyncio
import contextlib
import io
import json
import logging
import math
import struct
import threading
import time
from collections.abc import Hashable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image
from starlette.concurrency import run_in_threadpool
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from vidstyle.demo.files import without_path
from vidstyle.demo.gallery import Gallery
from vidstyle.demo.page_values import OTHER_PAGE, number
from vidstyle.demo.painting_turns import PaintingTurns, SharedPainter
from vidstyle.demo.previews import as_jpeg
from vidstyle.demo.turns import Turns
from vidstyle.demo.visitors import Visitor
from vidstyle.engines import choose_device, is_openvinos
from vidstyle.errors import InputError, VidstyleError
from vidstyle.live.compiling import Compiler
from vidstyle.live.keyboard import LiveState
from vidstyle.live.painters import Painters
from vidstyle.live.style_painter import StylePainter
from vidstyle.live.viewing import ViewerStream
from vidstyle.media.frame import MATRIX_SMPTE170M, Color, Frame
from vidstyle.pipeline import Stopped
from vidstyle.processor import usable_cores
from vidstyle.stream.planes import resized
from vidstyle.styles import load_style

log = logging.getLogger(__name__)

NUMBER = struct.Struct("<I")
"""Comes before each JPEG file, in both directions."""
LARGEST_MESSAGE = 1_000_000
LARGEST_WEBCAM_SIDE = 1280
SIZES = ((640, 360), (360, 640), (1280, 720), (720, 1280))
"""Width and height at which frames are shown, so that no browser can ask for a size of its own."""
COLOR = Color(MATRIX_SMPTE170M)
"""Of planes of 4:2:0 as OpenCV makes them."""
STROKE_SIZES = (0.5, 0.71, 1.0, 1.41, 2.0, 2.83)
"""That a browser may choose from: networks are compiled for each."""
GAP_SECONDS = 2.0
"""Between two frames of a browser, from which on they have nothing to do with each other; a slow server is no gap."""
MOST_WEBCAMS, MOST_WEBCAMS_ON_GPU = 8, 24
MOST_WEBCAMS_OF_ONE_VISITOR = 2
"""Pages with a webcam: nobody takes all the places."""
WORKERS_ON_GPU = 8
"""Threads that show frames where a GPU paints, on as many cores as there are: each frame takes some milliseconds of
one, for its JPEG files and its motion."""
PAINTINGS_ON_GPU = 4
"""That may be under way."""


@dataclass(eq=False)
class WebcamSession:
    """One browser's webcam.

    Attributes:
        state: how to show the painting; `style` is a style file's path.
        owner: whose it is; however many pages somebody has open, they get the time of one.
        stream: what it sees; None before the first frame.
        newest: number and JPEG file of the frame that waits, if one does.
        sending: whether what was shown last is still on the way, so that a slow line gets no more.
        being_shown: whether a thread is at a frame of it.
        last_turn: when a frame of it was shown last.
        last_shown: when the last frame was drawn.
        notice: what its owner should know; sent once.
    """

    state: LiveState
    loop: asyncio.AbstractEventLoop
    owner: Hashable
    answers: "asyncio.Queue[tuple[int, bytes] | str]" = field(default_factory=asyncio.Queue)
    stream: "ViewerStream[StylePainter] | None" = None
    newest: tuple[int, bytes] | None = None
    sending: bool = False
    being_shown: bool = False
    last_turn: float = 0.0
    last_shown: float = -math.inf
    notice: str = ""

    @property
    def is_ready(self) -> bool:
        """Whether there is a frame to show, and nothing of it on the way."""
        return self.newest is not None and not self.sending and not self.being_shown

    @property
    def styles(self) -> set[str]:
        """Those that must stay open for it."""
        return {self.state.style} | (self.stream.used if self.stream is not None else set())

    def answer(self, what: "tuple[int, bytes] | str") -> None:
        """Send a picture or a message; from any thread, and to nobody once the server's loop has ended."""
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self.answers.put_nowait, what)


class Webcams:
    """Shows the newest frames of all sessions in threads of its own, painted as far as they are: one frame after the
    other where the processor paints, too, and several viewers' at a time where a GPU does.

    Args:
        gallery: where styles are looked up.
        device: as in vidstyle.demo.DemoSettings.
    """

    def __init__(self, gallery: Gallery, device: str) -> None:
        self._gallery, self._device = gallery, device
        self._sessions: list[WebcamSession] = []
        self._parted: list[WebcamSession] = []  # whose streams are to be closed by the thread that uses them
        self._changed = threading.Condition()
        self._turns: Turns[Hashable] = Turns()
        on_gpu = choose_device(device).startswith("cuda") if not is_openvinos(device) else False
        self._most_sessions = MOST_WEBCAMS_ON_GPU if on_gpu else MOST_WEBCAMS
        self._workers = min(usable_cores(), WORKERS_ON_GPU) if on_gpu else 1
        self._painting: PaintingTurns[Hashable] = PaintingTurns(at_once=PAINTINGS_ON_GPU if on_gpu else 1)
        self._compiler = Compiler()
        self._painters = Painters(self._open)
        self._threads: list[threading.Thread] = []
        self._stopped = False

    @property
    def route(self) -> WebSocketRoute:
        """Where browsers connect to."""
        return WebSocketRoute("/vidstyle/live", self._connect)

    def are_shown(self) -> bool:
        """Whether anybody has one on."""
        with self._changed:
            return bool(self._sessions)

    def close(self) -> None:
        """Show nothing more."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        deadline = time.monotonic() + 1
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._painters.close()
        self._compiler.close()

    # --- the browsers, in the server's event loop

    async def _connect(self, socket: WebSocket) -> None:
        await socket.accept()
        visitor: Visitor = socket.state.visitor
        style = str(self._gallery.card(visitor, self._gallery.first).path)
        # Strangers, whom no cookie tells apart, are one.
        owner = id(visitor) if visitor.is_known else None
        session = WebcamSession(LiveState((), style), asyncio.get_running_loop(), owner)
        refusal = self._join(session)
        if refusal:
            await socket.send_text(json.dumps({"error": refusal}))
            await socket.close(1013)
            return
        sender = asyncio.create_task(self._send(socket, session))
        try:
            while True:
                message = await socket.receive()
                if message["type"] == "websocket.disconnect":
                    break
                data, text = message.get("bytes"), message.get("text")
                if data is not None and len(data) > NUMBER.size:
                    self._take(session, data)
                else:
                    # Two styles may have to be mixed for it.
                    await run_in_threadpool(self._listen, visitor, session, text)
        except VidstyleError as error:
            session.answer(json.dumps({"error": without_path(error, Path(session.state.style))}))
            await asyncio.sleep(0.2)
        finally:
            sender.cancel()
            self._part(session)

    def _join(self, session: WebcamSession) -> str:
        """Let a browser take part; why not, if it cannot."""
        with self._changed:
            if sum(one.owner == session.owner for one in self._sessions) >= MOST_WEBCAMS_OF_ONE_VISITOR:
                return "Two of your pages are painting a webcam already; press stop in one of them."
            if len(self._sessions) >= self._most_sessions or self._stopped:
                return "Too many webcams are being painted; try again in a while."
            self._sessions.append(session)
            self._turns.join(session.owner)
            self._painting.join(session.owner)
            if not self._threads:
                self._threads = [
                    threading.Thread(target=self._work, name="vidstyle-webcams", daemon=True)
                    for _ in range(self._workers)
                ]
                for thread in self._threads:
                    thread.start()
        return ""

    def _part(self, session: WebcamSession) -> None:
        with self._changed:
            self._sessions.remove(session)
            self._turns.leave(session.owner)
            self._painting.leave(session.owner)
            self._parted.append(session)
            self._changed.notify_all()

    async def _send(self, socket: WebSocket, session: WebcamSession) -> None:
        try:
            while True:
                what = await session.answers.get()
                if isinstance(what, str):
                    await socket.send_text(what)
                    continue
                await socket.send_bytes(NUMBER.pack(what[0]) + what[1])
                with self._changed:
                    session.sending = False
                    self._changed.notify_all()
        except (WebSocketDisconnect, RuntimeError):
            pass  # the browser has gone, which the receiving side sees, too

    def _take(self, session: WebcamSession, data: bytes) -> None:
        """A frame."""
        with self._changed:
            session.newest = (NUMBER.unpack_from(data)[0], data[NUMBER.size :])
            self._changed.notify_all()

    def _listen(self, visitor: Visitor, session: WebcamSession, text: str | None) -> None:
        """What a browser wants to see.  Raises InputError for anything else."""
        try:
            wanted: dict[str, Any] = json.loads(text or "")
            style, strength = str(wanted["style"]), min(1.0, max(0.0, number(wanted["strength"], 1.0)))
            keep_colors, split = bool(wanted["keep_colors"]), bool(wanted["split"])
            strokes = number(wanted.get("stroke_size"), 1.0)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise InputError(OTHER_PAGE) from error
        session.state.style = str(self._gallery.card(visitor, style).path)
        session.state.strength, session.state.keep_colors, session.state.split = strength, keep_colors, split
        session.state.stroke_size = min(STROKE_SIZES, key=lambda size: abs(size - strokes))

    # --- in threads of its own

    def _work(self) -> None:
        # So that pages are served smoothly meanwhile.
        with contextlib.suppress(Stopped):
            self._compiler.prepare(planar=True)
        while (turn := self._next()) is not None:
            session, number, data = turn
            begin = time.monotonic()
            try:
                shown = as_jpeg(self._shown(session, data))
            except Exception as error:
                if not isinstance(error, VidstyleError):
                    log.exception("a webcam frame could not be painted")
                known = isinstance(error, VidstyleError)
                words = without_path(error, Path(session.state.style)) if known else "This frame could not be painted."
                session.answer(json.dumps({"error": words}))
            else:
                session.sending = True
                session.answer((number, shown))
            with self._changed:
                session.being_shown = False
                self._turns.took(session.owner, time.monotonic() - begin)
                self._changed.notify_all()

    def _next(self) -> tuple[WebcamSession, int, bytes] | None:
        """The frame of whoever is next; None when there is nothing more to do."""
        with self._changed:
            while not self._stopped:
                for gone in [session for session in self._parted if not session.being_shown]:
                    self._parted.remove(gone)
                    if gone.stream is not None:
                        gone.stream.close()
                ready = sorted((one for one in self._sessions if one.is_ready), key=lambda one: one.last_turn)
                owner = self._turns.next([one.owner for one in ready])
                session = next((one for one in ready if one.owner == owner), None)
                if session is not None and session.newest is not None:
                    frame, session.newest = session.newest, None
                    session.last_turn = time.monotonic()
                    session.being_shown = True
                    return session, *frame
                self._changed.wait(1)
        return None

    def _shown(self, session: WebcamSession, data: bytes) -> np.ndarray:
        """Planes of what its owner sees of a frame."""
        source = read_jpeg(data)
        height, width = source.shape[:2]
        source = resized(source, min(SIZES, key=lambda size: abs(size[0] - width) + abs(size[1] - height)))
        planes = cv2.cvtColor(source, cv2.COLOR_RGB2YUV_I420)
        wanted = session.state.style
        if session.stream is None:
            session.stream = ViewerStream(self._painters, wanted, partial(self._shared, session.owner))
        elif session.stream.style != wanted:
            self._painting.changed(session.owner)
        now = time.monotonic()
        gap = now - session.last_shown > GAP_SECONDS
        session.last_shown = now
        frame = Frame(planes, round(now * 1000), Fraction(1, 1000), discontinuity=gap)
        shown = session.stream.show(frame, session.state)
        failure = self._painters.failure(wanted)
        notice = self._painting.notice(session.owner) if failure is None else without_path(failure, Path(wanted))
        if notice and notice != session.notice:
            session.answer(json.dumps({"error": notice}))
        session.notice = notice
        with self._changed:
            sessions = list(self._sessions)
        self._painters.keep({style for one in sessions for style in one.styles})
        return shown

    def _shared(self, owner: Hashable, painter: StylePainter) -> SharedPainter[Hashable]:
        # While what is fastest is being compiled, some styles have it already, and others take several times as long.
        return SharedPainter(painter, self._painting, owner, lambda: not painter.notice)

    def _open(self, style: str) -> StylePainter:
        return StylePainter(load_style(Path(style)), self._device, COLOR, self._compiler)


def read_jpeg(data: bytes) -> np.ndarray:
    """A webcam's frame, RGB (H, W, 3) uint8.

    Raises:
        InputError: for anything but a JPEG file of sensible size.
    """
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            width, height = image.size
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError("a frame of the webcam could not be read") from error
    if not (16 <= width <= LARGEST_WEBCAM_SIDE and 16 <= height <= LARGEST_WEBCAM_SIDE):
        raise InputError(f"webcam frames have 16 to {LARGEST_WEBCAM_SIDE} pixels a side, not {width}x{height}")
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise InputError("a frame of the webcam could not be read")
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
