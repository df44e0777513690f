"""Writes to computed places that torch-mlir does not lower, in terms of those that it does."""

import torch

aten = torch.ops.aten


def scatter_value(x: torch.Tensor, dim: int, index: torch.Tensor, value: float) -> torch.Tensor:
    """`x` with `value` at the places of `index` along `dim`, as a tensor of it; a number's lowering does not end."""
    return aten.scatter.src(x, dim, index, torch.full(index.shape, value, dtype=x.dtype, device=x.device))


def put(x: torch.Tensor, index: torch.Tensor, source: torch.Tensor, accumulate: bool = False) -> torch.Tensor:
    """`x` with `source` at the places that `index` names in it as in one row."""
    places, values = index.reshape(-1), source.reshape(-1)
    return aten.index_put.default(x.reshape(-1), [places], values, accumulate).reshape(x.shape)


def index_reduce(
    x: torch.Tensor, dim: int, index: torch.Tensor, source: torch.Tensor, reduce: str, *, include_self: bool = True
) -> torch.Tensor:
    """`x` whose slices along `dim`, those of `index`, are reduced with the slices of `source`."""
    if not x.dim():
        return NotImplemented
    along = [1] * source.dim()
    along[dim] = -1
    places = index.reshape(along).expand(source.shape)
    return aten.scatter_reduce.two(x, dim % x.dim(), places, source, reduce, include_self=include_self)
