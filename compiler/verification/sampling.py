"""Inputs of a model's kind, drawn at random or at the ends of what its dtypes hold: what both sides are fed with."""

from collections.abc import Iterable, Sequence

import torch

from ...runtime.artifact import TensorSpec, Values

# How far beyond the example's spread the large floats reach: f16 ends at 65504.
_LARGE = {torch.float16: 64.0}
_LARGE_ELSEWHERE = 1e4

_HIGHEST = 2**63 - 2  # what randint, which leaves its upper end out, can draw


def draw(
    values: Values, spec: TensorSpec, example: torch.Tensor, shape: Sequence[int], generator: torch.Generator
) -> torch.Tensor:
    """A tensor of the given shape and of the example's dtype. What is not finite in the example does not count.

    | values   | floats                                        | integers         | booleans  |
    |----------|-----------------------------------------------|------------------|-----------|
    | random   | normal, with the example's mean and deviation | uniform          | fair coin |
    | zeros    | 0                                             | the nearest to 0 | false     |
    | largest  | normal, 10⁴ times as wide (f16: 64 times)     | the highest      | true      |
    | smallest | below the dtype's smallest normal number      | the lowest       | fair coin |
    | masked   | as random                                     | as random        | as random |

    Integers stay within the bounds of `spec` where there are any, else within the example's own range; a mask of ones
    is drawn as zeros and ones. `masked` gives a mask (see `is_mask`) whole rows of zeros: of the first half of the
    rows, where there are several, everything; of the others the second half.
    """
    if values == "masked" and is_mask(spec, example):
        return _masked(shape, example.dtype)
    if spec.dtype == "bool":
        return _booleans(values, shape, generator)
    if example.dtype.is_floating_point:
        return _floats(values, example, shape, generator)
    low, high = bounds(spec, example)
    if values in ("random", "masked"):
        return torch.randint(low, high + 1, shape, generator=generator).to(example.dtype)
    fill = {"zeros": min(max(low, 0), high), "largest": high, "smallest": low}[values]
    return torch.full(shape, fill, dtype=example.dtype)


def kinds(specs: Iterable[tuple[TensorSpec, torch.Tensor]]) -> list[Values]:
    """The kinds of values beside random ones that differ from one another for these inputs and examples."""
    inputs = list(specs)
    if not inputs:
        return []
    found: list[Values] = ["zeros", "largest"]
    ranges = [bounds(spec, example) for spec, example in inputs if not _has_own_limits(spec, example)]
    if any(example.dtype.is_floating_point for _, example in inputs) or any(low < 0 for low, _ in ranges):
        found.append("smallest")
    if any(is_mask(spec, example) for spec, example in inputs):
        found.append("masked")
    return found


def is_mask(spec: TensorSpec, example: torch.Tensor) -> bool:
    """Whether the input says what counts: booleans, or integers that the example has as zeros and ones."""
    if not example.ndim or example.dtype.is_floating_point:
        return False
    return spec.dtype == "bool" or (spec.high is None and bounds(spec, example) == (0, 1))


def hides_rows(mask: torch.Tensor) -> bool:
    """Whether a row of the mask, along its last dim, is all zeros."""
    return not mask.bool().any(-1).all().item()


def shown(mask: torch.Tensor) -> torch.Tensor:
    """The mask with the first place of every row that it hides."""
    found = mask.clone()
    if found.shape[-1]:
        found[..., 0] = torch.where(mask.bool().any(-1), mask[..., 0], torch.ones_like(mask[..., 0]))
    return found


def bounds(spec: TensorSpec, example: torch.Tensor) -> tuple[int, int]:
    """The integers that are drawn, both ends included."""
    if spec.low is not None and spec.high is not None:
        return spec.low, spec.high
    if not example.numel():
        return 0, 0
    low, high = int(example.min()), min(int(example.max()), _HIGHEST)
    return (0, 1) if low >= 0 and high == 1 else (low, high)


def _has_own_limits(spec: TensorSpec, example: torch.Tensor) -> bool:
    return spec.dtype == "bool" or example.dtype.is_floating_point


def _booleans(values: Values, shape: Sequence[int], generator: torch.Generator) -> torch.Tensor:
    if values in ("zeros", "largest"):
        return torch.full(tuple(shape), values == "largest")
    return torch.randint(0, 2, tuple(shape), generator=generator).bool()


def _floats(values: Values, example: torch.Tensor, shape: Sequence[int], generator: torch.Generator) -> torch.Tensor:
    if values == "zeros":
        return torch.zeros(tuple(shape), dtype=example.dtype)
    noise = torch.randn(tuple(shape), generator=generator, dtype=torch.float64)
    if values == "smallest":  # subnormal numbers
        return (noise.clamp(-3.0, 3.0) * (torch.finfo(example.dtype).tiny / 4)).to(example.dtype)
    finite = example[example.isfinite()].double()  # of NaN or infinities alone nothing could be compared
    spread = (finite.std(correction=0).item() if finite.numel() else 0.0) or 1.0
    if values == "largest":
        return (noise * (spread * _LARGE.get(example.dtype, _LARGE_ELSEWHERE))).to(example.dtype)
    mean = finite.mean().item() if finite.numel() else 0.0
    return (noise * spread + mean).to(example.dtype)


def _masked(shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
    mask = torch.ones(tuple(shape), dtype=dtype)
    mask[..., (shape[-1] + 1) // 2 :] = 0
    if len(shape) > 1:
        mask[: shape[0] // 2] = 0
    return mask
