"""What a model takes, and what it is told about the rest."""

import ml_dtypes
import numpy as np
import pytest

from infc.errors import InvalidInput
from infc.runtime.artifact import DType, Method, TensorSpec
from infc.runtime.artifact.dtypes import ITEM_SIZE, dtype_name, numpy_dtype
from infc.runtime.inputs import check_inputs, describe, random_inputs

from support.artifacts import EMBED, LINEAR
from support.signatures import returns, takes

IDS = np.zeros((2, 3), dtype=np.int64)
MASK = np.ones((2, 3), dtype=bool)


def refused(**inputs: object) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        check_inputs(EMBED, inputs)  # type: ignore[arg-type]
    assert caught.value.hint
    return caught.value


def test_good_inputs_come_in_the_methods_order_without_a_copy() -> None:
    ids, mask = check_inputs(EMBED, {"mask": MASK, "ids": IDS})
    assert ids is IDS
    assert mask is MASK


def test_names() -> None:
    assert refused(ids=IDS).message == "wrong inputs: missing 'mask'"
    assert refused(ids=IDS, mask=MASK, extra=IDS).message == "wrong inputs: unknown 'extra'"
    assert refused(IDS=IDS, mask=MASK).message == "wrong inputs: missing 'ids'; unknown 'IDS'"
    assert refused().hint == "main takes ids: i64[2, 3] in 0..15, mask: bool[2, 3]"


def test_types() -> None:
    assert refused(ids=[[0]], mask=MASK).message == "input 'ids' is a list, expected a numpy array i64[2, 3] in 0..15"
    assert refused(ids=IDS.astype(np.int32), mask=MASK).message == "input 'ids' has dtype i32, expected i64"
    assert refused(ids=IDS.astype(">i8"), mask=MASK).message.startswith("input 'ids' has dtype")
    assert refused(ids=IDS.astype(object), mask=MASK).message == "input 'ids' has dtype object, expected i64"
    assert refused(ids=IDS, mask=IDS).message == "input 'mask' has dtype i64, expected bool"


def test_shapes() -> None:
    assert refused(ids=IDS[:1], mask=MASK).message == "input 'ids' has shape [1, 3], expected [2, 3]"
    assert refused(ids=IDS[..., None], mask=MASK).message == "input 'ids' has shape [2, 3, 1], expected [2, 3]"


@pytest.mark.parametrize("value", [-1, 16, 2**62, -(2**63)])
def test_values_out_of_bounds_are_located(value: int) -> None:
    ids = IDS.copy()
    ids[1, 2] = value
    expected = f"input 'ids' has the value {value} at [1, 2], expected i64[2, 3] in 0..15"
    assert refused(ids=ids, mask=MASK).message == expected


def test_bounds_include_both_ends() -> None:
    ids = np.array([[0, 15, 0], [15, 0, 15]])
    check_inputs(EMBED, {"ids": ids, "mask": MASK})


def test_strided_inputs_are_made_contiguous() -> None:
    x = np.arange(16, dtype=np.float32).reshape(8, 2).T
    (checked,) = check_inputs(LINEAR, {"x": x})
    assert checked.flags.c_contiguous
    assert np.array_equal(checked, x)


def test_any_byte_but_zero_is_true() -> None:
    mask = np.frombuffer(bytes([0, 1, 2, 3, 128, 255]), dtype=bool).reshape(2, 3)
    checked = check_inputs(EMBED, {"ids": IDS, "mask": mask})[1]
    assert checked.view(np.uint8).tolist() == [[0, 1, 1], [1, 1, 1]]


def test_a_scalar_stays_a_scalar() -> None:
    scalar = TensorSpec(name="s", dtype="f32", shape=())
    method = Method(name="m", inputs=(scalar,), outputs=(), takes=takes("s"), returns=returns("tuple", []))
    (checked,) = check_inputs(method, {"s": np.array(2, dtype=np.float32)})
    assert checked.shape == ()


def test_every_dtype_has_its_numpy_type() -> None:
    for name, size in ITEM_SIZE.items():
        assert numpy_dtype(name).itemsize == size
        assert dtype_name(numpy_dtype(name)) == name
    assert numpy_dtype("bf16") == ml_dtypes.bfloat16


def test_random_inputs_are_taken_and_repeat_with_the_seed() -> None:
    dtypes: list[DType] = ["f64", "f32", "f16", "bf16", "i64", "i32", "i16", "i8", "u8", "bool"]
    specs = [TensorSpec(name=dtype, dtype=dtype, shape=(5, 40)) for dtype in dtypes]
    specs += [
        TensorSpec(name="both", dtype="i64", shape=(300,), low=-3, high=4),
        TensorSpec(name="low", dtype="i32", shape=(300,), low=7),
        TensorSpec(name="high", dtype="i32", shape=(300,), high=-7),
        TensorSpec(name="wide", dtype="i8", shape=(300,), low=-1000, high=1000),
        TensorSpec(name="scalar", dtype="f32", shape=()),
        TensorSpec(name="empty", dtype="i64", shape=(0, 3), low=0, high=1),
    ]
    method = Method(name="m", inputs=tuple(specs), outputs=(), takes=(), returns=returns("tuple", []))
    made, again = (random_inputs(method, np.random.default_rng(5)) for _ in range(2))
    check_inputs(method, made)
    assert all(made[name].tobytes() == again[name].tobytes() for name in made)
    assert set(made["both"].tolist()) == set(range(-3, 5))
    assert set(made["low"].tolist()) == {7, 8}
    assert set(made["i64"].ravel().tolist()) == {0, 1}
    assert set(made["bool"].ravel().tolist()) == {False, True}


def test_describe() -> None:
    assert describe(TensorSpec(name="x", dtype="f32", shape=())) == "f32[]"
    assert describe(TensorSpec(name="x", dtype="i8", shape=(1,), low=3)) == "i8[1] in 3.."
    assert describe(TensorSpec(name="x", dtype="i8", shape=(1,), high=3)) == "i8[1] in ..3"
