"""Writes to computed places, in terms of others, are PyTorch's."""

import pytest
import torch

from infc.compiler.frontend.scatters import index_reduce, put

X = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("accumulate", [False, True])
def test_put(accumulate: bool) -> None:
    index, source = torch.tensor([[1, -5], [7, 0]]), torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    torch.testing.assert_close(put(X, index, source, accumulate), X.put(index, source, accumulate))


@pytest.mark.parametrize("reduce", ["prod", "mean", "amax", "amin"])
@pytest.mark.parametrize("include", [False, True])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_index_reduce(reduce: str, include: bool, dim: int) -> None:
    index, source = torch.tensor([2, 0, 2, 1]), torch.randn(4, 4)
    source = source if dim == 0 else source[:3]
    found = index_reduce(X, dim, index, source, reduce, include_self=include)
    expected = X.index_reduce(dim, index, source, reduce, include_self=include)  # type: ignore[arg-type]
    torch.testing.assert_close(found, expected)
