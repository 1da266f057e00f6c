"""Steps of optimisation by which paintings are brought nearer to the picture of their style: how many."""

import math
from typing import NamedTuple, Self

MOST_STEPS = 200
"""That somebody may ask for."""
FINE_STEPS = 8
"""By which a painting comes clearly nearer, and from which on more show little."""
REFINED_STEPS = 20
"""Of styles that have been refined for one picture: whoever waits for that wants them as near as they come."""
USUAL_STEPS = 6
"""Of the first painting of each shot of a video, where nobody says otherwise and the style asks for none: paint that is
carried along for seconds is worth them."""
GOING_ON = 0.2
"""Of the steps, where a painting begins from paint that is there already."""


class Steps(NamedTuple):
    """How many a painting takes.

    Attributes:
        afresh: if it begins from what the network paints.
        going_on: if it begins from paint that is there already, which has had its steps.
    """

    afresh: int
    going_on: int

    def __bool__(self) -> bool:
        """Whether any painting takes some."""
        return self.afresh > 0

    @classmethod
    def all_over(cls, steps: int) -> Self:
        """So many, as they are asked for."""
        return cls(steps, math.ceil(steps * GOING_ON))


NO_STEPS = Steps(0, 0)


def steps_to_take(asked: int | None, own: int, *, knows_picture: bool, seldom: bool) -> Steps:
    """How many steps paintings in a style take.

    Args:
        asked: as somebody asks for; None if nobody does.
        own: as the style asks for itself.
        knows_picture: whether the style does; without, it cannot come nearer to it.
        seldom: whether few frames are painted, and their paint is carried along.
    """
    if asked is not None:
        return Steps.all_over(asked)
    if not knows_picture:
        return NO_STEPS
    return Steps.all_over(own) if own or not seldom else Steps(USUAL_STEPS, 0)
