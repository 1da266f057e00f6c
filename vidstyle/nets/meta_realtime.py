"""The meta network: from one picture it writes the weights of a real-time network that paints like it.

After Shen, Yan and Zeng 2018 ("Neural Style Transfer via Meta Networks", section 3): a picture's features become the
weights of a transform network by one linear map.  Theirs has a row for every weight; here a picture chooses from a
bank of kernels, layer by layer, which is the same map of a lower rank, and small enough to ship.  Colours are not
learnt at all: a painting's mean and covariance are put into the last layer as they are, so that no palette is
unheard of.
"""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vidstyle.nets.description import Description
from vidstyle.nets.meta import MetaNetwork, quiet_linear
from vidstyle.nets.palette import Palette, palette_of
from vidstyle.nets.realtime import FOLD, RealtimeNet

HIDDEN = 512
"""Numbers between a picture's description and its vector."""


class StyleEncoder(nn.Module):
    """A picture as one vector: from its Description and its palette.

    Args:
        size: numbers in the vector.
        kind: of VGG, see vidstyle.nets.description.
    """

    def __init__(self, size: int, kind: str) -> None:
        super().__init__()
        self.description = Description(kind)
        self.hidden = nn.Linear(self.description.size + 12, HIDDEN)
        self.out = nn.Linear(HIDDEN, size)

    def forward(self, picture: Tensor, palette: Palette) -> Tensor:
        """The vector (N, size) of RGB (N, 3, H, W) in [0, 1] and its palette."""
        found = (self.description(picture), 4 * palette.mean - 2, 4 * palette.root.flatten(1))
        vector: Tensor = self.out(F.relu(self.hidden(torch.cat(found, 1))))
        return vector


class MetaRealtimeNet(MetaNetwork):
    """Writes the weights of RealtimeNet(**painter) from a picture.

    Every convolution's weights are gain * (base + sum_k a_k kernel_k + sum_r b_r u_r v_r^T), its biases likewise;
    gains, a and b come from the picture.

    Args:
        kernels: kernels in each layer's bank.
        rank: rank-one changes in each layer's bank.
        size: numbers that a picture is reduced to.
        encoder: what describes a picture, one of vidstyle.nets.description.ENDS.
        painter: arguments of RealtimeNet.
    """

    paints_with = "realtime"

    def __init__(
        self,
        kernels: int = 24,
        rank: int = 0,
        size: int = 128,
        encoder: str = "vgg19-distilled",
        painter: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__()
        self.painter = dict(painter or {})
        self.base: RealtimeNet = RealtimeNet(**self.painter)
        self.encoder = StyleEncoder(size, encoder)
        self._shapes = {name: tensor.shape for name, tensor in self.base.named_parameters()}
        weights = {name: shape for name, shape in self._shapes.items() if len(shape) == 4}
        self.gains = nn.ModuleDict({_key(name): quiet_linear(size, shape[0]) for name, shape in weights.items()})
        self.shifts = nn.ModuleDict(
            {_key(name): quiet_linear(size, shape[0]) for name, shape in self._shapes.items() if len(shape) == 1}
        )
        self.choices, self.rank_choices = nn.ModuleDict(), nn.ModuleDict()
        self.bank, self.left, self.right = nn.ParameterDict(), nn.ParameterDict(), nn.ParameterDict()
        for name, shape in weights.items():
            if kernels:
                self.choices[_key(name)] = quiet_linear(size, kernels)
                self.bank[_key(name)] = nn.Parameter(_noise(kernels, *shape, like=shape))
            if rank:
                self.rank_choices[_key(name)] = quiet_linear(size, rank)
                self.left[_key(name)] = nn.Parameter(torch.randn(rank, shape[0]))
                self.right[_key(name)] = nn.Parameter(_noise(rank, *shape[1:], like=shape))

    @torch.no_grad()
    def learn_from(self, experts: Sequence[tuple[Mapping[str, Tensor], Tensor]]) -> None:
        """Start from networks that paint well: their mean is the base, and what each differs by is in the banks.

        They have to be trained from one another, so that all between them paint, too.

        experts: state dictionaries of RealtimeNet(**painter), each with its picture (1, 3, H, W) in [0, 1].
        """
        plain = [uncolored(state, palette_of(picture)) for state, picture in experts]
        for name, base in self.base.named_parameters():
            base.copy_(torch.stack([state[name] for state in plain]).mean(0))
            if _key(name) in self.bank:
                bank = self.bank[_key(name)]
                for kernel, state in zip(bank, plain, strict=False):
                    kernel.copy_(state[name] - base)

    def write_weights(self, picture: Tensor) -> dict[str, Tensor]:
        """The state dictionary of a RealtimeNet that paints like RGB (1, 3, H, W) in [0, 1]."""
        with torch.autocast(picture.device.type, enabled=False):
            palette = palette_of(picture)
            return self.mix(self.choose(picture.float(), palette), palette)

    def choose(self, picture: Tensor, palette: Palette) -> dict[str, Tensor]:
        """What a picture (1, 3, H, W) and its palette ask for: gains, shifts, and shares of the banks, by layer."""
        (vector,) = self.encoder(picture, palette)
        parts = {"gains": self.gains, "shifts": self.shifts, "choices": self.choices, "rank_choices": self.rank_choices}
        return {f"{part}.{key}": linear(vector) for part, linears in parts.items() for key, linear in linears.items()}

    def mix(self, chosen: Mapping[str, Tensor], palette: Palette) -> dict[str, Tensor]:
        """The weights that come of what `choose` gives, or of something near it."""
        state = {}
        for name, base in self.base.named_parameters():
            key = _key(name)
            if base.dim() == 1:
                state[name] = base + 0.1 * chosen[f"shifts.{key}"]
                continue
            kernel: Tensor = base
            if key in self.bank:
                kernel = kernel + torch.tensordot(chosen[f"choices.{key}"], self.bank[key], 1)
            if key in self.left:
                scaled = self.left[key] * chosen[f"rank_choices.{key}"][:, None]
                kernel = kernel + torch.einsum("ro,rihw->oihw", scaled, self.right[key])
            state[name] = kernel * (1 + chosen[f"gains.{key}"])[:, None, None, None]
        # The last layer writes colours of no mean and unit covariance; here it gets the picture's.
        return colored(state, palette.root[0], palette.mean[0])


def colored(state: Mapping[str, Tensor], matrix: Tensor, shift: Tensor) -> dict[str, Tensor]:
    """RealtimeNet's weights, painting `matrix` (3, 3) times the colours that they painted, plus `shift` (3,).

    Taken without the 0.5 that the network adds by itself.
    """
    weight, bias = state["tail.weight"], state["tail.bias"]
    cells = weight.reshape(FOLD**2, 3, -1)
    mixed = torch.einsum("ij,pjk->pik", matrix, cells).reshape(weight.shape)
    moved = bias.reshape(FOLD**2, 3) @ matrix.T + shift - 0.5
    return {**state, "tail.weight": mixed, "tail.bias": moved.reshape(bias.shape)}


def uncolored(state: Mapping[str, Tensor], palette: Palette) -> dict[str, Tensor]:
    """The inverse: weights that paint with `palette`, painting with no mean and unit covariance."""
    inverse = torch.linalg.inv(palette.root[0])
    return colored(state, inverse, inverse @ (0.5 - palette.mean[0]) + 0.5)


def _key(name: str) -> str:
    return name.replace(".", "_")


def _noise(*shape: int, like: torch.Size) -> Tensor:
    """Kernels a tenth of what He et al. 2015 start with for `like` (out, in, h, w)."""
    return torch.empty(shape).normal_(0, 0.1 * (2 / like[1:].numel()) ** 0.5)
