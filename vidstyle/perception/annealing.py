"""How fast weights change over a training."""

import math


def annealed(learning_rate: float, *, step: int, warm_up: int, done: float) -> float:
    """Linear warm-up over so many steps, then cosine annealing to zero (Loshchilov and Hutter 2017, equation 5).

    step: those before this one; done: share of the training that is over, 0 to 1.
    """
    return learning_rate * min(1.0, (step + 1) / max(1, warm_up)) * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
