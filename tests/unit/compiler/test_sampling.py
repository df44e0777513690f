"""The values that verification feeds to both sides."""

import pytest
import torch

from infc.compiler.frontend.dtypes import TORCH_DTYPES
from infc.compiler.verification.sampling import draw, kinds
from infc.runtime.artifact import TensorSpec, Values

FLOATS = [torch.float64, torch.float32, torch.float16, torch.bfloat16]


def drawn(values: Values, example: torch.Tensor, **bounds: int) -> torch.Tensor:
    spec = TensorSpec(name="x", dtype=TORCH_DTYPES[example.dtype], shape=tuple(example.shape), **bounds)
    found = draw(values, spec, example, example.shape, torch.Generator().manual_seed(0))
    assert (found.shape, found.dtype) == (example.shape, example.dtype)
    return found


@pytest.mark.parametrize("dtype", FLOATS)
def test_floats_reach_the_ends_of_their_dtype(dtype: torch.dtype) -> None:
    example = torch.randn(1000, generator=torch.Generator().manual_seed(1)).to(dtype)
    assert not drawn("zeros", example).any()
    largest = drawn("largest", example)
    assert largest.isfinite().all()
    assert largest.abs().max() > 50 * example.abs().max()
    smallest = drawn("smallest", example).double()
    assert smallest.abs().max() < torch.finfo(dtype).tiny
    assert (smallest != 0).any()


def test_random_floats_look_like_the_example() -> None:
    found = drawn("random", torch.randn(10_000) * 3 + 7)
    assert found.mean().item() == pytest.approx(7, abs=0.3)
    assert found.std().item() == pytest.approx(3, abs=0.3)
    assert drawn("random", torch.full((8,), float("nan"))).isfinite().all()


@pytest.mark.parametrize(("values", "expected"), [("zeros", 3), ("smallest", 3), ("largest", 9)])
def test_integers_stay_within_their_bounds(values: Values, expected: int) -> None:
    assert drawn(values, torch.tensor([4, 5]), low=3, high=9).tolist() == [expected, expected]
    assert drawn(values, torch.tensor([9, 3])).tolist() == [expected, expected]


def test_zeros_is_the_integer_nearest_to_zero() -> None:
    assert drawn("zeros", torch.tensor([-9, -3])).tolist() == [-3, -3]
    assert drawn("zeros", torch.tensor([-9, 3])).tolist() == [0, 0]


def test_the_largest_integer_of_all_is_no_overflow() -> None:
    assert drawn("random", torch.tensor([0, 2**63 - 1])).min() >= 0


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.int32])
def test_a_mask_loses_whole_rows_and_the_ends_of_the_others(dtype: torch.dtype) -> None:
    mask = drawn("masked", torch.ones(2, 4, dtype=dtype))
    assert mask.tolist() == [[0, 0, 0, 0], [1, 1, 0, 0]]
    assert drawn("masked", torch.ones(1, 3, dtype=dtype)).tolist() == [[1, 1, 0]]


@pytest.mark.parametrize(
    ("example", "expected"),
    [
        (torch.randn(2), {"zeros", "largest", "smallest"}),
        (torch.ones(1, 4, dtype=torch.int64), {"zeros", "largest", "masked"}),
        (torch.tensor([[-3, 4]]), {"zeros", "largest", "smallest"}),
        (torch.tensor([True]), {"zeros", "largest", "masked"}),
        (torch.tensor(1), {"zeros", "largest"}),  # a scalar is no mask
    ],
)
def test_only_kinds_that_differ_are_run(example: torch.Tensor, expected: set[str]) -> None:
    spec = TensorSpec(name="x", dtype=TORCH_DTYPES[example.dtype], shape=tuple(example.shape))
    assert set(kinds([(spec, example)])) == expected


def test_a_model_without_inputs_has_random_trials_only() -> None:
    assert kinds([]) == []
