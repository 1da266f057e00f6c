"""A camera whose frames are numbered by a bar code, and a reader of it that runs in the page."""

from pathlib import Path

import cv2
import numpy as np

BITS = 10
BAR = 32
"""Pixels; width of the bar code at the left."""


FRAMES = 480
"""Of the camera, until it begins anew: 16 seconds."""


def write_camera(path: Path, size: tuple[int, int] = (640, 360)) -> Path:
    """A Motion JPEG file, which Chromium plays as a camera at 30 frames a second, again and again."""
    width, height = size
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    pictures = []
    for number in range(60):
        waves = (np.sin(9 * x + number / 5), np.cos(7 * y - number / 7), np.sin(5 * (x + y)))
        pictures.append(np.stack([127 + 100 * wave for wave in waves], axis=-1).astype(np.uint8))
    with path.open("wb") as file:
        for number in range(FRAMES):
            picture = pictures[number % len(pictures)]
            for bit in range(BITS):
                picture[bit * height // BITS : (bit + 1) * height // BITS, :BAR] = 255 * (number >> bit & 1)
            file.write(cv2.imencode(".jpg", picture)[1].tobytes())
    return path


PROBE = f"""
(source, sink, painted) => {{
  // Numbers seen by the camera, and the delays until the page shows them.
  const sheet = new OffscreenCanvas(1, {BITS}), pen = sheet.getContext("2d", {{ willReadFrequently: true }});
  const read = (picture, width, height) => {{
    pen.drawImage(picture, width * {BAR / 2 / 640}, 0, 1, height, 0, 0, 1, {BITS});
    const levels = pen.getImageData(0, 0, 1, {BITS}).data;
    let number = 0;
    for (let bit = 0; bit < {BITS}; bit++) if (levels[4 * bit] > 127) number |= 1 << bit;
    return number;
  }};
  const seen = new Map(), shown = [];
  const watch = (now) => {{
    seen.set(read(source, source.videoWidth, source.videoHeight), performance.now());
    source.requestVideoFrameCallback(watch);
  }};
  source.requestVideoFrameCallback(watch);
  painted(() => {{
    const width = sink.width || sink.naturalWidth, height = sink.height || sink.naturalHeight;
    const number = read(sink, sink.naturalWidth || width, sink.naturalHeight || height), now = performance.now();
    if (seen.has(number)) shown.push({{ number, time: now, delay: now - seen.get(number) }});
  }});
  window.shown = shown;
}}
"""

WATCH_WEBCAM = f"""
() => {{
  const webcam = document.querySelector("vs-webcam");
  ({PROBE})(webcam.video, webcam.screen, (call) => webcam.addEventListener("vs-shown", call));
}}
"""
"""For the webcam tab, with the split view on and the mirror off, so that the bar code is not painted over."""
