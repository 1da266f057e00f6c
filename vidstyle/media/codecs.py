"""The video codecs that can be written, and what each is told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType

import av
from av.codec.hwaccel import HWAccel

from vidstyle.errors import InputError, parameter
from vidstyle.processor import has_avx512

LARGE_FRAME = 6_000_000
"""Pixels, from which on memory counts for more than the last percent of a file's size."""
FAST_X264 = {"preset": "veryfast", "subq": "1", "partitions": "i8x8,i4x4,p8x8", "motion-est": "dia"}
"""The preset refines motion twice, divides blocks of B-frames, and looks farther: files are 7 % smaller, for a third
of its time."""


@dataclass(frozen=True)
class Codec:
    """One way to encode.

    Attributes:
        encoder: FFmpeg's name of the encoder.
        formats: pixel formats for sources of 8 bits and of more.
        options: what the encoder is told.
        large_options: the same, in their place, for frames of LARGE_FRAME pixels and more.
        quality_option: encoder option that `quality` sets, None where there is nothing to choose.
        quality: default and largest value of it; smaller is better.
        even: the encoder wants even sides.
        tells_range: files of it can say that they use the full range of numbers; others are taken for limited.
        hdr: pixel format for high dynamic range, None where there are no ten bits for it.
        alpha: pixel format for sources with transparency, None if it has none; where, and with which further options.
    """

    encoder: str
    formats: tuple[str, str]
    options: Mapping[str, str] = field(default_factory=dict)
    large_options: Mapping[str, str] = field(default_factory=dict)
    quality_option: str | None = "crf"
    quality: tuple[int, int] = (20, 51)
    even: bool = True
    tells_range: bool = True
    hdr: str | None = None
    alpha: str | None = None
    alpha_options: Mapping[str, str] = field(default_factory=dict)
    alpha_containers: tuple[str, ...] = ("matroska", "webm", "mov", "gif", "apng", "webp")


CODECS: Mapping[str, Codec] = MappingProxyType(
    {
        # Players that show 10-bit H.264 are rare, hence 8 bits always.
        "h264": Codec(
            "libx264",
            ("yuv420p", "yuv420p"),
            FAST_X264,
            # Of 4K, x264 holds 25 MB a frame: twenty of them, or half as many.
            large_options=FAST_X264 | {"x264-params": "rc-lookahead=4:sync-lookahead=0"},
            quality=(18, 51),
        ),
        "hevc": Codec(
            "libx265",
            ("yuv420p", "yuv420p10le"),
            {"preset": "fast", "x265-params": "log-level=error"},
            quality=(22, 51),
            hdr="yuv420p10le",
        ),
        "av1": Codec("libsvtav1", ("yuv420p", "yuv420p10le"), {"preset": "8"}, quality=(28, 63), hdr="yuv420p10le"),
        # The libvpx of PyAV's wheel has 8 bits only.
        "vp9": Codec(
            "libvpx-vp9",
            ("yuv420p", "yuv420p"),
            {"b": "0", "deadline": "good", "cpu-used": "5", "row-mt": "1"},
            quality=(28, 63),
            even=False,
            alpha="yuva420p",
            # Frames that are not shown have no room for it.
            alpha_options={"auto-alt-ref": "0"},
            alpha_containers=("matroska", "webm"),
        ),
        "prores": Codec(
            "prores_ks",
            ("yuv422p10le", "yuv422p10le"),
            {"profile": "3", "vendor": "apl0"},
            quality_option="global_quality",
            quality=(9, 31),
            tells_range=False,
            hdr="yuv422p10le",
            alpha="yuva444p10le",
            alpha_options={"profile": "4", "alpha_bits": "16"},
            alpha_containers=("mov", "matroska"),
        ),
        "ffv1": Codec(
            "ffv1",
            ("bgr0", "bgr0"),
            {"level": "3", "slicecrc": "1"},
            quality_option=None,
            even=False,
            hdr="gbrp10le",
            alpha="bgra",
        ),
        "gif": Codec("gif", ("pal8", "pal8"), quality_option=None, even=False, alpha="pal8"),
        "apng": Codec("apng", ("rgb24", "rgb24"), quality_option=None, even=False, alpha="rgba"),
        "webp": Codec(
            "libwebp_anim",
            # Its YUV is BT.601 whatever the source has, so that libwebp makes it itself.
            ("bgra", "bgra"),
            {"lossless": "0"},
            quality_option="quality",
            quality=(10, 100),
            even=False,
            alpha="bgra",
        ),
    }
)

NVENC: Mapping[str, str] = MappingProxyType({"preset": "p4", "rc": "vbr", "b": "0"})
"""Options of all encoders of NVIDIA's: `cq` is on the scale of x264's CRF, and is heeded only without a bit rate."""
GPU_CODECS: Mapping[str, Codec] = MappingProxyType(
    {
        "h264": Codec(
            "h264_nvenc",
            ("yuv420p", "yuv420p"),
            NVENC,
            quality_option="cq",
            quality=(19, 51),
        ),
        "hevc": Codec(
            "hevc_nvenc",
            ("yuv420p", "p010le"),
            NVENC,
            quality_option="cq",
            quality=(23, 51),
        ),
        "av1": Codec(
            "av1_nvenc",
            ("yuv420p", "p010le"),
            NVENC,
            quality_option="cq",
            quality=(30, 63),
        ),
    }
)
"""Encoders of NVIDIA's GPUs, for what has one in CODECS as well."""

DEFAULT_CODECS = {".gif": "gif", ".webm": "vp9", ".apng": "apng", ".png": "apng", ".webp": "webp", ".avif": "av1"}
"""By suffix; all other containers get H.264."""
TRANSPARENT_CODECS = {".mov": "prores"}
"""The same for sources with transparency."""
HDR_CODECS = {".webm": "av1", ".avif": "av1"}
"""The same for high dynamic range; all other containers get HEVC."""


UNLISTED: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        # FFmpeg keeps no list of what MPEG-TS takes.
        "mpegts": frozenset(
            {
                "libx264",
                "h264_nvenc",
                "libx265",
                "hevc_nvenc",
                "aac",
                "ac3",
                "eac3",
                "mp2",
                "mp3",
                "opus",
                "dvbsub",
                "dvb_teletext",
            }
        )
    }
)


LISTED_WRONGLY: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        # Which its muxer finds out when it writes the header.
        "mov": frozenset({"libsvtav1", "av1_nvenc", "libvpx-vp9", "flac", "opus", "libopus", "truehd"}),
    }
)


UNPLAYED: Mapping[str, tuple[str, ...]] = MappingProxyType({"mp4": ("pcm_", "vorbis")})
"""Beginnings of codecs that FFmpeg writes into a container and that players of the last five years do not play."""


def played(codec: str, container: str) -> bool:
    """Whether players know a codec in a container that takes it."""
    return not codec.startswith(UNPLAYED.get(container, ("-",)))


def codecs_taken(container: av.container.OutputContainer) -> frozenset[str]:
    """FFmpeg's names of the encoders and decoders of everything that an open container takes."""
    name = container.format.name
    listed = container.supported_codecs | UNLISTED.get(name, frozenset())
    return frozenset(listed - LISTED_WRONGLY.get(name, frozenset()))


def encoder_options(codec: Codec, width: int, height: int) -> dict[str, str]:
    """What the encoder is told for frames of a size, pixels, but for their quality."""
    options = codec.large_options if width * height >= LARGE_FRAME and codec.large_options else codec.options
    # What x264 writes with AVX-512 differs from run to run at some widths, and is no sooner written.
    return joined(options, {"x264-params": "asm=AVX2"} if codec.encoder == "libx264" and has_avx512() else {})


def joined(options: Mapping[str, str], more: Mapping[str, str]) -> dict[str, str]:
    """Options of an encoder and more of them; of lists of its own options (x264-params), both."""
    lists = {name for name in more if name in options and name.endswith("-params")}
    return {**options, **more} | {name: f"{options[name]}:{more[name]}" for name in lists}


def choose_codec(name: str | None, output: Path, *, alpha: bool = False, hdr: bool = False) -> tuple[str, Codec]:
    """The codec called `name`, or the usual one for the suffix of `output`; with its name.

    Args:
        name: key of CODECS.
        output: the file to write.
        alpha: whether there is transparency to keep.
        hdr: whether there is high dynamic range to keep.

    Raises:
        InputError: if there is none of that name, or it has no ten bits for high dynamic range.
    """
    suffix = output.suffix.lower()
    name = name or (TRANSPARENT_CODECS.get(suffix) if alpha else None)
    if hdr:
        usual = DEFAULT_CODECS.get(suffix)
        name = name or HDR_CODECS.get(suffix) or ("hevc" if usual is None or CODECS[usual].hdr else usual)
    name = name or DEFAULT_CODECS.get(suffix, "h264")
    if name not in CODECS:
        raise InputError(f"{parameter('codec', name)}: unknown; choose one of {', '.join(CODECS)}")
    if hdr and CODECS[name].hdr is None:
        able = ", ".join(known for known, codec in CODECS.items() if codec.hdr)
        raise InputError(f"{parameter('hdr')}: {name} has 8 bits here; choose {parameter('codec')} of {able}")
    return name, CODECS[name]


def on_gpu(name: str, width: int, height: int) -> Codec | None:
    """The GPU's own way to write the codec called `name`; None if it has none for frames of that size."""
    codec = GPU_CODECS.get(name)
    return codec if codec is not None and opens(codec, width, height) else None


def opens(codec: Codec, width: int, height: int, accelerator: HWAccel | None = None) -> bool:
    """Whether the encoder works here: FFmpeg lists those of every GPU there is, wherever it runs.

    accelerator: to be given frames that are on a device.
    """
    try:
        context = av.CodecContext.create(codec.encoder, "w", accelerator)
        assert isinstance(context, av.VideoCodecContext)
        context.width, context.height = (side + side % 2 for side in (width, height))
        context.pix_fmt, context.time_base = codec.formats[0], Fraction(1, 25)
        context.open()
    except (av.error.FFmpegError, OSError, ValueError, NotImplementedError):
        return False
    return True


def quality_options(name: str, codec: Codec, quality: int | None, finer: int = 0) -> dict[str, str]:
    """Encoder options for `quality`.

    finer: by how much the default is smaller than usual.

    Raises:
        InputError: if it is outside the codec's scale.
    """
    if codec.quality_option is None:
        if quality is not None:
            raise InputError(f"{parameter('quality', quality)}: {name} has no quality to choose; leave it out")
        return {}
    default, worst = codec.quality
    value = max(0, default - finer) if quality is None else quality
    if not 0 <= value <= worst:
        raise InputError(f"{parameter('quality', value)}: {name} takes 0 (best) to {worst}")
    if codec.quality_option == "quality":
        return {"quality": str(worst - value)}  # larger is better in WebP
    if codec.quality_option == "global_quality":
        # FFmpeg's fixed quantiser, in units of FF_QP2LAMBDA.
        return {"flags": "+qscale", "global_quality": str(118 * max(1, value))}
    return {codec.quality_option: str(value)}
