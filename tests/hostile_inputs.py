"""Files that are not what they were: mutates what tests make, and repaints it in this process.

    python tests/hostile_inputs.py FOLDER KIND SEED COUNT

Prints a line of JSON for each file: its seed and what became of it.  Run by test_reliability.py in a process whose time
and memory are limited; whoever ends it may be a library that crashed, and the last line but one tells with which file.
"""

import json
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from media_files import Sound, colorful_picture, make_video, repaint
from PIL import Image

from vidstyle.errors import VidstyleError
from vidstyle.nets import build_network
from vidstyle.style_files import StyleCard, load_style_file, save_style

SECONDS = 20
"""Of the processor's time for one file; the process is ended after them."""
VIDEOS = {"mp4": "libx264", "mkv": "ffv1", "webm": "libvpx-vp9", "avi": "mpeg4", "gif": "gif"}
PICTURES = ("png", "jpg", "webp", "tiff", "bmp")
KINDS = (*VIDEOS, *PICTURES, "safetensors")


def make(path: Path) -> None:
    """A file that is what its suffix says."""
    kind = path.suffix[1:]
    if kind in VIDEOS:
        pixel_format = {"ffv1": "bgr0", "gif": "rgb8"}.get(VIDEOS[kind], "yuv420p")
        sounds = (
            [] if kind == "gif" else [Sound(codec={"webm": "libopus", "mkv": "flac"}.get(kind, "aac"), seconds=0.4)]
        )
        pictures = [colorful_picture(n) for n in range(6)]
        make_video(
            path, pictures=pictures, times=range(6), codec=VIDEOS[kind], pixel_format=pixel_format, sounds=sounds
        )  # fmt: skip
    elif kind in PICTURES:
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.fromarray(colorful_picture()).save(path, exif=exif)
    else:
        arguments = {"channels": 16, "blocks": 1}
        torch.manual_seed(0)
        save_style(path, build_network("realtime", arguments), StyleCard("noise", path, "realtime", arguments))


def flipped(data: bytearray, chance: random.Random) -> bytearray:
    for _ in range(chance.choice([1, 4, 30])):
        data[place(data, chance)] ^= 1 << chance.randrange(8)
    return data


def overwritten(data: bytearray, chance: random.Random) -> bytearray:
    at, length = place(data, chance), chance.choice([2, 4, 8, 100])
    data[at : at + length] = chance.choice([b"\0", b"\xff", chance.randbytes(1), b"\x7f"]) * length
    return data


def cut(data: bytearray, chance: random.Random) -> bytearray:
    return data[: chance.randrange(len(data))]


def moved(data: bytearray, chance: random.Random) -> bytearray:
    at, length, to = place(data, chance), chance.randrange(1, 400), place(data, chance)
    piece = data[at : at + length]
    return data[:to] + piece + data[to:] if chance.random() < 0.5 else data[:at] + data[at + length :]


def noisy(data: bytearray, chance: random.Random) -> bytearray:
    at, length = place(data, chance), chance.randrange(1, 600)
    data[at : at + length] = chance.randbytes(length)
    return data


WAYS: tuple[Callable[[bytearray, random.Random], bytearray], ...] = (flipped, overwritten, cut, moved, noisy)


def place(data: bytearray, chance: random.Random) -> int:
    """Where something happens: as often as not where headers are."""
    ends = [min(400, len(data)), len(data), len(data)]
    at = chance.randrange(max(1, chance.choice(ends)))
    return at if chance.random() < 0.7 else max(0, len(data) - 1 - at % 3000)


def outcome(path: Path, output: Path) -> str:
    """What becomes of a file; anything but VidstyleError ends the process with its traceback."""
    said = ""
    try:
        if path.suffix == ".safetensors":
            load_style_file(path)
        else:
            repaint(path, output)
    except VidstyleError as error:
        said = str(error).replace(str(path), "it")
    assert "\n" not in said, said
    assert not (said and output.exists()), "half a file has a name"
    return f"refused: {said}" if said else "painted"


def main(folder: Path, kind: str, seed: int, count: int) -> None:
    whole = folder / f"whole.{kind}"
    make(whole)
    torch.set_num_threads(1)
    for number in range(seed, seed + count):
        chance, data = random.Random(f"{kind} {number}"), bytearray(whole.read_bytes())
        way = chance.choice(WAYS)
        path, output = folder / f"hostile.{kind}", folder / ("out.png" if kind in PICTURES else "out.mp4")
        path.write_bytes(way(data, chance))
        print(json.dumps({"kind": kind, "seed": number, "way": way.__name__}), flush=True)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        print(json.dumps({"outcome": outcome(path, output)}), flush=True)
        signal.setitimer(signal.ITIMER_PROF, 0)
        output.unlink(missing_ok=True)
    left = sorted(p.name for p in folder.iterdir() if p.name.startswith("."))
    assert not left, left


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
