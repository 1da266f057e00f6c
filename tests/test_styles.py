"""Style files: what is written is read again, and nothing else is."""

import json
import os
import pickle
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from conftest import contents
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor

from vidstyle import InputError, Painter, list_styles, load_style
from vidstyle.nets import build_network
from vidstyle.style_files import FORMAT, StyleCard, read_card, save_style
from vidstyle.styles import find_style, first_style

ARGUMENTS = {"channels": 16, "blocks": 1}


@pytest.fixture
def altered(style_file: Path, tmp_path: Path) -> Callable[..., Path]:
    """A copy of a good style file with other metadata or tensors."""

    def alter(tensors: dict[str, Tensor | None] | None = None, **metadata: str) -> Path:
        path = tmp_path / "altered.safetensors"
        weights = {name: t for name, t in (load_file(style_file) | (tensors or {})).items() if t is not None}
        known = {"vidstyle": FORMAT, "network": "realtime", "arguments": json.dumps(ARGUMENTS), "metrics": "{}"}
        save_file(weights, path, known | metadata)
        return path

    return alter


def refusal(path: Path) -> str:
    """What is said of a file that must not be loaded: one line that names it."""
    with pytest.raises(InputError) as caught:
        load_style(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    return message


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    network = build_network("realtime", ARGUMENTS)
    card = StyleCard(
        "wave", tmp_path, "realtime", ARGUMENTS, "The Wave", "Hokusai", "1831", "PD", "abc", metrics={"grid_db": 9.5}
    )
    path = tmp_path / "wave.safetensors"
    save_style(path, network, card)
    style = load_style(path)
    assert (style.card.title, style.card.artist, style.card.year) == ("The Wave", "Hokusai", "1831")
    assert (style.card.licence, style.card.recipe) == ("PD", "abc")
    assert (style.card.name, style.card.path) == ("wave", path)
    assert (style.card.network, style.card.arguments, style.card.metrics) == ("realtime", ARGUMENTS, {"grid_db": 9.5})
    assert style.card.parameters == sum(p.numel() for p in network.parameters())
    assert style.card.bytes == path.stat().st_size
    assert read_card(path) == style.card
    for (name, loaded), original in zip(style.network.named_parameters(), network.parameters(), strict=True):
        assert torch.equal(loaded, original.detach().half().float()), name
        assert (loaded.device.type, loaded.requires_grad) == ("cpu", False)
    assert not style.network.training


def test_a_saved_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    path = tmp_path / "new.safetensors"
    mask = os.umask(0o027)
    try:
        save_style(path, build_network("realtime", ARGUMENTS), StyleCard("new", path, "realtime", ARGUMENTS))
    finally:
        os.umask(mask)
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(contents(tmp_path)) == ["new.safetensors"]


def test_loading_leaves_the_random_numbers_alone(style_file: Path) -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    load_style(style_file)
    assert torch.equal(torch.rand(3), expected)


def test_installed_styles_load_by_name() -> None:
    cards = list_styles()
    assert "starry_night" in [card.name for card in cards]
    for card in cards:
        assert load_style(card.name).card == card
        assert find_style(card.name) == card.path


@pytest.mark.slow
def test_the_picture_of_each_installed_style_is_what_it_paints() -> None:
    with av.open(str(Path(__file__).parents[1] / "examples" / "harbour.mp4")) as container:
        frame = next(f.to_ndarray(format="rgb24") for f in container.decode(video=0) if f.time >= 1)
    for card in list_styles():
        painter = Painter(card.path, engine="torch", steady=False)
        painted = Image.fromarray(painter(frame))
        painter.close()
        with Image.open(card.path.with_suffix(".jpg")) as shown:
            small = painted.resize(shown.size, Image.Resampling.LANCZOS)
            difference = np.abs(np.asarray(small).astype(float) - np.asarray(shown)).mean()
        # What a JPEG file makes of brush strokes.
        assert difference < 12, f"{card.name}: run examples/gallery.py, see there"


def test_an_unknown_name_suggests_its_neighbours() -> None:
    with pytest.raises(InputError, match="'Starry_Nite': no such style; did you mean starry_night"):
        load_style("Starry_Nite")
    with pytest.raises(InputError, match=r"'zzz': no such style; there are: .*starry_night"):
        load_style("zzz")


@pytest.mark.parametrize(
    ("asked", "suggested"),
    [
        ("monet", "water_lilies"),
        ("Paul Cézanne", "cezanne or jourdans_cottage or mont_sainte_victoire"),
        ("van gogh", "saint_remy or starry_night or starry_night_light"),
        ("kanagawa", "great_wave"),
    ],
)
def test_an_artist_or_a_title_suggests_styles(asked: str, suggested: str) -> None:
    with pytest.raises(InputError, match=rf"'{asked}': no such style; did you mean {suggested}\?"):
        load_style(asked)


@pytest.mark.parametrize("name", ["x" * 300, "a\0b"])
def test_a_name_that_no_file_can_have_is_no_style(name: str) -> None:
    with pytest.raises(InputError, match="no such style"):
        find_style(name)


def test_a_folder_of_that_name_is_no_style(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine").mkdir()
    with pytest.raises(InputError, match="'mine': is a folder"):
        find_style("mine")


class Bomb:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self._path,)


def test_a_pickle_is_not_opened_whatever_it_is_called(tmp_path: Path) -> None:
    crater = tmp_path / "crater"
    for name in ("style.safetensors", "style.pt", "style.pkl"):
        path = tmp_path / name
        path.write_bytes(pickle.dumps(Bomb(crater)))
        assert "not a safetensors file" in refusal(path)
        torch.save({"weights": Bomb(crater)}, path)
        assert "not a safetensors file" in refusal(path)
        assert not crater.exists()
    # The bomb is live.
    pickle.loads(pickle.dumps(Bomb(crater)))
    assert crater.exists()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text",
        b"\xff" * 100,
        struct.pack("<Q", 1 << 60) + b"{}",
        struct.pack("<Q", 2) + b"{}",
        struct.pack("<Q", 40) + b'{"a":{"dtype":"F32","shape":[1],"data_of',
    ],
)
def test_files_that_are_no_style(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "broken.safetensors"
    path.write_bytes(data)
    assert refusal(path)


def test_a_file_cut_off(style_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.safetensors"
    path.write_bytes(style_file.read_bytes()[:-10])
    assert "not a safetensors file" in refusal(path)


def test_a_folder_is_no_style(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such style file"):
        load_style(tmp_path)


def test_safetensors_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"weight": torch.zeros(3)}, path)
    assert "not a style of this version" in refusal(path)


def test_the_unaltered_copy_loads(altered: Callable[..., Path]) -> None:
    assert load_style(altered()).card.parameters > 0


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"tail.bias": torch.zeros(47)}, "tensor tail.bias is (47,), not (48,)"),
        ({"tail.bias": None}, "tensor tail.bias is missing"),
        ({"blocks.1.conv1.bias": torch.zeros(16)}, "tensor blocks.1.conv1.bias is unknown to it"),
        ({"tail.bias": torch.full((48,), torch.nan)}, "tensor tail.bias holds values that are not finite numbers"),
        ({"tail.bias": torch.full((48,), -torch.inf)}, "tensor tail.bias holds values that are not finite numbers"),
        ({"tail.bias": torch.zeros(48, dtype=torch.int32)}, "tensor tail.bias holds torch.int32"),
    ],
)
def test_a_tensor_that_does_not_fit_is_named(
    tensors: dict[str, Tensor | None], message: str, altered: Callable[..., Path]
) -> None:
    assert f"does not fit the network 'realtime': {message}" in refusal(altered(tensors))


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"vidstyle": "99"}, "not a style of this version"),
        (
            {"network": "gan"},
            "unknown network 'gan'; known: adain, form, johnson, large, meta-adain, meta-realtime, metanet, "
            "metanet-improved, realtime, shen",
        ),
        ({"network": "johnson", "arguments": "{}"}, "does not fit the network 'johnson'"),
        ({"arguments": "{"}, "its arguments are not JSON"),
        ({"arguments": "[" * 100_000}, "its arguments are not JSON"),
        ({"arguments": "1" * 5000}, "its arguments are not JSON"),
        ({"arguments": "[]"}, "its arguments are not a JSON object"),
        ({"metrics": "none"}, "its metrics are not JSON"),
        ({"arguments": '{"depth": 3}'}, "depth"),
        ({"arguments": '{"self": 3}'}, "self"),
        ({"arguments": '{"channels": "16"}'}, ""),
        ({"arguments": '{"channels": [16]}'}, ""),
        ({"arguments": '{"channels": 1000000000}'}, "network argument channels = 1000000000 is out of range"),
        ({"arguments": '{"blocks": 1e300}'}, "network argument blocks = 1e+300 is out of range"),
        (
            {"network": "form", "arguments": '{"depths": [1, 1000000000]}'},
            "argument depths = 1000000000 is out of range",
        ),
        ({"network": "form", "arguments": '{"depths": [1, 1000]}'}, "take one of each for a level"),
        ({"network": "form", "arguments": '{"widths": "ab"}'}, ""),
        ({"network": "form", "arguments": '{"widths": 3}'}, ""),
        ({"network": "form", "arguments": '{"widths": [[8], 8]}'}, ""),
        ({"arguments": '{"blocks": -1}'}, "network argument blocks = -1 is out of range"),
        ({"arguments": '{"blocks": NaN}'}, "network argument blocks = nan is out of range"),
        ({"arguments": '{"channels": 1024, "canvas": 1024}'}, "does not fit the network"),
        ({"arguments": '{"channels": 16, "blocks": 1, "margin": 1024}'}, "margin = 1024: takes 0 to 3"),
        ({"arguments": '{"channels": 16, "blocks": 1, "margin": 4}'}, "margin = 4: takes 0 to 3"),
        ({"arguments": '{"channels": 16, "blocks": 1, "margin": true}'}, "margin = True is out of range"),
        ({"arguments": '{"channels": 16, "blocks": 1, "margin": 1.5}'}, "cannot paint"),
    ],
)
def test_metadata_that_cannot_be(metadata: dict[str, str], message: str, altered: Callable[..., Path]) -> None:
    begin = time.monotonic()
    assert message in refusal(altered(**metadata))
    assert time.monotonic() - begin < 2


def test_arguments_that_ask_for_much_allocate_nothing(altered: Callable[..., Path]) -> None:
    # 300 blocks of 1024 channels would take 22 GB.
    assert "tensor" in refusal(altered(arguments='{"channels": 1024, "blocks": 300}'))


def test_metrics_that_are_no_numbers_are_left_out(altered: Callable[..., Path]) -> None:
    metrics = '{"a": 1.5, "b": "good", "c": NaN, "d": Infinity, "e": null, "f": 1' + "0" * 400 + "}"
    assert read_card(altered(metrics=metrics)).metrics == {"a": 1.5}


def test_starry_night_comes_first_where_it_is_installed() -> None:
    assert first_style(["great_wave", "starry_night"]) == "starry_night"
    assert first_style(["great_wave", "mine"]) == "great_wave"


def noise_style(path: Path, seed: int, network: str = "realtime", **arguments: Any) -> dict[str, Tensor]:
    """Write a style of random weights; returns them."""
    torch.manual_seed(seed)
    made = build_network(network, arguments)
    save_style(path, made, StyleCard(path.stem, path, network, arguments, title=path.stem.title()))
    return load_style(path).network.state_dict()


def test_a_mix_lies_between_its_styles(tmp_path: Path) -> None:
    a, b = (noise_style(tmp_path / f"{name}.safetensors", seed, **ARGUMENTS) for seed, name in enumerate("ab"))
    text = f"{tmp_path}/a.safetensors:1, {tmp_path}/b.safetensors:3"
    mix = load_style(text)
    for key, tensor in mix.network.state_dict().items():
        torch.testing.assert_close(tensor, 0.25 * a[key] + 0.75 * b[key])
    assert (mix.card.name, mix.card.title) == (text, "A (25%) and B (75%)")
    even = load_style(f"{tmp_path}/a.safetensors,{tmp_path}/b.safetensors").network.state_dict()
    torch.testing.assert_close(even["head.bias"], (a["head.bias"] + b["head.bias"]) / 2)


def test_a_style_with_a_sense_of_form_mixes_with_one_that_has_none(tmp_path: Path) -> None:
    plain = noise_style(tmp_path / "a.safetensors", 0, **ARGUMENTS)
    form = noise_style(tmp_path / "b.safetensors", 1, "form", **ARGUMENTS | {"widths": [8], "depths": [1]})
    for mix in ("a.safetensors:1,{0}/b.safetensors:3", "b.safetensors:3,{0}/a.safetensors:1"):
        style = load_style(f"{tmp_path}/{mix.format(tmp_path)}")
        state = style.network.state_dict()
        assert style.card.network == "form"
        torch.testing.assert_close(state["tail.weight"], 0.25 * plain["tail.weight"] + 0.75 * form["tail.weight"])
        torch.testing.assert_close(state["form.down.0.weight"], form["form.down.0.weight"])
        torch.testing.assert_close(state["form.up.0.weight"], 0.75 * form["form.up.0.weight"])


def test_strokes_of_a_mix_are_between_those_of_its_styles(tmp_path: Path) -> None:
    noise_style(tmp_path / "a.safetensors", 0, **ARGUMENTS)
    noise_style(tmp_path / "b.safetensors", 1, strokes={"strength": 0.4, "width": 2.0}, **ARGUMENTS)
    noise_style(tmp_path / "c.safetensors", 1, strokes={"strength": 0.2, "width": 1.0, "length": 2}, **ARGUMENTS)
    mixed = load_style(",".join(f"{tmp_path}/{name}.safetensors" for name in "abc")).card.arguments["strokes"]
    assert mixed == pytest.approx({"strength": 0.2, "width": 1.5, "length": 1.5, "swirls": 0.35, "clear": 0})
    assert "strokes" not in load_style(f"{tmp_path}/a.safetensors,{tmp_path}/a.safetensors").card.arguments


def test_a_mix_paints_borders_alike_whatever_the_order_of_its_styles(tmp_path: Path) -> None:
    noise_style(tmp_path / "a.safetensors", 0, **ARGUMENTS)
    noise_style(tmp_path / "b.safetensors", 1, padding_mode="replicate", **ARGUMENTS)
    picture = torch.rand(1, 3, 48, 64)
    with torch.inference_mode():
        one, other = (
            load_style(",".join(f"{tmp_path}/{name}.safetensors" for name in names)).network(picture)
            for names in ("ab", "ba")
        )
    torch.testing.assert_close(one, other)


def test_different_networks_are_not_mixed(tmp_path: Path) -> None:
    noise_style(tmp_path / "a.safetensors", 0, **ARGUMENTS)
    noise_style(tmp_path / "b.safetensors", 0, channels=16, blocks=2)
    noise_style(tmp_path / "c.safetensors", 0, "johnson")
    for other in "bc":
        with pytest.raises(InputError, match="cannot be mixed: a is a network realtime"):
            load_style(f"{tmp_path}/a.safetensors,{tmp_path}/{other}.safetensors")


@pytest.mark.parametrize("mix", ["starry_night:0,great_wave:1", "starry_night:-1,great_wave", "starry_night,", ":1,:2"])
def test_a_mix_without_names_or_shares_is_explained(mix: str) -> None:
    with pytest.raises(InputError, match=r"takes NAME:WEIGHT,NAME:WEIGHT with weights above 0"):
        load_style(mix)
    with pytest.raises(InputError, match="did you mean starry_night"):
        load_style("stary_night:0.5,starry_night:0.5")


def test_a_file_whose_name_has_a_comma_is_one_style(tmp_path: Path) -> None:
    path = tmp_path / "a,b.safetensors"
    noise_style(path, 0, **ARGUMENTS)
    assert load_style(str(path)).card.name == "a,b"


@pytest.mark.slow
def test_loading_a_style_does_not_import_the_compiler_of_pytorch() -> None:
    """It would take 200 MB, and seconds before the first frame."""
    script = """
import sys
from vidstyle.style_files import load_style_file
from vidstyle.styles import list_styles
for card in list_styles():
    load_style_file(card.path)
sys.exit("torch._dynamo" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
