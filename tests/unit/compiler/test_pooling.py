"""Pooling over cut and filled inputs gives PyTorch's numbers, whatever the window, the stride and the rounding."""

from itertools import product
from typing import Any

import pytest
import torch
import torch.nn.functional as nnf

from infc.compiler.frontend.pooling import average_pool, max_pool

CASES = list(product([1, 2, 4], [1, 2, 3], [0, 1], [3, 4, 7], [False, True]))


@pytest.mark.parametrize("include", [False, True])
def test_average_pool(include: bool) -> None:
    def both(x: torch.Tensor, options: Any) -> tuple[torch.Tensor, torch.Tensor]:
        window, stride, padding, ceil = options
        expected = nnf.avg_pool2d(x, window, stride, padding, ceil, include)
        return average_pool(x, window, stride, padding, ceil, include), expected

    _compare(both)


@pytest.mark.parametrize("dilation", [1, 2])
def test_max_pool(dilation: int) -> None:
    def both(x: torch.Tensor, options: Any) -> tuple[torch.Tensor, torch.Tensor]:
        window, stride, padding, ceil = options
        expected = nnf.max_pool2d(x, window, stride, padding, dilation, ceil)
        return max_pool(x, window, stride, padding, [dilation] * 2, ceil), expected

    _compare(both)


@pytest.mark.parametrize(("pool", "reference"), [(average_pool, nnf.avg_pool1d), (max_pool, nnf.max_pool1d)])
def test_one_dim(pool: Any, reference: Any) -> None:
    x = torch.randn(2, 3, 8)
    torch.testing.assert_close(pool(x, [3], [3]), reference(x, 3, 3))


def test_a_divisor_of_the_users_own() -> None:
    x = torch.randn(2, 3, 8, 9)
    found = average_pool(x, [3, 3], [3, 2], 0, False, True, 5)
    torch.testing.assert_close(found, nnf.avg_pool2d(x, 3, (3, 2), divisor_override=5))


def test_windows_that_fit_are_left_as_they_are() -> None:
    assert average_pool(torch.zeros(1, 1, 4, 4), [2, 2]) is NotImplemented
    assert max_pool(torch.zeros(1, 1, 4, 4), [2, 2]) is NotImplemented


def _compare(both: Any) -> None:
    """Over all `CASES` that PyTorch takes and that need something done."""
    done = 0
    for window, stride, padding, size, ceil in CASES:
        x = torch.randn(2, 3, size, 5)
        try:
            found, expected = both(x, ([window, 2], [stride, 2], [min(padding, window // 2), 0], ceil))
        except RuntimeError:
            continue
        if found is not NotImplemented:
            torch.testing.assert_close(found, expected)
            done += 1
    assert done > 20
