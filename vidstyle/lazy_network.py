"""A network that is loaded when it is needed: what was compiled of it before paints without, and without torch."""

import copy
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Union

if TYPE_CHECKING:
    from torch import nn

REAL_TIME = ("realtime", "large", "form")
"""Names of the networks that are a vidstyle.nets.RealtimeNet."""


class LazyNetwork:
    """One of REAL_TIME in a file.

    Args:
        digest: of all that is in the file.
        load: reads it.
    """

    def __init__(self, digest: str, load: "Callable[[], nn.Module]") -> None:
        self.digest, self._load = digest, load

    @cached_property
    def network(self) -> "nn.Module":
        """The network.  Raises InputError for a file that holds none."""
        return self._load()


AnyNetwork = Union["nn.Module", LazyNetwork]


def own_copy(network: AnyNetwork) -> "nn.Module":
    """The network, for one who changes the type of its weights and moves them: others may paint with it, too."""
    return copy.deepcopy(network.network if isinstance(network, LazyNetwork) else network)


def is_real_time(network: AnyNetwork) -> bool:
    """Whether it is a RealtimeNet."""
    if isinstance(network, LazyNetwork):
        return True
    from vidstyle.nets import RealtimeNet

    return isinstance(network, RealtimeNet)
