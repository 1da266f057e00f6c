"""Remote control of a live session: OSC (Open Sound Control 1.0) in datagrams on this machine.

Faders, buttons and programs that make OSC of MIDI send `/vidstyle/strength 0.5`, and are answered with the whole state,
now and whenever it changes, at the port that they sent from, or at the one that they name with `/vidstyle/answer`.
"""

from __future__ import annotations

import contextlib
import math
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any

from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.osc_packet import OscPacket

from vidstyle.errors import InputError, VidstyleError, parameter, reason
from vidstyle.live.keyboard import LiveState
from vidstyle.restyle_options import LARGEST_STROKE, SMALLEST_STROKE

LOOPBACK = "127.0.0.1"
PREFIX = "/vidstyle/"
LOOK_SECONDS = 0.05
"""Between two looks whether the state has changed."""
LARGEST_DATAGRAM = 65_507
MOST_LISTENERS = 8
"""Who is told what changes: those who were heard of last."""


class RemoteControl:
    """Listens on loopback, in a thread of its own, until it is closed.

    Args:
        port: of UDP; 0 for any.
        state: what is controlled.

    Attributes:
        port: on which it listens.

    Raises:
        InputError: for a port that somebody else has.
    """

    def __init__(self, port: int, state: LiveState) -> None:
        self._state = state
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.bind((LOOPBACK, port))
        except OSError as error:
            self._socket.close()
            raise InputError(f"{parameter('control', port)}: cannot listen there ({reason(error)})") from error
        self._socket.settimeout(LOOK_SECONDS)
        self.port: int = self._socket.getsockname()[1]
        self._listeners: dict[tuple[str, int], None] = {}
        self._told: list[tuple[str, Any]] = []
        self._closed = threading.Event()
        self._set: dict[str, Callable[[Any], None]] = {
            "style": self._set_style,
            "strength": lambda value: setattr(state, "strength", _between(value, "strength", 0, 1)),
            "stroke_size": lambda value: setattr(
                state, "stroke_size", _between(value, "stroke_size", SMALLEST_STROKE, LARGEST_STROKE)
            ),
            "blend": lambda value: setattr(state, "blend", _between(value, "blend", 0, 1)),
            "blend_style": lambda value: setattr(state, "blend_style", self._style(value, "blend_style")),
            "freeze": lambda value: setattr(state, "frozen", bool(_number(value, "freeze"))),
            "keep_colors": lambda value: setattr(state, "keep_colors", bool(_number(value, "keep_colors"))),
        }
        threading.Thread(target=self._listen, name="vidstyle-control", daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        self._closed.set()

    def _listen(self) -> None:
        with self._socket:
            while not self._closed.is_set():
                try:
                    data, sender = self._socket.recvfrom(LARGEST_DATAGRAM)
                except TimeoutError:
                    self._tell_changes()
                    continue
                except OSError:
                    # Whoever was answered has gone, which Windows reports here.
                    continue
                try:
                    packet = OscPacket(data)
                except Exception:  # whatever strangers send, others are listened to
                    continue
                for timed in packet.messages:
                    self._take(timed.message, sender)

    def _take(self, message: OscMessage, sender: tuple[str, int]) -> None:
        """Do what a message says, at once, whatever time its bundle may name, and answer."""
        name, values = message.address.removeprefix(PREFIX), list(message.params)
        if not message.address.startswith(PREFIX):
            return
        try:
            if name == "answer":
                sender = LOOPBACK, int(_between(_first(values, name), name, 1, 65535))
            elif name == "key":
                self._press(str(_first(values, name)))
            elif name in self._set:
                self._set[name](_first(values, name))
            elif name != "state":
                raise InputError(f"{PREFIX}{name}: unknown; there are {', '.join([*self._set, 'key', 'state'])}")
        except VidstyleError as error:
            self._send([("error", str(error))], sender)
        self._listeners.pop(sender, None)
        self._listeners[sender] = None
        for oldest in list(self._listeners)[:-MOST_LISTENERS]:
            del self._listeners[oldest]
        self._told = []
        self._tell_changes()

    def _tell_changes(self) -> None:
        state = self._now()
        if state != self._told:
            self._told = state
            for listener in self._listeners:
                self._send(state, listener)

    def _now(self) -> list[tuple[str, Any]]:
        state = self._state
        return [
            ("style", state.style),
            ("strength", float(state.strength)),
            ("stroke_size", float(state.stroke_size)),
            ("blend", float(state.blend)),
            ("blend_style", state.partner),
            ("freeze", int(state.frozen)),
            ("keep_colors", int(state.keep_colors)),
        ]

    def _send(self, values: Sequence[tuple[str, Any]], to: tuple[str, int]) -> None:
        bundle = OscBundleBuilder(IMMEDIATELY)
        for name, value in values:
            message = OscMessageBuilder(PREFIX + name)
            message.add_arg(value)
            bundle.add_content(message.build())
        with contextlib.suppress(OSError):
            self._socket.sendto(bundle.build().dgram, to)

    def _press(self, key: str) -> None:
        if key not in self._state.keyboard_keys:
            raise InputError(f"{PREFIX}key {key}: no such key; there are {', '.join(self._state.keyboard_keys)}")
        self._state.press(key)

    def _set_style(self, value: Any) -> None:
        self._state.choose(self._style(value, "style"))

    def _style(self, value: Any, name: str) -> str:
        """A style by its name, or by its number from 1 on."""
        styles = self._state.styles
        if isinstance(value, str):
            if value not in styles:
                raise InputError(f"{PREFIX}{name} {value}: no such style; there are {', '.join(styles)}")
            return value
        return styles[round(_between(value, name, 1, len(styles))) - 1]


def _first(values: list[Any], name: str) -> Any:
    if not values:
        raise InputError(f"{PREFIX}{name}: takes a value")
    return values[0]


def _number(value: Any, name: str) -> float:
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(f"{PREFIX}{name}: takes a number")
    return float(value)


def _between(value: Any, name: str, least: float, most: float) -> float:
    number = _number(value, name)
    if not least <= number <= most:
        raise InputError(f"{PREFIX}{name} {number:g}: takes {least:g} to {most:g}")
    return number
