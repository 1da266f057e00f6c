"""Timecode, hours:minutes:seconds:frames, of which a camera numbers its frames (SMPTE ST 12-1)."""

import re
from fractions import Fraction

DROP_RATE = 30
"""Frames per second of which timecode may leave numbers out, or a multiple of it."""


def advanced(timecode: str, frames: int, rate: Fraction) -> str | None:
    """The timecode so many frames later; None if it is none.

    Drop-frame timecode (`;` or `.` before the frames) leaves out the first two numbers of every minute but each
    tenth one, so that 29.97 frames a second stay with the clock; four at 59.94.

    Args:
        timecode: of the first frame.
        frames: 0 or more.
        rate: frames per second.
    """
    match = re.fullmatch(r"(\d\d):(\d\d):(\d\d)([:;.,])(\d{2,3})", timecode.strip())
    per_second = round(rate)
    if match is None or per_second < 1:
        return None
    hours, minutes, seconds, number = (int(match[group]) for group in (1, 2, 3, 5))
    drops = match[4] != ":" and per_second % DROP_RATE == 0
    dropped = 2 * per_second // DROP_RATE if drops else 0
    minute = 60 * hours + minutes
    count = number + per_second * (seconds + 60 * minute) - dropped * (minute - minute // 10) + frames
    tenth = 600 * per_second - 9 * dropped
    tens, rest = divmod(count, tenth)
    if dropped and rest >= dropped:
        count += dropped * (9 * tens + (rest - dropped) // (60 * per_second - dropped))
    else:
        count += dropped * 9 * tens
    seconds, number = divmod(count, per_second)
    clock = (seconds // 3600 % 24, seconds // 60 % 60, seconds % 60)
    return ":".join(f"{part:02}" for part in clock) + f"{';' if drops else ':'}{number:02}"
