"""Operators that torch-mlir does not lower, or not to the same numbers, in terms of those that it does.

Each function has its operator's signature and gives the operator's numbers; export replaces the one by the other.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch._decomp import decomposition_table
from torch_mlir.extras.fx_decomp_util import get_decomposition_table

from .convolving import convolution
from .depthwise import transposed_convolution
from .pooling import average_pool, max_pool
from .scatters import index_reduce, put, scatter_value
from .variances import var_mean

aten = torch.ops.aten

# What torch-mlir lowers in a way that is right for kind inputs only, such as those that verification draws.
INEXACT = {
    aten.linalg_det.default: "it is eliminated without pivoting",
    aten._linalg_det.default: "it is eliminated without pivoting",
    aten.logcumsumexp.default: "its exponentials overflow",
}


def table(graph: torch.fx.Graph) -> dict[Any, Callable[..., Any]]:
    """What to decompose, and into what: torch-mlir's own choice, and ours for the operators that `graph` calls."""
    ours: dict[Any, Callable[..., Any]] = {}
    for node in graph.nodes:
        name = getattr(getattr(node.target, "_schema", None), "name", "")
        if name in _BY_NAME:
            ours[node.target] = _BY_NAME[name]
    return {**get_decomposition_table(), **_ALWAYS, **ours}


def count_dims_from_the_first(graph: torch.fx.Graph) -> None:
    """Make every negative `dim` of a decomposed graph a positive one, in place.

    torch-mlir's lowerings of scatters do not end, or write elsewhere, where `dim` counts from the last.
    """
    for node in graph.nodes:
        schema = getattr(node.target, "_schema", None)
        if schema is None or node.target in _ADD_A_DIM or "dim" not in [each.name for each in schema.arguments]:
            continue
        place = [each.name for each in schema.arguments].index("dim")
        dim = node.args[place] if place < len(node.args) else None
        if not isinstance(dim, int) or dim >= 0:
            continue
        first = node.args[0][0] if isinstance(node.args[0], list | tuple) else node.args[0]
        node.update_arg(place, dim + max(first.meta["val"].dim(), 1))


# Their `dim` counts in the result.
_ADD_A_DIM = {aten.unsqueeze.default, aten.stack.default}


def histc(x: torch.Tensor, bins: int = 100, min: float = 0, max: float = 0) -> torch.Tensor:
    """How many elements of `x` fall into each of `bins` bins of equal width.

    The range is that of the data where `min` and `max` are equal. What lies outside of it, and NaN, is not counted.
    """
    values = x.reshape(-1)
    low, high = torch.full_like(values[:1], min), torch.full_like(values[:1], max)
    if min == max and values.numel():
        low, high = values.amin().reshape(1), values.amax().reshape(1)
    flat = low == high
    low, high = torch.where(flat, low - 1, low), torch.where(flat, high + 1, high)
    inside = (values >= low) & (values <= high)
    place = ((values - low) * bins / (high - low)).clamp(0, bins).to(torch.int64).clamp(max=bins - 1)
    each = torch.arange(bins, device=x.device).unsqueeze(1)
    return ((place == each) & inside).sum(1).to(x.dtype)


def hypot(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The length of (`x`, `y`), without the squares' overflow."""
    large, small = torch.maximum(x.abs(), y.abs()), torch.minimum(x.abs(), y.abs())
    ratio = small / torch.where(large == 0, torch.ones_like(large), large)
    return torch.where(large.isinf(), large, large * (1 + ratio * ratio).sqrt())


def roll(x: torch.Tensor, shifts: list[int], dims: list[int] | None = None) -> torch.Tensor:
    """`x` shifted around, also by more than a dim has elements, which torch-mlir gets wrong."""
    if not dims:
        return roll(x.reshape(-1), shifts, [0]).reshape(x.shape)
    if any(isinstance(x.shape[dim], torch.SymInt) for dim in dims):
        return NotImplemented  # torch-mlir's is right for a shift by less than the size; verification tells
    for shift, dim in zip(shifts, dims, strict=True):
        size = x.shape[dim]
        cut = size - shift % size if size else 0
        x = torch.cat([x.narrow(dim, cut, size - cut), x.narrow(dim, 0, cut)], dim)
    return x


def grouped_mm(
    x: torch.Tensor,
    weight: torch.Tensor,
    offs: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    out_dtype: torch.dtype | None = None,
) -> torch.Tensor:
    """The rows of `x` [S, K], in groups that end at `offs` [E], times each group's matrix of `weight` [E, K, N].

    The result is [S, N], zero behind the last group. Which rows belong to which group is known at run time only: few
    rows gather a matrix each; many are multiplied with every expert's, and the right product is kept.
    """
    if offs is None or x.dim() != 2 or weight.dim() != 3 or bias is not None:
        return NotImplemented
    rows = torch.arange(x.shape[0], device=x.device)
    group = (offs.unsqueeze(1) <= rows).sum(0)
    experts = weight.shape[0]
    if x.shape[0] <= experts:
        own = weight.index_select(0, group.clamp(max=experts - 1))
        product = torch.bmm(x.unsqueeze(1), own).squeeze(1)
        result = torch.where((group < experts).unsqueeze(1), product, torch.zeros_like(product))
    else:
        result = torch.zeros(x.shape[0], weight.shape[2], dtype=x.dtype, device=x.device)
        for expert in range(experts):
            result = torch.where((group == expert).unsqueeze(1), x @ weight[expert], result)
    return result if out_dtype is None else result.to(out_dtype)


def embedding_bag(
    weight: torch.Tensor,
    indices: torch.Tensor,
    offsets: torch.Tensor,
    scale_grad_by_freq: bool = False,
    mode: int = 0,
    sparse: bool = False,
    per_sample_weights: torch.Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Rows of `weight` at `indices` [n], in bags that begin at `offsets` [B], as sum (0), mean (1) or maximum (2).

    Returns the bags [B, D], the bag of each index, the bags' sizes, and, in place of the maximum's indices, which only
    a backward pass reads, zeros.
    """
    begins = offsets[:-1] if include_last_offset else offsets
    places = torch.arange(indices.shape[0], device=indices.device)
    bag = (begins.unsqueeze(1) <= places).sum(0) - 1
    member = torch.arange(begins.shape[0], device=indices.device).unsqueeze(1) == bag
    if padding_idx is not None and padding_idx >= 0:
        member = member & (indices != padding_idx)
    rows = aten.embedding.default(weight, indices)
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.unsqueeze(1)
    sizes = member.sum(1)
    if mode == 2:
        masked = torch.where(member.unsqueeze(2), rows, torch.full_like(rows, float("-inf")))
        bags = torch.where((sizes > 0).unsqueeze(1), masked.amax(1), torch.zeros_like(masked[:, 0]))
    else:
        bags = member.to(rows.dtype) @ rows
        if mode == 1:
            bags = bags / sizes.clamp(min=1).unsqueeze(1).to(rows.dtype)
    return bags, bag, sizes, torch.zeros_like(sizes)


def rms_norm(
    x: torch.Tensor, normalized_shape: list[int], weight: torch.Tensor | None = None, eps: float | None = None
) -> torch.Tensor:
    """`x` [..., *normalized_shape] over the root of its mean square, by PyTorch's own decomposition.

    torch-mlir takes an `eps` that is None for 0, and then divides by it where a row is zero.
    """
    return decomposition_table[aten._fused_rms_norm.default](x, normalized_shape, weight, eps)[0]


def constant_pad_nd(x: torch.Tensor, pad: list[int], value: float = 0) -> torch.Tensor:
    """`x` with `pad[0]` and `pad[1]` places of `value` around its last dim, and so on; what is negative is cut off.

    torch-mlir takes a negative `pad` for none, and shifts what it keeps.
    """
    if all(places >= 0 for places in pad):
        return NotImplemented
    for dim in range(len(pad) // 2):
        before, after = (max(-places, 0) for places in pad[2 * dim : 2 * dim + 2])
        axis = x.dim() - 1 - dim
        x = x.narrow(axis, before, x.shape[axis] - before - after)
    return aten.constant_pad_nd.default(x, [max(places, 0) for places in pad], value)


def as_strided(x: torch.Tensor, size: list[int], stride: list[int], storage_offset: int | None = None) -> torch.Tensor:
    """`x` in another shape where that is all it is, as behind a group norm: torch-mlir takes no size that varies."""
    if storage_offset or not any(isinstance(each, torch.SymInt) for each in size) or not x.is_contiguous():
        return NotImplemented
    whole = [math.prod(size[axis + 1 :]) for axis in range(len(size))]
    return x.reshape(size) if stride == whole and math.prod(size) == x.numel() else NotImplemented


def topk(
    x: torch.Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True
) -> tuple[torch.Tensor, torch.Tensor]:
    """The `k` largest or smallest along `dim`, and where they are: in order, which is one of those that are allowed."""
    if x.dtype in _UNSIGNED:
        values, places = aten.topk.default(x.to(torch.int32), k, dim, largest, True)
        return values.to(x.dtype), places
    return NotImplemented if sorted else aten.topk.default(x, k, dim, largest, True)


def sort(x: torch.Tensor, dim: int = -1, descending: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    """`x` in order, by signed numbers: torch-mlir compares 200 as -56, and True as -1."""
    if x.dtype not in _UNSIGNED:
        return NotImplemented
    values, places = aten.sort.default(x.to(torch.int32), dim, descending)
    return values.to(x.dtype), places


_UNSIGNED = (torch.bool, torch.uint8)


def stable_sort(
    x: torch.Tensor, *, stable: bool | None = None, dim: int = -1, descending: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    """`x` in order, equals in the order in which they were: IREE's sort exchanges neighbours, and equals never."""
    return aten.sort.default(x, dim, descending)


def gelu(x: torch.Tensor, *, approximate: str = "none") -> torch.Tensor:
    """GELU by its tanh form: torch-mlir has 0.797724 for the root of 2/π, which is up to 5e-5 off."""
    if approximate != "tanh":
        return NotImplemented
    wide = x.to(torch.float32) if x.dtype in (torch.float16, torch.bfloat16) else x
    inner = math.sqrt(2 / math.pi) * (wide + 0.044715 * wide * wide * wide)
    return (0.5 * wide * (1 + inner.tanh())).to(x.dtype)


# Of what other operators decompose into, and a graph therefore need not call.
_ALWAYS: dict[Any, Callable[..., Any]] = {
    aten.as_strided.default: as_strided,
    aten.constant_pad_nd.default: constant_pad_nd,
    aten.gelu.default: gelu,
    aten.scatter.value: scatter_value,
    aten.sort.default: sort,
    aten.sort.stable: stable_sort,
    aten.topk.default: topk,
    aten.var_mean.correction: var_mean,
}

_BY_NAME: dict[str, Callable[..., Any]] = {
    "aten::avg_pool1d": average_pool,
    "aten::avg_pool2d": average_pool,
    "aten::avg_pool3d": average_pool,
    "aten::max_pool1d": max_pool,
    "aten::max_pool2d": max_pool,
    "aten::max_pool3d": max_pool,
    "aten::conv1d": convolution,
    "aten::conv2d": convolution,
    "aten::conv3d": convolution,
    "aten::conv_transpose1d": transposed_convolution,
    "aten::conv_transpose2d": transposed_convolution,
    "aten::conv_transpose3d": transposed_convolution,
    "aten::histc": histc,
    "aten::hypot": hypot,
    "aten::index_reduce": index_reduce,
    "aten::put": put,
    "aten::rms_norm": rms_norm,
    "aten::roll": roll,
    "aten::_grouped_mm": grouped_mm,
    "transformers::grouped_mm_fallback": grouped_mm,
    "aten::embedding_bag": embedding_bag,
    "aten::_embedding_bag": embedding_bag,
    "aten::_embedding_bag_forward_only": embedding_bag,
}
