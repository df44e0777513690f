"""How far apart two answers are, and when that is only rounding."""

import ml_dtypes
import numpy as np
import pytest

from infc.compiler.verification.comparison import ROUNDING, Disagreement, Gap, compare, judge
from infc.runtime.artifact import DType, TensorSpec


def spec(dtype: DType = "f32") -> TensorSpec:
    return TensorSpec(name="y", dtype=dtype, shape=(3,))


def f32(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def gap(found: Gap | Disagreement) -> Gap:
    assert isinstance(found, Gap), found
    return found


def why(found: Gap | Disagreement) -> str:
    assert isinstance(found, Disagreement), found
    return found.why


def test_the_error_is_relative_to_the_largest_magnitude() -> None:
    found = gap(compare(spec(), f32(0, 1, 100), f32(0.001, 1, 100)))
    assert (found.absolute, found.relative) == pytest.approx((1e-3, 1e-5))
    assert "differs from PyTorch by 0.02" in why(compare(spec(), f32(0, 1, 100), f32(0.02, 1, 100)))


@pytest.mark.parametrize("sentinel", [-np.finfo(np.float32).max, 2e38])
def test_a_masked_place_hides_no_error_of_the_others(sentinel: float) -> None:
    reference = f32(1, 2, sentinel)
    assert gap(compare(spec(), reference, reference)).relative == 0.0
    assert "worst at [0]" in why(compare(spec(), reference, f32(1.5, 2, sentinel)))
    assert "worst at [2]" in why(compare(spec(), reference, f32(1, 2, sentinel / 2)))


@pytest.mark.parametrize("wrong", [[np.inf, 1, np.nan], [-np.inf, 1, 0], [-np.inf, np.nan, np.nan], [0, 1, np.nan]])
def test_what_is_not_finite_has_to_be_the_same(wrong: list[float]) -> None:
    reference = f32(-np.inf, 1, np.nan)
    assert gap(compare(spec(), reference, f32(-np.inf, 1, np.nan))).not_finite == 2
    assert "NaN or infinite in other places" in why(compare(spec(), reference, f32(*wrong)))


def test_integers_are_exact_also_where_f64_is_not() -> None:
    large = np.array([2**53, 2**53 + 1, -(2**63)])
    assert gap(compare(spec("i64"), large, large)).tolerance == 0.0
    assert "in 1 of 3 elements: at [1]" in why(compare(spec("i64"), large, large - [0, 1, 0]))
    assert "in 1 of 2" in why(compare(spec("bool"), np.array([True, False]), np.array([True, True])))


@pytest.mark.parametrize("other", [f32(1, 2), f32(1, 2, 3).reshape(3, 1), np.array([1.0, 2.0, 3.0])])
def test_shape_and_dtype_have_to_be_the_same(other: np.ndarray) -> None:
    assert "PyTorch gives float32[3]" in why(compare(spec(), f32(1, 2, 3), other))


def test_half_precision_has_tolerances_of_its_own() -> None:
    one, other = (np.array([1, 2, each], ml_dtypes.bfloat16) for each in (3.0, 3.0625))
    assert gap(compare(spec("bf16"), one, other)).relative == pytest.approx(0.0625 / 3)
    assert isinstance(compare(spec(), one.astype(np.float32), other.astype(np.float32)), Disagreement)


def test_rounding_explains_what_pytorch_suffers_too() -> None:
    exact = np.array([1.0, 2.0, 4.0])
    pytorch = f32(1, 2, 4.004)  # 1e-3 of the largest
    allowed = gap(judge(spec(), pytorch, f32(1.03, 2, 4), exact))
    assert allowed.reference_error == pytest.approx(1e-3, rel=1e-3)
    assert allowed.tolerance == pytest.approx(ROUNDING * 1e-3, rel=1e-3)
    assert "where PyTorch in f32 differs by 0.001" in why(judge(spec(), pytorch, f32(1.05, 2, 4), exact))


def test_a_wrong_answer_is_not_excused_where_pytorch_is_exact() -> None:
    assert "differs from PyTorch in f64" in why(judge(spec(), f32(1, 2, 4), f32(1.01, 2, 4), np.array([1.0, 2, 4])))


def test_where_pytorch_is_noise_nothing_is_decided() -> None:
    found = judge(spec(), f32(1, 2, 4), f32(4, 2, 1), np.array([1.0, 2.0, 3.5]))
    assert isinstance(found, Disagreement)
    assert found.blurred


def test_elements_that_pytorchs_own_dtype_decides_are_counted_and_not_compared() -> None:
    integers = np.array([1, 5, 3])
    assert gap(judge(spec("i64"), integers, np.array([1, 6, 3]), np.array([1, 6, 3]))).undecided == 1
    assert "at [0] 2 instead of 1" in why(judge(spec("i64"), integers, np.array([2, 6, 3]), np.array([1, 6, 3])))
    overflown = gap(judge(spec(), f32(1, np.inf, 2), f32(1, 3e38, 2), np.array([1.0, 1e39, 2.0])))
    assert (overflown.undecided, overflown.not_finite) == (1, 0)
    assert "NaN or infinite" in why(judge(spec(), f32(1, 2, 3), f32(1, np.nan, 3), np.array([1.0, 2.0, 3.0])))
