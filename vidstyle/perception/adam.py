"""Adam, for trainings that somebody waits for."""

from collections.abc import Callable, Iterable
from typing import Self

import torch
from torch import Tensor
from torch.optim.adam import adam


class PlainAdam:
    """Kingma and Ba 2015, as `torch.optim.Adam` does it, to the last bit.

    That one imports PyTorch's compiler when it is made, which takes as long as importing PyTorch once more.

    Args:
        parameters: what is trained; leaves, whose gradients are in `grad`.
        betas: how much is kept of the means of gradients and of their squares.
    """

    def __init__(self, parameters: Iterable[Tensor], *, betas: tuple[float, float]) -> None:
        self._parameters, self._betas = list(parameters), betas
        self._means, self._squares = (
            [torch.zeros_like(tensor, memory_format=torch.preserve_format) for tensor in self._parameters]
            for _ in range(2)
        )
        self._counts = [torch.tensor(0.0) for _ in self._parameters]

    def going_on_from(self, before: Self, mean: Callable[[Tensor], Tensor], square: Callable[[Tensor], Tensor]) -> Self:
        """Itself, with what another one has come to know of parameters that were otherwise of another shape.

        mean, square: make the means of gradients, and of their squares, fit.
        """
        self._means = [mean(tensor) for tensor in before._means]
        self._squares = [square(tensor) for tensor in before._squares]
        self._counts = [count.clone() for count in before._counts]
        return self

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for tensor in self._parameters:
            tensor.grad = None

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Move once, at this rate, what has a gradient."""
        states = zip(self._parameters, self._means, self._squares, self._counts, strict=True)
        moved = [(state[0], state[0].grad, *state[1:]) for state in states if state[0].grad is not None]
        if not moved:
            return
        parameters, gradients, means, squares, counts = (list(column) for column in zip(*moved, strict=True))
        adam(
            parameters,
            gradients,
            means,
            squares,
            [],
            counts,
            amsgrad=False,
            beta1=self._betas[0],
            beta2=self._betas[1],
            lr=rate,
            weight_decay=0.0,
            eps=1e-8,
            maximize=False,
        )
