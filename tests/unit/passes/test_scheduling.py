"""When weights are fetched: as late as possible, and never later."""

from hypothesis import given
from hypothesis import strategies as st

from infc.passes.stages.scheduling import Need, schedule

NEEDS = st.lists(st.tuples(st.integers(1, 1000), st.integers(0, 9), st.integers(0, 3)), max_size=8).map(
    lambda items: [Need(f"w{i}", size, first, first + more) for i, (size, first, more) in enumerate(items)]
)


@given(needs=NEEDS, steps=st.lists(st.floats(0, 1), min_size=13, max_size=13), bandwidth=st.floats(10, 10_000))
def test_nothing_waits_longer_than_when_all_is_fetched_at_once(
    needs: list[Need], steps: list[float], bandwidth: float
) -> None:
    made = schedule(needs, steps, bandwidth)
    assert sorted(fetch.need.key for fetch in made.fetches) == sorted(need.key for need in needs)
    firsts = [fetch.need.first for fetch in made.fetches]
    assert firsts == sorted(firsts)
    assert all(fetch.start <= fetch.need.first for fetch in made.fetches)
    assert made.stalled <= _stalled_when_fetched_at_once(needs, steps, bandwidth) + 1e-9


def _stalled_when_fetched_at_once(needs: list[Need], steps: list[float], bandwidth: float) -> float:
    fetched = behind = 0.0
    for need in sorted(needs, key=lambda each: (each.first, each.key)):
        fetched += need.size / bandwidth
        behind = max(behind, fetched - sum(steps[: need.first]))
    return behind


def test_a_weight_is_fetched_just_early_enough() -> None:
    made = schedule([Need("a", 100, 0, 0), Need("b", 100, 3, 3)], [1.0, 1.0, 1.0, 1.0], bandwidth=100)
    assert [(fetch.need.key, fetch.start) for fetch in made.fetches] == [("a", 0), ("b", 2)]
    assert made.stalled == 1.0  # the first weight is waited for, the second is there


def test_two_that_are_needed_at_once_share_the_channel() -> None:
    made = schedule([Need("a", 100, 3, 3), Need("b", 100, 3, 3)], [1.0, 1.0, 1.0, 1.0], bandwidth=100)
    assert [fetch.start for fetch in made.fetches] == [1, 2]
    assert made.stalled == 0
