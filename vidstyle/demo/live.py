"""Webcams painted while they play: one painter for all, who gives everyone a turn.

A browser sends JPEG frames over a websocket, each with its number, and gets the painted ones back under the same
numbers.  The newest frame of each browser wins; whoever waited longest is painted next.
"""

import asyncio
import io
import json
import logging
import struct
import threading
import time
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from vidstyle.demo.easel import as_jpeg
from vidstyle.demo.gallery import Gallery
from vidstyle.demo.visitors import Visitor
from vidstyle.engines import Engine, make_engine
from vidstyle.errors import InputError, VidstyleError
from vidstyle.live_brush import Brush, Shelf, composed, scaled, warmed
from vidstyle.live_state import KeepUp, LiveState
from vidstyle.media.frame import Frame
from vidstyle.styles import load_style

log = logging.getLogger(__name__)

NUMBER = struct.Struct("<I")
"""Comes before each JPEG file, in both directions."""
LARGEST_MESSAGE = 1_000_000
LARGEST_SIDE = 1280
SIZES = ((640, 360), (360, 640))
"""Width and height at which frames are painted at most, so that no browser can ask for a size of its own."""
LEAST_RATE = 15.0
"""Frames a second that every browser shall see; they are painted smaller where that takes too long."""
MOST_SESSIONS = 8


@dataclass(eq=False)
class Session:
    """One browser's webcam.

    Attributes:
        state: how to show the painting; `style` is a style file's path.
        brush: fades from style to style; None before the first frame.
        keep_up: chooses the painted size; of the shape that frames have had last.
        newest: number and JPEG file of the frame that waits, if one does.
        sending: whether its last painting is still on the way, so that a slow line gets no more.
        last_turn: when it was painted last.
        notice: what its owner should know; sent once.
    """

    state: LiveState
    loop: asyncio.AbstractEventLoop
    answers: "asyncio.Queue[tuple[int, bytes] | str]" = field(default_factory=asyncio.Queue)
    brush: Brush | None = None
    keep_up: KeepUp = field(default_factory=lambda: KeepUp(*SIZES[0]))
    newest: tuple[int, bytes] | None = None
    sending: bool = False
    last_turn: float = 0.0
    notice: str = ""

    def answer(self, what: "tuple[int, bytes] | str") -> None:
        """Send a painting or a message; from any thread."""
        self.loop.call_soon_threadsafe(self.answers.put_nowait, what)


class LivePainter:
    """Paints the newest frames of all sessions in a thread of its own, one after the other.

    Args:
        gallery: where styles are looked up.
        device: as in vidstyle.demo.DemoSettings.
    """

    def __init__(self, gallery: Gallery, device: str) -> None:
        self._gallery, self._device = gallery, device
        self._sessions: list[Session] = []
        self._changed = threading.Condition()
        self._shelf: Shelf | None = None
        self._thread: threading.Thread | None = None
        self._stopped = False

    @property
    def route(self) -> WebSocketRoute:
        """Where browsers connect to."""
        return WebSocketRoute("/vidstyle/live", self._connect)

    def close(self) -> None:
        """Stop painting."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(1)
        if self._shelf is not None:
            self._shelf.close()

    # --- the browsers, in the server's event loop

    async def _connect(self, socket: WebSocket) -> None:
        await socket.accept()
        visitor: Visitor = socket.state.visitor
        style = str(self._gallery.card(visitor, self._gallery.first).path)
        session = Session(LiveState((), style), asyncio.get_running_loop())
        if not self._join(session):
            await socket.send_text(json.dumps({"error": "Too many webcams are being painted; try again in a while."}))
            await socket.close(1013)
            return
        sender = asyncio.create_task(self._send(socket, session))
        try:
            while True:
                message = await socket.receive()
                if message["type"] == "websocket.disconnect":
                    break
                self._take(visitor, session, message.get("bytes"), message.get("text"))
        except InputError as error:
            session.answer(json.dumps({"error": str(error)}))
            await asyncio.sleep(0.2)
        finally:
            sender.cancel()
            with self._changed:
                self._sessions.remove(session)

    def _join(self, session: Session) -> bool:
        with self._changed:
            if len(self._sessions) >= MOST_SESSIONS or self._stopped:
                return False
            self._sessions.append(session)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="vidstyle-webcams", daemon=True)
                self._thread.start()
        return True

    async def _send(self, socket: WebSocket, session: Session) -> None:
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

    def _take(self, visitor: Visitor, session: Session, data: bytes | None, text: str | None) -> None:
        """A frame or wishes from a browser.  Raises InputError for anything else."""
        if data is not None and len(data) > NUMBER.size:
            with self._changed:
                session.newest = (NUMBER.unpack_from(data)[0], data[NUMBER.size :])
                self._changed.notify_all()
            return
        try:
            wishes: dict[str, Any] = json.loads(text or "")
            session.state.style = str(self._gallery.card(visitor, str(wishes["style"])).path)
            session.state.strength = min(1.0, max(0.0, float(wishes["strength"])))
            session.state.keep_colors, session.state.split = bool(wishes["keep_colors"]), bool(wishes["split"])
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise InputError("this page is not from this version of vidstyle; load it again") from error

    # --- the painter, in its thread

    def _work(self) -> None:
        while (turn := self._next()) is not None:
            session, number, data = turn
            begin = time.monotonic()
            try:
                painted = as_jpeg(self._painted(session, data))
            except Exception as error:
                if not isinstance(error, VidstyleError):
                    log.exception("a webcam frame could not be painted")
                message = str(error) if isinstance(error, VidstyleError) else "This frame could not be painted."
                session.answer(json.dumps({"error": message}))
                continue
            session.sending = True
            session.answer((number, painted))
            end = time.monotonic()
            if session.brush is not None and not session.brush.fading:
                session.keep_up.painted(end - begin, 1 / (LEAST_RATE * max(1, len(self._sessions))), end)

    def _next(self) -> tuple[Session, int, bytes] | None:
        """The frame of whoever waited longest; None when there is nothing more to do."""
        with self._changed:
            while not self._stopped:
                ready = [(s.last_turn, s, s.newest) for s in self._sessions if s.newest is not None and not s.sending]
                if ready:
                    _, session, frame = min(ready, key=lambda turn: turn[0])
                    session.newest, session.last_turn = None, time.monotonic()
                    return session, *frame
                self._changed.wait(1)
        return None

    def _painted(self, session: Session, data: bytes) -> np.ndarray:
        source = read_jpeg(data)
        wanted = session.state.style
        shelf = self._shelf
        if shelf is None:
            shelf = self._shelf = Shelf(self._make, wanted, self._make(wanted))
        if session.brush is None:
            if shelf.ready(wanted) is None:
                # Its own style is on the way; until then, the picture as it is.
                self._say(session, shelf.notice)
                return source
            session.brush = Brush(shelf, wanted)
        self._say(session, shelf.notice if wanted != session.brush.style else "")
        with self._changed:
            used = {style for s in self._sessions for style in ({s.state.style} | (s.brush.used if s.brush else set()))}
        shelf.keep(used)
        full = SIZES[0] if source.shape[1] >= source.shape[0] else SIZES[1]
        if session.keep_up.full != full:
            session.keep_up = KeepUp(*full)
        pixels = np.ascontiguousarray(scaled(source, session.keep_up.size))
        frame = Frame(pixels, round(time.monotonic() * 1000), Fraction(1, 1000))
        painted = session.brush.paint(frame, wanted) if session.state.strength else None
        return composed(source, painted, session.state)

    def _say(self, session: Session, notice: str) -> None:
        if notice and notice != session.notice:
            session.answer(json.dumps({"error": notice}))
        session.notice = notice

    def _make(self, style: str) -> Engine:
        # torch on a CPU, as in `vidstyle live`: OpenVINO compiles for seconds, in which nobody is painted.
        engine = "auto" if self._device.startswith("cuda") else "torch"
        network = load_style(Path(style)).network
        made = make_engine(network, self._device, engine=engine, low_latency=True, spare_cores=True)
        return warmed(made, *SIZES[0])


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
    if not (16 <= width <= LARGEST_SIDE and 16 <= height <= LARGEST_SIDE):
        raise InputError(f"webcam frames have 16 to {LARGEST_SIDE} pixels a side, not {width}x{height}")
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise InputError("a frame of the webcam could not be read")
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
