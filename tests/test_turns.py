"""Who is painted next: by time, not by turns."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from vidstyle.demo.turns import MOST_CREDIT, Turns


def painted(turns: Turns[str], costs: dict[str, float], seconds: float) -> Counter[str]:
    """How often each is painted who always has a frame waiting."""
    count: Counter[str] = Counter()
    waiting = list(costs)
    while seconds > 0:
        key = turns.next(waiting)
        assert key is not None
        turns.took(key, costs[key])
        waiting.append(waiting.pop(waiting.index(key)))
        seconds -= costs[key]
        count[key] += 1
    return count


def joined(*keys: str) -> Turns[str]:
    turns: Turns[str] = Turns()
    for key in keys:
        turns.join(key)
    return turns


def test_equals_take_turns() -> None:
    turns = joined("ann", "bob", "eve")
    count = painted(turns, dict.fromkeys(["ann", "bob", "eve"], 0.04), 12)
    assert max(count.values()) - min(count.values()) <= 1


def test_a_heavy_style_slows_its_owner_and_not_the_others() -> None:
    light = {"ann": 0.04, "bob": 0.04, "eve": 0.04}
    alone = painted(joined(*light), light, 60)
    together = painted(joined(*light, "heavy"), light | {"heavy": 0.6}, 60)
    # The figures of docs/reliability.md, paintings a second.
    assert (round(alone["ann"] / 60, 1), round(together["ann"] / 60, 1)) == (8.3, 6.3)
    assert round(together["heavy"] / 60, 1) == 0.4
    for key in light:
        # A quarter of the time for each of four, a third for each of three; by turns it would be 5 of 25 a second.
        assert together[key] > 0.72 * alone[key]
    assert 20 <= together["heavy"] <= 30


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from("abcdefgh"), st.floats(0.005, 0.8), min_size=2))
def test_whatever_turns_cost_everyone_gets_the_same_time(costs: dict[str, float]) -> None:
    count = painted(joined(*costs), costs, 40)
    times = [count[key] * cost for key, cost in costs.items()]
    assert max(times) - min(times) <= 2 * max(costs.values()) + 1e-6


def test_who_was_away_does_not_get_all_turns_when_they_come_back() -> None:
    turns = joined("ann", "bob")
    painted(turns, {"ann": 0.05}, 60)
    count = painted(turns, {"ann": 0.05, "bob": 0.05}, 4)
    assert count["bob"] - count["ann"] <= MOST_CREDIT / 0.05 + 2


def test_who_comes_new_begins_where_the_others_are() -> None:
    turns = joined("ann")
    painted(turns, {"ann": 0.05}, 60)
    turns.join("bob")
    count = painted(turns, {"ann": 0.05, "bob": 0.05}, 4)
    assert abs(count["bob"] - count["ann"]) <= 1


def test_who_costs_more_is_told_and_nobody_else() -> None:
    turns = joined("ann", "bob", "heavy")
    assert turns.notice("heavy") == ""
    painted(turns, {"ann": 0.04, "bob": 0.05, "heavy": 0.4}, 5)
    assert "9 times" in turns.notice("heavy")
    assert turns.notice("ann") == turns.notice("bob") == ""
    turns.changed("heavy")
    assert turns.notice("heavy") == "", "not known of the new style"
    turns.leave("ann")
    turns.leave("bob")
    painted(turns, {"heavy": 0.4}, 2)
    assert turns.notice("heavy") == "", "there is nobody to give way to"


def test_a_slow_first_turn_or_a_busy_moment_is_no_slow_style() -> None:
    turns = joined("ann", "bob")
    for costs in ({"ann": 0.05, "bob": 2.0}, *[{"ann": 0.05, "bob": 0.06}] * 8, {"ann": 0.05, "bob": 1.5}):
        for key, seconds in costs.items():
            turns.took(key, seconds)
        assert turns.notice("bob") == ""


def test_only_who_is_here_and_ready_is_painted() -> None:
    turns = joined("ann", "bob")
    assert turns.next([]) is None
    assert turns.next(["bob"]) == "bob"
    turns.leave("bob")
    turns.took("bob", 1.0)
    assert turns.next(["bob"]) is None


def test_who_opens_many_pages_gets_no_more_time() -> None:
    turns = joined("ann", "bob", "bob", "bob")
    count = painted(turns, {"ann": 0.05, "bob": 0.05}, 10)
    assert abs(count["ann"] - count["bob"]) <= 1
    turns.leave("bob")
    turns.leave("bob")
    assert turns.next(["bob"]) == "bob", "one page is open still"
    turns.leave("bob")
    assert turns.next(["bob"]) is None
