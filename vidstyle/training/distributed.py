"""Several processes that train one network, each on its share of every batch; started by `torchrun`."""

import os
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from vidstyle.engines import choose_device
from vidstyle.errors import InputError


@dataclass(frozen=True)
class Team:
    """The processes that train together; one alone is a team as well.

    Attributes:
        rank: of this process; the one of rank 0 writes files.
        size: how many there are.
        local_rank: among those on this machine.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def leads(self) -> bool:
        """Whether this process writes files."""
        return self.rank == 0

    def share(self, count: int) -> slice:
        """This process's part of `count` pictures or pairs.

        Raises:
            InputError: if they cannot be shared evenly.
        """
        if count % self.size:
            raise InputError(f"{count} pictures or pairs a batch cannot be shared by {self.size} processes")
        each = count // self.size
        return slice(self.rank * each, (self.rank + 1) * each)

    def mean(self, value: Tensor) -> Tensor:
        """Mean of `value`, a tensor of any shape, over all processes."""
        if self.size == 1:
            return value
        value = value.detach().clone()
        dist.all_reduce(value)
        return value / self.size

    def from_leader(self, value: float, device: torch.device) -> float:
        """The leading process's `value`."""
        if self.size == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64, device=device)
        dist.broadcast(shared, 0)
        return shared.item()

    def wrap(self, network: nn.Module) -> nn.Module:
        """`network` such that all processes see the mean of their gradients."""
        if self.size == 1:
            return network
        return DistributedDataParallel(network)


def join_team(device: str) -> tuple[Team, str]:
    """The team that `torchrun` has started this process for, one process alone without, and its device.

    device: see vidstyle.engines.choose_device; of a team, `auto` and `cuda` are a GPU for each process.

    Raises:
        InputError: see choose_device, and if there are more processes on this machine than GPUs.
    """
    settled = choose_device(device)
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return Team(), settled
    team = Team(int(os.environ["RANK"]), size, int(os.environ.get("LOCAL_RANK", "0")))
    if settled.startswith("cuda") and device in ("auto", "cuda"):
        count = torch.cuda.device_count()
        if team.local_rank >= count:
            many = f"{count} GPU" + "s" * (count != 1)
            raise InputError(f"{many} here, fewer than processes; start one process for each GPU")
        settled = f"cuda:{team.local_rank}"
    device = settled
    if device.startswith("cuda"):
        torch.cuda.set_device(device)
    if not dist.is_initialized():
        dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    return team, device


def finish_together() -> None:
    """Wait until all processes have come this far, so that none closes a connection that another still uses."""
    if dist.is_initialized():
        dist.barrier()


def leave_team() -> None:
    """Let go of the other processes, if there are any."""
    if dist.is_initialized():
        dist.destroy_process_group()
