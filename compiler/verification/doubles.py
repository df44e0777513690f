"""PyTorch in double precision: what rounding has no part in, to judge two answers that differ by rounding.

The bound that verification takes from it is the usual one of numerical analysis: two programs that compute the same
function in the same precision, in another order, have forward errors of the same size, the condition of the function
times the unit of rounding (N. J. Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., 2002, section 1.6).
PyTorch's own error is measured here rather than estimated; see `comparison`.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.utils._pytree as pytree
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

_WIDE = {
    torch.float16: torch.float64,
    torch.bfloat16: torch.float64,
    torch.float32: torch.float64,
    torch.complex64: torch.complex128,
}


class CannotWiden(Exception):
    """The function changes a tensor of less than double precision in place, which a wide copy would not show."""


def in_double_precision(function: Callable[[], Any]) -> Any:
    """Call `function` with every floating-point operator of PyTorch's in f64. No weight is changed or kept a copy of.

    Raises:
        CannotWiden: see there.
        Exception: whatever the function raises, also because it does not expect f64.
    """
    with torch.no_grad(), _Arguments(), _Doubles():
        return function()


class _Arguments(TorchFunctionMode):
    """Gives f64 to functions that compare the dtypes of their arguments before they call an operator."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in _STRICT:
            args, kwargs = pytree.tree_map(_wide, (args, kwargs or {}))
        return func(*args, **(kwargs or {}))


_STRICT = {
    torch.conv1d,
    torch.conv2d,
    torch.conv3d,
    torch.conv_transpose1d,
    torch.conv_transpose2d,
    torch.conv_transpose3d,
    torch.nn.functional.scaled_dot_product_attention,
}


class _Doubles(TorchDispatchMode):
    """Gives operators f64 for every narrower tensor or dtype."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func._schema.is_mutable:
            _refuse_lost_changes(func, args, kwargs or {})
        wide_args, wide_kwargs = pytree.tree_map(_wide, (args, kwargs or {}))
        # What is made without a dtype has the default one.
        return pytree.tree_map(_wide, func(*wide_args, **wide_kwargs))


def _wide(leaf: Any) -> Any:
    if isinstance(leaf, torch.dtype):
        return _WIDE.get(leaf, leaf)
    if isinstance(leaf, torch.Tensor) and leaf.dtype in _WIDE:
        return leaf.to(_WIDE[leaf.dtype])
    return leaf


def _refuse_lost_changes(func: Any, args: Any, kwargs: Any) -> None:
    for place, argument in enumerate(func._schema.arguments):
        value = kwargs.get(argument.name, args[place] if place < len(args) else None)
        changed = argument.alias_info is not None and argument.alias_info.is_write
        if changed and any(
            isinstance(leaf, torch.Tensor) and leaf.dtype in _WIDE for leaf in pytree.tree_leaves(value)
        ):
            raise CannotWiden(f"{func} changes a {argument.name} of less than double precision")
