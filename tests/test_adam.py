"""The optimiser of trainings that somebody waits for."""

import subprocess
import sys

import pytest
import torch

from vidstyle.perception.adam import PlainAdam


def leaves() -> list[torch.nn.Parameter]:
    return [torch.nn.Parameter(torch.linspace(-1, 1, count)) for count in (3, 4, 5)]


def test_it_moves_as_pytorchs_does_to_the_last_bit() -> None:
    ours, theirs = leaves(), leaves()
    adam, reference = PlainAdam(ours, betas=(0.8, 0.99)), torch.optim.AdamW(theirs, betas=(0.8, 0.99), weight_decay=0.0)
    for step, rate in enumerate((0.01, 0.3, 0.02, 0.001)):
        reference.param_groups[0]["lr"] = rate
        adam.zero_grad()
        reference.zero_grad()
        for moved in (ours, theirs):
            # The second one has no gradient in some steps, the third one in none.
            (moved[0].sin().sum() + (moved[1] ** 3).sum() * (step % 2 == 0)).backward()
            if step % 2:
                moved[1].grad = None
        adam.step(rate)
        reference.step()
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))
    assert not torch.equal(ours[0], leaves()[0])
    assert torch.equal(ours[2], leaves()[2])


def test_a_step_without_gradients_is_none() -> None:
    moved = leaves()
    PlainAdam(moved, betas=(0.9, 0.99)).step(0.1)
    assert all(torch.equal(one, other) for one, other in zip(moved, leaves(), strict=True))


@pytest.mark.slow
def test_pytorchs_compiler_stays_where_it_is() -> None:
    program = (
        "import sys, torch; from vidstyle.perception.adam import PlainAdam\n"
        "p = torch.nn.Parameter(torch.ones(2)); p.grad = torch.ones(2); PlainAdam([p], betas=(0.9, 0.99)).step(0.1)\n"
        "assert p[0] < 1; print('torch._dynamo' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "False"


def test_it_goes_on_from_another_one() -> None:
    def moved(parameter: torch.nn.Parameter, adam: PlainAdam, steps: int) -> torch.Tensor:
        for _ in range(steps):
            parameter.grad = parameter.detach().cos()
            adam.step(0.1)
        return parameter.detach()

    whole, part, rest = (torch.nn.Parameter(torch.ones(2)) for _ in range(3))
    wanted = moved(whole, PlainAdam([whole], betas=(0.8, 0.9)), 5)
    first = PlainAdam([part], betas=(0.8, 0.9))
    rest.data = moved(part, first, 3).clone()
    second = PlainAdam([rest], betas=(0.8, 0.9)).going_on_from(first, torch.clone, torch.clone)
    assert torch.equal(moved(rest, second, 2), wanted)
