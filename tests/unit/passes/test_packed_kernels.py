"""Convolutions as products in tiles, through IREE: every kind against PyTorch, in whole numbers, which are exact."""

from dataclasses import dataclass

import numpy as np
import torch

from support.mlir import run, weight

PASSES = "infer-pack-weights,infer-pointwise-products"
DTYPES = {"f32": torch.float32, "f16": torch.float16}


@dataclass(frozen=True)
class Case:
    """A convolution; `layout` is that in which its kernel comes to lie."""

    x: tuple[int, ...]
    features: int
    window: tuple[int, ...]
    layout: str = "mmt4d[16,1]"
    stride: int = 1
    dilation: int = 1
    groups: int = 1
    element: str = "f32"
    varies: bool = False
    bias: bool = True

    @property
    def kernel(self) -> tuple[int, ...]:
        """As PyTorch has it."""
        return (self.features, self.x[1] // self.groups, *self.window)

    @property
    def output(self) -> tuple[int, ...]:
        """The result's shape."""
        reach = [self.dilation * (size - 1) + 1 for size in self.window]
        places = [(size - each) // self.stride + 1 for size, each in zip(self.x[2:], reach, strict=True)]
        return (self.x[0], self.features, *places)


CASES = (
    Case((1, 3, 9, 11), 20, (3, 2), stride=2),
    Case((2, 3, 9, 9), 130, (3, 3)),
    Case((3, 3, 9, 9), 5, (3, 3), "mmt4d[8,1]", stride=2, varies=True),
    Case((2, 3, 11, 11), 7, (3, 3), "mmt4d[8,1]", stride=2, dilation=2, bias=False),
    Case((1, 6, 5, 5), 20, (1, 1)),
    Case((2, 6, 5, 7), 20, (1, 1), stride=2, element="f16"),
    Case((2, 6, 5, 5), 20, (1, 1), varies=True),
    Case((2, 6, 33, 34), 4, (1, 1), "row_major", varies=True),
    Case((2, 6, 33, 34), 4, (1, 1), "row_major", element="f16"),
    Case((2, 6, 7, 8), 9, (3, 3), "mmt4d[4,1]", groups=3),
    Case((2, 6, 7, 8), 9, (3, 3), "mmt4d[4,1]", groups=3, varies=True, bias=False),
    Case((1, 8, 5, 5), 40, (1, 1), groups=2, element="f16"),
    Case((2, 4, 30), 6, (5,), "mmt4d[8,1]", stride=3),
    Case((1, 2, 5, 6, 7), 4, (3, 3, 3), "mmt4d[4,1]", stride=2),
    # Images of which the windows do not reach the last rows, and one with a single window.
    Case((1, 3, 8, 6), 20, (3, 5), stride=2),
    Case((2, 6, 5), 22, (1,), stride=3, element="f16", bias=False),
    # Images that are taken one after the other: their windows are too large to lie in memory together.
    Case((3, 40, 40, 44), 128, (3, 3)),
    Case((1, 4, 6, 6), 12, (3, 3), "row_major"),
    Case((1, 4, 6, 6), 16, (3, 3)),
    Case((2, 4, 6, 6), 8, (2, 2), "mmt4d[8,1]", dilation=2),
    Case((2, 4, 30), 7, (3,), "row_major"),
    Case((2, 4, 30), 9, (3,), varies=True, element="f16"),
)


def _type(shape: tuple[int, ...], element: str, *, varies: bool = False) -> str:
    sizes = ["?" if varies else str(shape[0]), *map(str, shape[1:])]
    return f"tensor<{'x'.join([*sizes, element])}>"


def _dense(number: int, rank: int) -> str:
    return f"dense<{number}> : tensor<{rank}xi64>"


def _text(case: Case, at: int) -> str:
    """The operations of one case, `%y{at}` last, as torch-mlir writes them."""
    spatial, many = len(case.window), case.varies
    x, y = _type(case.x, case.element, varies=many), _type(case.output, "f32", varies=many)
    name = ("linalg.conv_1d_ncw_fcw", "linalg.conv_2d_nchw_fchw", "linalg.conv_3d_ncdhw_fcdhw")[spatial - 1]
    lines = [weight(f"w{at}", f"w{at}", "x".join(map(str, case.kernel)), case.element)]
    lines += [f"%n{at} = tensor.dim %x{at}, %first : {x}"] if many else []
    start = f"%e{at} = tensor.empty({f'%n{at}' if many else ''}) : {y}"
    if case.bias:
        others = [axis for axis in range(spatial + 2) if axis != 1]
        vector = f"tensor<{case.features}xf32>"
        lines += [start, f"%i{at} = linalg.broadcast ins(%b{at} : {vector}) outs(%e{at} : {y}) dimensions = {others}"]
    else:
        lines += [start, f"%i{at} = linalg.fill ins(%zero : f32) outs(%e{at} : {y}) -> {y}"]
    kernel = _type(case.kernel, case.element)
    operands, kinds, result = [f"%x{at}", f"%w{at}", f"%i{at}"], [x, kernel, y], f"%y{at}"
    if case.groups > 1:
        name, g = "linalg.conv_2d_ngchw_gfchw", case.groups
        cut = [
            ("x", (case.x[0], g, case.x[1] // g, *case.x[2:]), "[[0], [1, 2], [3], [4]]", case.element, many),
            ("w", (g, case.features // g, *case.kernel[1:]), "[[0, 1], [2], [3], [4]]", case.element, False),
            ("i", (case.x[0], g, case.features // g, *case.output[2:]), "[[0], [1, 2], [3], [4]]", "f32", many),
        ]
        operands = []
        for (letter, shape, how, element, varies), whole in zip(cut, list(kinds), strict=True):
            sizes = [f"%n{at}" if varies else str(shape[0]), *map(str, shape[1:])]
            kind = _type(shape, element, varies=varies)
            operand = f"%{letter}{at}"
            lines.append(
                f"%g{letter}{at} = tensor.expand_shape {operand} {how} output_shape [{', '.join(sizes)}] "
                f": {whole} into {kind}"
            )
            operands.append(f"%g{letter}{at}")
            kinds[len(operands) - 1] = kind
        result = f"%gy{at}"
    lines.append(
        f"{result} = {name} {{strides = {_dense(case.stride, spatial)}, dilations = {_dense(case.dilation, spatial)}}} "
        f"ins({operands[0]}, {operands[1]} : {kinds[0]}, {kinds[1]}) outs({operands[2]} : {kinds[2]}) -> {kinds[2]}"
    )
    if case.groups > 1:
        lines.append(f"%y{at} = tensor.collapse_shape {result} [[0], [1, 2], [3], [4]] : {kinds[2]} into {y}")
    return "\n  ".join(lines)


def test_convolutions_are_exact() -> None:
    """One program with all of them: what is packed, and what is computed."""
    arguments: list[str] = []
    results: list[str] = []
    given: list[np.ndarray] = []
    kernels: dict[str, torch.Tensor] = {}
    expected: list[torch.Tensor] = []
    generator = torch.Generator().manual_seed(0)
    for at, case in enumerate(CASES):
        x, kernel, bias = (
            torch.randint(-3, 4, shape, generator=generator).float()
            for shape in (case.x, case.kernel, (case.features,))
        )
        kernels[f"w{at}"] = kernel.to(DTYPES[case.element])
        arguments.append(f"%x{at}: {_type(case.x, case.element, varies=case.varies)}")
        given.append(x.to(DTYPES[case.element]).numpy())
        if case.bias:
            arguments.append(f"%b{at}: tensor<{case.features}xf32>")
            given.append(bias.numpy())
        results.append(_type(case.output, "f32", varies=case.varies))
        convolve = (torch.conv1d, torch.conv2d, torch.conv3d)[len(case.window) - 1]
        how = {"stride": case.stride, "dilation": case.dilation, "groups": case.groups}
        expected.append(convolve(x, kernel, bias if case.bias else None, **how))
    body = "\n  ".join(_text(case, at) for at, case in enumerate(CASES))
    text = f"""
func.func @main({", ".join(arguments)}) -> ({", ".join(results)}) {{
  %zero = arith.constant 0.0 : f32
  %first = arith.constant 0 : index
  {body}
  return {", ".join(f"%y{at}" for at in range(len(CASES)))} : {", ".join(results)}
}}
"""
    outputs, uses = run(text, PASSES, kernels, *given)
    layouts = {use.source: use.layout for use in uses}
    assert [layouts[f"w{at}"] for at in range(len(CASES))] == [case.layout for case in CASES]
    for at, (output, want) in enumerate(zip(outputs, expected, strict=True)):
        np.testing.assert_array_equal(output, want.numpy(), err_msg=str(CASES[at]))
