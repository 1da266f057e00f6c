"""Laying the pixels of keys over each other, as a View says, where anything has changed."""

from functools import cached_property

import cv2
import numpy as np

from vidstyle.stream.key_maps import Key, View
from vidstyle.stream.map_loops import planes_along
from vidstyle.stream.memory import MOST_KEYS
from vidstyle.stream.plane_drawing import draw_planes
from vidstyle.stream.plane_rows import PAD, mark
from vidstyle.stream.planes import empty, is_planar, luma_of, picture_size, planes_of

SHARPEN, SHARPEN_RADIUS = 0.1, 0.8
"""Share and radius (pixels) of the unsharp mask that makes up for some of what resampling takes away; what has not
moved is not resampled, and shown as painted however often it is drawn."""
FIT_SIDE, FIT_SPREAD = 15, 30.0
"""Positions along the square in which colours of source and painting are compared, and the variance of grey levels
below which there is nothing to compare."""

TINT_BLUR, TINT_SHARE = 4.0, 1e-5
"""Grey levels over which the colours of lumas are averaged, and the share that the mean of all has in them."""


class Layout:
    """Draws what is shown, frame after frame, all of one size and kind."""

    def __init__(self) -> None:
        self._shape: tuple[int, ...] = ()
        self._newest_fit: _Fit | None = None
        self.forget()

    def forget(self) -> None:
        """What comes next has nothing to do with what was."""
        self._last: np.ndarray | None = None
        self._slots: dict[int, int] = {}
        self._fits: dict[int, _Fit] = {}

    def draw(self, view: View, source: np.ndarray) -> np.ndarray:
        """Pixels of a frame; waits for the paintings of all keys in the view.

        Args:
            view: what to show.
            source: the frame's own pixels, in the kind and size of the paintings.

        Returns:
            Pixels of the same kind and size, which must not be written to.
        """
        if source.shape != self._shape:
            self._make_room(source)
            self.forget()
        if view.begins:
            self.forget()
        for layer in view.layers:
            if layer.key.number not in self._slots:
                self._keep(layer.key, view)
        if view.begins and len(view.layers) == 1:
            # Nothing has been resampled yet that would have to be made up for.
            self._last = view.layers[0].key.painting.result()
            return self._last
        if self._last is not None and not view.changed.any():
            return self._last
        if not view.layers:
            return self._tinted(source) if self._last is None else self._last
        self._last = self._drawn(view, source)
        return self._last

    @property
    def last(self) -> np.ndarray | None:
        """What was drawn last, which what comes next builds upon; None if nothing was."""
        return self._last

    def go_on_from(self, last: np.ndarray) -> None:
        """Draw what comes next as if this had been drawn last."""
        self._make_room(last)
        self.forget()
        self._last = last

    def _make_room(self, pixels: np.ndarray) -> None:
        self._shape = pixels.shape
        self._planes = []
        for planes in _stacked(pixels):
            padded = (side + 2 * PAD for side in planes.shape[1:])
            self._planes.append(np.empty((2, len(planes), MOST_KEYS + 1, *padded), np.uint8))

    def learn_colors(self, key: Key) -> None:
        """From the painting of a key, for frames of which nothing has been painted yet."""
        self._newest_fit = _Fit(key.painting.result(), key.source)

    def _tinted(self, source: np.ndarray) -> np.ndarray:
        """A frame of which nothing has been painted yet, in the colours that the last key gave to such luma."""
        if self._newest_fit is None:
            return source
        luma = luma_of(source)
        result = np.empty_like(source)
        outs = _flat(result)
        for table, out in zip(self._newest_fit.table, outs, strict=True):
            cv2.LUT(cv2.resize(luma, (out.shape[1], out.shape[0]), interpolation=cv2.INTER_AREA), table, out)
        return result if is_planar(source) else cv2.merge(outs)

    def _keep(self, key: Key, view: View) -> None:
        """Put the painting of a key where there is room for it."""
        wanted = {layer.key.number for layer in view.layers}
        self._slots = {number: slot for number, slot in self._slots.items() if number in wanted}
        self._fits = {number: fit for number, fit in self._fits.items() if number in wanted}
        slot = min(set(range(MOST_KEYS + 1)) - set(self._slots.values()))
        painting = key.painting.result()
        for planes, kept in zip(_stacked(painting), self._planes, strict=True):
            for number, plane in enumerate(planes):
                soft = cv2.GaussianBlur(plane, (0, 0), SHARPEN_RADIUS)
                _pad(plane, kept[0, number, slot], cv2.BORDER_REFLECT)
                sharp = cv2.addWeighted(plane, 1 + SHARPEN, soft, -SHARPEN, 0)
                _pad(sharp, kept[1, number, slot], cv2.BORDER_REFLECT)
        self._slots[key.number] = slot
        self._fits[key.number] = self._newest_fit = _Fit(painting, key.source)

    def _drawn(self, view: View, source: np.ndarray) -> np.ndarray:
        shape = view.changed.shape
        still = np.zeros((*shape, 2), np.float32)
        changed = view.changed if self._last is not None else np.ones_like(view.changed)
        last = self._tinted(source) if self._last is None else self._last
        held = view.held if self._last is not None else np.zeros_like(view.held)
        slots = np.array([self._slots[layer.key.number] for layer in view.layers], np.int64)
        shifts = _planar(*(still if layer.shift is None else layer.shift for layer in view.layers))
        overs = np.stack([layer.over for layer in view.layers])
        flow = _planar(still if view.flow is None else view.flow)
        counts = np.empty((len(overs) + 3, shape[0]), np.int64)
        runs = np.empty((*counts.shape, shape[1] // 2 + 1, 2), np.int16)
        mark(overs, view.uncovered, view.fading, changed, runs, counts)
        colored = counts[len(overs)].any() and (held < 1).any()
        tints = self._colors(view) if colored else np.zeros((6, *shape), np.float32)
        luma = np.ascontiguousarray(luma_of(source))
        result = empty(picture_size(source), planar=is_planar(source))
        outs = _stacked(result) if is_planar(source) else [np.empty((3, *result.shape[:2]), np.uint8)]
        fields = np.stack((held, view.fading))
        channel = 0
        for number, (out, before, keys) in enumerate(zip(outs, _stacked(last), self._planes, strict=True)):
            chosen = slice(2 * channel, 2 * (channel + len(out)))
            padded = np.empty((len(before), *keys.shape[-2:]), np.uint8)
            for plane, room in zip(before, padded, strict=True):
                _pad(plane, room, cv2.BORDER_REPLICATE)
            colors = tints[chosen]
            # Of chroma nobody sees so much.
            cubic = number == 0
            draw_planes(out, padded, keys, slots, shifts, overs, flow, fields, colors, runs, counts, luma, cubic)
            channel += len(out)
        return result if is_planar(source) else cv2.merge([*outs[0]], result)

    def _colors(self, view: View) -> np.ndarray:
        """Gain and offset of each channel, (6, h, w): the colours that the newest key gives to luma at such places."""
        layer = view.layers[-1]
        fields = self._fits[layer.key.number].fields
        if layer.shift is None:
            return fields
        result = np.empty_like(fields)
        planes_along(fields, layer.shift, result)
        return result


class _Fit:
    """What colours a painting gives to the luma of its source, place by place."""

    def __init__(self, painting: np.ndarray, source: np.ndarray) -> None:
        self._painting, self._source = painting, source

    @cached_property
    def _small(self) -> np.ndarray:
        """The painting at the positions, (h, w, 3) float32."""
        height, width = self._source.shape[:2]
        small = [cv2.resize(p, (width, height), interpolation=cv2.INTER_AREA) for p in _flat(self._painting)]
        return np.dstack(small).astype(np.float32)

    @cached_property
    def table(self) -> np.ndarray:
        """(3, 256) uint8: what a luma becomes in each channel, on average."""
        luma = self._source[..., 0].reshape(-1)
        counts = np.bincount(luma, minlength=256).astype(np.float32)
        result = []
        for number in range(3):
            sums = np.bincount(luma, self._small[..., number].reshape(-1), 256).astype(np.float32)
            near = [
                cv2.GaussianBlur(x[None], (0, 0), TINT_BLUR, borderType=cv2.BORDER_CONSTANT) for x in (sums, counts)
            ]
            # Lumas that nothing is near to get the mean of all.
            mean = (near[0] + TINT_SHARE * sums.sum()) / (near[1] + TINT_SHARE * counts.sum())
            result.append(np.clip(np.rint(mean[0]), 0, 255).astype(np.uint8))
        return np.stack(result)

    @cached_property
    def fields(self) -> np.ndarray:
        """Gain and offset of each channel, (6, h, w) float32: a guided filter's (He et al. 2010, equations 5 and 6)."""
        painted = self._small
        luma = self._source[..., 0].astype(np.float32)
        side = (FIT_SIDE, FIT_SIDE)
        mean, means = cv2.blur(luma, side), cv2.blur(painted, side)
        variance = cv2.blur(luma * luma, side) - mean * mean
        covariance = cv2.blur(luma[..., None] * painted, side) - mean[..., None] * means
        gain = covariance / (variance + FIT_SPREAD)[..., None]
        pairs = np.stack((gain, means - gain * mean[..., None]), -1)
        return np.ascontiguousarray(pairs.reshape(*luma.shape, 6).transpose(2, 0, 1))


def _pad(plane: np.ndarray, to: np.ndarray, border: int) -> None:
    """Write a plane (H, W) with what is around it, OpenCV's BORDER_REPLICATE or BORDER_REFLECT, as it is resampled."""
    height, width = to.shape
    if (plane.shape, plane.dtype) != ((height - 2 * PAD, width - 2 * PAD), to.dtype):
        # OpenCV would write into another array.
        raise ValueError(f"a plane of {plane.shape} {plane.dtype} has no room in one of {to.shape} {to.dtype}")
    cv2.copyMakeBorder(plane, PAD, PAD, PAD, PAD, border, to)


def _stacked(pixels: np.ndarray) -> list[np.ndarray]:
    """Planes by their size, (C, H, W): Y, and U with V, views; or R, G and B, a copy."""
    if not is_planar(pixels):
        return [np.stack(cv2.split(pixels))]
    luma, *_ = planes_of(pixels)
    height, width = luma.shape
    return [luma[None], pixels[height:].reshape(2, height // 2, width // 2)]


def _planar(*shifts: np.ndarray) -> np.ndarray:
    """Shifts (h, w, 2) as (2 n, h, w), x and y in turns."""
    result = np.empty((2 * len(shifts), *shifts[0].shape[:2]), np.float32)
    for number, shift in enumerate(shifts):
        cv2.split(shift, [result[2 * number], result[2 * number + 1]])
    return result


def _flat(pixels: np.ndarray) -> list[np.ndarray]:
    """Planes of one channel each: Y, U and V, views; or R, G and B, copies."""
    return [plane for planes in _stacked(pixels) for plane in planes]
