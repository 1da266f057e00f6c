"""torch, loaded sooner by commands that paint a few pictures and end."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

UNUSED = "torch._meta_registrations"
"""How large the results of operations are that are not computed, for torch's compiler and exporter."""


@contextmanager
def torch_to_paint() -> Iterator[None]:
    """Whoever imports torch within does so without what only its compiler needs, a quarter of the time of importing it.

    Within, nothing can be compiled or exported; afterwards neither, until somebody imports that as well.  Where torch
    is there already, nothing is left out.
    """
    if "torch" in sys.modules:
        yield
        return
    sys.modules[UNUSED] = ModuleType(UNUSED)
    try:
        yield
    finally:
        # Whoever asks for it gets the real one.
        del sys.modules[UNUSED]
        if "torch" in sys.modules:
            vars(sys.modules["torch"]).pop(UNUSED.removeprefix("torch."), None)
