"""Files that are not what they were: mutates what tests make, and repaints it.

    python tests/hostile_inputs.py FOLDER SEED COUNT [KIND ...]

Each kind is tried in a process of its own, whose time and memory are limited, forked from this one, which has loaded
everything.  It writes a line of JSON for each file to FOLDER/KIND.json: its seed, and what became of it.  Whoever ends
it may be a library that crashed, and the last line tells with which file.  Prints the exit codes by kind as JSON, those
of signals negative.
"""

import json
import os
import random
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import torch
from media_files import Sound, colorful_picture, make_video, repaint
from PIL import Image

from vidstyle.errors import VidstyleError
from vidstyle.nets import build_network
from vidstyle.style_files import StyleCard, load_style_file, save_style

SECONDS = 20
"""Of the processor's time for one file; the process is ended after them, and after three times as many for all."""
MEMORY = 8 << 30
"""Bytes of address space for a process."""
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


def try_files(folder: Path, kind: str, seeds: range) -> None:
    """Mutate a file of a kind again and again, and tell on standard output what becomes of each."""
    folder.mkdir()
    whole = folder / f"whole.{kind}"
    make(whole)
    for seed in seeds:
        chance, data = random.Random(f"{kind} {seed}"), bytearray(whole.read_bytes())
        way = chance.choice(WAYS)
        path, output = folder / f"hostile.{kind}", folder / ("out.png" if kind in PICTURES else "out.mp4")
        path.write_bytes(way(data, chance))
        print(json.dumps({"kind": kind, "seed": seed, "way": way.__name__}), flush=True)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        print(json.dumps({"outcome": outcome(path, output)}), flush=True)
        signal.setitimer(signal.ITIMER_PROF, 0)
        output.unlink(missing_ok=True)
    left = sorted(p.name for p in folder.iterdir() if p.name.startswith("."))
    assert not left, left


def in_a_child(folder: Path, kind: str, seeds: range) -> int:
    """The exit code of a process that tries files of a kind."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            resource.setrlimit(resource.RLIMIT_CPU, (3 * SECONDS, 3 * SECONDS + 5))
            with (folder / f"{kind}.json").open("wb") as told:
                os.dup2(told.fileno(), 1)
            try_files(folder / kind, kind, seeds)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            # Nothing of what this process has set up is taken down twice.
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(folder: Path, seed: int, count: int, *kinds: str) -> None:
    torch.set_num_threads(1)
    print(json.dumps({kind: in_a_child(folder, kind, range(seed, seed + count)) for kind in kinds or KINDS}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])
