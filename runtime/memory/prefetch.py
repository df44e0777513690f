"""What to bring in ahead of its use: the next steps of the plan, and never more than there is free room for.

Unbounded prefetch is worse than none: it evicts what another model is about to use for what this one uses later.
"""

from collections.abc import Sequence

from .access import Access
from .residency import Residency


def prefetch(plan: Sequence[Access], step: int, residency: Residency, *, window: int) -> list[Access]:
    """The next accesses of a model's plan whose chunks are missing and fit into the free room, in the plan's order.

    Args:
        plan: one forward pass.
        step: where the model is in it.
        residency: the tier that is to be filled.
        window: bytes of the plan behind `step` that are looked at.
    """
    chosen: list[Access] = []
    room = residency.free
    for access in plan[step + 1 :]:
        window -= access.size
        if window < 0:
            break
        if access.chunk in residency:
            continue
        if room is not None:
            room -= access.size
            if room < 0:
                break
        chosen.append(access)
    return chosen
