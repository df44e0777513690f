"""Packing: the slab's bytes, element by element, against the definition of the layout."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from infc.compiler.slab.weights import WeightTable, WeightUse
from infc.dialects.layout import Mmt4d, RowMajor, parse_layout
from infc.errors import CompileError

SIZES = st.integers(1, 40)


def in_slab(table: WeightTable, layout: str) -> np.ndarray:
    """The weight `w` as the slab holds it in `layout`."""
    shape = parse_layout(layout).packed_shape(table.tensors["w"].shape)
    use = WeightUse("w", table.digests["w"], layout, shape, "w", "f32")
    (weight,) = table.data([use])
    return np.asarray(weight.data)


@given(n=SIZES, k=SIZES, n0=st.sampled_from([1, 4, 16]), k0=st.sampled_from([1, 2]), transposed=st.booleans())
def test_every_element_is_in_its_tile_and_the_rest_is_zero(n: int, k: int, n0: int, k0: int, transposed: bool) -> None:
    rows = np.arange(1, n * k + 1, dtype=np.float32).reshape(n, k)
    table = WeightTable()
    table.add("w", torch.from_numpy(rows.T.copy() if transposed else rows))
    layout = Mmt4d(n0, k0, transposed)
    packed = in_slab(table, str(layout)).view(np.float32)
    assert packed.shape == layout.packed_shape((k, n) if transposed else (n, k))
    for i in range(packed.shape[0] * n0):
        for j in range(packed.shape[1] * k0):
            expected = rows[i, j] if i < n and j < k else 0.0
            assert packed[i // n0, j // k0, i % n0, j % k0] == expected


@given(n0=st.integers(1, 9999), k0=st.integers(1, 9999), transposed=st.booleans())
def test_layouts_print_and_parse_back(n0: int, k0: int, transposed: bool) -> None:
    assert parse_layout(str(Mmt4d(n0, k0, transposed))) == Mmt4d(n0, k0, transposed)
    assert parse_layout(str(RowMajor())) == RowMajor()


@pytest.mark.parametrize("text", ["", "mmt4d", "mmt4d[0,1]", "mmt4d[16,1]x", "mmt4d[99999,1]", "row_major "])
def test_what_is_no_layout_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="unknown weight layout"):
        parse_layout(text)


def test_digests_tell_contents_dtype_and_shape_apart_and_ignore_strides() -> None:
    table = WeightTable()
    matrix = torch.arange(6.0).reshape(2, 3)
    table.add("a", matrix)
    table.add("same, other strides", matrix.t().contiguous().t())
    table.add("other shape", matrix.reshape(3, 2))
    table.add("other dtype", matrix.view(torch.int32))
    table.add("other contents", matrix + 1)
    assert list(table.digests) == ["a", "other shape", "other dtype", "other contents"]
    assert len(set(table.digests.values())) == 4
    assert table.add("equal", matrix.clone()) == "a"
    assert table.add("a", matrix + 2) == "a_1"


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64, torch.int8, torch.bool])
def test_every_dtype_keeps_its_bits(dtype: torch.dtype) -> None:
    tensor = torch.tensor([[0, 1, 1], [1, 0, 1]]).to(dtype)
    table = WeightTable()
    table.add("w", tensor)
    assert in_slab(table, "row_major").tobytes() == tensor.view(torch.uint8).numpy().tobytes()


@pytest.mark.parametrize(
    ("source", "digest", "shape", "message"),
    [
        ("v", "", (2, 3), "reads weight 'v', which the model does not have"),
        ("w", "sha256:0", (2, 3), r"the program reads \[2, 3\], and sha256:0"),
        ("w", "", (3, 2), r"has shape \[2, 3\] and digest"),
    ],
)
def test_a_weight_that_a_pass_made_up_gets_into_no_slab(
    source: str, digest: str, shape: tuple[int, ...], message: str
) -> None:
    table = WeightTable()
    table.add("w", torch.ones(2, 3))
    use = WeightUse("w", digest or table.digests["w"], "row_major", shape, source, "f32")
    with pytest.raises(CompileError, match=message):
        list(table.data([use]))
