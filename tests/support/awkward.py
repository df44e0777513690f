"""Sources that are awkward in one way each: for `infc compile` to take, or to refuse in one line."""

import collections
import subprocess
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import torch

Made = tuple[torch.nn.Module, tuple[torch.Tensor, ...]]


class _Pair(NamedTuple):
    first: torch.Tensor
    second: torch.Tensor


class _Of(torch.nn.Module):
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> Any:
        return self.function(x)


class _Both(torch.nn.Module):
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> Any:
        return self.function(x, y)


def _x() -> torch.Tensor:
    return torch.linspace(-1, 1, 6).reshape(2, 3)


def prints() -> Made:
    def loud(x: torch.Tensor) -> torch.Tensor:
        print("from forward")
        return x * 2

    print("from the factory")
    subprocess.run(["echo", "from a child"], check=True)
    return _Of(loud), (_x(),)


def leaves() -> Made:
    sys.exit(0)


def leaves_in_forward() -> Made:
    return _Of(lambda _: sys.exit(0)), (_x(),)


def does_not_fit() -> Made:
    return torch.nn.Linear(3, 3), (torch.zeros(2, 7),)


def numbered() -> Made:
    return _Of(lambda x: {1: x * 2}), (_x(),)


def pair() -> Made:
    return _Of(lambda x: _Pair(x * 2, x)), (_x(),)


def default_dict() -> Made:
    def result(x: torch.Tensor) -> Any:
        return collections.defaultdict(list, {"b": x * 2, "a": x})

    return _Of(result), (_x(),)


def sparse_input() -> Made:
    return torch.nn.Linear(3, 3), (torch.eye(3).to_sparse(),)


def sparse_weight() -> Made:
    class Sparse(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = torch.nn.Parameter(torch.eye(3).to_sparse())

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.sparse.mm(self.w, x)

    return Sparse(), (torch.zeros(3, 2),)


def determinant() -> Made:
    return _Of(torch.linalg.det), (torch.eye(4),)


def twice_the_same() -> Made:
    x = _x()
    return _Both(lambda x, y: x - 2 * y), (x, x)


def nothing_finite() -> Made:
    return torch.nn.Linear(3, 3), (torch.full((2, 3), float("nan")),)


def equal_constants() -> Made:
    """Equal tensors under several names, two of them without one."""

    class Equal(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.other = torch.nn.Parameter(torch.ones(2, 3)), torch.nn.Parameter(torch.ones(2, 3))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (x + torch.ones(2, 3)) * torch.tensor([[1.0] * 3] * 2) - self.one * x / self.other

    return Equal(), (_x(),)


def named_like_constants() -> Made:
    class Named(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.constant_0 = torch.nn.Parameter(torch.tensor([1.0, 2.0, 4.0]))
            self.weight_1 = torch.nn.Parameter(torch.tensor([0.5, 0.25, 8.0]))
            self.rest = torch.nn.ParameterDict({"a b": torch.nn.Parameter(torch.tensor([3.0, 5.0, 7.0]))})

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * self.constant_0 + torch.tensor([9.0, 8.0, 7.0]) * self.weight_1 - self.rest["a b"]

    return Named(), (_x(),)


def powers() -> Made:
    return _Both(torch.pow), (torch.rand(196), torch.rand(196))


def angles() -> Made:
    return _Both(torch.atan2), (torch.rand(196), torch.rand(196))


def reciprocals() -> Made:
    return _Of(lambda x: (x**-1, x**-2, x**-3)), (torch.rand(9) + 0.1,)


def rms_norm() -> Made:
    return torch.nn.RMSNorm(8), (torch.rand(2, 8),)


def written_in_place() -> Made:
    """Tensors made of nothing, each written to by one operation and read by another."""

    def several(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        order, flat = x.reshape(-1).argsort(stable=True), x.reshape(-1)
        count, mask, grid = torch.arange(64), torch.ones(8, 8).triu(), torch.arange(64.0).reshape(8, 8)
        edited = mask.clone()
        edited[2:4] = x[:2]
        inverse = torch.zeros_like(order)
        inverse[order] = count
        swapped = count.index_put((order[:9],), order[9:18])
        return inverse, swapped, count, edited, mask, torch.addmm(grid, x, x), grid, flat.sort()[0], (-flat).topk(9)[0]

    return _Of(several), (torch.randn(8, 8, generator=torch.Generator().manual_seed(0)),)


def unary() -> Made:
    def all_of(x: torch.Tensor) -> Any:
        return {"sin": x.sin(), "cos": x.cos(), "asinh": x.asinh(), "acosh": x.acosh(), "log10": x.log10()}

    return _Of(all_of), (torch.rand(64),)


def halved_bytes() -> Made:
    # torch-mlir's lowering dies by a signal on this one.
    return _Of(lambda x: x // 3), (torch.arange(6, dtype=torch.uint8).reshape(2, 3),)


def read_while_written() -> Made:
    """Tensors of which a part is written with what another part holds; sizes at which IREE was wrong."""

    def several(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        shifted = x * 2
        shifted[:, 1:] = shifted[:, :-1].clone()
        product = x @ x
        product[:32] = product[32:] @ product
        summed = x[:6, :4].index_add(1, torch.tensor([2, 0, 0, 3]), x[:6, :4])
        return shifted, product, summed

    return _Of(several), (torch.randn(64, 64, generator=torch.Generator().manual_seed(0)),)


def dims_from_the_last() -> Made:
    """Operators that torch-mlir lowers wrongly, or without end, as they are most often written."""

    def several(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        best = x.argmax(-1, keepdim=True)
        places = x.argsort(dim=-1, stable=True)
        masked = torch.scatter(x, -1, best, float("-inf")).softmax(-1)
        largest = x.topk(2, -1, sorted=False)[0].sum(-1)
        padded = torch.nn.functional.pad(x, (2, -1, -1, 1), value=3.0)
        added = torch.scatter_add(x, -1, places, x)
        bytes_ = (x.abs() * 80).clamp(0, 255).to(torch.uint8)
        ordered = bytes_.sort(-1)[0].float(), (x > 0).sort(-1)[0].float(), bytes_.topk(2)[0].float()
        put = x.put(torch.tensor([1, -2]), x[0, :2])
        return masked, largest, padded, added, x.scatter_reduce(-1, places, x, "amax"), put, *ordered

    return _Of(several), (3 * torch.randn(6, 5, generator=torch.Generator().manual_seed(0)),)


def chooses_among_equals() -> Made:
    """Where all are equal, PyTorch's own choice is another one than that of their places."""
    return _Of(lambda x: x.relu().topk(3)[1]), (torch.randn(2, 200, generator=torch.Generator().manual_seed(0)),)


def pools_unevenly() -> Made:
    """Windows that go beyond the input or leave places unread, which IREE does not compile as they are."""

    def several(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        pool = torch.nn.functional
        return (
            pool.avg_pool2d(x, 16, ceil_mode=True),
            pool.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False),
            pool.max_pool2d(x, 3, 2, 1, ceil_mode=True),
            pool.max_pool1d(x[:, :, 0], 4, 3),
        )

    return _Of(several), (torch.randn(2, 3, 7, 9, generator=torch.Generator().manual_seed(0)),)


def doubles() -> Made:
    def all_of(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        gelu = torch.nn.functional.gelu(x, approximate="tanh")
        return x.tanh(), (x * 1e-4).tanh(), x.sin(), (100 * x).cos(), x.tan(), x.abs().log2(), gelu

    return _Of(all_of), (torch.linspace(-3, 3, 41, dtype=torch.float64),)


def forty_weights() -> Made:
    class Summed(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weights = torch.nn.ParameterList([torch.full((64, 64), 1.0 + each) for each in range(40)])

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            total = x
            for weight in self.weights:
                total = total + weight * x
            return total

    return Summed(), (torch.rand(64, 64),)


def nothing_times_nothing() -> Made:
    """Dims of no size: in a product, in weights, in what is summed."""
    empty = torch.nn.Parameter(torch.zeros(4, 0))

    def several(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, ...]:
        linear = torch.nn.functional.linear(x, empty, torch.ones(4))
        return x @ y, torch.addmm(torch.ones(4), x, y), linear, x.sum(1), x.relu(), y.softmax(0)

    return _Both(several), (torch.zeros(3, 0), torch.zeros(0, 4))
