"""Random programs, cut in random ways: what comes out keeps its contract and computes the same."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_mlir import ir

from infc.errors import CompileError
from infc.passes import pipeline
from infc.passes.running.runner import make_context
from infc.passes.walk import operations

CONTEXT = make_context()
WHOLE = "infer-outline-stages,mem-schedule,rpc-interface,infer-verify-contract{level=2},mem-lower"
ROWS = "tensor<4xf32>"
MODULES = ["", "enc", "enc.0", "enc.1", "dec"]
ARITHMETIC: dict[str, Callable[..., np.ndarray]] = {"addf": np.add, "subf": np.subtract, "mulf": np.multiply}


def random_program(random: Random, count: int) -> str:
    """A function of `count` operations on rows and scalars, with weights, tied ones and those in several modules."""
    rows, scalars = ["%x", "%y"], list[str]()
    lines = ["%c = arith.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>", "%i = arith.constant 2 : index"]
    rows.append("%c")
    for key in range(random.randrange(4)):
        logical = f'layout = "row_major", logical = {ROWS}'
        lines.append(f'%w{key} = "infer.weight"() {{key = "enc.{key % 2}.w{key}", digest = "{key}", {logical}}} '
                     f": () -> {ROWS}")  # fmt: skip
        rows.append(f"%w{key}")
    for n in range(count):
        place = random.choice(MODULES)
        kind = random.choice([*ARITHMETIC, *ARITHMETIC, "extract", "splat" if scalars else "extract"])
        if kind == "extract":
            lines.append(f"%s{n} = tensor.extract {random.choice(rows)}[%i] : {ROWS}")
            scalars.append(f"%s{n}")
        elif kind == "splat":
            lines.append(f"%{n} = tensor.splat {random.choice(scalars)} : {ROWS}")
            rows.append(f"%{n}")
        else:
            lines.append(f"%{n} = arith.{kind} {random.choice(rows[-6:])}, {random.choice(rows)} : {ROWS}")
            rows.append(f"%{n}")
        lines[-1] += f' loc("module {place}"("model.py":1:1))'
    returned = [random.choice(rows) for _ in range(random.randrange(1, 4))]  # arguments, weights, one twice
    results = ", ".join([ROWS] * len(returned))
    body = "\n  ".join([*lines, f"return {', '.join(returned)} : {results}"])
    return f"func.func @main(%x: {ROWS}, %y: {ROWS}) -> ({results}) {{\n  {body}\n}}"


def evaluate(module: Any, name: str, arguments: Sequence[Any]) -> list[Any]:
    """What the function `name` gives: an interpreter of the few operations that these programs have."""
    functions = {each.name.value: each for each in operations(module, "func.func")}
    block = functions[name].operation.regions[0].blocks[0]
    values: dict[Any, Any] = dict(zip(block.arguments, arguments, strict=True))
    for op in block.operations:
        given = [values[operand] for operand in op.operation.operands]
        match op.operation.name:
            case "func.return":
                return given
            case "func.call":
                results = evaluate(module, op.callee.value, given)
            case "rpc.call":
                results = [tuple(evaluate(module, "main_remote", given[0]))]
            case "builtin.unrealized_conversion_cast":
                packs = isinstance(op.operation.results[0].type, ir.TupleType)
                results = [tuple(given)] if packs else list(given[0])
            case "infer.weight":
                results = [np.arange(4, dtype=np.float64) - len(op.key.value) - ord(op.key.value[-1])]
            case "infer.transfer":
                results = given
            case "arith.constant":
                constant = op.attributes["value"]
                is_rows = isinstance(constant, ir.DenseElementsAttr)
                results = [np.array(constant, dtype=np.float64) if is_rows else constant.value]
            case "tensor.extract":
                results = [given[0][tuple(given[1:])]]
            case "tensor.splat":
                results = [np.full(4, given[0])]
            case "tensor.from_elements":
                results = [np.array(given[0])]
            case name_:
                results = [ARITHMETIC[name_.removeprefix("arith.")](*given)]
        values.update(zip(op.operation.results, results, strict=True))
    raise AssertionError("no return")


def random_cut(random: Random) -> str:
    kind = random.choice(["stages", "memory", "split"])
    if kind == "stages":
        return f"stages={random.randrange(1, 5)}"
    if kind == "memory":
        return f"memory={random.randrange(48, 300)}"
    rules = [f"{random.choice(MODULES[1:])}:{random.choice(['cpu0', 'gpu0', 'gpu1'])}" for _ in range(2)]
    return f"split={';'.join(rules)};*:{random.choice(['cpu0', 'gpu0'])}"


def cut(text: str, passes: str) -> Any | None:
    """The program after `passes`; None where they say, as they may, that this program cannot be cut like this."""
    module = ir.Module.parse(text, CONTEXT)
    try:
        pipeline.run(module.operation, passes)
    except CompileError as error:
        reasons = ("cannot be cut into", "does not fit", "has no operation of its own", "that computes anything",
                   "nothing to cut", "the pool computes nothing", "is read in the pool",
                   "the application reads what")  # fmt: skip
        assert any(reason in str(error) for reason in reasons), error
        return None
    return module


def check(text: str, passes: str) -> bool:
    module = cut(text, passes)
    if module is None:
        return False
    inputs = [np.array([1.0, -2.0, 0.5, 3.0]), np.array([0.25, 1.5, -1.0, 2.0])]
    expected = evaluate(ir.Module.parse(text, CONTEXT).operation, "main", inputs)
    with np.errstate(all="ignore"):
        got = evaluate(module.operation, "main", inputs)
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_array_equal(one, other)  # the same operations in another order of stages: to the bit
    return True


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**9), count=st.integers(1, 14))
def test_a_program_in_stages_computes_what_it_did_in_one(seed: int, count: int) -> None:
    random = Random(seed)
    check(random_program(random, count), f"infer-partition{{{random_cut(random)}}},{WHOLE}")


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**9), count=st.integers(2, 14))
def test_a_program_between_application_and_pool_computes_what_it_did(seed: int, count: int) -> None:
    random = Random(seed)
    module = random.choice(MODULES[1:])
    cutting = f"infer-partition{{split={module}:client;*:pool}},infer-outline-stages,rpc-insert-calls"
    check(random_program(random, count), cutting)


@pytest.mark.parametrize("seed", range(2))
def test_most_of_these_programs_can_be_cut(seed: int) -> None:
    """Otherwise the tests above would say little."""
    random = Random(seed)
    cuts = [check(random_program(random, 12), f"infer-partition{{stages=3}},{WHOLE}") for _ in range(10)]
    assert sum(cuts) >= 8
