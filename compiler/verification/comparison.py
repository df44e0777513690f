"""One output of the compiled model against PyTorch's: how far apart they are, and whether that is only rounding."""

from dataclasses import dataclass

import ml_dtypes
import numpy as np
import torch

from ...runtime.artifact import TensorSpec

# The largest error, relative to the largest magnitude that PyTorch's output has in that trial. Integers are exact.
TOLERANCES = {"f64": 1e-9, "f32": 1e-4, "f16": 1e-2, "bf16": 5e-2}

# Beyond its dtype's tolerance an output may be this many times as far from the exact result as PyTorch's own is: the
# orders of summation differ, and with them the constant before one and the same condition of the function.
ROUNDING = 10.0

# Where that allows more than this, of the largest magnitude, agreement says nothing.
_MEANINGLESS = 0.1

# A value above this part of its dtype's range stands for a masked place, and counts for itself, not for the others'
# scale: one -3.4e38 among the scores would hide every other error.
_SENTINEL = 0.25


@dataclass(frozen=True)
class Gap:
    """How far one output is from the reference in one trial, and what bounds `relative`.

    `undecided` counts elements that PyTorch's own dtype decides (another integer, NaN or infinity than in f64), which
    are left out of the comparison. See `OutputCheck` for the rest.
    """

    absolute: float
    relative: float
    tolerance: float
    not_finite: int = 0
    reference_error: float | None = None
    undecided: int = 0


@dataclass(frozen=True)
class Disagreement:
    """Why one output is not PyTorch's. `blurred`: PyTorch's own rounding is too large for a judgement."""

    why: str
    blurred: bool = False


def compare(spec: TensorSpec, expected: np.ndarray, actual: np.ndarray, accepted: float = 0.0) -> Gap | Disagreement:
    """The distance of `actual` from `expected`, judged by the tolerance of the output's dtype.

    `accepted` is the relative error that narrower weights may cost, where that is more.
    """
    tolerance = max(TOLERANCES.get(spec.dtype, 0.0), accepted)
    if expected.shape != actual.shape or expected.dtype != actual.dtype:
        return Disagreement(
            f"PyTorch gives {expected.dtype}{list(expected.shape)}, the compiled model "
            f"{actual.dtype}{list(actual.shape)}"
        )
    if spec.dtype not in TOLERANCES:
        return _exactly(expected, actual)
    places = _same_kind(expected, actual)
    if not places.all():
        return Disagreement("NaN or infinite in other places than PyTorch's" + _first(~places, expected, actual))
    finite = np.isfinite(_wide(expected))
    absolute, relative = _distance(expected, actual, finite)
    if relative <= tolerance:
        return Gap(absolute, relative, tolerance, not_finite=int(finite.size - finite.sum()))
    return Disagreement(
        f"differs from PyTorch by {absolute:.3g} ({relative:.3g} of the largest value), tolerance {tolerance:g}"
        + _worst(expected, actual, finite)
    )


def judge(
    spec: TensorSpec, expected: np.ndarray, actual: np.ndarray, exact: np.ndarray, accepted: float = 0.0
) -> Gap | Disagreement:
    """As `compare`, by the distance of both from `exact`, PyTorch's answer in double precision."""
    plain = compare(spec, expected, actual, accepted)
    if isinstance(plain, Gap) or exact.shape != expected.shape or actual.shape != expected.shape:
        return plain
    if spec.dtype not in TOLERANCES:
        decided = expected == exact
        wrong = decided & (expected != actual)
        return plain if wrong.any() else Gap(0.0, 0.0, 0.0, undecided=int((~decided).sum()))
    decided = _same_kind(expected, exact)
    if not _same_kind(expected, actual)[decided].all():
        return plain
    finite = decided & np.isfinite(_wide(expected))
    _, own = _distance(exact, expected, finite)
    absolute, relative = _distance(exact, actual, finite)
    tolerance = max(TOLERANCES[spec.dtype], accepted, ROUNDING * own)
    if ROUNDING * own > max(_MEANINGLESS, accepted):
        return Disagreement(
            f"PyTorch in {spec.dtype} is itself {own:.3g} of the largest value away from f64", blurred=True
        )
    if relative > tolerance:
        return Disagreement(
            f"differs from PyTorch in f64 by {absolute:.3g} ({relative:.3g} of the largest value), where PyTorch in "
            f"{spec.dtype} differs by {own:.3g}; tolerance {tolerance:.3g}" + _worst(exact, actual, finite)
        )
    not_finite = int((decided & ~np.isfinite(_wide(expected))).sum())
    return Gap(absolute, relative, tolerance, not_finite, own, undecided=int((~decided).sum()))


def to_numpy(tensor: torch.Tensor) -> np.ndarray:
    """The tensor as numpy has it; bf16 through ml_dtypes."""
    host = tensor.detach().cpu().contiguous()
    if host.dtype != torch.bfloat16:
        return host.numpy()
    return host.view(torch.int16).numpy().view(ml_dtypes.bfloat16)


def _exactly(expected: np.ndarray, actual: np.ndarray) -> Gap | Disagreement:
    """Integers and booleans, compared as they are: f64 would round the large ones."""
    wrong = expected != actual
    if not wrong.any():
        return Gap(0.0, 0.0, 0.0)
    at = np.unravel_index(int(wrong.argmax()), wrong.shape)
    return Disagreement(
        f"differs from PyTorch in {int(wrong.sum())} of {wrong.size} elements: at {[int(i) for i in at]} {actual[at]} "
        f"instead of {expected[at]}, tolerance 0"
    )


def _wide(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float64)


def _same_kind(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Where both are finite, both NaN, or both the same infinity."""
    a, b = _wide(one), _wide(other)
    return (np.isfinite(a) & np.isfinite(b)) | (a == b) | (np.isnan(a) & np.isnan(b))


def _distance(reference: np.ndarray, other: np.ndarray, places: np.ndarray) -> tuple[float, float]:
    """The largest absolute difference at `places`, and the largest relative one."""
    a, b = _wide(other)[places], _wide(reference)[places]
    if not b.size:
        return 0.0, 0.0
    gap, magnitude = np.abs(a - b), np.abs(b)
    sentinel = magnitude > _SENTINEL * float(ml_dtypes.finfo(other.dtype).max)
    scale = float(magnitude[~sentinel].max(initial=0.0)) or 1.0
    relative = float(gap[~sentinel].max(initial=0.0)) / scale
    return float(gap.max()), max(relative, float((gap[sentinel] / magnitude[sentinel]).max(initial=0.0)))


def _worst(reference: np.ndarray, actual: np.ndarray, places: np.ndarray) -> str:
    a, b = _wide(actual), _wide(reference)
    gap = np.abs(np.subtract(a, b, out=np.zeros_like(a), where=places))
    at = np.unravel_index(int(gap.argmax()), gap.shape)
    return f"; worst at {[int(i) for i in at]}: {a[at]:.6g} instead of {b[at]:.6g}"


def _first(places: np.ndarray, expected: np.ndarray, actual: np.ndarray) -> str:
    at = np.unravel_index(int(places.argmax()), places.shape)
    return f": at {[int(i) for i in at]} {_wide(actual)[at]:.6g} instead of {_wide(expected)[at]:.6g}"
