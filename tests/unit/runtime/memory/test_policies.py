"""Policies: what each of them keeps, and what no policy may do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infc.errors import InfcError
from infc.runtime.memory.policies import LRU, TraceBelady, make_policy, policy_names
from infc.runtime.memory.policies.registry import SHIPPED
from infc.runtime.memory.residency import Residency

from support.memory import POLICIES, access, few, fewest_misses, foreseeing, misses, passes, replay


def circle(length: int, rounds: int) -> list[int]:
    return list(range(length)) * rounds


def one_model(chunks: list[int]) -> list:
    return [access(chunk, step=chunk) for chunk in chunks]


@pytest.mark.parametrize("name", POLICIES)
@few
@given(trace=passes(), capacity=st.integers(0, 20))
def test_the_capacity_holds_and_the_books_agree(name: str, trace: list, capacity: int) -> None:
    residency = Residency(capacity, foreseeing(name, trace))
    there: dict[int, int] = {}
    for each in trace:
        expected = each.chunk in there
        change = residency.touch(each)
        assert change.hit == expected
        for chunk in change.evicted:
            assert chunk != each.chunk
            del there[chunk]
        if change.resident:
            there[each.chunk] = each.size
        assert residency.used == sum(there.values()) <= capacity
        assert all(chunk in residency for chunk in there)
        assert len(residency) == len(there)


@pytest.mark.parametrize("name", POLICIES)
@few
@given(trace=passes(), capacity=st.integers(0, 20), data=st.data())
def test_what_is_pinned_stays(name: str, trace: list, capacity: int, data: st.DataObject) -> None:
    residency = Residency(capacity, foreseeing(name, trace))
    pins: list[int] = []
    for each in trace:
        change = residency.touch(each)
        assert not set(change.evicted) & set(pins)
        if change.resident and data.draw(st.booleans()):
            assert residency.pin(each)
            pins.append(each.chunk)
        elif pins and data.draw(st.booleans()):
            residency.unpin(pins.pop())
        assert all(chunk in residency for chunk in pins)
        assert residency.used <= capacity


@pytest.mark.parametrize("name", POLICIES)
@few
@given(trace=passes(), capacity=st.integers(0, 20))
def test_the_same_accesses_give_the_same_decisions(name: str, trace: list, capacity: int) -> None:
    assert replay(name, trace, capacity) == replay(name, trace, capacity)


@pytest.mark.parametrize("name", POLICIES)
@few
@given(trace=passes())
def test_where_everything_fits_each_chunk_comes_in_once(name: str, trace: list) -> None:
    assert misses(name, trace, None) == misses(name, trace, 10**6) == len({each.chunk for each in trace})


@few
@given(chunks=st.lists(st.integers(0, 4), max_size=12), capacity=st.integers(0, 4))
def test_belady_is_the_optimum(chunks: list[int], capacity: int) -> None:
    trace = [access(chunk) for chunk in chunks]
    optimum = fewest_misses(chunks, capacity)
    assert misses("trace-belady", trace, capacity) == optimum
    assert all(misses(name, trace, capacity) >= optimum for name in POLICIES)


@few
@given(length=st.integers(1, 6), capacity=st.integers(1, 6), rounds=st.integers(1, 6))
def test_on_a_circle_lru_never_hits_and_the_default_is_as_good_as_belady(
    length: int, capacity: int, rounds: int
) -> None:
    trace = one_model(circle(length, rounds))
    if length > capacity:
        assert misses("lru", trace, capacity) == len(trace)
    assert misses("balanced", trace, capacity) == misses("trace-belady", trace, capacity)
    foreseen = TraceBelady(cyclic=True)
    foreseen.foresee(list(range(length)))
    residency = Residency(capacity, foreseen)
    assert sum(not residency.touch(each).hit for each in trace) == misses("trace-belady", trace, capacity)


def test_the_default_shrinks_the_least_called_model_from_its_end() -> None:
    def call(model: int) -> list:
        return [access(10 * model + step, model=model, step=step) for step in range(3)]

    residency = Residency(6, make_policy("balanced"))
    for each in [*call(0), *call(1), *call(1), *call(2), *call(2)]:
        residency.touch(each)
    kept = [chunk for chunk in range(30) if chunk in residency]
    assert kept == [10, 11, 12, 20, 21, 22]
    residency = Residency(5, make_policy("balanced"))
    for each in [*call(0), *call(1), *call(1)]:
        residency.touch(each)
    assert [chunk for chunk in range(30) if chunk in residency] == [0, 1, 10, 11, 12]


def test_the_default_lets_a_model_in_that_is_called_again_and_again() -> None:
    hot = [access(step, model=0, step=step) for step in range(4)]
    newer = [access(10 + step, model=1, step=step) for step in range(4)]
    residency = Residency(4, make_policy("balanced"))
    for each in hot * 50 + newer * 60:
        residency.touch(each)
    assert all(each.chunk in residency for each in newer)


def test_pin_prefix_keeps_beginnings() -> None:
    residency = Residency(4, make_policy("pin-prefix:steps=2"))
    for model in (0, 1, 0, 1):
        for step in range(5):
            residency.touch(access(10 * model + step, model=model, step=step))
    assert [chunk for chunk in range(20) if chunk in residency] == [0, 1, 10, 11]


def test_gdsf_prefers_what_is_dear_for_its_size() -> None:
    dear, cheap = access(1)._replace(cost=9.0), access(2)._replace(cost=1.0)
    residency = Residency(2, make_policy("gdsf"))
    for each in (dear, cheap, access(3)._replace(cost=5.0)):
        residency.touch(each)
    assert 1 in residency
    assert 2 not in residency


def test_gdsf_ages_what_was_hot_once() -> None:
    trace = [access(0)] * 20 + [access(1 + index % 3) for index in range(90)]
    residency = Residency(2, make_policy("gdsf"))
    for each in trace:
        residency.touch(each)
    assert 0 not in residency


def test_a_policy_that_evicts_what_is_not_there_is_named() -> None:
    class Wrong(LRU):
        def victim(self, incoming: object) -> int:
            return 99

    residency = Residency(1, Wrong())
    residency.touch(access(1))
    with pytest.raises(InfcError, match="policy Wrong evicts 99, which is not in the tier"):
        residency.touch(access(2))


def test_a_policy_that_evicts_what_is_pinned_is_named() -> None:
    class Wrong(LRU):
        def victim(self, incoming: object) -> int:
            return 1

    residency = Residency(1, Wrong())
    assert residency.pin(access(1))
    with pytest.raises(InfcError, match="evicts 1, which is pinned"):
        residency.touch(access(2))
    with pytest.raises(InfcError, match="chunk 1 is pinned"):
        residency.remove(1)
    residency.unpin(1)
    assert residency.touch(access(2)).evicted == (1,)
    with pytest.raises(InfcError, match="chunk 1 is not pinned"):
        residency.unpin(1)


def test_pins_are_counted() -> None:
    residency = Residency(1, LRU())
    assert residency.pin(access(1)) and residency.pin(access(1))
    residency.unpin(1)
    assert not residency.touch(access(2)).resident
    residency.unpin(1)
    assert residency.touch(access(2)).resident


def test_belady_says_when_the_trace_is_another() -> None:
    policy = foreseeing("trace-belady", [access(1)])
    policy.touched(access(1))
    with pytest.raises(InfcError, match="access 1 is to 2, foreseen was the end"):
        policy.touched(access(2))


@pytest.mark.parametrize("name", list(SHIPPED))
def test_every_shipped_policy_has_a_name(name: str) -> None:
    assert name in policy_names()
    make_policy(name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fifo", "no policy 'fifo'"),
        ("lru:steps=1", "unexpected keyword argument 'steps'"),
        ("pin-prefix:steps", "'steps' is no option"),
        ("pin-prefix:steps=-1", "steps is -1, expected 0 or more"),
        ("", "no policy ''"),
    ],
)
def test_a_wrong_name_or_option_is_refused(text: str, message: str) -> None:
    with pytest.raises(InfcError, match=message):
        make_policy(text)
