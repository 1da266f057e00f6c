"""The things in the sample clip's harbour: painted sheets that stand at a depth.

Everything is drawn in metres on a `Canvas`, with stains, masonry and foliage made of noise, and
then lit and hazed for one `Shot`.  Images are float32 RGBA in 0..1, shape (rows, columns, 4).
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Colour = tuple[float, float, float]  # RGB, 0..1; above 1 for things that shine
Point = tuple[float, float]  # metres: to the right, up from the water

FOCAL = 1000.0  # focal length of the camera in render pixels of a shot whose zoom is 1
NOISE_SIZE = 1024  # texels of a tileable noise square
WALLS: tuple[Colour, ...] = (
    (0.93, 0.86, 0.70), (0.86, 0.52, 0.36), (0.93, 0.92, 0.88), (0.62, 0.73, 0.78),
    (0.90, 0.70, 0.38), (0.80, 0.44, 0.42), (0.72, 0.76, 0.62), (0.90, 0.78, 0.74),
)  # fmt: skip
ROOFS: tuple[Colour, ...] = ((0.66, 0.31, 0.20), (0.58, 0.27, 0.21), (0.36, 0.37, 0.42))
TRIMS: tuple[Colour, ...] = ((0.16, 0.38, 0.36), (0.62, 0.16, 0.14), (0.18, 0.27, 0.48))
WOOD: Colour = (0.46, 0.36, 0.27)
STONE: Colour = (0.56, 0.52, 0.46)


@lru_cache
def noise(falloff: float, seed: int) -> Array:
    """Return tileable cloud-like noise (NOISE_SIZE squared), zero mean, unit deviation.

    A larger `falloff` makes it smoother: it is the power by which amplitude drops with frequency.
    """
    white = np.random.default_rng(seed).standard_normal((NOISE_SIZE, NOISE_SIZE))
    freq = np.fft.fftfreq(NOISE_SIZE)
    radius = np.maximum(np.hypot(freq[:, None], freq[None]), 2 / NOISE_SIZE)
    field = np.fft.ifft2(np.fft.fft2(white) * radius**-falloff).real
    return ((field - field.mean()) / field.std()).astype(np.float32)


def smoothstep(low: float, high: float, value: Array) -> Array:
    """Ease `value` from 0 at `low` to 1 at `high`."""
    x = np.clip((value - low) / (high - low), 0, 1)
    return x * x * (3 - 2 * x)


@dataclass(frozen=True)
class Shot:
    """Light and camera path of one shot; colours are RGB, `sun` is render pixels right and up."""

    zenith: Colour
    low_sky: Colour
    sun_colour: Colour
    sun: Point  # from the centre of the picture and from the horizon
    cloud_dark: Colour
    light: Colour  # multiplies every painted surface
    water: Colour
    haze: float  # metres of air that hide 63 % of a thing
    lamps: float  # share of the windows with a light behind them
    horizon: int  # render row, even
    start: tuple[float, float, float]  # camera: right, up, forward at time 0
    speed: tuple[float, float, float]  # metres per second
    pan: float  # render pixels per second by which the view turns right
    zoom: float = 1.0  # render pixels per render pixel of a clip of the usual size

    @property
    def focal(self) -> float:
        """Focal length of the camera, render pixels."""
        return FOCAL * self.zoom

    def zoomed(self, zoom: float) -> "Shot":
        """Return the same shot for a picture `zoom` times as large."""
        sun = (self.sun[0] * zoom, self.sun[1] * zoom)
        horizon = 2 * round(self.horizon * zoom / 2)
        return replace(self, sun=sun, horizon=horizon, pan=self.pan * zoom, zoom=zoom)


def curve(a: Point, b: Point, c: Point, steps: int = 14) -> list[Point]:
    """Return points on the quadratic Bezier arc from `a` to `c` that is drawn towards `b`."""
    s = np.linspace(0, 1, steps)[:, None]
    arc = (1 - s) ** 2 * np.array(a) + 2 * s * (1 - s) * np.array(b) + s**2 * np.array(c)
    return [(float(x), float(y)) for x, y in arc]


def ring(x: float, y: float, rx: float, ry: float) -> list[Point]:
    """Return the outline of an ellipse."""
    turn = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    return [(x + rx * float(np.cos(a)), y + ry * float(np.sin(a))) for a in turn]


def box(x0: float, y0: float, x1: float, y1: float) -> list[Point]:
    """Return the corners of an upright rectangle."""
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


class Canvas:
    """A transparent sheet to paint on in metres; `rgba` is premultiplied float32, 0..1."""

    def __init__(self, left: float, right: float, low: float, high: float, z: float, shot: Shot):
        self.scale = shot.focal / z  # texels per metre: one texel per render pixel at that distance
        self.left, self.low, self.high, self.z, self.shot = left, low, high, z, shot
        self.flip = 1.0  # -1 mirrors what is drawn, not how it is lit
        rows, cols = round((high - low) * self.scale), round((right - left) * self.scale)
        self.rgba = np.zeros((rows, cols, 4), np.float32)
        shift = int(z * 37)  # so that no two sheets show the same stains
        wrap = np.ix_((np.arange(rows) + shift) % NOISE_SIZE, np.arange(cols) % NOISE_SIZE)
        self.stains = 0.6 * noise(1.3, 1)[wrap] + 0.5 * noise(0.5, 2)[wrap]

    def poly(
        self,
        points: Sequence[Point],
        colour: Colour,
        *,
        grain: float = 0.10,
        light: Point = (0.92, 1.06),
        blocks: Point | None = None,
        soft: float = 0.0,
        alpha: float = 1.0,
    ) -> None:
        """Fill a polygon.

        grain: strength of the stains; light: brightness at the side away from and facing the sun;
        blocks: width and height of the stones, tiles or planks; soft: blur of the edge, metres.
        """
        xy = np.array(points, np.float64) * (self.flip, 1)
        xy = (xy - (self.left, self.high)) * (self.scale, -self.scale)
        pad = 2 + 3 * soft * self.scale
        limit = self.rgba.shape[1::-1]
        x0, y0 = np.clip(np.floor(xy.min(0) - pad), 0, limit).astype(int)
        x1, y1 = np.clip(np.ceil(xy.max(0) + pad), 0, limit).astype(int)
        if x0 >= x1 or y0 >= y1:
            return
        mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
        fixed = np.round((xy - (x0, y0) - 0.5) * 16).astype(np.int32)  # 4 fractional bits
        cv2.fillPoly(mask, [fixed], 255, cv2.LINE_AA, 4)
        cover = mask.astype(np.float32) * (alpha / 255)
        if soft:
            cover = cv2.GaussianBlur(cover, (0, 0), soft * self.scale)
        side = light if self.shot.sun[0] > 0 else light[::-1]
        tone = 1 + grain * self.stains[y0:y1, x0:x1]
        tone = tone * np.linspace(side[0], side[1], x1 - x0, dtype=np.float32)
        if blocks:
            tone = tone * self._blocks(x0, y0, x1, y1, blocks)
        paint = np.maximum(tone, 0)[..., None] * np.array(colour, np.float32)
        roi = self.rgba[y0:y1, x0:x1]
        roi *= 1 - cover[..., None]
        roi[..., :3] += paint * cover[..., None]
        roi[..., 3] += cover

    def _blocks(self, x0: int, y0: int, x1: int, y1: int, size: Point) -> Array:
        """Return the brightness of masonry (or tiles, planks) over a texel window."""
        v = np.arange(y0, y1, dtype=np.float32)[:, None] / (self.scale * size[1])
        row = np.floor(v)
        u = np.arange(x0, x1, dtype=np.float32)[None] / (self.scale * size[0]) + 0.37 * row
        tone = np.sin(np.floor(u) * 12.99 + row * 78.23) * 43758.5  # a hash of row and column
        edge_u = np.minimum(u % 1, 1 - u % 1) * size[0]
        edge = np.minimum(edge_u, np.minimum(v % 1, 1 - v % 1) * size[1])
        return (0.8 + 0.3 * (tone % 1)) * (0.62 + 0.38 * np.clip(edge * self.scale / 1.5, 0, 1))

    def bar(self, a: Point, b: Point, width: float, colour: Colour, grain: float = 0.1) -> None:
        """Draw a straight spar, rope or post, never thinner than a render pixel can show."""
        along = np.subtract(b, a)
        side = max(width, 0.9 / self.scale) / 2 * np.array((-along[1], along[0]))
        dx, dy = side / max(float(np.hypot(*along)), 1e-6)
        corners = [(a[0] + dx, a[1] + dy), (b[0] + dx, b[1] + dy)]
        corners += [(b[0] - dx, b[1] - dy), (a[0] - dx, a[1] - dy)]
        self.poly(corners, colour, grain=grain, light=(0.6, 1.2))

    def foliage(self, x: float, y: float, rx: float, ry: float, colour: Colour) -> None:
        """Paint a tree crown or bush: a ragged blob, lit from the sun's side and from above."""
        rows, cols = self.rgba.shape[:2]
        u = ((np.arange(cols) / self.scale + self.left - x * self.flip) / rx).astype(np.float32)[None]
        v = ((self.high - np.arange(rows) / self.scale - y) / ry).astype(np.float32)[:, None]
        near_c, near_r = np.flatnonzero(abs(u[0]) < 1.5), np.flatnonzero(abs(v[:, 0]) < 1.5)
        if not near_c.size or not near_r.size:
            return
        win = np.s_[near_r[0] : near_r[-1] + 1, near_c[0] : near_c[-1] + 1]
        u, v, leaf = u[:, win[1]], v[win[0]], self.stains[win]
        cover = smoothstep(0.0, 0.25, 1 - u * u - v * v + 0.34 * leaf)[..., None]
        sun = np.sign(self.shot.sun[0])
        tone = np.clip(0.75 + 0.3 * sun * u + 0.35 * v + 0.28 * np.roll(leaf, 2, 0), 0.2, 1.7)
        self.rgba[win] *= 1 - cover
        paint = np.dstack([tone * c for c in colour] + [np.ones_like(tone)])
        self.rgba[win] += paint * cover


@dataclass(frozen=True)
class Card:
    """A painted sheet standing in the scene; `x` is its left edge, `high` its upper edge."""

    rgba: Array
    scale: float  # texels per metre
    x: float
    high: float
    z: float
    bob: float  # metres of heave; also sets the roll


def finish(canvas: Canvas, x: float, bob: float = 0.0) -> Card:
    """Light a painted canvas (rim light, shot colour, haze) and stand it at `x` metres."""
    shot, alpha = canvas.shot, canvas.rgba[..., 3]
    reach = max(2.0, 0.16 * canvas.scale)
    soft = cv2.GaussianBlur(alpha, (0, 0), reach)
    shift = int(np.sign(shot.sun[0]) * reach)
    facing, averted = (alpha - np.roll(soft, s, 1) for s in (-shift, shift))
    rim = 1 + 0.55 * np.clip(facing, 0, 1)[..., None] * np.array(shot.sun_colour, np.float32)
    rim = rim * (1 - 0.3 * np.clip(averted, 0, 1)[..., None])
    rgb = canvas.rgba[..., :3] * rim * np.array(shot.light, np.float32)
    fog = 1 - np.exp(-canvas.z / shot.haze)
    rgb += fog * (np.array(shot.low_sky, np.float32) * alpha[..., None] - rgb)
    card = np.dstack([rgb, alpha]).astype(np.float32)
    return Card(card, canvas.scale, x + canvas.left, canvas.high, canvas.z, bob)


def house(c: Canvas, rng: np.random.Generator, x: float, y: float, w: float, h: float) -> None:
    """Paint a house front `w` wide and `h` high to the eaves, with its foot at (`x`, `y`)."""
    wall, roof = WALLS[rng.integers(len(WALLS))], ROOFS[rng.integers(len(ROOFS))]
    trim, rise = TRIMS[rng.integers(len(TRIMS))], rng.uniform(1.8, 3.0)
    top = y + h
    chimney = x + w * rng.uniform(0.2, 0.7)
    c.poly(box(chimney, top, chimney + 0.9, top + rise + 0.9), roof, blocks=(0.4, 0.2))
    lee = x - 0.9 * float(np.sign(c.shot.sun[0]))  # the shadow it throws on its neighbour
    c.poly(box(lee, y, lee + w, top + 0.4), (0.09, 0.08, 0.12), soft=0.35, alpha=0.5)
    c.poly(box(x, y, x + w, top), wall, grain=0.13, light=(0.84, 1.08))
    if rng.random() < 0.35:  # gable to the street
        gable = [(x, top), (x + w / 2, top + rise + 0.8), (x + w, top)]
        c.poly(gable, wall, grain=0.13, light=(0.8, 1.1))
        for end in (x - 0.3, x + w + 0.3):
            c.bar((end, top - 0.2), (x + w / 2, top + rise + 1.0), 0.45, roof)
    else:
        ridge = [(x - 0.3, top), (x + w + 0.3, top), (x + w - 0.5, top + rise)]
        c.poly([*ridge, (x + 0.5, top + rise)], roof, blocks=(0.5, 0.34), light=(0.8, 1.15))
        c.poly(box(x, top - 0.7, x + w, top), (0.1, 0.08, 0.1), soft=0.15, alpha=0.5)
    c.poly(box(x, y, x + w, y + 0.9), (0.25, 0.22, 0.2), soft=0.25, alpha=0.4)
    columns = max(2, int(w / 2.3))
    for floor in range(int(h / 3)):
        for i in range(columns):
            wx, wy = x + w * (i + 0.5) / columns, y + 1.0 + 3 * floor
            if floor == 0 and i == columns // 2:
                c.poly(box(wx - 0.6, y, wx + 0.6, y + 2.3), trim)
                continue
            lit = rng.random() < c.shot.lamps
            pane = (1.75, 1.15, 0.5) if lit else (0.16, 0.2, 0.26)
            c.poly(box(wx - 0.6, wy - 0.1, wx + 0.6, wy + 1.55), (0.9, 0.88, 0.82))
            c.poly(box(wx - 0.45, wy, wx + 0.45, wy + 1.4), pane, light=(0.7, 1.5))
            c.bar((wx, wy), (wx, wy + 1.4), 0.09, (0.85, 0.83, 0.78))
            for s in (-0.85, 0.85):
                c.poly(box(wx + s - 0.22, wy, wx + s + 0.22, wy + 1.45), trim, grain=0.2)
    if rng.random() < 0.45:  # an awning over the ground floor, and its shadow
        c.poly(box(x + 0.3, y + 1.5, x + w - 0.3, y + 2.5), (0.1, 0.08, 0.1), soft=0.2, alpha=0.6)
        for i, s in enumerate(np.arange(x + 0.4, x + w - 0.8, 0.5)):
            cloth = (0.92, 0.88, 0.8) if i % 2 else trim
            c.poly([(s - 0.1, 2.3 + y), (s + 0.4, 2.3 + y), (s + 0.5, 3 + y), (s, 3 + y)], cloth)


def church(c: Canvas, x: float, y: float) -> None:
    """Paint a stone clock tower whose left foot is at (`x`, `y`)."""
    c.poly(box(x, y, x + 5, y + 12), (0.8, 0.72, 0.6), blocks=(0.8, 0.5), light=(0.66, 1.18))
    c.poly(box(x - 0.2, y + 11.4, x + 5.2, y + 12), STONE, light=(0.66, 1.18))
    c.poly([(x - 0.4, y + 12), (x + 5.4, y + 12), (x + 2.5, y + 17)], ROOFS[2], blocks=(0.5, 0.3))
    c.poly(ring(x + 2.5, y + 9.7, 1.1, 1.1), (0.95, 0.92, 0.8))
    for hand in ((x + 2.5, y + 10.5), (x + 3.1, y + 9.5)):
        c.bar((x + 2.5, y + 9.7), hand, 0.1, (0.15, 0.14, 0.16))
    c.poly(ring(x + 2.5, y + 6.5, 0.6, 1.2), (0.15, 0.14, 0.16))


def town(shot: Shot, left: float, right: float, z: float, seed: int) -> Card:
    """Paint a terraced town on its quay from `left` to `right` metres."""
    c, rng = Canvas(left - 2, right + 2, -1, 31, z, shot), np.random.default_rng(seed)
    mid = (left + right) / 2
    for x in np.arange(left + 6, right - 6, 3.5):  # the wooded hill that carries the upper street
        fall = 1 - ((x - mid) / (right - mid)) ** 2
        c.foliage(x, 6 + 9 * fall, 5, 5 + 3 * rng.random(), (0.27, 0.36, 0.2))
    for y, height in ((12.5, 5.5), (8.0, 6.5), (2.0, 8.0)):
        if y == 8:
            church(c, mid - 8, 10)
        inset = (y - 2) * 1.1  # the higher a street, the shorter
        x = left + 0.5 + inset
        while x < right - 6 - inset:
            w = rng.uniform(5.5, 9.0)
            house(c, rng, x, y, w, height + rng.uniform(-1.8, 2.2))
            x += w + (rng.random() < 0.3) * 2.5
        for x in np.arange(left + 3, right - 3, 9) + rng.uniform(-3, 3):
            if y > 2:
                c.foliage(x, y - 1, rng.uniform(2, 3.6), 2.2, (0.30, 0.40, 0.20))
    c.poly(box(left, -1, right, 2), STONE, grain=0.2, blocks=(1.1, 0.5))
    c.poly(box(left, 1.9, right, 2.25), (0.72, 0.68, 0.6), blocks=(1.6, 0.5))
    c.poly(box(left, -1, right, 0.7), (0.14, 0.19, 0.12), grain=0.4, soft=0.3, alpha=0.8)
    for x in np.arange(left + 2, right, 8.7):
        c.bar((x, 2.2), (x, 6.2), 0.14, (0.14, 0.15, 0.16))
        if shot.lamps > 0.2:
            c.poly(ring(x, 6.3, 0.9, 0.9), (1.8, 1.1, 0.45), soft=0.5, alpha=0.45)
        c.poly(ring(x, 6.3, 0.28, 0.35), (2.2, 1.7, 0.9) if shot.lamps > 0.2 else (0.9, 0.9, 0.85))
        c.bar((x + 3, 2.2), (x + 3, -0.5), 0.3, (0.2, 0.17, 0.15))
        for i in range(3):  # barrels, crates and people on the quay
            px, tint = x + rng.uniform(0.8, 7), TRIMS[rng.integers(3)]
            c.poly(box(px, 2.2, px + 0.5, 3.4), tint if i else WOOD, light=(0.6, 1.2))
            c.poly(ring(px + 0.25, 3.65, 0.22, 0.26), (0.62, 0.45, 0.36) if i else WOOD)
    return finish(c, 0)


def coast(shot: Shot, x: float, z: float) -> list[Card]:
    """Paint far hills, and a lighthouse on its breakwater at (`x`, `z`)."""
    hills = Canvas(-700, 700, -5, 130, 700, shot)
    span = np.linspace(-700, 700, 300)
    for seed, top, tint in ((3, 62, (0.36, 0.42, 0.38)), (4, 36, (0.30, 0.38, 0.26))):
        ridge = top * (0.55 + 0.25 * noise(1.5, seed)[5, : span.size])
        ridge = ridge * (0.15 + 0.85 * smoothstep(150, -350, np.sign(x) * span))
        ground = [(float(a), float(b)) for a, b in zip(span, ridge, strict=True)]
        hills.poly([(-700, -5), *ground, (700, -5)], tint, grain=0.3)
    c = Canvas(x - 34, x + 34, -1, 24, z, shot)
    rocks = [(x - 33.0, -1.0)]
    for i, s in enumerate(np.linspace(-31, 31, 60)):
        rocks.append((x + s, 2.3 - (s / 26) ** 4 + 0.5 * float(noise(0.8, 5)[i, 3])))
    c.poly([*rocks, (x + 33, -1)], STONE, grain=0.35, blocks=(1.7, 0.9))
    c.poly(box(x - 34, -1, x + 34, 0.6), (0.1, 0.12, 0.1), soft=0.3, alpha=0.7)
    for i in range(6):  # red and white bands of the tapering tower
        y, a, b = 2 + 2.4 * i, 2.3 - 0.2 * i, 2.1 - 0.2 * i
        band = (0.72, 0.17, 0.14) if i % 2 else (0.95, 0.93, 0.88)
        c.poly([(x - a, y), (x + a, y), (x + b, y + 2.4), (x - b, y + 2.4)], band, light=(0.6, 1.2))
    c.poly(box(x - 1.6, 16.4, x + 1.6, 16.9), (0.2, 0.2, 0.22))
    c.poly(box(x - 0.8, 16.9, x + 0.8, 18.6), (2.6, 2.2, 1.2), light=(0.9, 1))
    c.poly([(x - 1.1, 18.6), (x + 1.1, 18.6), (x, 20.2)], (0.55, 0.14, 0.12))
    c.poly(box(x + 4, 2, x + 9, 5), WALLS[2], light=(0.8, 1.1))
    c.poly([(x + 3.6, 5), (x + 9.4, 5), (x + 6.5, 7)], ROOFS[0], blocks=(0.5, 0.3))
    return [finish(hills, 0), finish(c, 0)]


def sailboat(shot: Shot, x: float, z: float, hull: Colour, sail: Colour | None, flip: float, size: float = 1) -> Card:
    """Paint a sailing boat, under sail (`sail` is the cloth's colour) or with bare rigging."""
    c = Canvas(-6 * size, 6 * size, -0.8, 13.5 * size, z, shot)
    c.flip, k, white = flip, size, (0.93, 0.92, 0.88)
    deck = curve((-4.2 * k, 0.95 * k), (0, 0.6 * k), (4.8 * k, 1.35 * k))
    mast, head = 0.6 * k, 12.8 * k
    for foot in ((-4.2 * k, 1 * k), (4.8 * k, 1.4 * k), (0.2 * k, 0.9 * k), (1.0 * k, 0.9 * k)):
        c.bar(foot, (mast, head), 0.02, (0.25, 0.22, 0.2))
    c.poly([*deck, (3.9 * k, -0.8), (-3.9 * k, -0.8)], hull, light=(0.7, 1.15), blocks=(9, 0.22))
    c.poly(box(-4.6 * k, -0.8, 4.6 * k, 0.12), (0.32, 0.1, 0.08), alpha=0.7, soft=0.03)
    stripe = [(a, b - 0.16 * k) for a, b in reversed(deck)]
    c.poly([*deck, *stripe], white)
    c.poly([(-2 * k, 0.8 * k), (2 * k, 0.8 * k), (1.5 * k, 1.4 * k), (-1.8 * k, 1.4 * k)], white)
    for px in (-1.2, -0.3, 0.6):
        c.poly(ring(px * k, 1.1 * k, 0.24 * k, 0.12 * k), (0.1, 0.13, 0.17))
    c.bar((mast, 0.8 * k), (mast, head), 0.16 * k, (0.72, 0.58, 0.4))
    c.bar((mast, 1.8 * k), (-3.9 * k, 1.9 * k), 0.13 * k, (0.7, 0.56, 0.4))
    if sail:
        leech = curve((mast - 0.1 * k, 12.4 * k), (-3.4 * k, 6.5 * k), (-3.8 * k, 2 * k))
        c.poly([(mast - 0.1 * k, 2 * k), *leech], sail, light=(0.72, 1.1), grain=0.06)
        jib = curve((mast + 0.15 * k, 11.4 * k), (1.6 * k, 5 * k), (0.9 * k, 1.9 * k))
        jib += curve((0.9 * k, 1.9 * k), (2.4 * k, 1.6 * k), (4.6 * k, 1.6 * k))
        c.poly(jib, sail, light=(0.8, 1.16), grain=0.06)
        for i in range(1, 6):  # seams between the panels of the cloth
            y = (2 + 1.75 * i) * k
            c.bar((mast, y), (-3.6 * k * (1 - i / 6) ** 0.8, y - 0.3), 0.02, (0.7, 0.62, 0.5), 0)
    else:
        furled = curve((mast, 2.0 * k), (-1.6 * k, 2.6 * k), (-3.8 * k, 2.0 * k))
        c.poly(furled, (0.2, 0.34, 0.55), grain=0.2)
    return finish(c, x, 0.10 * size)


def trawler(shot: Shot, x: float, z: float, hull: Colour, flip: float) -> Card:
    """Paint a wooden fishing boat with wheelhouse, derrick, nets, floats and tyres."""
    c = Canvas(-7, 7, -0.9, 8.6, z, shot)
    c.flip, white, dark = flip, (0.92, 0.9, 0.83), (0.13, 0.12, 0.13)
    deck = curve((-5.4, 1.6), (-0.5, 0.55), (6.0, 2.6))
    c.poly(box(-3.8, 1, -0.6, 3.9), white, blocks=(0.3, 5), light=(0.78, 1.08))
    c.poly(box(-4.1, 3.8, -0.3, 4.1), hull)
    c.poly(box(-3.8, 3.4, -0.6, 3.85), dark, soft=0.1, alpha=0.5)
    for px in (-3.3, -2.3, -1.4):
        c.poly(box(px - 0.1, 2.6, px + 0.65, 3.4), dark)
        pane = (1.7, 1.2, 0.6) if shot.lamps > 0.2 else (0.35, 0.46, 0.52)
        c.poly(box(px, 2.7, px + 0.55, 3.3), pane, light=(0.6, 1.5))
    for top, foot in (((1.6, 8.2), (1.6, 1)), ((-3.4, 6.6), (-3.0, 4)), ((5.2, 6.0), (1.6, 1.8))):
        c.bar(foot, top, 0.16, (0.6, 0.44, 0.26))
    for a, b in (((1.6, 8.1), (5.9, 2.6)), ((1.6, 8.1), (-5.3, 1.7)), ((1.6, 8.1), (5.2, 6.0))):
        c.bar(a, b, 0.03, (0.2, 0.17, 0.15))
    c.bar((1.6, 7.5), (-3.4, 6.5), 0.03, dark)
    c.poly([(1.62, 6.9), (2.9, 6.6), (1.62, 6.1)], (0.85, 0.66, 0.16))
    net = [*curve((5.1, 5.8), (3.2, 2.4), (2.2, 1.6)), (4.4, 1.8)]
    c.poly(net, (0.2, 0.36, 0.33), grain=0.45, alpha=0.85, blocks=(0.16, 0.16))
    c.foliage(0.4, 1.55, 0.95, 0.6, (0.75, 0.42, 0.16))  # a heap of orange net
    keel = [(5.0, -0.9), (-4.9, -0.9)]
    c.poly([*deck, *keel], hull, blocks=(30, 0.24), light=(0.66, 1.2), grain=0.16)
    band = [(a, b - 0.3) for a, b in deck]
    c.poly([*deck, *reversed(band)], white, grain=0.2)
    c.poly([(-5.1, -0.9), (5.1, -0.9), (5.2, 0.25), (-5.1, 0.25)], (0.3, 0.13, 0.1), alpha=0.85)
    c.poly(box(-5.4, -0.2, 5.6, 0.12), (0.1, 0.12, 0.08), soft=0.06, alpha=0.8)
    for i, px in enumerate((-4.3, -2.6, -0.9, 0.8, 2.5)):
        y = 0.85 + 0.05 * (i - 2) ** 2
        c.poly(ring(px, y, 0.36, 0.38), dark, light=(0.6, 1.8))
        c.poly(ring(px, y, 0.17, 0.18), hull, light=(0.5, 0.8))
    for i in range(5):  # floats along the rail
        c.poly(ring(3.2 + 0.45 * i, 1.75 + 0.17 * i, 0.2, 0.2), (0.92, 0.45 + 0.1 * (i % 3), 0.12))
    return finish(c, x, 0.09)


def jetty(shot: Shot, left: float, right: float, z: float) -> Card:
    """Paint a plank jetty on piles with rope, crates and a coil, close to the camera."""
    c = Canvas(left - 0.5, right + 0.5, -0.6, 3, z, shot)
    for x in np.arange(left + 0.8, right, 2.9):
        c.bar((x + 0.5, -0.6), (x + 0.5, 1.2), 0.24, (0.2, 0.16, 0.13), 0.3)
    c.poly(box(left, 1.0, right, 1.38), (0.60, 0.50, 0.39), blocks=(0.24, 3), grain=0.22)
    c.poly(box(left, 0.72, right, 1.0), (0.34, 0.26, 0.2), blocks=(3.2, 0.28), grain=0.25)
    c.poly(box(left, 0.5, right, 0.72), (0.08, 0.07, 0.07), soft=0.05, alpha=0.6)
    for i, x in enumerate(np.arange(left + 1.6, right, 2.9)):
        c.poly(box(x - 0.17, -0.6, x + 0.17, 2.0), WOOD, light=(0.45, 1.35), grain=0.3)
        c.poly(ring(x, 2.0, 0.17, 0.07), (0.68, 0.58, 0.45), grain=0.3)
        c.poly(box(x - 0.19, -0.6, x + 0.19, 0.35), (0.13, 0.18, 0.11), soft=0.08, alpha=0.85)
        rope = curve((x, 1.75), (x + 1.45, 1.15), (x + 2.9, 1.75), 18)
        if x + 2.9 < right:
            for a, b in itertools.pairwise(rope):
                c.bar(a, b, 0.055, (0.7, 0.6, 0.42))
        if i % 2:
            c.poly(box(x + 0.6, 1.2, x + 1.5, 1.75), (0.58, 0.4, 0.22), blocks=(0.9, 0.14))
            c.poly(ring(x + 1.9, 1.32, 0.4, 0.13), (0.74, 0.64, 0.46), blocks=(2, 0.06))
    return finish(c, 0)
