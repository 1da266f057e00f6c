"""How large files become: no more than asked for, nor a few times the source."""

import re
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from conftest import Result
from media_files import Sound, make_video, repaint

from vidstyle import InputError
from vidstyle.cli.options import parse_amount
from vidstyle.media.bit_rates import BitRate, rate_of
from vidstyle.media.codecs import CODECS

SIZE, SECONDS = (160, 96), 1.2


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second of noise, which takes all the bits that it is given, with sound."""
    chance = np.random.default_rng(0)
    pictures = [chance.integers(0, 256, (SIZE[1], SIZE[0], 3), np.uint8) for _ in range(30)]
    path = tmp_path_factory.mktemp("rates") / "noisy.mp4"
    return make_video(path, pictures=pictures, times=range(30), sounds=[Sound(seconds=SECONDS)])


def rate(path: Path) -> float:
    """Bits a second of the video of a file."""
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(container.streams.video[0]) if packet.size]
    return 8 * sum(packet.size for packet in packets) / SECONDS


@pytest.mark.parametrize("codec", ["h264", "av1", "vp9"])
def test_a_bit_rate_is_heeded(codec: str, noisy: Path, tmp_path: Path) -> None:
    repaint(noisy, tmp_path / "fine.mkv", codec=codec, quality=CODECS[codec].quality[0])
    repaint(noisy, tmp_path / "out.mkv", codec=codec, bitrate=400_000)
    # One second of noise is more than codecs count on, and each has a least number of bits for it.
    assert rate(tmp_path / "out.mkv") < min(0.75 * rate(tmp_path / "fine.mkv"), 1_200_000)


@pytest.mark.parametrize("size", [60_000, 150_000])
def test_a_file_is_no_larger_than_it_may_be(size: int, noisy: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    assert repaint(noisy, out, max_size=size).warnings == []
    assert 0.3 * size < out.stat().st_size <= size


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1", "vp9"])
def test_a_file_may_be_as_large_as_it_likes(codec: str, noisy: Path, tmp_path: Path) -> None:
    assert repaint(noisy, tmp_path / "out.mkv", codec=codec, max_size=2 * 10**9).warnings == []


def test_a_file_that_cannot_be_so_small_is_said_to_be_larger(noisy: Path, tmp_path: Path) -> None:
    (warning,) = repaint(noisy, tmp_path / "out.mkv", codec="vp9", max_size=45_000).warnings
    assert re.search(r"out.mkv: \d+ kB, more than the 45 kB asked for", warning)


def test_every_codec_is_told_in_its_own_words() -> None:
    asked = BitRate(600, 900)
    limited = {"b": "600", "maxrate": "900", "bufsize": "1800"}
    assert asked.options("h264", CODECS["h264"]) == limited | {"threads": "1"}
    for name in ("hevc", "vp9"):
        assert asked.options(name, CODECS[name]) == limited
    assert asked.options("av1", CODECS["av1"]) == {"b": "600", "svtav1-params": "lp=1"}


def test_quality_decides_where_no_size_is_asked_for(noisy: Path) -> None:
    assert rate_of(noisy, bitrate=None, max_size=None) is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--bitrate", "1M", "--quality", "20"), "--quality and --bitrate: give one of the two"),
        (("--bitrate", "1M", "--max-size", "1M"), "--bitrate and --max-size: give one of the two"),
        (("--bitrate", "fast"), "--bitrate fast: takes a number, such as 800k or 25M"),
        (("--bitrate", "10"), "--bitrate 10: takes bits a second"),
        (("--max-size", "1k"), "--max-size 1000: too small for 1.2 s; "),
        (("--bitrate", "1M", "--codec", "ffv1"), "--codec ffv1: has no bit rate to choose"),
    ],
)
def test_what_cannot_be_is_refused(
    refused: Callable[..., str], noisy: Path, style_file: Path, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    assert message in refused("restyle", noisy, tmp_path / "out.mkv", "--style", style_file, *options)


def test_amounts() -> None:
    known = {
        "800k": 800_000,
        "4M": 4_000_000,
        "1.5 MB": 1_500_000,
        "25MB": 25_000_000,
        "3G": 3 * 10**9,
        "70000": 70_000,
    }
    assert {text: parse_amount(text, "--bitrate") for text in known} == known
    for wrong in ("", "M", "4MM", "-3", "1e5"):
        with pytest.raises(InputError):
            parse_amount(wrong, "--bitrate")


def test_a_size_is_asked_for_on_the_command_line(
    run_cli: Callable[..., Result], noisy: Path, style_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.mp4"
    result = run_cli("restyle", noisy, out, "--style", style_file, "--max-size", "60kB", "--strength", 0)
    assert result.code == 0, result.err
    assert out.stat().st_size <= 60_000
