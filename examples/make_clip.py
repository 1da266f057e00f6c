"""Render the sample clip: two shots of a small harbour, painted and animated with noise.

Usage: ``python examples/make_clip.py [OUT.mp4] [--rows ROWS] [--frames FRAMES]``

OUT.mp4 is harbour.mp4 beside this script by default, with 360 rows.  More rows show more of the
harbour, down to its masonry: nothing is enlarged.

Everything that stands up is a flat `Card` (see harbour_paint.py), painted once and placed in
depth; a pinhole camera slides past the cards.  The sea is a real plane: each pixel below the
horizon is traced onto it, reads the slope of an animated wave field and mixes mirrored scenery,
water colour and sun glitter.  Images are float32 RGB in 0..1, shape (rows, columns, 3).
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path

import av
import cv2
import harbour_paint as paint
import numpy as np
from harbour_paint import NOISE_SIZE, Array, Card, Shot, noise, smoothstep
from numpy.typing import NDArray

ROWS, FPS = 360, 24  # of the file: pixels, frames per second
SHOT_FRAMES = (114, 80)  # a hard cut after 4.75 s, 8.08 s in all
VIEW_W, VIEW_H = 1280, 720  # the picture is rendered at twice the size, then averaged
CRF, CRF_LARGE = 28, 18  # x264 quality; the first keeps a file of 360 rows below a megabyte
SAMPLE_RATE = 48_000  # Hz
AUDIO_BITRATE = 96_000  # bit/s
WAVE_SIZE, WAVE_TILE = 512, 26.0  # texels and metres of the tileable wave field
WAVE_LEVELS = 7  # ever coarser copies of the wave field, read ever farther away


def sample(image: Array, x: Array, y: Array, border: int = cv2.BORDER_WRAP) -> Array:
    """Read `image` at fractional texel positions (arrays of one shape), linearly blended."""
    u, v = x.astype(np.float32, copy=False), y.astype(np.float32, copy=False)
    return cv2.remap(image, u, v, cv2.INTER_LINEAR, None, border)


@dataclass(frozen=True)
class Camera:
    """A level pinhole camera; (`cx`, `horizon`) is where straight ahead lands, render pixels.

    `focal` is in render pixels, too; `zoom` is how many of them were one at the usual size.
    """

    x: float
    height: float
    z: float
    cx: float
    horizon: int
    focal: float
    zoom: float

    @property
    def view(self) -> tuple[int, int]:
        """Width and height of the view, render pixels."""
        return round(VIEW_W * self.zoom), round(VIEW_H * self.zoom)


def camera_at(shot: Shot, t: float) -> Camera:
    """Return the camera `t` seconds into `shot`: a steady glide with a boat's slow breathing."""
    x, y, z = (a + b * t for a, b in zip(shot.start, shot.speed, strict=True))
    y += 0.05 * np.sin(1.1 * t)
    centre = VIEW_W * shot.zoom / 2 - shot.pan * (t - 2)
    return Camera(x, y, z, centre, shot.horizon, shot.focal, shot.zoom)


def blend(target: Array, card: Card, cam: Camera, t: float, mirrored: bool) -> None:
    """Composite `card` into `target` in place, upright above its waterline or `mirrored` below.

    `target` may be smaller than the view; it is taken to show the same picture.
    """
    fit = target.shape[1] / cam.view[0]
    s = cam.focal / (card.z - cam.z) * fit  # pixels per metre
    up = -1.0 if mirrored else 1.0
    waterline = cam.horizon * fit + s * cam.height
    phase = card.x + card.z
    heave = card.bob * (np.sin(1.5 * t + phase) + 0.4 * np.sin(2.7 * t + phase))
    roll = 0.25 * card.bob * np.sin(1.2 * t + 2 * phase)
    rows, cols = card.rgba.shape[:2]
    pivot = np.array((cols / 2, card.high * card.scale))  # texel on the waterline
    turn = np.array(((np.cos(roll), -np.sin(roll)), (up * np.sin(roll), up * np.cos(roll))))
    linear = turn * (s / card.scale)
    centre = (card.x + cols / 2 / card.scale - cam.x) * s + cam.cx * fit
    shift = np.array((centre, waterline - up * heave * s)) - linear @ pivot
    corners = np.array(((0, 0), (cols, 0), (0, rows), (cols, rows))) @ linear.T + shift
    (x0, y0), (x1, y1) = np.floor(corners.min(0)).astype(int), np.ceil(corners.max(0)).astype(int)
    x0, x1 = max(x0, 0), min(x1, target.shape[1])
    y0, y1 = max(y0, 0), min(y1, target.shape[0])
    edge = int(waterline)
    y0, y1 = (max(y0, edge - 1), y1) if mirrored else (y0, min(y1, edge + 4))
    if x0 >= x1 or y0 >= y1:
        return
    matrix = np.column_stack((linear, shift - (x0, y0)))
    piece = cv2.warpAffine(card.rgba, matrix, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR)
    if not mirrored:  # the water laps at the foot
        x = np.arange(x0, x1, dtype=np.float32)[None]
        lap = waterline + s * 0.02 * (np.sin(x / s * 5 + 2 * t) + np.sin(x / s * 11 - 3 * t))
        piece *= np.clip(lap - np.arange(y0, y1, dtype=np.float32)[:, None], 0, 1)[..., None]
    roi = target[y0:y1, x0:x1]
    roi *= 1 - piece[..., 3:]
    roi += piece[..., :3]


def render_sky(shot: Shot, cam: Camera, t: float) -> Array:
    """Return sky and sun, (horizon / 2, width / 2, 3) float32: half size, for it is all soft."""
    y, x = np.mgrid[cam.horizon / 2 : 0 : -1, 0 : cam.view[0] / 2].astype(np.float32) * 2
    x -= cam.cx
    rise = y / cam.focal  # tangent of the elevation
    blue = smoothstep(0, 0.42, rise)[..., None]
    colours = (shot.low_sky, shot.zenith, shot.sun_colour, shot.cloud_dark)
    low, zenith, sun, dark = (np.array(colour, np.float32) for colour in colours)
    away = np.hypot(x - shot.sun[0], y - shot.sun[1]) / cam.zoom
    glow = np.exp(-away / 90) * 0.55 + np.exp(-away / 330) * 0.38
    sky = low + (zenith - low) * blue + glow[..., None] * sun * 0.8
    depth = 1 / (rise + 0.10)  # clouds lie on a plane overhead
    u, v = x / cam.focal * depth * 150 + 5 * t, depth * 95 + 3 * t
    side = np.sign(shot.sun[0])
    puff, lee = (  # density here and a step towards the sun: less there means lit here
        sample(noise(1.55, 6), u + a, v + b) + 0.16 * sample(noise(0.9, 7), 2 * u + a, 2 * v + b)
        for a, b in ((0.0, 0.0), (9.0 * side, 7.0))
    )
    cover = smoothstep(-0.15, 1.0, puff) * smoothstep(0.0, 0.07, rise)
    bright = np.clip(0.55 + 0.9 * (puff - lee) - 0.16 * puff + 0.5 * glow, 0, 1)[..., None]
    lit = 0.35 * low + 0.7 * sun
    cloud = dark + (lit - dark) * bright
    sky += (cloud - sky) * (0.9 * cover)[..., None]
    disc = smoothstep(24, 17, away) * (1 - 0.75 * cover)
    return sky + disc[..., None] * sun


@lru_cache
def wave_spectrum() -> tuple[NDArray[np.complex128], Array, Array, Array]:
    """Return random amplitudes, angular frequencies (1/s) and both wave numbers (1/m)."""
    rng = np.random.default_rng(11)
    k = 2 * np.pi * np.fft.fftfreq(WAVE_SIZE, WAVE_TILE / WAVE_SIZE)
    kx, kz = np.meshgrid(k, k)
    size = np.maximum(np.hypot(kx, kz), 1e-6)
    downwind = (0.55 * kx - 0.83 * kz) / size
    power = np.exp(-1 / (size * 0.75) ** 2) / size**3.7 * (0.06 + np.maximum(downwind, 0) ** 2)
    random = rng.standard_normal((2, WAVE_SIZE, WAVE_SIZE))
    return (random[0] + 1j * random[1]) * np.sqrt(power), np.sqrt(9.81 * size), kx, kz


def wave_slopes(t: float) -> list[Array]:
    """Return the slopes (right, forward) of the sea at `t` seconds and ever coarser copies.

    Each is (n, n, 2) float32, tileable, n = WAVE_SIZE halved again and again.
    """
    amplitude, omega, kx, kz = wave_spectrum()
    height = amplitude * np.exp(-1j * omega * t)
    across = np.fft.ifft2(1j * kx * height).real
    along = np.fft.ifft2(1j * kz * height).real
    reference = np.abs(kx * amplitude) ** 2 + np.abs(kz * amplitude) ** 2
    rms = np.sqrt(reference.sum() / 2) / WAVE_SIZE**2  # does not depend on time: no flicker
    levels = [np.dstack((across, along)).astype(np.float32) * np.float32(0.12 / rms)]
    for _ in range(WAVE_LEVELS - 1):
        half = levels[-1].reshape(levels[-1].shape[0] // 2, 2, -1, 2, 2)
        levels.append(half.mean((1, 3)))
    return levels


def read_waves(levels: list[Array], x: Array, z: Array, pixel: Array, tile: float) -> Array:
    """Sample the slopes at points `x`, `z` (rows, columns), repeating every `tile` metres.

    `pixel` (rows, 1) is the width in metres that one pixel covers; it picks the coarseness.
    """
    wanted = np.clip(np.log2(1.7 * pixel * WAVE_SIZE / tile), 0, len(levels) - 1.001)[:, 0]
    out = np.zeros((*x.shape, 2), np.float32)
    for i, level in enumerate(levels):
        weight = np.clip(1 - abs(wanted - i), 0, 1)
        hit = np.flatnonzero(weight)
        if hit.size:
            rows, fit = slice(hit[0], hit[-1] + 1), level.shape[0] / tile
            part = sample(level, x[rows] * fit, z[rows] * fit)
            out[rows] += part * weight[rows, None, None].astype(np.float32)
    return out


def render_water(shot: Shot, cam: Camera, mirror: Array, t: float) -> Array:
    """Shade the sea below the horizon: (height - horizon, width, 3) float32.

    `mirror` is the upside-down scenery at half size, whole picture, float32 RGB.
    """
    width, height = cam.view
    row, col = np.mgrid[cam.horizon : height, 0:width].astype(np.float32)
    drop = row - cam.horizon + 0.7
    ahead = cam.focal * cam.height / drop
    right = (col - cam.cx) / cam.focal * ahead
    x, z = right + cam.x, ahead + cam.z
    pixel = (ahead / cam.focal * np.sqrt(ahead / cam.height))[:, :1]  # mean of width and depth
    levels = wave_slopes(t)
    slope = read_waves(levels, x, z, pixel, WAVE_TILE)
    swell = read_waves(levels, 0.8 * x + 0.6 * z, 0.8 * z - 0.6 * x, pixel, 3.3 * WAVE_TILE)
    gusts = sample(noise(1.4, 8), x * 3 + 9 * t, z * 3)
    slope = slope * np.clip(0.8 + 0.3 * gusts, 0.3, 1.6)[..., None] + 0.45 * swell
    sx, sz = slope[..., 0], slope[..., 1]

    # Mirrored scenery: a tilted facet looks elsewhere, mostly higher or lower.  One facet would
    # look aside by 2 * FOCAL * slope; a pixel sees many, so much of that averages out.
    look_y = np.maximum(row + 0.27 * cam.focal * sz, cam.horizon + 1)
    look_x = col + 0.11 * cam.focal * sx
    shine = sample(mirror, look_x / 2, look_y / 2, cv2.BORDER_REPLICATE)
    far = np.sqrt(ahead**2 + right**2)
    grazing = np.clip(cam.height / far - 0.75 * sz, 0.02, 1)
    fresnel = (0.04 + 0.96 * (1 - grazing) ** 4.5)[..., None]
    body = np.array(shot.water, np.float32) * np.clip(1 - 1.5 * sz, 0.4, 2.2)[..., None]
    sea = body + (shine - body) * fresnel

    # Glitter: the facets whose slope throws the sun into the camera.
    sun_dir = np.array((shot.sun[0], shot.sun[1], cam.focal)) / np.hypot(cam.focal, np.hypot(*shot.sun))
    half_x = sun_dir[0] - right / far
    half_y = sun_dir[1] + cam.height / far
    half_z = sun_dir[2] - ahead / far
    miss = (sx + half_x / half_y) ** 2 + (sz + half_z / half_y) ** 2
    rough = 0.0016 + 0.009 * smoothstep(15, 160, ahead)
    glint = np.exp(-miss / rough) * np.sqrt(0.003 / rough) * 1.5
    return sea + glint[..., None] * np.array(shot.sun_colour, np.float32)


def draw_gulls(view: Array, cam: Camera, shot: Shot, t: float) -> None:
    """Draw a few gulls on smooth paths into `view` (height, width, 3), in place."""
    rng = np.random.default_rng(21)
    for _ in range(7):
        x0, y0, speed, size, phase = rng.uniform((100, 40, -45, 10, 0), (1200, 190, 45, 26, 6))
        x = cam.cx / cam.zoom - VIEW_W / 2 + x0 + speed * t
        y = y0 + 14 * np.sin(0.7 * t + phase)
        beat = np.sin(t * (9 - size / 5) + phase) * (0.55 + 0.45 * np.sin(0.9 * t + phase))
        lean = np.sign(speed)
        tip, front, back = -0.5 * beat, -0.32 - 0.25 * beat, -0.14 - 0.2 * beat
        wings = [(-1, tip), (-0.45, front), (0, 0), (0.45, front), (1, tip), (0.42, back)]
        wings += [(0, 0.14), (-0.42, back)]
        body = paint.ring(0.12 * lean, 0.06, 0.34, 0.10)
        for shape, tint in ((wings, (0.80, 0.80, 0.82)), (body, (0.97, 0.95, 0.92))):
            points = (np.array(shape) * size + (x, y)) * cam.zoom
            colour = [float(a * b) for a, b in zip(tint, shot.light, strict=True)]
            cv2.fillPoly(view, [np.round(points * 16).astype(np.int32)], colour, cv2.LINE_AA, 4)


def render_frame(shot: Shot, cards: list[Card], t: float, index: int) -> NDArray[np.uint8]:
    """Render one frame, (height, width, 3) uint8 RGB, `t` seconds into the shot."""
    cam, h = camera_at(shot, t), shot.horizon
    wide, high = cam.view
    width, height = wide // 2, high // 2
    sky = render_sky(shot, cam, t)
    mirror = np.empty((height, width, 3), np.float32)
    mirror[: h // 2] = sky
    below = np.minimum(np.arange(height - h // 2), h // 2 - 1)
    mirror[h // 2 :] = sky[::-1][below]
    for card in cards:
        blend(mirror, card, cam, t, True)
    view = np.empty((high, wide, 3), np.float32)
    view[:h] = cv2.resize(sky, (wide, h), interpolation=cv2.INTER_LINEAR)
    view[h:] = render_water(shot, cam, mirror, t)
    fog = np.exp(-np.arange(high - h, dtype=np.float32) / (9 * cam.zoom))[:, None, None]
    view[h:] += 0.7 * fog * (np.array(shot.low_sky, np.float32) - view[h:])
    for card in cards:
        blend(view, card, cam, t, False)
    draw_gulls(view, cam, shot, t)
    small = cv2.resize(view, (width, height), interpolation=cv2.INTER_AREA)
    # As film does: bright light spreads, highlights roll off, and there is grain.
    bloom = cv2.GaussianBlur(np.clip(small - 0.75, 0, 1.5), (0, 0), 9 * cam.zoom)
    small += 0.45 * bloom
    small = np.where(small > 0.8, 0.8 + 0.2 * np.tanh((small - 0.8) / 0.2), small)
    rows = (np.arange(height) + 97 * index) % NOISE_SIZE
    cols = (np.arange(width) + 61 * index) % NOISE_SIZE
    small += 0.006 * noise(0.3, 9)[np.ix_(rows, cols)][..., None]
    return np.round(np.clip(small, 0, 1) * 255).astype(np.uint8)


def afternoon(zoom: float = 1.0) -> tuple[Shot, list[Card]]:
    """Return the first shot: sun ahead on the right, the camera gliding right and forward."""
    shot = Shot(
        zenith=(0.20, 0.42, 0.66), low_sky=(0.86, 0.80, 0.70), sun_colour=(1.0, 0.84, 0.58),
        sun=(330, 205), cloud_dark=(0.52, 0.55, 0.63), light=(0.98, 0.92, 0.84),
        water=(0.05, 0.23, 0.26), haze=650, lamps=0.03, horizon=316,
        start=(-5.5, 3.7, 0.0), speed=(1.7, 0.06, 0.55), pan=6,
    ).zoomed(zoom)  # fmt: skip
    cards = paint.coast(shot, 49, 130)
    cards.append(paint.town(shot, -62, 16, 72, 1))
    cards.append(paint.sailboat(shot, -27, 64, (0.2, 0.32, 0.5), None, 1, 0.75))
    cards.append(paint.sailboat(shot, -8, 62, (0.86, 0.84, 0.78), None, -1, 0.75))
    cards.append(paint.sailboat(shot, 5, 66, (0.6, 0.16, 0.14), None, 1, 0.75))
    cards.append(paint.sailboat(shot, 27, 58, (0.9, 0.88, 0.82), (0.82, 0.36, 0.22), -1, 1.0))
    cards.append(paint.sailboat(shot, 9.5, 33, (0.14, 0.24, 0.42), (0.97, 0.93, 0.84), 1, 0.95))
    cards.append(paint.trawler(shot, -8.5, 29, (0.12, 0.42, 0.5), 1))
    cards.append(paint.jetty(shot, -19, -4.2, 14))
    return shot, cards


def golden_hour(zoom: float = 1.0) -> tuple[Shot, list[Card]]:
    """Return the second shot: low sun on the left, the camera closer, gliding left and up."""
    shot = Shot(
        zenith=(0.22, 0.26, 0.48), low_sky=(0.98, 0.66, 0.44), sun_colour=(1.0, 0.62, 0.30),
        sun=(-305, 92), cloud_dark=(0.40, 0.30, 0.42), light=(0.88, 0.66, 0.56),
        water=(0.07, 0.11, 0.17), haze=420, lamps=0.45, horizon=344,
        start=(3.4, 2.3, 0.0), speed=(-1.0, 0.22, 0.25), pan=-5,
    ).zoomed(zoom)  # fmt: skip
    cards = paint.coast(shot, -78, 150)
    cards.append(paint.town(shot, -10, 50, 52, 5))
    cards.append(paint.sailboat(shot, 13, 44, (0.85, 0.83, 0.78), None, -1, 0.8))
    cards.append(paint.sailboat(shot, -17, 46, (0.5, 0.14, 0.14), (0.95, 0.86, 0.72), 1, 0.9))
    cards.append(paint.sailboat(shot, -6.0, 30, (0.16, 0.28, 0.3), None, 1, 0.9))
    cards.append(paint.trawler(shot, 3.6, 17.5, (0.68, 0.16, 0.13), -1))
    cards.append(paint.jetty(shot, 5.5, 16, 11))
    return shot, cards


def render_clip(rows: int = ROWS) -> Iterator[NDArray[np.uint8]]:
    """Yield all frames in order, (rows, 16 / 9 rows, 3) uint8 RGB."""
    for scene, count in zip((afternoon, golden_hour), SHOT_FRAMES, strict=True):
        shot, cards = scene(rows / ROWS)
        cards.sort(key=lambda card: -card.z)
        for i in range(count):
            yield render_frame(shot, cards, i / FPS, i)


def synth_sound(seconds: float) -> Array:
    """Return wash of the sea, a bell buoy and gulls: (2, samples) float32 in -1..1, left first."""
    rng = np.random.default_rng(31)
    n = round(seconds * SAMPLE_RATE)
    t = np.arange(n) / SAMPLE_RATE
    sound = np.zeros((2, n))
    hz = np.fft.rfftfreq(n, 1 / SAMPLE_RATE)
    for channel in range(2):
        for low, high, gain, period in ((60, 500, 0.10, 5.3), (400, 3500, 0.05, 3.7)):
            band = np.exp(-((np.log(np.maximum(hz, 1)) - np.log(np.sqrt(low * high))) ** 2))
            hiss = np.fft.irfft(np.fft.rfft(rng.standard_normal(n)) * band, n)
            swell = 0.55 + 0.45 * np.sin(2 * np.pi * t / period + 0.8 * channel)
            sound[channel] += gain * hiss / hiss.std() * swell
    for start, pan, level in ((0.7, 0.35, 0.10), (2.9, 0.35, 0.07), (5.6, 0.65, 0.09)):
        after = np.maximum(t - start, 0)
        for ratio, part in ((0.5, 0.3), (1, 1), (1.19, 0.6), (1.56, 0.4), (2.0, 0.5), (2.74, 0.25)):
            tone = np.sin(2 * np.pi * 523 * ratio * after) * np.exp(-after * 1.3 * ratio)
            sound += level * part * tone * np.array([[1 - pan], [pan]]) * (t > start)
    cries = ((1.6, 0.8, 1.0), (2.05, 0.78, 1.04), (4.3, 0.2, 0.93), (6.9, 0.7, 1.0))
    for start, pan, pitch in cries:
        after = (t - start) / 0.36  # 0..1 during the cry
        envelope = np.sin(np.pi * np.clip(after, 0, 1)) ** 1.5
        pitch_hz = pitch * (1050 + 520 * np.sin(np.pi * np.clip(after, 0, 1)) - 250 * after)
        phase = 2 * np.pi * np.cumsum(pitch_hz) / SAMPLE_RATE
        cry = sum(np.sin(k * phase) / k**1.3 for k in (1, 2, 3, 4))
        sound += 0.05 * envelope * cry * np.array([[1 - pan], [pan]])
    tail = np.exp(-np.arange(SAMPLE_RATE) / SAMPLE_RATE * 5)  # a second of echo from the quay
    for channel in range(2):
        echo = np.fft.rfft(rng.standard_normal(tail.size) * tail * 0.012, 2 * n)
        sound[channel] += np.fft.irfft(np.fft.rfft(sound[channel], 2 * n) * echo, 2 * n)[:n]
    fade = np.clip(np.minimum(t / 0.05, (seconds - t) / 0.4), 0, 1)
    return np.clip(sound * fade, -1, 1).astype(np.float32)


def write_clip(path: Path, rows: int = ROWS, frames: int = sum(SHOT_FRAMES)) -> None:
    """Render and encode the clip; the same machine writes the same bytes each time."""
    count, step = min(frames, sum(SHOT_FRAMES)), SAMPLE_RATE // FPS
    sound = synth_sound(count / FPS)
    crf = str(CRF if rows <= ROWS else CRF_LARGE)
    options = {"movflags": "+faststart", "fflags": "+bitexact"}
    with av.open(str(path), "w", format="mp4", container_options=options) as out:
        video = out.add_stream("libx264", rate=FPS, options={"crf": crf, "preset": "slower"})
        video.width, video.height, video.pix_fmt = rows * 16 // 9, rows, "yuv420p"
        audio = out.add_stream("aac", rate=SAMPLE_RATE, layout="stereo")
        audio.bit_rate = AUDIO_BITRATE
        for context in (video.codec_context, audio.codec_context):
            context.thread_count = 1  # threads would make the bytes depend on the machine
            context.flags |= av.codec.context.Flags.bitexact
        for tag in ("colorspace", "color_primaries", "color_trc", "color_range"):
            setattr(video.codec_context, tag, 1)  # 1: BT.709, and for the range: limited
        for i, pixels in enumerate(islice(render_clip(rows), count)):
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(
                format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG"
            )
            frame.pts = i
            out.mux(video.encode(frame))
            part = np.ascontiguousarray(sound[:, i * step : (i + 1) * step])
            samples = av.AudioFrame.from_ndarray(part, "fltp", "stereo")
            samples.sample_rate, samples.pts = SAMPLE_RATE, i * step
            out.mux(audio.encode(samples))
        out.mux(video.encode(None))
        out.mux(audio.encode(None))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, nargs="?", default=Path(__file__).with_name("harbour.mp4"))
    parser.add_argument("--rows", type=int, default=ROWS, help="of each frame, a multiple of 18 (default: 360)")
    parser.add_argument("--frames", type=int, default=sum(SHOT_FRAMES), help="of the clip (default: all)")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    write_clip(args.out, args.rows, args.frames)


if __name__ == "__main__":
    main()
