"""A sequence that goes on in another process, or after frames that nobody shows."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from made_scenes import Painter, Warm, landscape, run, scene, strokes, to_planes, view

from vidstyle.errors import VidstyleError
from vidstyle.media.frame import Frame
from vidstyle.stream import Lazily, Stream
from vidstyle.stream.state import read_state, write_state


def grain() -> Painter:
    """Paints each frame otherwise, and the same frame the same."""

    def paint(pixels: np.ndarray) -> np.ndarray:
        noise = np.random.default_rng(int(pixels.sum())).normal(0, 60, pixels.shape)
        return np.clip(pixels + noise, 0, 255).astype(np.uint8)

    return Painter(paint)


def moving(count: int) -> list[np.ndarray]:
    """A pan over a landscape with a cut in its middle."""
    picture = landscape()
    return [view(picture, 3 * n) for n in range(count)] + [scene(1)] * 2 + [view(picture, 5 * n) for n in range(count)]


def frames(pictures: Sequence[np.ndarray]) -> list[Frame]:
    return [Frame(pixels, n, Fraction(1, 25), 1, n == 0) for n, pixels in enumerate(pictures)]


def shown(stream: Stream, part: Sequence[Frame]) -> list[np.ndarray]:
    """What a stream shows of frames, all of which it has let go of at the end."""
    results = []
    for number, frame in enumerate(part):
        stream.submit(frame)
        if number >= stream.depth - 1:
            results.append(stream.result().pixels)
    return results + [stream.result().pixels for _ in range(min(len(part), stream.depth - 1))]


def two_styles() -> list[tuple[float, Painter]]:
    return [(0.0, Painter(strokes)), (0.6, grain()), (1.2, Painter(strokes))]


@pytest.mark.parametrize("at", [1, 9, 21, 23, 31])
@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda: Stream([(0.0, grain())], look_ahead=4), np.asarray),
        (lambda: Stream([(0.0, grain())]), to_planes),
        (lambda: Stream([(0.0, Warm(grain().paint))], look_ahead=4), np.asarray),
        (lambda: Stream([(0.0, grain())], steady=False, look_ahead=3), np.asarray),
        pytest.param(lambda: Stream(two_styles(), look_ahead=4), np.asarray, marks=pytest.mark.slow),
    ],
    ids=["rgb", "planes", "warm starts", "each by itself", "three styles"],
)
def test_a_sequence_that_goes_on_elsewhere_shows_the_same_bytes(
    at: int, make: Callable[[], Stream], kind: Callable[[np.ndarray], np.ndarray], tmp_path: Path
) -> None:
    pictures = frames([kind(picture) for picture in moving(22)])
    whole = shown(make(), pictures)
    before, after = make(), make()
    first = shown(before, pictures[:at])
    write_state(tmp_path / "state.npz", before.state())
    after.restore(read_state(tmp_path / "state.npz"))
    second = shown(after, pictures[at:])
    assert all(np.array_equal(one, other) for one, other in zip(whole, first + second, strict=True))
    assert before.paintings <= after.paintings


def test_a_state_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state.npz").write_bytes(b"PK\3\4 and so on")
    with pytest.raises(VidstyleError, match="cannot be read"):
        read_state(tmp_path / "state.npz")


def test_a_painting_that_takes_those_before_it_is_not_put_off() -> None:
    painter = Warm(grain().paint)
    stream = Stream([(0.0, Lazily(painter))])
    for frame in frames(moving(22)[:22]):
        stream.submit(frame)
        stream.pass_over()
    assert 1 < stream.paintings == 1 + len(painter.begun) == len(painter.seen)


def test_what_is_passed_over_is_remembered_and_hardly_anything_of_it_is_painted() -> None:
    pictures = frames(moving(64)[:64])
    painter = grain()
    whole = run(Stream([(0.0, painter)]), pictures)
    lazy_painter = grain()
    lazily = Lazily(lazy_painter)
    stream = Stream([(0.0, lazily)])
    for frame in pictures[:48]:
        stream.submit(frame)
        stream.pass_over()
    assert not lazy_painter.seen
    # A few frames are drawn for what shows of the last one in the next.
    for frame in pictures[48:54]:
        stream.submit(frame)
        stream.result()
    lazily.lazy = False
    later = [stream.submit(frame) or stream.result().pixels for frame in pictures[54:]]
    assert stream.paintings == len(painter.seen) > len(lazy_painter.seen)
    far = [np.abs(one.astype(int) - other).mean() for one, other in zip(whole[54:], later, strict=True)]
    assert max(far) < 0.5
