"""How well workers are used: a model of throughput, which docs/farm.md holds against workers that sleep."""


def efficiency(workers: int, work: float, segment: float, overhead: float) -> float:
    """The share of all workers' time in which they paint.

    Every call costs its overhead, and at the end the last segments are waited for, on average half of one by everybody:
    T(n) = W (1 + o / s) / n + s / 2, and the efficiency is W / (n T).

    Args:
        workers: n.
        work: W, seconds that all of it takes one worker.
        segment: s, seconds that a segment takes one worker.
        overhead: o, seconds of a call besides its work.
    """
    seconds = work * (1 + overhead / segment) / workers + segment / 2
    return work / (workers * seconds)
