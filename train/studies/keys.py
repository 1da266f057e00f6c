"""Leave one out: frames between painted keys, drawn from them, against paintings of those frames.

    python train/studies/keys.py STYLE.jpg CLIP[@SECONDS] ... [--weights FOLDER] [--rows 180] [--gap 16] [--by-frame 8]
        [--out FOLDER]

Of each clip, three frames `gap` apart are keys, painted by `vidstyle paint`: the first from coarse to fine, the others
each from the one before, carried on.  The two frames between them are left out, and drawn

    both    from the keys on both sides, as `restyle --keys` does
    one     from the nearest key alone
    style   by the real-time style, painted frame by frame
    paint   as `vidstyle paint --video` paints them: frame after frame, each from the last (with --by-frame N: from the
            first key on, N frames, of which the left-out one in the middle is one; it is slow)

and compared with a painting of those frames from the same start: `apart` is the mean relative distance of features
(vidstyle's own perceptual network, relu1_1 to relu4_1).  Style and structure are distances of Gram matrices, at
relu1_1 to relu4_1 and at relu5_1; warp and long warp are as in docs/stability.md, over all frames, beside the
source's own.  One line of JSON a clip; sheets go to the folder.
"""

import argparse
import contextlib
import json
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from sheets import folder

from vidstyle import Painter
from vidstyle.keys.drawing import Drawer, PaintedKey, moved, painted
from vidstyle.keys.key_making import KeyFrame
from vidstyle.keys.scouting import Seen, scouted
from vidstyle.keys.stretches import Planner
from vidstyle.keys.traces import Walk, walked_back, walked_on
from vidstyle.media.frame import Frame
from vidstyle.media.images import read_image
from vidstyle.media.sources import FileSource
from vidstyle.painting.key_painting import OptimisedKeys
from vidstyle.painting.paint_settings import PaintSettings
from vidstyle.perception.flow import estimate_flow
from vidstyle.perception.losses import gram_distance, gram_matrix
from vidstyle.perception.perceptual_network import OWN, PerceptualNetwork
from vidstyle.perception.tensors import to_tensor
from vidstyle.perception.warping import warp

STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
LONG = 8


def read(clip: str, rows: int, count: int) -> list[Frame]:
    """The first frames of a clip from a time on, with so many rows."""
    name, _, second = clip.partition("@")
    start = float(second) if second else None
    with contextlib.closing(FileSource(Path(name))) as film:
        width, height = film.format.width, film.format.height
    size = (round(width * rows / height / 4) * 4, rows)
    with contextlib.closing(FileSource(Path(name), size=size, start=start)) as film:
        return [frame for _, frame in zip(range(count), film, strict=False)]


class Judge:
    """Distances of pictures from a style, and from each other."""

    def __init__(self, style: Path, rows: int, weights: Path | None) -> None:
        self._own = PerceptualNetwork(OWN)
        self._far = PerceptualNetwork("vgg19-distilled", weights) if weights else self._own
        picture = read_image(style)
        scale = rows / min(picture.shape[:2])
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        self._layers = (*STYLE_LAYERS, "relu5_1") if "relu5_1" in self._far.layers() else STYLE_LAYERS
        self._targets = self._grams(small)

    @torch.inference_mode()
    def _grams(self, pixels: np.ndarray) -> dict[str, torch.Tensor]:
        found = self._far(to_tensor(pixels)[None], self._layers)
        return {layer: gram_matrix(f) for layer, f in found.items()}

    def style(self, pixels: np.ndarray) -> tuple[float, float]:
        """Distance from the style: of strokes and colours, and of structure."""
        grams = self._grams(pixels)
        far = {layer: float(gram_distance(grams[layer], self._targets[layer])) for layer in self._layers}
        return float(np.mean([far[layer] for layer in STYLE_LAYERS])), far.get("relu5_1", float("nan"))

    @torch.inference_mode()
    def apart(self, one: np.ndarray, other: np.ndarray) -> float:
        """Relative distance of the features of two pictures."""
        a, b = (self._own(to_tensor(p)[None], STYLE_LAYERS) for p in (one, other))
        return float(np.mean([float((a[k] - b[k]).norm() / b[k].norm()) for k in STYLE_LAYERS]))


def carried_to(seen: list[Seen], begin: int, end: int, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A painting carried from one frame to another, either way, and how far it can be trusted."""
    if begin <= end:
        traces = walked_on(Walk(seen[begin].small), seen[begin + 1 : end + 1])
        trace = traces[-1] if traces else Walk(seen[begin].small).trace
    else:
        trace = walked_back(seen[begin].small, seen[end : begin + 1])[0]
    height, width = picture.shape[:2]
    return moved(picture, trace.shift, cv2.INTER_CUBIC), cv2.resize(trace.shown, (width, height))


def laid_over(carried: np.ndarray, shown: np.ndarray, source: np.ndarray) -> np.ndarray:
    return np.rint(source + shown[..., None] * (carried.astype(np.float32) - source)).clip(0, 255).astype(np.uint8)


def drawn(seen: list[Seen], keys: dict[int, np.ndarray]) -> list[np.ndarray]:
    """All frames, from keys on both sides."""
    positions = Walk(seen[0].small).trace.shown.shape
    made: dict[int, PaintedKey] = {n: painted(pixels, None, positions) for n, pixels in keys.items()}
    drawer = Drawer(made.__getitem__)
    return [drawer.draw(plan, seen[plan.index].pixels)[0] for plan in Planner(keys, None).plans(iter(seen))]


def one_way(seen: list[Seen], keys: dict[int, np.ndarray]) -> list[np.ndarray]:
    """All frames, each from the key nearest to it alone."""
    result = []
    for n, frame in enumerate(seen):
        near = min(keys, key=lambda key: (abs(key - n), key))
        result.append(laid_over(*carried_to(seen, near, n, keys[near]), frame.pixels))
    return result


def study(clip: str, painter: OptimisedKeys, judge: Judge, arguments: argparse.Namespace) -> dict[str, object]:
    gap = arguments.gap
    frames = read(clip, arguments.rows, 2 * gap + 1)
    seen = list(scouted(iter(frames)))
    assert not any(frame.begins_shot for frame in seen[1:]), f"{clip}: there is a cut"
    source = [frame.pixels for frame in frames]
    keys: dict[int, np.ndarray] = {}
    began, took = time.process_time(), []
    for index in (0, gap, 2 * gap):
        before = max(keys, default=None)
        start = (None, None) if before is None else carried_to(seen, before, index, keys[before])
        if start[0] is not None and start[1] is not None:
            start = laid_over(start[0], start[1], source[index]), start[1]
        keys[index] = painter.paint_key(KeyFrame(source[index], *start, 0.0))
        took.append(round(time.process_time() - began, 1))
    left_out = (gap // 2, gap + gap // 2)
    wanted = {}
    for index in left_out:
        near = index - gap // 2
        carried, shown = carried_to(seen, near, index, keys[near])
        start = laid_over(carried, shown, source[index])
        wanted[index] = painter.paint_key(KeyFrame(source[index], start, shown, 0.0))
    styled = Painter(arguments.style_name, steady=True)
    ways = {"both": drawn(seen, keys), "one": one_way(seen, keys), "style": [styled(p) for p in source]}
    styled.close()
    figures: dict[str, object] = {"clip": clip, "seconds of paint": took}
    figures["source"] = {"warp": warp_of(source, source), "long": warp_of(source, source, LONG)}
    for name, pictures in ways.items():
        figures[name] = figures_of(judge, source, pictures, {n: wanted[n] for n in left_out})
    if arguments.by_frame:
        part = slice(0, arguments.by_frame + 1)
        began = time.process_time()
        painted_so = by_frame(seen[part], source[part], keys[0], painter)
        figures["seconds by frame"] = round(time.process_time() - began, 1)
        known = {n: wanted[n] for n in left_out if n <= arguments.by_frame}
        firsts = {name: pictures[part] for name, pictures in ways.items()} | {"paint": painted_so}
        for name, pictures in firsts.items():
            figures[f"{name}, first"] = figures_of(judge, source[part], pictures, known)
    far = [judge.style(picture) for picture in wanted.values()]
    figures["painted"] = {"style": round(float(np.mean([f[0] for f in far])), 3)}
    figures["painted"] |= {"structure": round(float(np.mean([f[1] for f in far])), 3)}  # type: ignore[operator]
    if arguments.out:
        n = left_out[1]
        sheet = np.hstack([source[n], keys[gap], wanted[n], *(pictures[n] for pictures in ways.values())])
        cv2.imwrite(str(arguments.out / f"{Path(clip.partition('@')[0]).stem}.png"), sheet[..., ::-1])
    return figures


def figures_of(
    judge: Judge, source: list[np.ndarray], pictures: list[np.ndarray], wanted: dict[int, np.ndarray]
) -> dict[str, float]:
    """What frames measure, against paintings of some of them."""
    far = [judge.style(pictures[index]) for index in wanted]
    return {
        "apart": round(float(np.mean([judge.apart(pictures[n], painting) for n, painting in wanted.items()])), 3),
        "style": round(float(np.mean([f[0] for f in far])), 3),
        "structure": round(float(np.mean([f[1] for f in far])), 3),
        "warp": warp_of(source, pictures),
        "long": warp_of(source, pictures, LONG),
    }


def by_frame(seen: list[Seen], source: list[np.ndarray], first: np.ndarray, painter: OptimisedKeys) -> list[np.ndarray]:
    """Frame after frame, each from the last, the first of which is painted."""
    result = [first]
    for n in range(1, len(seen)):
        carried, shown = carried_to(seen, n - 1, n, result[-1])
        result.append(painter.paint_key(KeyFrame(source[n], laid_over(carried, shown, source[n]), shown, 0.0)))
    return result


def warp_of(source: list[np.ndarray], pictures: list[np.ndarray], gap: int = 1) -> float:
    """Mean error of pictures moved along the source's flow, as a share of white; as in docs/stability.md."""
    errors = []
    for n in range(0, len(source) - gap, 2):
        flow, known = estimate_flow(source[n], source[n + gap])
        before = warp(to_tensor(pictures[n])[None], torch.from_numpy(flow)[None])[0]
        change = (to_tensor(pictures[n + gap]) - before)[:, torch.from_numpy(known)]
        errors.append(float(change.square().mean().sqrt()))
    return round(float(np.mean(errors)), 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("style", type=Path)
    parser.add_argument("clips", nargs="+")
    parser.add_argument("--style-name", default="starry_night")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--rows", type=int, default=180)
    parser.add_argument("--gap", type=int, default=16)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--by-frame", type=int, default=0)
    parser.add_argument("--out", type=folder)
    arguments = parser.parse_args()
    name = "vgg19-distilled" if arguments.weights else OWN
    settings = PaintSettings(perceptual=name, perceptual_weights=arguments.weights, steps=arguments.steps)
    painter = OptimisedKeys([arguments.style], settings)
    judge = Judge(arguments.style, arguments.rows, arguments.weights)
    for clip in arguments.clips:
        print(json.dumps(study(clip, painter, judge, arguments)), flush=True)


if __name__ == "__main__":
    main()
