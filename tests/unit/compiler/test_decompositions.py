"""Each decomposition gives the numbers of the operator that it replaces."""

import pytest
import torch

from infc.compiler.frontend.convolving import convolution
from infc.compiler.frontend.decompositions import (
    constant_pad_nd,
    embedding_bag,
    grouped_mm,
    histc,
    hypot,
    roll,
    table,
    topk,
)
from infc.compiler.frontend.depthwise import transposed_convolution

DATA = torch.tensor([-1.0, 0.0, 0.1, 0.5, 0.99, 1.0, 2.0, 2.5, 3.0, 3.0001, float("nan")])


@pytest.mark.parametrize(("bins", "low", "high"), [(4, 0, 3), (1, 0, 3), (7, -1, 1), (3, 5, 9)])
def test_histc(bins: int, low: int, high: int) -> None:
    torch.testing.assert_close(histc(DATA, bins, low, high), torch.histc(DATA, bins, low, high), rtol=0, atol=0)


@pytest.mark.parametrize("data", [DATA[:-1], torch.randn(200), torch.full((5,), 2.0)])
def test_histc_over_the_range_of_the_data(data: torch.Tensor) -> None:
    torch.testing.assert_close(histc(data, 10), torch.histc(data, 10), rtol=0, atol=0)


def test_hypot() -> None:
    x = torch.tensor([0.0, 3.0, -1e30, 1e-30, float("inf"), float("inf"), float("nan")])
    y = torch.tensor([0.0, -4.0, 1e30, 1e-30, 1.0, float("-inf"), 1.0])
    torch.testing.assert_close(hypot(x, y), torch.hypot(x, y), equal_nan=True)


@pytest.mark.parametrize("ends", [[2, 2, 7], [0, 3, 5], [7, 7, 7]])
@pytest.mark.parametrize("rows", [7, 3])
def test_grouped_mm(ends: list[int], rows: int) -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(rows, 4), torch.randn(3, 4, 5)
    expected, start = torch.zeros(rows, 5), 0
    for expert, end in enumerate(min(end, rows) for end in ends):
        expected[start:end] = x[start:end] @ weight[expert]
        start = end
    found = grouped_mm(x, weight, torch.tensor([min(end, rows) for end in ends], dtype=torch.int32))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("mode", [0, 1, 2])
@pytest.mark.parametrize("padding", [None, 3])
@pytest.mark.parametrize("last", [False, True])
def test_embedding_bag(mode: int, padding: int | None, last: bool) -> None:
    torch.manual_seed(0)
    weight, indices = torch.randn(9, 4), torch.tensor([1, 3, 3, 8, 0, 3, 5])
    offsets = torch.tensor([0, 2, 2, 5, 7] if last else [0, 2, 2, 5])
    weights = torch.rand(7) if mode == 0 else None
    expected = torch.embedding_bag(weight, indices, offsets, False, mode, False, weights, last, padding)
    found = embedding_bag(weight, indices, offsets, False, mode, False, weights, last, padding)
    torch.testing.assert_close(found[0], expected[0])


@pytest.mark.parametrize("size", [3, 4, 5])
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("window", [1, 3])
def test_convolution(size: int, padding: int, window: int) -> None:
    torch.manual_seed(0)
    x, weight, bias = torch.randn(2, 4, size, 6), torch.randn(6, 2, window, 1), torch.randn(6)
    options = ([2, 3], [padding, 0], [1, 1], 2)
    expected = torch.conv2d(x, weight, bias, *options)
    torch.testing.assert_close(convolution(x, weight, bias, *options), expected)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("window", [1, 2, 4])
@pytest.mark.parametrize("dilation", [1, 3])
def test_convolution_of_one_image_whose_padding_has_a_name(padding: str, window: int, dilation: int) -> None:
    torch.manual_seed(0)
    x, weight, bias = torch.randn(4, 13, 14), torch.randn(6, 2, window, 3), torch.randn(6)
    options = ([1, 1], padding, [dilation, dilation], 2)
    expected = torch.conv2d(x, weight, bias, *options)
    torch.testing.assert_close(convolution(x, weight, bias, *options), expected)


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("groups", [2, 4])
@pytest.mark.parametrize("padding", [0, 1, 5])
def test_transposed_convolution(dims: int, groups: int, padding: int) -> None:
    """Of one channel a group, too; with more padding than the kernel has reach; of one image."""
    torch.manual_seed(0)
    x, bias = torch.randn(2, 4, 6, 7, 8)[(..., *[0] * (3 - dims))], torch.randn(4)
    weight = torch.randn(4, 4 // groups, *(3, 2, 1)[:dims])
    options = ([3, 2, 4][:dims], [padding, 0, 1][:dims], [1] * dims, groups, [2] * dims)
    transposed = (torch.conv_transpose1d, torch.conv_transpose2d, torch.conv_transpose3d)[dims - 1]
    for image in (x, x[0]):
        expected = transposed(image, weight, bias, *options)
        torch.testing.assert_close(transposed_convolution(image, weight, bias, *options), expected)


def test_a_depthwise_convolution_in_three_dims() -> None:
    torch.manual_seed(0)
    x, weight, bias = torch.randn(2, 3, 6, 7, 8), torch.randn(3, 1, 3, 2, 3), torch.randn(3)
    options = ([2, 1, 3], [1, 1, 0], [2, 1, 1], 3)
    expected = torch.conv3d(x, weight, bias, *options)
    torch.testing.assert_close(convolution(x, weight, bias, *options), expected)


@pytest.mark.parametrize("pad", [[1, -1], [0, 0, -2, 1], [-1, -1, -1, -1, 3, 0]])
def test_constant_pad_nd(pad: list[int]) -> None:
    x = torch.randn(3, 4, 5)
    torch.testing.assert_close(constant_pad_nd(x, pad, 2.5), torch.nn.functional.pad(x, pad, value=2.5))


def test_a_pad_that_only_adds_is_left_to_torch_mlir() -> None:
    assert constant_pad_nd(torch.zeros(3), [1, 0]) is NotImplemented


def test_topk_without_an_order_has_one() -> None:
    x = torch.randn(3, 9)
    torch.testing.assert_close(topk(x, 4, 1, False, False), torch.topk(x, 4, 1, False, True))


@pytest.mark.parametrize(
    ("shifts", "dims"), [([9], [0]), ([-7], [1]), ([5, -1], [2, 0]), ([3], []), ([0], [2]), ([100], []), ([3], [1])]
)
def test_roll_by_more_than_there_is(shifts: list[int], dims: list[int]) -> None:
    x = torch.arange(24).reshape(2, 3, 4)
    torch.testing.assert_close(roll(x, shifts, dims), torch.roll(x, shifts, dims), rtol=0, atol=0)


def test_a_group_norm_of_a_batch_that_varies_has_no_strides_in_it() -> None:
    module, x = torch.nn.GroupNorm(2, 4).eval(), torch.randn(3, 4, 5)
    exported = torch.export.export(module, (x,), dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=8)},))
    exported = exported.run_decompositions(table(exported.graph))
    assert torch.ops.aten.as_strided.default not in {node.target for node in exported.graph.nodes}
    torch.testing.assert_close(exported.module()(x[:2]), module(x[:2]))
