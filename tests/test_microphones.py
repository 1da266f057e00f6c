"""Sound of live recordings: in time with the pictures, whatever the microphone does."""

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from conftest import Result, contents
from media_files import Sound, make_video

from vidstyle.errors import InputError
from vidstyle.media import microphones
from vidstyle.media.frame import Frame
from vidstyle.media.live_sinks import Recording
from vidstyle.media.microphones import open_microphone
from vidstyle.media.sounds import RATE, LiveSound

Cli = Callable[..., Result]
FPS = 25
CHUNK = RATE // 50


class Scripted(LiveSound):
    """A microphone that is heard when the test says so."""

    def say(self, began: float, samples: np.ndarray) -> None:
        self.hear((began, np.tile(samples.astype(np.float32), (2, 1))))


def tone(count: int) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * 440 * np.arange(count) / RATE)


def sound_of(path: Path) -> np.ndarray:
    """The left channel from time 0 on, float32 at RATE."""
    resampler = av.AudioResampler("fltp", "stereo", RATE)
    with av.open(str(path)) as container:
        parts = []
        for frame in container.decode(audio=0):
            if not parts and frame.time:
                parts.append(np.zeros(round(frame.time * RATE), np.float32))
            parts += [part.to_ndarray()[0] for part in resampler.resample(frame)]
    return np.concatenate(parts)


def loud(sound: np.ndarray) -> np.ndarray:
    """For every hundredth of a second, whether there is sound."""
    step = RATE // 100
    parts = sound[: len(sound) // step * step].reshape(-1, step)
    return np.asarray(np.abs(parts).max(axis=1) > 0.1)


def record(path: Path, microphone: Scripted, seconds: float, hear: Callable[[float], None]) -> None:
    """Pictures from time 100 on, and what is heard before each."""
    recording = Recording(path, 64, 48, FPS, sound=microphone)
    for number in range(round(seconds * FPS)):
        time = 100 + Fraction(number, FPS)
        hear(float(time))
        recording.write(Frame(np.zeros((48, 64, 3), np.uint8), round(time * 1_000_000), Fraction(1, 1_000_000)))
    recording.close()


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv", "out.webm", "out.mov"])
def test_sound_begins_and_ends_with_the_pictures_that_it_belongs_to(name: str, tmp_path: Path) -> None:
    microphone = Scripted()

    def hear(time: float) -> None:
        # Two chunks a picture, the first ones before there was any; loud from 0.4 to 1.2 s.
        for began in (time - 0.1, time - 0.08):
            microphone.say(began, tone(CHUNK) if 0.4 <= round(began - 100, 2) < 1.2 else np.zeros(CHUNK))

    record(tmp_path / name, microphone, 2, hear)
    heard = np.flatnonzero(loud(sound_of(tmp_path / name)))
    assert heard[0] == pytest.approx(40, abs=2)
    assert heard[-1] == pytest.approx(119, abs=2)
    assert len(heard) == heard[-1] - heard[0] + 1
    assert not microphone.queues


def test_a_gap_is_silent_and_what_follows_is_in_time(tmp_path: Path) -> None:
    microphone = Scripted()

    def hear(time: float) -> None:
        if not 0.5 <= time - 100 < 1:
            microphone.say(time, tone(2 * CHUNK))

    record(tmp_path / "out.mp4", microphone, 2, hear)
    quiet = np.flatnonzero(~loud(sound_of(tmp_path / "out.mp4"))[:195])
    assert (quiet[0], quiet[-1]) == (pytest.approx(52, abs=4), pytest.approx(99, abs=4))


def test_a_clock_that_runs_fast_does_not_carry_the_sound_away(tmp_path: Path) -> None:
    microphone = Scripted()
    # Ten per cent more samples than fit into the time; loud in the last half second.
    record(
        tmp_path / "out.mp4",
        microphone,
        4,
        lambda time: microphone.say(time, (tone if time >= 103.5 else np.zeros)(2 * CHUNK * 11 // 10)),
    )
    assert np.flatnonzero(loud(sound_of(tmp_path / "out.mp4")))[0] == pytest.approx(350, abs=8)


def test_a_recording_has_the_sound_of_a_microphone(run_cli: Cli, style_file: Path, tmp_path: Path) -> None:
    clip = make_video(tmp_path / "clip.mp4", times=tuple(range(40)), sounds=[Sound(seconds=1.6, pitch=880)])
    options = ["--style", style_file, "--strength", "0", "--camera", clip, "--device", "cpu"]
    result = run_cli("live", *options, "--microphone-name", clip, "--to", tmp_path / "out.mkv", "--json")
    assert result.code == 0
    assert json.loads(result.out)["shown"] > 20
    sound = sound_of(tmp_path / "out.mkv")
    assert 1 < len(sound) / RATE < 1.8
    spectrum = np.abs(np.fft.rfft(sound[RATE // 2 : RATE]))
    assert spectrum.argmax() * 2 == pytest.approx(880, abs=4)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--microphone", "--to", "out.mp4"], "--microphone default: cannot be opened"),
        (["--microphone-name", "silent.mp4", "--to", "out.mp4"], "--microphone silent.mp4: has no sound"),
        (["--microphone", "--to", "pipe:"], "--microphone: is for recordings and streams; name one"),
        (["--microphone-name", "clip.mp4", "--to", "out.gif"], "gif has no sound; record to .mp4"),
    ],
)
def test_sound_that_cannot_be_is_an_error_of_one_line(
    options: list[str],
    why: str,
    run_cli: Cli,
    style_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(microphones, "DEVICES", {"linux": ("alsa", ("no-such-card",))})
    make_video(tmp_path / "clip.mp4", sounds=[Sound()])
    make_video(tmp_path / "silent.mp4")
    result = run_cli("live", "--style", style_file, "--camera", "clip.mp4", "--device", "cpu", "-q", *options)
    assert (result.code, result.out) == (2, "")
    assert why in result.err
    assert result.err.count("\n") == 1
    assert set(contents(tmp_path)) == {"clip.mp4", "silent.mp4"}


@pytest.mark.parametrize(
    ("platform", "name", "opened"),
    [
        ("linux", "default", [("default", "alsa"), ("sysdefault", "alsa")]),
        ("linux", "hw:1", [("hw:1", "alsa")]),
        ("darwin", "default", [(":default", "avfoundation")]),
        ("darwin", "1", [(":1", "avfoundation")]),
        ("win32", "Headset", [("audio=Headset", "dshow")]),
    ],
)
def test_every_platform_has_its_own_names_for_microphones(
    platform: str, name: str, opened: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[tuple[str, str]] = []

    def refuse(file: str, *, format: str, **_: object) -> None:
        tried.append((file, format))
        raise OSError("busy")

    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setattr("av.open", refuse)
    with pytest.raises(InputError, match=f"microphone='{name}': cannot be opened"):
        open_microphone(name)
    assert tried == opened
