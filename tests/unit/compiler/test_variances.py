"""Variance and mean by shifted data are PyTorch's, and exact where everything is equal."""

import pytest
import torch

from infc.compiler.frontend.variances import var_mean


@pytest.mark.parametrize("correction", [None, 0, 1, 2.5])
@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.float64])
def test_they_are_pytorchs(correction: float | None, keepdim: bool, dtype: torch.dtype) -> None:
    x = (torch.randn(3, 4, 5, 6, generator=torch.Generator().manual_seed(0)) + 3).to(dtype)
    expected = torch.var_mean(x, [0, -1, 2], correction=correction, keepdim=keepdim)
    for one, other in zip(var_mean(x, [0, -1, 2], correction=correction, keepdim=keepdim), expected, strict=True):
        torch.testing.assert_close(one, other)


def test_planes_of_one_value_have_no_variance() -> None:
    x = torch.full((2, 3, 11, 13), 1.2345678)
    variance, mean = var_mean(x, [2, 3], correction=0)
    assert not variance.any()
    assert (mean == x[..., 0, 0]).all()


def test_what_is_not_finite_stays_so() -> None:
    x = torch.zeros(2, 3, 4)
    x[0, 0, 0], x[1, 1, 1] = torch.inf, torch.nan
    variance, mean = var_mean(x, [1, 2])
    assert variance.isnan().all()
    assert not mean.isfinite().any()


def test_a_single_dim_is_left_as_it_is() -> None:
    assert var_mean(torch.zeros(2, 3), [1]) is NotImplemented
    assert var_mean(torch.zeros(2, 0, 3), [1, 2]) is NotImplemented
