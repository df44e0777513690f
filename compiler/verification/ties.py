"""PyTorch with equal values in the order of their places, wherever it sorts.

Its `sort` and `topk` leave that order open: it differs between devices, versions and sizes. Compiled sorts are stable.
A model that shows which of two equal values came first (a mixture of experts that counts whom it chose) then has two
right answers, and this is the other one.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten


def in_order_of_places(function: Callable[[], Any]) -> tuple[Any, bool]:
    """Call `function` with stable sorts; its result, and whether it sorted at all.

    Raises:
        Exception: whatever the function raises.
    """
    with torch.no_grad(), _Stable() as mode:
        result = function()
    return result, mode.sorted


class _Stable(TorchDispatchMode):
    """Puts a stable sort in place of every `sort` and `topk`."""

    sorted = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func not in (aten.topk.default, aten.sort.default):
            return func(*args, **(kwargs or {}))
        self.sorted = True
        return (_topk if func is aten.topk.default else _sort)(*args, **(kwargs or {}))


def _sort(x: torch.Tensor, dim: int = -1, descending: bool = False) -> Any:
    return aten.sort.stable(x, stable=True, dim=dim, descending=descending)


def _topk(x: torch.Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    values, places = _sort(x, dim, largest)
    return values.narrow(dim, 0, k), places.narrow(dim, 0, k)
