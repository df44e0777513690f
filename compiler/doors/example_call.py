"""What a factory returns as example inputs: one tensor, a tuple for arguments by position, a dict for keywords."""

from typing import Any, cast

import torch

from infc.errors import SourceError


def example_call(what: str, inputs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The positional and the keyword arguments of the example call.

    Raises:
        SourceError: it is none of these.
    """
    if isinstance(inputs, torch.Tensor):
        return (inputs,), {}
    if isinstance(inputs, dict):
        return (), cast("dict[str, Any]", inputs)
    if isinstance(inputs, tuple | list):
        return tuple(cast("list[Any]", inputs)), {}
    raise SourceError(
        f"{what}: {type(inputs).__name__}, expected a tuple or a dict of tensors",
        hint="return module, (x,) for arguments by position, or module, {'x': x} for arguments by name",
    )
