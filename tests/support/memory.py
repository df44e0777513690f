"""What the tests of the weight memory share: policies by name, and traces made by hypothesis."""

from collections.abc import Sequence
from itertools import combinations

from hypothesis import settings
from hypothesis import strategies as st

from infc.runtime.memory.access import Access
from infc.runtime.memory.policies import Foresight, Policy, make_policy
from infc.runtime.memory.residency import Change, Residency

few = settings(max_examples=25, deadline=None)  # cheap, and no limit on time: machines differ

POLICIES = ["balanced", "gdsf", "lfu", "lru", "pin-prefix:steps=2", "trace-belady"]


def access(chunk: int, *, model: int = 0, at: float = 0.0, size: int = 1, step: int = 0) -> Access:
    return Access(chunk, model, at, size, float(size), step)


def foreseeing(name: str, trace: Sequence[Access]) -> Policy:
    policy = make_policy(name)
    if isinstance(policy, Foresight):
        policy.foresee([each.chunk for each in trace])
    return policy


def replay(name: str, trace: Sequence[Access], capacity: int | None) -> list[Change]:
    residency = Residency(capacity, foreseeing(name, trace))
    return [residency.touch(each) for each in trace]


def misses(name: str, trace: Sequence[Access], capacity: int | None) -> int:
    return sum(not change.hit for change in replay(name, trace, capacity))


@st.composite
def passes(draw: st.DrawFn, *, models: int = 4, longest: int = 5, calls: int = 25) -> list[Access]:
    """Calls of a few models: each touches its chunks in order. Chunk 0 is shared by all models with an even number."""
    lengths = draw(st.lists(st.integers(1, longest), min_size=models, max_size=models))
    sizes = draw(st.lists(st.integers(1, 3), min_size=models * longest + 1, max_size=models * longest + 1))
    trace: list[Access] = []
    for at, model in enumerate(draw(st.lists(st.integers(0, models - 1), max_size=calls))):
        for step in range(lengths[model]):
            chunk = 0 if step == 0 and model % 2 == 0 else 1 + model * longest + step
            trace.append(access(chunk, model=model, at=float(at), size=sizes[chunk], step=step))
    return trace


def fewest_misses(chunks: Sequence[int], capacity: int) -> int:
    """The fewest misses that any choice of what to keep could have: tries all of them. One unit of size each."""
    best: dict[frozenset[int], int] = {frozenset(): 0}
    for chunk in chunks:
        after: dict[frozenset[int], int] = {}
        for kept, count in best.items():
            everything = kept | {chunk}
            fits = min(capacity, len(everything))
            for choice in combinations(sorted(everything), fits):
                state = frozenset(choice)
                total = count + (chunk not in kept)
                after[state] = min(after.get(state, total), total)
        best = after
    return min(best.values())
