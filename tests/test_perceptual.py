"""Perceptual networks are interchangeable by name, and their weights come from files that cannot run code."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch.nn import functional as F
from training_material import WIDTHS, write_perceptual_weights

from vidstyle import paint
from vidstyle.errors import InputError
from vidstyle.perception.perceptual_network import LAYERS, PerceptualNetwork, usual_or_own
from vidstyle.perception.vgg import IMAGENET_DEVIATION, IMAGENET_MEAN, _ReflectPad


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("perceptual")
    write_perceptual_weights(folder)
    return folder


@pytest.fixture(scope="module")
def vgg16() -> torch.nn.Sequential:
    """torchvision's own VGG-16 without its classifier, with random weights."""
    return torchvisions("D")


def torchvisions(configuration: str) -> torch.nn.Sequential:
    """A VGG of torchvision's without its classifier, with random weights."""
    # Takes seconds to import, and each process that runs a part of the tests reads all of them.
    from torchvision.models.vgg import cfgs, make_layers

    torch.manual_seed(0)
    return make_layers(cfgs[configuration], False)


def state_of(features: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {f"features.{name}": tensor for name, tensor in features.state_dict().items()}


@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors", "vgg16-397923af.pth"])
def test_vgg16_is_torchvisions(tmp_path: Path, vgg16: torch.nn.Sequential, name: str) -> None:
    path = tmp_path / name
    if path.suffix == ".pth":
        # The classifier's weights are in torchvision's file, and of no use.
        torch.save(state_of(vgg16) | {"classifier.0.bias": torch.zeros(3)}, path)
    else:
        save_file(state_of(vgg16), path)
    network = PerceptualNetwork("vgg16", tmp_path if name.startswith("vgg16") else path)
    image = torch.rand(2, 3, 32, 48)
    features = network(image, ["relu1_1", "relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3"])
    mean, deviation = (torch.tensor(x).view(1, 3, 1, 1) for x in (IMAGENET_MEAN, IMAGENET_DEVIATION))
    x = (image - mean) / deviation
    outputs = [x := layer(x) for layer in vgg16]
    for layer, index in (
        ("relu1_1", 1),
        ("relu1_2", 3),
        ("relu2_2", 8),
        ("relu3_3", 15),
        ("relu4_3", 22),
        ("relu5_3", 29),
    ):
        torch.testing.assert_close(features[layer], outputs[index])


@pytest.mark.slow
def test_a_compiled_network_gives_the_same_features_and_gradients(material: Path) -> None:
    layers = ["relu2_1", "relu3_1"]
    torch.manual_seed(0)
    image = torch.rand(1, 3, 32, 32)
    found = []
    for compiled in (False, True):
        network = PerceptualNetwork("vgg19-hybrid", material)
        # Whatever computes, what is taken apart and put together again must come to the same.
        assert not compiled or network.compile_features("aot_eager")
        picture = image.clone().requires_grad_()
        features = network(picture, layers)
        sum(feature.square().mean() for feature in features.values()).backward()
        found.append((features, picture.grad))
    for layer in layers:
        torch.testing.assert_close(found[0][0][layer], found[1][0][layer])
    torch.testing.assert_close(found[0][1], found[1][1])


def test_without_a_compiler_nothing_is_compiled(material: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert not PerceptualNetwork("vgg19-shallow", material).compile_features()


def test_vgg19_has_sixteen_layers_and_vgg16_thirteen(tmp_path: Path, vgg16: torch.nn.Sequential) -> None:
    save_file(state_of(torchvisions("E")), tmp_path / "vgg19.safetensors")
    save_file(state_of(vgg16), tmp_path / "vgg16.safetensors")
    vgg19 = PerceptualNetwork("vgg19", tmp_path / "vgg19.safetensors")
    assert len(vgg19.layers()) == 16
    assert vgg19.layers()[-1] == "relu5_4"
    assert len(PerceptualNetwork("vgg16", tmp_path / "vgg16.safetensors").layers()) == 13
    assert {*LAYERS["vgg19"].content, *LAYERS["vgg19"].style} <= set(vgg19.layers())
    assert vgg19(torch.rand(1, 3, 32, 32), ["relu5_1"])["relu5_1"].shape == (1, 512, 2, 2)
    with pytest.raises(InputError, match="no weights of torchvision's vgg19"):
        PerceptualNetwork("vgg19", tmp_path / "vgg16.safetensors")


def test_weights_that_would_run_code_are_refused(tmp_path: Path) -> None:
    class Malice:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (tmp_path / "ran",))

    torch.save({"features.0.weight": Malice()}, tmp_path / "malice.pth")
    with pytest.raises(InputError, match="neither safetensors nor"):
        PerceptualNetwork("vgg16", tmp_path / "malice.pth")
    assert not (tmp_path / "ran").exists()
    (tmp_path / "noise.safetensors").write_bytes(b"noise")
    with pytest.raises(InputError, match="neither safetensors nor"):
        PerceptualNetwork("vgg16", tmp_path / "noise.safetensors")


def test_weights_that_cannot_be_downloaded_can_be_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(InputError, match=r"vgg16-397923af.pth: cannot be downloaded .*perceptual_weights"):
        PerceptualNetwork("vgg16")
    # Standard output is for summaries.
    assert capsys.readouterr().out == ""
    with pytest.raises(InputError, match="needs the folder of its weights"):
        PerceptualNetwork("vgg19-hybrid")


def test_where_weights_cannot_be_fetched_those_that_ship_take_their_place_and_it_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    said: list[str] = []
    assert usual_or_own("vgg19", None, said.append) == "vidstyle"
    assert said == [
        "torchvision's vgg19 is not here and cannot be fetched: vidstyle's own, which ships, takes its place"
    ]
    assert usual_or_own("vgg19", tmp_path, said.append) == "vgg19", "weights that are named are used, or refused"
    picture = tmp_path / "picture.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 80, 3), np.uint8)).save(picture)
    steps = list(paint(picture, picture, size=64, steps=1, preset="adam"))
    assert steps[-1].image.shape == (51, 64, 3)
    assert said[1:] == []


@pytest.mark.parametrize("name", ["vgg16", "vgg19-hybrid"])
def test_recomputing_activations_changes_no_gradient(
    material: Path, tmp_path: Path, vgg16: torch.nn.Sequential, name: str
) -> None:
    save_file(state_of(vgg16), tmp_path / "vgg16.safetensors")
    weights = tmp_path / "vgg16.safetensors" if name == "vgg16" else material
    image = torch.rand(1, 3, 48, 32)
    gradients = []
    for recompute in (False, True):
        network = PerceptualNetwork(name, weights, recompute_activations=recompute)
        painted = image.clone().requires_grad_()
        features = network(painted, LAYERS[name].style)
        loss = torch.stack([f.square().mean() for f in features.values()]).sum()
        # Twice, as a balance of gradients does.
        torch.autograd.grad(loss, painted, retain_graph=True)
        gradients.append(torch.autograd.grad(loss, painted)[0])
    assert gradients[0].abs().sum() > 0
    torch.testing.assert_close(gradients[1], gradients[0], rtol=0, atol=0)


def test_perceptual_networks_share_names_and_scales(material: Path) -> None:
    image = torch.rand(1, 3, 64, 64)
    distilled, shallow, hybrid = (
        PerceptualNetwork(f"vgg19-{kind}", material) for kind in ("distilled", "shallow", "hybrid")
    )
    near = shallow(image, ["relu1_1", "relu2_1", "relu3_1"])
    assert [f.shape[-1] for f in near.values()] == [64, 32, 16]
    both = hybrid(image, ["relu3_1", "relu4_1", "relu5_1"])
    torch.testing.assert_close(both["relu3_1"], near["relu3_1"])
    torch.testing.assert_close(both["relu4_1"], distilled(image, ["relu4_1"])["relu4_1"])
    assert distilled(image, ["relu4_1"])["relu4_1"].shape == (1, 2 * WIDTHS[3], 8, 8)
    with pytest.raises(InputError, match="no layer relu4_1"):
        shallow(image, ["relu4_1"])
    with pytest.raises(InputError, match="unknown perceptual network"):
        PerceptualNetwork("vgg11", material)


def test_what_ships_sees_large_forms() -> None:
    own = PerceptualNetwork("vidstyle")
    picture = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    features = own(picture, ["relu4_1", "relu5_1"])
    assert [tuple(features[layer].shape) for layer in features] == [(1, 512, 8, 12), (1, 512, 4, 6)]
    assert features["relu5_1"].dtype == torch.float32


def test_reflection_padding_has_the_gradient_of_torchs_own() -> None:
    x = torch.rand(1, 2, 5, 6, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(_ReflectPad.apply(x), F.pad(x, (1, 1, 1, 1), mode="reflect"))
    assert torch.autograd.gradcheck(_ReflectPad.apply, (x,))


def test_missing_perceptual_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="vgg19_to_relu3_1"):
        PerceptualNetwork("vgg19-shallow", tmp_path)
