"""The OpenVINO engine: the same pictures as torch, compiled once, whatever becomes of the cache."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import get_args

import cv2
import numpy as np
import pytest
import torch
from media_files import colorful_picture, make_video, psnr, read_video
from torch import nn
from waiting import PATIENCE

from vidstyle import InputError
from vidstyle.engines import choose_engine, make_engine
from vidstyle.engines.compiled_cache import CompiledCache, cache_folder
from vidstyle.engines.precision import integers_are_possible
from vidstyle.engines.torch_cpu import TorchCpuEngine
from vidstyle.errors import VidstyleError
from vidstyle.lazy_network import LazyNetwork
from vidstyle.media.frame import Color, Frame
from vidstyle.nets import FormNet, JohnsonNet, build_network
from vidstyle.nets.realtime import Padding
from vidstyle.processor import prefers_bfloat16
from vidstyle.style_files import StyleCard, network_to_paint, save_style
from vidstyle.styles import load_style

pytest.importorskip("openvino")

from vidstyle.engines import int8, openvino
from vidstyle.engines.openvino import OpenVinoEngine

pytestmark = pytest.mark.slow

SIZES = [(64, 48), (63, 49), (33, 18), (16, 17)]


def noisy_picture(width: int, height: int) -> np.ndarray:
    """Ramps with noise: a network has something to answer to in every pixel.  RGB (H, W, 3) uint8."""
    noise = np.random.default_rng(0).integers(-40, 40, (height, width, 3))
    return (colorful_picture(3, width, height) + noise).clip(0, 255).astype(np.uint8)


def painted(engine: TorchCpuEngine | OpenVinoEngine, pixels: np.ndarray) -> np.ndarray:
    engine.submit(Frame(pixels, 0, Fraction(1), discontinuity=True))
    result = engine.result().pixels
    engine.close()
    return result


def tiny_network() -> nn.Module:
    torch.manual_seed(0)
    return build_network("realtime", {"channels": 16, "blocks": 1}).eval()


def tiny_form(strokes: dict[str, float] | None = None, padding_mode: Padding = "zeros") -> nn.Module:
    """As it would be trained: what the coarse branch says is seen."""
    torch.manual_seed(0)
    network = FormNet(16, 2, widths=(16, 16), depths=(1, 1), strokes=strokes, padding_mode=padding_mode)
    network.eval().requires_grad_(False)
    nn.init.normal_(network.form.up[0].weight, std=0.1)
    return network


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache; the folder that will hold the compiled networks."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "vidstyle" / "openvino"


@pytest.fixture
def conversions(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The shapes that have been converted so far."""
    shapes: list[tuple[int, ...]] = []
    convert = OpenVinoEngine._graph

    def counted(engine: OpenVinoEngine, shape: tuple[int, ...]) -> object:
        shapes.append(shape)
        return convert(engine, shape)

    monkeypatch.setattr(OpenVinoEngine, "_graph", counted)
    return shapes


# --- the same pictures


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_in_float32_it_paints_what_torch_paints(size: tuple[int, int]) -> None:
    network, pixels = load_style("starry_night").network, noisy_picture(*size)
    ours = painted(OpenVinoEngine(network, precision="f32"), pixels).astype(int)
    theirs = painted(TorchCpuEngine(network, dtype=torch.float32), pixels).astype(int)
    assert np.abs(ours - theirs).max() <= 2
    assert np.abs(ours - pixels).mean() > 3


@pytest.mark.skipif(not prefers_bfloat16(), reason="this processor has no bfloat16")
def test_in_bfloat16_it_paints_nearly_the_same() -> None:
    network, pixels = load_style("starry_night").network, noisy_picture(63, 49)
    ours = painted(OpenVinoEngine(network, precision="bf16"), pixels)
    theirs = painted(TorchCpuEngine(network, dtype=torch.float32), pixels)
    assert 38 < psnr(ours, theirs) < 90


def test_held_to_fewer_instructions_everything_is_compiled_all_the_same(
    clip: Path, start_cli: Callable[..., subprocess.Popen[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenVINO's own choice would be bfloat16, which it cannot compile then."""
    for name in ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY"):
        monkeypatch.setenv(name, "avx2")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "nothing measured yet"))
    command = "restyle", clip, tmp_path / "painted.mp4", "--style", "starry_night", "--optimise", "1"
    process = start_cli(*command, "--engine", "openvino")
    told = process.communicate(timeout=PATIENCE)[1]
    assert process.returncode == 0, told
    assert len(read_video(tmp_path / "painted.mp4")) == len(read_video(clip))


def test_what_cannot_be_compiled_is_said_in_a_line() -> None:
    class Core:
        def compile_model(self, *_: object) -> None:
            raise RuntimeError("Exception from core.cpp:117:\nException from plugin.cpp:54:\nbad combination\n\n\n")

    with pytest.raises(
        VidstyleError, match=r"cannot compile this for CPU \(bad combination\); .*engine='torch' does without"
    ):
        openvino.compiled_model(Core(), None, "CPU", {})


@pytest.mark.parametrize("planes", [None, Color(matrix=1), Color(matrix=5, full_range=True)], ids=str)
def test_in_integers_it_paints_nearly_the_same(planes: Color | None) -> None:
    network, pixels = load_style("starry_night").network, noisy_picture(128, 96)
    if planes:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2YUV_I420)
    ours = painted(OpenVinoEngine(network, planes=planes, precision="int8"), pixels)
    theirs = painted(TorchCpuEngine(network, planes=planes, dtype=torch.float32), pixels)
    assert 38 < psnr(ours, theirs) < 90


@pytest.mark.parametrize("precision", ["f32", "int8"])
@pytest.mark.parametrize("planes", [None, Color(matrix=1)], ids=["rgb", "planes"])
@pytest.mark.parametrize(
    ("strokes", "padding_mode"),
    [(None, "zeros"), (None, "replicate"), ({"strength": 0.6}, "zeros"), ({"strength": 0.6}, "replicate")],
)
def test_a_network_with_a_sense_of_form_is_painted_as_torch_does(
    strokes: dict[str, float] | None, padding_mode: Padding, planes: Color | None, precision: str
) -> None:
    network, pixels = tiny_form(strokes, padding_mode), noisy_picture(130, 98)
    if planes:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2YUV_I420)
    ours = painted(OpenVinoEngine(network, planes=planes, precision=precision), pixels)
    theirs = painted(TorchCpuEngine(network, planes=planes, dtype=torch.float32), pixels)
    assert psnr(ours, theirs) > (38 if precision == "int8" else 50)


def test_all_convolutions_but_the_first_are_in_integers(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found, quantise = [], int8.quantise
    monkeypatch.setattr(int8, "quantise", lambda *args: found.append(quantise(*args)))
    painted(OpenVinoEngine(tiny_network(), precision="int8"), noisy_picture(64, 48))
    assert found == [3]
    # Two a block, of which there are two in the trunk and three in the branch; two down, two up; and the last one.
    for padding_mode in get_args(Padding):
        painted(OpenVinoEngine(tiny_form(padding_mode=padding_mode), precision="int8"), noisy_picture(64, 48))
    assert found == [3, 15, 15]
    # Strokes are drawn out of grain and of the canvas; what does not depend on the frame is computed beforehand.
    painted(OpenVinoEngine(tiny_form({"strength": 0.6}), precision="int8"), noisy_picture(64, 48))
    assert found[-1] >= 17


def test_integers_are_for_the_real_time_network_where_nothing_faster_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    ours, other = tiny_network(), JohnsonNet()
    assert integers_are_possible(ours, ["FP32", "INT8"])
    assert not integers_are_possible(ours, ["FP32"])
    assert not integers_are_possible(other, ["FP32", "INT8"])
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert not integers_are_possible(ours, ["FP32", "INT8"])


def test_bounds_leave_out_what_is_rare_and_hold_zero() -> None:
    values = torch.cat((torch.rand(100_000, generator=torch.Generator().manual_seed(0)) - 0.2, torch.tensor([40.0])))
    low, high = int8._bounds(values)
    assert -0.4 < low <= 0
    assert high < 39
    assert abs(low / (high - low) * 255 - round(low / (high - low) * 255)) < 1e-4


def test_any_network_can_be_compiled() -> None:
    torch.manual_seed(0)
    network, pixels = JohnsonNet().eval(), noisy_picture(64, 48)
    ours = painted(OpenVinoEngine(network, precision="f32"), pixels).astype(int)
    theirs = painted(TorchCpuEngine(network, dtype=torch.float32), pixels).astype(int)
    assert np.abs(ours - theirs).max() <= 2


# --- compiled once


def test_a_style_is_compiled_once_for_each_size(own_cache: Path, conversions: list[tuple[int, ...]]) -> None:
    first = [painted(OpenVinoEngine(tiny_network()), noisy_picture(*size)) for size in SIZES[:2]]
    assert conversions == [(48, 64, 3), (49, 63, 3)]
    again = [painted(OpenVinoEngine(tiny_network()), noisy_picture(*size)) for size in SIZES[:2]]
    assert len(conversions) == 2
    for one, other in zip(first, again, strict=True):
        assert (one == other).all()


def test_other_weights_and_precisions_are_compiled_anew(own_cache: Path, conversions: list[tuple[int, ...]]) -> None:
    other = tiny_network()
    with torch.no_grad():
        other.tail.bias += 0.25
    pixels = noisy_picture(64, 48)
    plain = painted(OpenVinoEngine(tiny_network()), pixels)
    assert (painted(OpenVinoEngine(other), pixels) != plain).any()
    exact = painted(OpenVinoEngine(tiny_network(), precision="f32"), pixels)
    coarse = painted(OpenVinoEngine(tiny_network(), precision="int8"), pixels)
    assert (exact != coarse).any()
    # The default is one of the two where bfloat16 is not the fastest: nothing new then.
    assert len(conversions) == 3 + (OpenVinoEngine(tiny_network()).precision == "bf16")


def test_a_broken_entry_is_made_again(own_cache: Path, conversions: list[tuple[int, ...]]) -> None:
    pixels = noisy_picture(64, 48)
    expected = painted(OpenVinoEngine(tiny_network(), precision="f32"), pixels)
    (entry,) = own_cache.iterdir()
    whole = entry.read_bytes()
    for broken in (b"", whole[: len(whole) // 2], whole[:100] + b"?" + whole[101:]):
        conversions.clear()
        entry.write_bytes(broken)
        assert (painted(OpenVinoEngine(tiny_network(), precision="f32"), pixels) == expected).all()
        assert len(conversions) == 1
        assert (painted(OpenVinoEngine(tiny_network(), precision="f32"), pixels) == expected).all()
        assert len(conversions) == 1, "the entry that was made again serves the next time"
    assert [path.name for path in own_cache.iterdir()] == [entry.name]


def test_it_paints_where_nothing_can_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "vidstyle").write_text("a file where the folder should be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert painted(OpenVinoEngine(tiny_network()), noisy_picture(64, 48)).shape == (48, 64, 3)


def test_the_cache_is_where_the_platform_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "vidstyle"
    monkeypatch.delenv("XDG_CACHE_HOME")
    usual = {"darwin": Path.home() / "Library" / "Caches", "linux": Path.home() / ".cache"}
    if sys.platform in usual:
        assert cache_folder() == usual[sys.platform] / "vidstyle"


def test_what_was_unused_for_longest_makes_room(own_cache: Path) -> None:
    # Room for three entries.
    cache = CompiledCache("openvino", largest=1100)
    for age, key in enumerate("cba"):
        cache.get(key, bytes, lambda: (b"", lambda: b"x" * 300))
        os.utime(own_cache / f"{key}.compiled", (0, 1000 - age))
    cache.get("a", bytes, lambda: (b"", bytes))  # the oldest is used again
    being_written = own_cache / ".vidstyle-e.part.compiled"
    being_written.write_bytes(b"x" * 600)
    cache.get("d", bytes, lambda: (b"", lambda: b"x" * 300))
    assert being_written.exists()
    being_written.unlink()
    assert sorted(path.stem for path in own_cache.iterdir()) == ["a", "c", "d"]


# --- which engine paints


def test_auto_takes_openvino_for_the_real_time_network_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert choose_engine("auto", "auto", tiny_network()) == ("openvino", "cpu")
    assert choose_engine("auto", "cpu", tiny_network()) == ("openvino", "cpu")
    assert choose_engine("auto", "cpu", JohnsonNet()) == ("torch", "cpu")
    assert choose_engine("openvino", "auto", JohnsonNet()) == ("openvino", "cpu")
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert choose_engine("auto", "auto", tiny_network()) == ("cuda", "cuda:0")
    assert choose_engine("torch", "auto", tiny_network()) == ("torch", "cpu")


@pytest.mark.parametrize(("engine", "chosen"), [("auto", "torch_cpu"), ("openvino", "openvino")])
def test_frames_of_many_sizes_are_not_compiled_for_unasked(engine: str, chosen: str) -> None:
    made = make_engine(tiny_network(), "cpu", engine=engine, sizes_vary=True)
    made.close()
    assert made.name == chosen
    alike = make_engine(tiny_network(), "cpu", engine=engine)
    alike.close()
    assert alike.name == "openvino"


def test_what_openvino_alone_computes_on_is_left_to_it_whatever_the_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino, "check_device", lambda _: None)
    made: list[str] = []
    monkeypatch.setattr(openvino, "OpenVinoEngine", lambda *_, device, **__: made.append(device))
    make_engine(tiny_network(), "GPU", sizes_vary=True)
    assert made == ["GPU"]


def test_without_openvino_torch_paints(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise InputError("engine='openvino': not here")

    openvino.is_usable.cache_clear()
    monkeypatch.setattr(openvino, "import_openvino", missing)
    try:
        assert choose_engine("auto", "cpu", tiny_network()) == ("torch", "cpu")
        with pytest.raises(InputError, match="engine='openvino': not here"):
            make_engine(tiny_network(), "cpu", engine="openvino")
    finally:
        openvino.is_usable.cache_clear()


@pytest.mark.parametrize(("engine", "device"), [("cuda", "cpu"), ("torch", "cuda:0"), ("openvino", "cuda")])
def test_engine_and_device_go_together(engine: str, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    with pytest.raises(InputError, match=f"engine='{engine}': does not run on device='{device}'"):
        choose_engine(engine, device, tiny_network())


def test_engines_that_nobody_has() -> None:
    with pytest.raises(InputError, match="engine='tensorrt': unknown; use auto, torch, openvino, cuda"):
        choose_engine("tensorrt", "auto", tiny_network())


def test_what_was_compiled_is_found_again_without_torch(tmp_path: Path) -> None:
    # By itself, since torch is here already, and as the command does, which loads less of it.
    clip, style = make_video(tmp_path / "clip.mp4", times=range(2)), tmp_path / "mine.safetensors"
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache"), "LOCALAPPDATA": str(tmp_path / "cache")}
    program = """import sys
from vidstyle.cli.quick_torch import torch_to_paint
from vidstyle.restyling import restyle
with torch_to_paint():
    restyle(*sys.argv[1:3], style=sys.argv[3], engine="openvino")
print("torch" in sys.modules)"""

    def painted_by(output: str) -> tuple[bool, list[np.ndarray]]:
        command = [sys.executable, "-c", program, str(clip), str(tmp_path / output), str(style)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout == "True\n", [pixels for _, pixels in read_video(tmp_path / output)]

    save_style(style, tiny_network(), StyleCard("mine", style, "realtime", {"channels": 16, "blocks": 1}))
    loaded, first = painted_by("first.mp4")
    assert loaded
    loaded, second = painted_by("second.mp4")
    assert not loaded
    assert np.array_equal(first, second)
    # By what is in the file, whatever its name.
    torch.manual_seed(1)
    other = build_network("realtime", {"channels": 16, "blocks": 1})
    save_style(style, other, StyleCard("mine", style, "realtime", {"channels": 16, "blocks": 1}))
    loaded, third = painted_by("third.mp4")
    assert loaded
    assert not np.array_equal(first, third)


@pytest.mark.parametrize("becomes_of_it", ["another", "nothing"])
def test_a_style_is_what_its_file_was_when_it_was_named(own_cache: Path, tmp_path: Path, becomes_of_it: str) -> None:
    mine, arguments, pixels = tmp_path / "mine.safetensors", {"channels": 16, "blocks": 1}, noisy_picture(64, 48)
    card = StyleCard("mine", mine, "realtime", arguments)
    save_style(mine, tiny_network(), card)

    def lazily() -> OpenVinoEngine:
        network = network_to_paint(load_style(mine, lazy=True))
        assert isinstance(network, LazyNetwork)
        return OpenVinoEngine(network)

    expected = painted(lazily(), pixels)
    engine = lazily()
    if becomes_of_it == "nothing":
        mine.unlink()
    else:
        torch.manual_seed(1)
        save_style(mine, build_network("realtime", arguments), card)
    # Nothing has been compiled for this size.
    painted(engine, noisy_picture(96, 64))
    save_style(mine, tiny_network(), card)
    assert np.array_equal(painted(lazily(), pixels), expected)
    first = painted(lazily(), noisy_picture(96, 64))
    shutil.rmtree(own_cache)
    assert np.array_equal(first, painted(lazily(), noisy_picture(96, 64))), "what was kept is of the file as it was"
