"""torch tensors to and from the arrays that travel."""

from collections.abc import Mapping
from typing import Any

import torch

from infc.errors import InvalidInput

from .tensors import Array, Tensor, wrong_tensor

_TORCH = {
    "f64": torch.float64,
    "f32": torch.float32,
    "f16": torch.float16,
    "bf16": torch.bfloat16,
    "i64": torch.int64,
    "i32": torch.int32,
    "i16": torch.int16,
    "i8": torch.int8,
    "u8": torch.uint8,
    "bool": torch.bool,
}
_NAMES = {dtype: name for name, dtype in _TORCH.items()}


def dtype_of(tensor: Tensor) -> torch.dtype:
    """The torch dtype of an input or output."""
    return _TORCH[tensor.dtype.name]


def to_array(tensor: Tensor, value: Any, *, model: str) -> Array:
    """The elements of a torch tensor as an array, without a copy when it lies contiguous in the host's memory.

    bf16 becomes `uint16` bit patterns.

    Raises:
        InvalidInput: no tensor, of another dtype or shape, without plain elements (sparse, meta), or one that wants a
            gradient, which could not come back.
    """
    if not isinstance(value, torch.Tensor):
        raise InvalidInput(f"input {tensor.name!r} of model {model!r} is a {type(value).__name__}, expected a tensor")
    if value.dtype is not dtype_of(tensor) or not tensor.admits(tuple(value.shape)):
        name = _NAMES.get(value.dtype, str(value.dtype))
        raise wrong_tensor(tensor, name, tuple(value.shape), model=model)
    if value.layout is not torch.strided or value.is_meta:
        kind = "meta" if value.is_meta else value.layout
        raise InvalidInput(f"input {tensor.name!r} of model {model!r} is a {kind} tensor, expected one with elements")
    if value.requires_grad and torch.is_grad_enabled():
        raise InvalidInput(
            f"input {tensor.name!r} of model {model!r} requires a gradient, and none comes back from a pool",
            hint="call the model within torch.no_grad(), or pass tensor.detach()",
        )
    plain = value.detach().cpu().contiguous().resolve_neg()
    return (plain.view(torch.uint16) if plain.dtype is torch.bfloat16 else plain).numpy()


def from_arrays(
    arrays: Mapping[str, Array], tensors: tuple[Tensor, ...], device: torch.device
) -> dict[str, torch.Tensor]:
    """The outputs as tensors on `device`; on the CPU they share the arrays' memory."""
    return {t.name: _from_array(arrays[t.name]).view(dtype_of(t)).to(device) for t in tensors}


def _from_array(array: Array) -> torch.Tensor:
    return torch.from_numpy(array)  # pyright: ignore[reportUnknownMemberType]
