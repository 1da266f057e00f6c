"""Subtitles that are pictures and stay on until the next ones come: which of them are on at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import av

STANDING = frozenset({"hdmv_pgs_subtitle", "dvb_subtitle"})
"""Codecs whose pictures do not say how long they stay."""
PGS_COMPOSITION, DVB_COMPOSITION = 0x16, 0x10
DVB_SYNC = 0x0F


class Standing:
    """What is on of one track of subtitles in one of STANDING.

    A composition says what is on, and may build on what came before it; one that begins anew does not.

    Args:
        codec: FFmpeg's name.
    """

    def __init__(self, codec: str) -> None:
        self._compositions = _pgs_compositions if codec == "hdmv_pgs_subtitle" else _dvb_compositions
        self._packets: list[av.Packet[Any]] = []
        self._shows = False

    def take(self, packet: av.Packet[Any]) -> None:
        """Note the next packet."""
        for anew, shows in self._compositions(bytes(packet)):
            if anew:
                self._packets.clear()
            self._shows = shows
        self._packets.append(packet)

    def on(self) -> list[av.Packet[Any]]:
        """The packets that show what is on; none if nothing is."""
        return list(self._packets) if self._shows else []


def _pgs_compositions(data: bytes) -> Iterator[tuple[bool, bool]]:
    """Of each composition in a packet of Blu-ray's subtitles, whether it begins anew, and whether it shows anything.

    A packet is segments: a kind, a length of two bytes, the content.  That of a composition has its state at 7, where
    0 builds on what was, and the number of its objects at 10 (US patent 2009/0185789, figures 7 and 8).
    """
    place = 0
    while place + 3 <= len(data):
        length = int.from_bytes(data[place + 1 : place + 3], "big")
        content = data[place + 3 : place + 3 + length]
        if data[place] == PGS_COMPOSITION and len(content) > 10:
            yield content[7] != 0, content[10] > 0
        place += 3 + length


def _dvb_compositions(data: bytes) -> Iterator[tuple[bool, bool]]:
    """The same of DVB (ETSI EN 300 743, 7.2): sync byte, kind, page, length, and of a composition its time-out, the
    state in two bits, and six bytes for each region."""
    place = 0
    while place + 6 <= len(data) and data[place] == DVB_SYNC:
        length = int.from_bytes(data[place + 4 : place + 6], "big")
        content = data[place + 6 : place + 6 + length]
        if data[place + 1] == DVB_COMPOSITION and len(content) >= 2:
            yield content[1] >> 2 & 3 != 0, len(content) > 2
        place += 6 + length
