"""What nearness to a picture is measured by on a machine that has no VGG: a small network that has learnt from one.

    python train/perceptual.py OUT.safetensors [--minutes N] [--deepen FILE] [--data DIR] [--perceptual DIR]

A VGG-19 of a quarter of the channels, up to relu4_1, with maps from its relu{1..4}_1 into VGG-19's own (Wang et al.
2020, "Collaborative Distillation", section 3.2), learns to give the features of `vgg19-hybrid`: of photographs, of
paintings, and of photographs as styles paint them.  It starts from the network that they published (MIT licence).
With --deepen, what comes after relu4_1 in such a file learns to give relu5_1, and all before it stays to the bit.
"""

import argparse
import itertools
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from vidstyle.perception.annealing import annealed
from vidstyle.perception.losses import gram_distance, gram_matrix
from vidstyle.perception.perceptual_network import FILES, HYBRID, PerceptualNetwork
from vidstyle.perception.photographs import Photographs
from vidstyle.perception.vgg import KINDS, Vgg, conv_names
from vidstyle.processor import prefers_bfloat16
from vidstyle.styles import META_STYLE, load_style
from vidstyle.training.recipe import load_recipe
from vidstyle.training.style_pictures import StylePictures

HERE = Path(__file__).parent
KIND = "vgg19-distilled"
WIDTHS = {f"relu{block}_1": width for block, width in enumerate((*KINDS["vgg19"][1], 512), 1)}
"""VGG-19's channels."""
LAYERS, DEEPEST = list(WIDTHS)[:-1], list(WIDTHS)[-1]
"""What is learnt first, and with --deepen."""
ORIGIN = "github.com/MingSun-Tse/Collaborative-Distillation (MIT), trained further by train/perceptual.py of vidstyle"
CROP, BATCH = 128, 4
LEARNING_RATE, DEEPEST_RATE, WARM_UP = 5e-4, 5e-5, 100
"""What is published fits on top of what has been trained further nearly as it is: a cosine of 0.986."""
GRAM = 0.5
"""Weight of the distance of Gram matrices beside that of the features: they are what styles are measured by."""


class Student(nn.Module):
    """RGB (N, 3, H, W) in [0, 1] to an approximation of VGG-19's features, by layer.

    Attributes:
        learnt: the layers that it learns; `forward` gives these.
    """

    def __init__(self, encoder: Vgg, learnt: list[str]) -> None:
        super().__init__()
        self.encoder, self.learnt = encoder, learnt
        layers = [layer for layer in WIDTHS if layer.removeprefix("relu") in encoder.convs]
        width = {layer: encoder.convs[layer.removeprefix("relu")].out_channels for layer in layers}
        self.embeds = nn.ModuleDict({layer: nn.Conv2d(width[layer], WIDTHS[layer], 1) for layer in layers})

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        found = self.encoder(image, tuple(self.learnt))
        return {layer: self.embeds[layer](features) for layer, features in found.items()}

    def parameters_by_name(self) -> dict[str, nn.Parameter]:
        """By the names that vidstyle.perception.vgg.Vgg.of_tensors reads."""
        parts: dict[str, nn.Module] = {"conv0": self.encoder.conv0}
        parts |= {f"conv{name}": conv for name, conv in self.encoder.convs.items()}
        parts |= {layer.replace("relu", "embed"): embed for layer, embed in self.embeds.items()}
        return {f"{name}.{k}": v for name, part in parts.items() for k, v in part.named_parameters()}

    def tensors(self) -> dict[str, Tensor]:
        """The same, without their gradients."""
        return {name: parameter.detach() for name, parameter in self.parameters_by_name().items()}


def first_student(folder: Path, known: Path | None) -> Student:
    """The published network of that kind, as it is; or one that is to learn what comes after what is known."""
    given = load_file(folder / FILES[KIND])
    learnt = LAYERS if known is None else [DEEPEST]
    names = conv_names("vgg19")
    names = names[: 1 + names.index(learnt[-1].removeprefix("relu"))]
    student = Student(Vgg({name: len(given[f"conv{name}.weight"]) for name in names}, reflected=True), learnt)
    student.requires_grad_(True)
    student.encoder.conv0.requires_grad_(False)
    kept = {} if known is None else load_file(known)
    for name, tensor in student.tensors().items():
        tensor.copy_(kept.get(name, given[name]))
    for name, parameter in student.parameters_by_name().items():
        parameter.requires_grad_(parameter.requires_grad and name not in kept)
    return student


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    recipe = load_recipe(HERE / f"{META_STYLE}.toml")
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=40.0)
    parser.add_argument("--data", type=Path, default=recipe.data.photos.parent, help="folder with photos and styles")
    parser.add_argument("--perceptual", type=Path, default=recipe.data.perceptual, help="folder of vgg19-hybrid")
    parser.add_argument("--deepen", type=Path, metavar="FILE", help="learn relu5_1 on top of this one")
    args = parser.parse_args()
    student, teacher = first_student(args.perceptual, args.deepen), PerceptualNetwork(HYBRID, args.perceptual)
    photographs = Photographs(args.data / "photos", crop=CROP, batch=BATCH, seed=0)
    print(report(student, teacher, photographs), flush=True)
    half = prefers_bfloat16()
    for network in (student, teacher):
        network.to(memory_format=torch.channels_last)
    pictures = StylePictures(args.data / "styles", held_out=recipe.style.held_out, shorter_side=360, seed=0)
    # Styles that were trained on pictures which are held out elsewhere are held out here.
    painters = [load_style(name).network for name in recipe.network.experts]

    @torch.no_grad()
    def batch(step: int) -> Tensor:
        photos = photographs.batch(step)
        painter = painters[step % len(painters)]
        top, left = torch.randint(256 - CROP, (2,), generator=torch.Generator().manual_seed(step)).tolist()
        painting = pictures.crop(step)[..., top : top + CROP, left : left + CROP]
        return torch.cat((photos[:2], painter(photos[1:]).clamp(0, 1), painting))

    optimiser = torch.optim.AdamW([p for p in student.parameters() if p.requires_grad], weight_decay=0.0)
    rate = LEARNING_RATE if args.deepen is None else DEEPEST_RATE
    begun = time.monotonic()
    for step in itertools.count():
        done = (time.monotonic() - begun) / 60 / args.minutes
        if done >= 1:
            break
        for group in optimiser.param_groups:
            group["lr"] = annealed(rate, step=step, warm_up=WARM_UP, done=done)
        images = batch(step).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            with torch.no_grad():
                wanted = teacher(images, student.learnt)
            found = student(images)
        errors, grams = distances(found, wanted)
        optimiser.zero_grad()
        (sum(errors) + GRAM * sum(grams)).backward()
        nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimiser.step()
        if step % 200 == 0:
            figures = " ".join(f"{e.item():.3f}/{g.item():.3f}" for e, g in zip(errors, grams, strict=True))
            print(f"step {step}, {done:.0%}: {figures}", flush=True)
            save(student, args.out)
    save(student, args.out)
    print(report(student, teacher, photographs), flush=True)


def save(student: Student, path: Path) -> None:
    tensors = {name: tensor.contiguous() for name, tensor in student.tensors().items()}
    if student.learnt == [DEEPEST]:
        # Most of the file, and as good in half the bits.
        learnt = [name for name, parameter in student.parameters_by_name().items() if parameter.requires_grad]
        tensors |= {name: tensors[name].half() for name in learnt}
    save_file(tensors, path, metadata={"from": ORIGIN})


def distances(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """By layer: |f - w|^2 / |w|^2 of features, and |G - A| / |A| of their Gram matrices, mean over pictures."""
    errors, grams = [], []
    for layer in wanted:
        f, w = found[layer].float(), wanted[layer].float()
        errors.append(F.mse_loss(f, w) / w.square().mean())
        pairs = zip(gram_matrix(f).split(1), gram_matrix(w).split(1), strict=True)
        grams.append(torch.stack([gram_distance(*pair) for pair in pairs]).mean())
    return errors, grams


@torch.inference_mode()
def report(student: Student, teacher: PerceptualNetwork, photographs: Photographs) -> str:
    """Mean cosine with the teacher's features, by layer, on photographs that were held back."""
    cosines: dict[str, list[float]] = {layer: [] for layer in student.learnt}
    for photo in photographs.held_back(256):
        found, wanted = student(photo[None]), teacher(photo[None], student.learnt)
        for layer in student.learnt:
            cosines[layer].append(F.cosine_similarity(found[layer].flatten(), wanted[layer].flatten(), 0).item())
    return "cosine with VGG-19's: " + ", ".join(f"{layer} {sum(c) / len(c):.3f}" for layer, c in cosines.items())


if __name__ == "__main__":
    main()
