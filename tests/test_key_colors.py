"""What a network paints for want of a key has the colours that the keys give to such places."""

from pathlib import Path

import numpy as np
import pytest
from made_scenes import landscape, plain, view
from media_files import make_video, read_video

from vidstyle.keys import restyle_with_keys
from vidstyle.keys.key_colors import KeyColors
from vidstyle.media.images import Picture, write_picture
from vidstyle.styles import load_style

pytestmark = pytest.mark.usefixtures("one_thread")


def toned(frame: np.ndarray) -> np.ndarray:
    """A key: red where the frame is bright, blue where it is dark."""
    luma = frame.mean(-1, keepdims=True) / 255
    return np.rint(luma * (220, 40, 30) + (1 - luma) * (20, 40, 160)).astype(np.uint8)


def broadly_apart(one: np.ndarray, other: np.ndarray) -> float:
    """Grey levels between the means of squares of 16 pixels."""
    means = [
        p[: p.shape[0] // 16 * 16, : p.shape[1] // 16 * 16]
        .astype(float)
        .reshape(p.shape[0] // 16, 16, p.shape[1] // 16, 16, 3)
        .mean((1, 3))
        for p in (one, other)
    ]
    return float(np.abs(means[0] - means[1]).mean())


def test_a_painting_gets_the_broad_colours_of_the_keys_and_keeps_its_strokes() -> None:
    seen, frame = view(landscape(), 0), view(landscape(), 120)
    strokes = 40 * np.sign(np.sin(np.arange(frame.shape[1]) * 1.2))[None, :, None]
    painting = np.clip(plain((90, 160, 60)) + strokes, 0, 255).astype(np.uint8)
    matched = KeyColors([(seen, toned(seen), None)]).matched(painting, frame)
    assert broadly_apart(painting, toned(frame)) > 60
    assert broadly_apart(matched, toned(frame)) < 20
    assert np.diff(matched.astype(float), axis=1).std() > 0.8 * np.diff(painting.astype(float), axis=1).std()


def test_colours_that_no_key_has_are_left_alone() -> None:
    seen = np.clip(view(landscape(), 0).astype(int) // 4, 0, 255).astype(np.uint8)
    frame, painting = plain((240, 250, 200)), plain((90, 160, 60))
    matched = KeyColors([(seen, toned(seen), None)]).matched(painting, frame)
    assert np.abs(matched.astype(int) - painting).max() <= 1


def test_what_is_transparent_gives_no_colours() -> None:
    frame, key = plain(100), plain((200, 0, 0))
    key[:, 96:] = (0, 0, 200)
    alpha = np.zeros(frame.shape[:2], np.uint8)
    alpha[:, 96:] = 255
    matched = KeyColors([(frame, key, alpha)]).matched(plain(100), frame)
    assert np.abs(matched.astype(int) - (0, 0, 200)).max() < 8


def test_what_no_key_has_seen_is_in_the_colours_of_the_keys(
    tmp_path: Path, style_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A network that has learnt nothing at all.
    monkeypatch.setattr("vidstyle.keys.learning.style_of_keys", lambda *_: load_style(style_file))
    frames = [view(landscape(), 12 * n) for n in range(10)]
    film = make_video(tmp_path / "film.mkv", pictures=frames, times=range(10))
    (tmp_path / "keys").mkdir()
    write_picture(tmp_path / "keys" / "000000.png", Picture(toned(frames[0])), overwrite=True)
    notes: list[str] = []
    restyle_with_keys(film, tmp_path / "out.mkv", tmp_path / "keys", on_note=notes.append)
    assert any("has learnt" in note for note in notes)
    last = read_video(tmp_path / "out.mkv")[-1][1]
    came = (slice(None), slice(-80, None))
    assert broadly_apart(last[came], toned(frames[-1])[came]) < 30
