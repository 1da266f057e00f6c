"""Small media files, made on the spot, and what is read back out of files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch
from av.codec.context import Flags
from av.video.frame import VideoFrame

import vidstyle
from vidstyle.media.frame import Frame
from vidstyle.media.sources import FileSource
from vidstyle.style_files import Style, StyleCard

WIDTH, HEIGHT = 64, 48
SHADES = 28
"""Pictures that numbered_picture can tell apart."""


def numbered_picture(number: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """A flat grey whose level tells its number, even after lossy coding: RGB (H, W, 3) uint8."""
    return np.full((height, width, 3), 20 + 8 * (number % SHADES), np.uint8)


def number_of(pixels: np.ndarray) -> int:
    """The number of a numbered_picture."""
    return round((float(np.median(pixels)) - 20) / 8)


BITS = 10
"""Of a bar code."""


def barcode(number: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """A picture with its number written in bars, the highest bit first, black for 0 and white for 1.

    Read back it tells which frame this is, whatever scaling, coding and captions in the upper half did to it.
    """
    bits = [number >> bit & 1 for bit in reversed(range(BITS))]
    bars = np.array([bits[x * BITS // width] for x in range(width)], np.uint8) * 219 + 16
    return np.ascontiguousarray(np.broadcast_to(bars[None, :, None], (height, width, 3)))


def read_barcode(pixels: np.ndarray) -> int:
    """The number of a barcode."""
    height, width = pixels.shape[:2]
    centers = [(2 * bit + 1) * width // (2 * BITS) for bit in range(BITS)]
    return int("".join(str(int(pixels[3 * height // 4, x].mean() > 128)) for x in centers), 2)


def colorful_picture(number: int = 0, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """Smooth ramps of all three primaries, moving with `number`: RGB (H, W, 3) uint8."""
    x = np.linspace(0, 1, width)[None, :]
    y = np.linspace(0, 1, height)[:, None]
    phase = number / SHADES
    ramps = (0.1 + 0.8 * x + 0 * y, 0.1 + 0.8 * y + 0 * x, 0.5 + 0.4 * np.sin(3 * (x + y) + phase))
    return np.rint(255 * np.stack(ramps, axis=-1)).astype(np.uint8)


def quartered_picture(width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """Red, green in the upper row, blue, white in the lower one: shows which side is up."""
    picture = np.empty((height, width, 3), np.uint8)
    picture[: height // 2, : width // 2] = (220, 30, 30)
    picture[: height // 2, width // 2 :] = (30, 220, 30)
    picture[height // 2 :, : width // 2] = (30, 30, 220)
    picture[height // 2 :, width // 2 :] = 230
    return picture


def corner_colors(pixels: np.ndarray) -> list[str]:
    """The names of a quartered_picture's colours: upper left, upper right, lower left, lower right."""
    height, width = pixels.shape[:2]
    names = []
    for y, x in ((1, 1), (1, 3), (3, 1), (3, 3)):
        bright = pixels[y * height // 4, x * width // 4] > 128
        names.append("white" if bright.all() else ("red", "green", "blue")[int(np.argmax(bright))])
    return names


@dataclass(frozen=True)
class Sound:
    """An audio track to make: a tone.

    Attributes:
        codec: FFmpeg's name of the encoder.
        seconds: how long it sounds; 0 makes a track without a packet.
        offset: seconds at which it begins.
        language: tag of the track.
        pitch: Hz.
        rate: samples per second.
        layout: of the channels.
    """

    codec: str = "aac"
    seconds: float = 1.0
    offset: float = 0.0
    language: str | None = None
    pitch: float = 440.0
    rate: int = 48000
    layout: str = "stereo"


TWO_SOUNDS = (Sound(language="eng"), Sound("libmp3lame", language="ita", pitch=880))
"""Two tracks, of two codecs and languages."""

WITH_B_FRAMES = {"crf": "4", "x264-params": "bframes=3:b-adapt=0"}


def make_video(
    path: Path,
    *,
    pictures: Sequence[np.ndarray] = (),
    times: Sequence[int] = tuple(range(10)),
    time_base: Fraction = Fraction(1, 25),
    rate: Fraction | int = 25,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    sounds: Sequence[Sound] = (),
    tags: dict[str, str] | None = None,
    chapters: Sequence[tuple[float, float, str]] = (),
    prepare: Callable[[av.VideoStream], None] = lambda _: None,
    encoded: Callable[[VideoFrame], VideoFrame] = lambda frame: frame,
) -> Path:
    """A video of one picture at each of `times`, in ticks of `time_base`; the last one lasts 1 / rate.

    Args:
        path: where to; its suffix chooses the container.
        pictures: RGB (H, W, 3) uint8, numbered pictures by default.
        times, time_base: when each is shown.
        rate: frames per second that the container is told of.
        codec, pixel_format, options: of the encoder; H.264, nearly lossless, by default.
        container_options: of the muxer.
        sounds: audio tracks.
        tags, chapters: of the container; chapters as (start, end, title).
        prepare: sets up the stream further.
        encoded: turns an RGB frame into what the encoder is given, in place of `pixel_format`.
    """
    if options is None:
        options = {"crf": "4", "preset": "veryfast"} if codec == "libx264" else {}
    pictures = pictures or [numbered_picture(n) for n in range(len(times))]
    with av.open(str(path), "w", options=container_options or {}) as output:
        output.metadata.update(tags or {})
        stream = output.add_stream(codec, rate=rate, options=options)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pixel_format
        stream.codec_context.time_base = time_base
        stream.codec_context.flags |= Flags.frame_duration
        prepare(stream)
        tracks = [_add_track(output, sound) for sound in sounds]
        output.set_chapters([_chapter(number, *chapter) for number, chapter in enumerate(chapters)])
        ends = [*times[1:], times[-1] + max(1, round(1 / (rate * time_base)))]
        for picture, pts, end in zip(pictures, times, ends, strict=True):
            frame = encoded(VideoFrame.from_ndarray(picture, "rgb24"))
            frame.pts, frame.time_base, frame.duration = pts, time_base, end - pts
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        for sound, track in zip(sounds, tracks, strict=True):
            _write_sound(output, track, sound)
    return path


def _chapter(number: int, start: float, end: float, title: str) -> dict[str, object]:
    milliseconds = {"start": round(1000 * start), "end": round(1000 * end), "time_base": Fraction(1, 1000)}
    return {"id": number, "metadata": {"title": title}, **milliseconds}


def _add_track(output: av.container.OutputContainer, sound: Sound) -> av.AudioStream:
    track = output.add_stream(sound.codec, rate=sound.rate, options={"strict": "experimental"})
    track.layout = sound.layout
    if sound.language:
        track.metadata["language"] = sound.language
    return track


def _write_sound(output: av.container.OutputContainer, track: av.AudioStream, sound: Sound) -> None:
    samples = np.arange(round(sound.seconds * sound.rate))
    if not len(samples):
        return
    wave = 0.4 * np.sin(2 * np.pi * sound.pitch * samples / sound.rate).astype(np.float32)
    frame = av.AudioFrame.from_ndarray(np.tile(wave, (track.layout.nb_channels, 1)), "fltp", sound.layout)
    frame.rate, frame.pts, frame.time_base = sound.rate, round(sound.offset * sound.rate), Fraction(1, sound.rate)
    resampler = av.AudioResampler(track.format, track.layout, sound.rate, track.frame_size or 1024)
    for part in [*resampler.resample(frame), *resampler.resample(None)]:
        output.mux(track.encode(part))
    output.mux(track.encode(None))


def add_subtitles(source: Path, path: Path, lines: Sequence[tuple[float, float, str]], codec: str) -> Path:
    """A copy of `source` with subtitles, each line as (start, end, text)."""
    with av.open(str(source)) as container, av.open(str(path), "w") as output:
        copies = {s.index: output.add_stream_from_template(s, opaque=True) for s in container.streams}
        output.metadata.update(container.metadata)
        subtitles = output.add_mux_stream(codec)
        subtitles.time_base = Fraction(1, 1000)
        for packet in container.demux():
            if packet.size:
                packet.stream = copies[packet.stream.index]
                output.mux(packet)
        for start, end, text in lines:
            data = text.encode()
            packet = av.Packet(len(data).to_bytes(2, "big") + data if codec == "mov_text" else data)
            packet.stream, packet.time_base = subtitles, Fraction(1, 1000)
            packet.pts = packet.dts = round(1000 * start)
            packet.duration = round(1000 * (end - start))
            output.mux(packet)
    return path


def cut(path: Path, share: float) -> Path:
    """Cut a file off after a share of its bytes, in place."""
    data = path.read_bytes()
    path.write_bytes(data[: round(share * len(data))])
    return path


def repaint(source: Path, output: Path, **options: object) -> vidstyle.Summary:
    """vidstyle.restyle at strength 0, which shows the source: only what becomes of files and colours is at stake."""
    style = Style(StyleCard("none", Path("none"), "none"), torch.nn.Identity())
    return vidstyle.restyle(source, output, style=style, strength=0, device="cpu", **options)


def read_video(path: Path) -> list[tuple[Fraction, np.ndarray]]:
    """Time in seconds and pixels, RGB (H, W, 3), of every frame, as any player would see them."""
    with av.open(str(path)) as container:
        return [(frame.pts * frame.time_base, frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]


def read_times(path: Path) -> list[Fraction]:
    """Time of every frame, seconds."""
    with av.open(str(path)) as container:
        return [frame.pts * frame.time_base for frame in container.decode(video=0)]


def read_numbers(path: Path) -> list[int]:
    """The numbers of a video of numbered pictures, frame by frame."""
    return [number_of(pixels) for _, pixels in read_video(path)]


def codecs_of(path: Path) -> list[str]:
    """Names of the codecs of all tracks but the first."""
    with av.open(str(path)) as container:
        names = [s.codec_context.codec.canonical_name for s in container.streams if s.type != "data"]
    return names[1:]


def frames_of(path: Path, **options: object) -> list[Frame]:
    """All frames of a video, as they are read."""
    source = FileSource(path, **options)
    try:
        return list(source)
    finally:
        source.close()


def numbers_of(frames: list[Frame]) -> list[int]:
    """Of frames of numbered pictures."""
    return [number_of(frame.pixels) for frame in frames]


def read_packets(path: Path, index: int) -> list[tuple[Fraction, bytes]]:
    """Time in seconds and contents of every packet of a track."""
    with av.open(str(path)) as container:
        return [(p.pts * p.time_base, bytes(p)) for p in container.demux(container.streams[index]) if p.size]


def psnr(one: np.ndarray, other: np.ndarray, peak: float = 255) -> float:
    """Peak signal-to-noise ratio of two arrays of the same shape, dB."""
    error = np.mean((one.astype(np.float64) - other.astype(np.float64)) ** 2)
    return float(10 * np.log10(peak**2 / max(error, 1e-10)))


def box(kind: bytes, data: bytes) -> bytes:
    """A box of MP4."""
    return (8 + len(data)).to_bytes(4, "big") + kind + data


def insert_boxes(path: Path, data: bytes) -> Path:
    """Put boxes into the sample entry of the first track of an MP4 whose index lies at its end, in place."""
    content = bytearray(path.read_bytes())
    begin, end, parents = 0, len(content), []
    for kind, skip in ((b"moov", 8), (b"trak", 8), (b"mdia", 8), (b"minf", 8), (b"stbl", 8), (b"stsd", 16), (None, 0)):
        while kind is not None and content[begin + 4 : begin + 8] != kind:
            begin += int.from_bytes(content[begin : begin + 4], "big")
        parents.append(begin)
        end = begin + int.from_bytes(content[begin : begin + 4], "big")
        begin += skip
    content[end:end] = data
    for parent in parents:
        size = int.from_bytes(content[parent : parent + 4], "big") + len(data)
        content[parent : parent + 4] = size.to_bytes(4, "big")
    path.write_bytes(content)
    return path


def insert_elements(path: Path, elements: dict[int, int]) -> Path:
    """Put elements of one byte into the video track of a Matroska file that was written without an index, in place.

    FFmpeg writes that the unit of its size is unknown, where other programs mean pixels.
    """
    content = bytearray(path.read_bytes())
    begin, end, parents = 0, len(content), []
    for kind in (0x18538067, 0x1654AE6B, 0xAE, 0xE0):
        while True:
            wide = 9 - content[begin].bit_length()
            length = 9 - content[begin + wide].bit_length()
            size = int.from_bytes(content[begin + wide : begin + wide + length], "big") & ((1 << 7 * length) - 1)
            here = begin + wide
            if int.from_bytes(content[begin:here], "big") == kind:
                break
            begin = here + length + size
        parents.append((here, length, size))
        begin, end = here + length, min(here + length + size, len(content))
    data = b"".join(kind.to_bytes(2, "big") + bytes([0x81, value]) for kind, value in elements.items())
    content[end:end] = data
    for here, length, size in parents:
        if size != (1 << 7 * length) - 1:
            content[here : here + length] = ((1 << 7 * length) | (size + len(data))).to_bytes(length, "big")
    path.write_bytes(bytes(content).replace(b"\x54\xb2\x81\x04", b"\x54\xb2\x81\x00"))
    return path
