"""What a weight is after its transforms, against the plain computation and against what the transform says it is."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from infc.compiler.slab.transforming import transformed
from infc.dialects.transforms import Quantize, derived_key, parse_transform, parse_transforms
from infc.errors import CompileError

ELEMENTS = {torch.float16: "f16", torch.bfloat16: "bf16", torch.float32: "f32", torch.int8: "i8"}


def check(tensor: torch.Tensor, text: str, **others: torch.Tensor) -> torch.Tensor:
    """The result of the transform `text`, whose shape and element type are those that it announces."""
    transform = parse_transform(text)
    assert str(transform) == text
    result = transformed({"w": tensor, **others}, "w", [transform])
    shape, element = transform.apply(tuple(tensor.shape), ELEMENTS[tensor.dtype])
    # PyTorch has no integers of 4 bits; the slab packs them.
    assert (tuple(result.shape), ELEMENTS[result.dtype]) == (shape, element.replace("i4", "i8"))
    return result


def test_permute_reshape_and_cast() -> None:
    tensor = torch.arange(24.0).reshape(2, 3, 4) / 7
    assert torch.equal(check(tensor, "permute[2,0,1]"), tensor.permute(2, 0, 1))
    assert torch.equal(check(tensor, "reshape[6,4]"), tensor.reshape(6, 4))
    assert torch.equal(check(tensor, "cast[bf16]"), tensor.bfloat16())
    assert torch.equal(check(tensor, "flip[0,2]"), tensor.flip(0, 2))


def test_the_phases_of_a_kernel() -> None:
    """A transposed convolution is its phases' convolution over the image, woven."""
    torch.manual_seed(0)
    kernel, x = torch.randn(3, 4, 3, 5), torch.randn(2, 4, 6, 7)  # [F, C, window...], turned around already
    phases = check(kernel, "phases[2,3]")
    sums = torch.nn.functional.conv2d(torch.nn.functional.pad(x, [1, 1, 1, 1]), phases)
    woven = sums.unflatten(1, (3, 2, 3)).permute(0, 1, 4, 2, 5, 3).flatten(4, 5).flatten(2, 3)
    expected = torch.conv_transpose2d(x, kernel.transpose(0, 1).flip(2, 3), stride=(2, 3))
    torch.testing.assert_close(woven[:, :, 1:14, 1:24], expected)


def test_several_are_done_in_order() -> None:
    tensor = torch.arange(6.0).reshape(2, 3)
    steps = parse_transforms(["permute[1,0]", "reshape[2,3]"])
    assert torch.equal(transformed({"w": tensor}, "w", steps), tensor.T.reshape(2, 3))
    assert derived_key("w", steps) == "w|permute[1,0]|reshape[2,3]"


@pytest.mark.parametrize("bias", [True, False])
def test_a_batch_norm_folded_into_kernel_and_bias(bias: bool) -> None:
    torch.manual_seed(0)
    conv, norm = torch.nn.Conv2d(3, 5, 3, bias=bias), torch.nn.BatchNorm2d(5)
    with torch.no_grad():
        for tensor in norm.state_dict().values():
            if tensor.is_floating_point():
                tensor.uniform_(0.5, 2)
    table = {"g": norm.weight, "beta": norm.bias, "mean": norm.running_mean, "var": norm.running_var, "w": conv.weight}
    if conv.bias is not None:
        table["b"] = conv.bias
    kernel = transformed(table, "w", [parse_transform(f"bn_scale[0,{norm.eps},g,var]")])
    shift = transformed(table, "beta", [parse_transform(f"bn_shift[{norm.eps},g,mean,var,{'b' if bias else '-'}]")])
    x = torch.randn(2, 3, 8, 8)
    expected = norm.eval()(conv(x))
    torch.testing.assert_close(torch.nn.functional.conv2d(x, kernel, shift), expected, rtol=1e-5, atol=1e-5)


def test_a_cast_that_makes_infinities_is_refused() -> None:
    with pytest.raises(CompileError, match="'w' has values of up to 100000, which f16 cannot hold"):
        check(torch.tensor([1.0, 1e5]), "cast[f16]")
    assert check(torch.tensor([1.0, float("inf")]), "cast[f16]")[1] == float("inf")


def dequantized(tensor: torch.Tensor, bits: int, group: int, scheme: str) -> np.ndarray:
    """By the words of `Quantize`'s docstring, not by the code that quantizes."""
    parts = {part: check(tensor, str(Quantize(part, bits, group, scheme))).numpy() for part in ("q", "scale", "zero")}
    rows, columns = tensor.shape
    q = parts["q"].astype(np.int64).reshape(rows, columns // group, group)
    assert -(2 ** (bits - 1)) <= q.min()
    assert q.max() < 2 ** (bits - 1)
    return ((q - parts["zero"].astype(np.int64)[..., None]) * parts["scale"][..., None]).reshape(rows, columns)


@settings(max_examples=40, deadline=None)
@given(
    bits=st.sampled_from([4, 8]),
    group=st.sampled_from([2, 4, 16]),
    scheme=st.sampled_from(["sym", "asym"]),
    seed=st.integers(0, 10**6),
    scale=st.sampled_from([0.0, 1e-3, 1.0, 1e4]),
)
def test_what_is_quantized_is_at_most_half_a_step_away(
    bits: int, group: int, scheme: str, seed: int, scale: float
) -> None:
    tensor = torch.randn((3, 16), generator=torch.Generator().manual_seed(seed)) * scale
    back = dequantized(tensor, bits, group, scheme)
    groups = tensor.reshape(3, -1, group)
    if scheme == "sym":
        steps = groups.abs().amax(-1, keepdim=True) / (2 ** (bits - 1) - 1)
    else:
        steps = (groups.amax(-1, keepdim=True).clamp(min=0) - groups.amin(-1, keepdim=True).clamp(max=0)) / (
            2**bits - 1
        )
    allowed = (0.5001 * steps).expand_as(groups).reshape(3, 16).numpy()
    assert np.all(np.abs(back - tensor.numpy()) <= allowed + 1e-12)


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("permute[0,0]", (2, 2)),
        ("reshape[5]", (2, 2)),
        ("cast[i8]", (2, 2)),
        ("bn_scale[2,1e-05,g,v]", (2, 2)),
        ("bn_shift[1e-05,g,m,v,-]", (2, 2)),
        ("quantize[q,8,4,sym]", (2, 6)),
        ("quantize[q,8,4,sym]", (2, 6)),
        ("quantize[q,3,2,sym]", (2, 6)),
        ("quantize[q,8,2,sym]", (2, 6, 2)),
    ],
)
def test_what_cannot_be_done_to_a_tensor_is_refused(text: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=text.partition("[")[0]):
        parse_transform(text).apply(shape, "f32")
