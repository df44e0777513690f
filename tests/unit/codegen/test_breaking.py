"""Two versions of a model: which changes break a caller, and that field numbers stay."""

import subprocess
import sys
from dataclasses import replace as changed
from pathlib import Path

import pytest
from msgspec.structs import replace

from infc.codegen.breaking import breaking_changes
from infc.codegen.numbering import numbered_like
from infc.codegen.rpc_reader import read_service
from infc.codegen.service import Service, numbered
from infc.compiler.rpc_module import add_service, rpc_module
from infc.runtime.artifact import ArtifactWriter, Dim, Interface, Method, one_stage
from infc.runtime.artifact import signature as sig

from support.configs import MODELS, tensor
from support.signatures import method, returns, takes

BATCH, SEQ = Dim(name="batch", low=1, high=64), Dim(name="seq", low=8, high=512)
IDS, MASK = tensor("ids", "i64", "batch", "seq", low=0, high=99), tensor("mask", "bool", "batch", "seq")
SCORES, KEPT = tensor("scores", "f32", "batch"), tensor("kept", "i64", "?")
OLD = replace(
    method("main", [IDS, MASK], [SCORES, KEPT]), dims=(BATCH, SEQ), returns=returns("mapping", ["scores", "kept"])
)


def of(*methods: Method, name: str = "reranker") -> Service:
    return numbered(name, Interface(methods=methods))


def with_inputs(*inputs: object) -> Method:
    return replace(OLD, inputs=inputs, takes=takes(*(spec.name for spec in inputs)))  # type: ignore[attr-defined]


def with_outputs(*outputs: object) -> Method:
    return replace(OLD, outputs=outputs, returns=returns("mapping", [spec.name for spec in outputs]))  # type: ignore[attr-defined]


def dims(batch: tuple[int, int]) -> Method:
    return replace(OLD, dims=(Dim(name="batch", low=batch[0], high=batch[1]), SEQ))


MAIN = "method 'main': "
BREAKING = {
    "a method goes": (of(replace(OLD, name="encode")), ["method 'main' is gone"]),
    "another name": (
        of(OLD, name="ranker"),
        [
            "the model 'reranker' is called 'ranker'",
            "the typed service infc.models.reranker.Reranker is called infc.models.ranker.Ranker",
        ],
    ),
    "another dtype": (of(with_inputs(replace(IDS, dtype="i32"), MASK)), [MAIN + "input 'ids' is i32, it was i64"]),
    "another rank": (
        of(with_outputs(replace(SCORES, shape=("batch", 1)), KEPT)),
        [MAIN + "output 'scores' has 2 dims, they were 1"],
    ),
    "a smaller range": (of(dims((2, 64))), [
        MAIN + "input 'ids' has sizes 2 to 64 along dim 0, it was sizes 1 to 64",
        MAIN + "input 'mask' has sizes 2 to 64 along dim 0, it was sizes 1 to 64",
    ]),
    "results of another input's size": (
        of(with_outputs(replace(SCORES, shape=("seq",)), KEPT)),
        [MAIN + "output 'scores' has the size of input 'ids'[1] along dim 0, it was the size of input 'ids'[0]"],
    ),
    "results of one size": (
        of(with_outputs(replace(SCORES, shape=(64,)), KEPT)),
        [MAIN + "output 'scores' has size 64 along dim 0, it was the size of input 'ids'[0]"],
    ),
    "a fixed size": (
        of(with_inputs(IDS, replace(MASK, shape=("batch", 512)))),
        [MAIN + "input 'mask' has size 512 along dim 1, it was sizes 8 to 512"],
    ),
    "smaller bounds": (
        of(with_inputs(replace(IDS, low=1, high=98), MASK)),
        [
            MAIN + "input 'ids' takes values from 1, it was from 0",
            MAIN + "input 'ids' takes values to 98, it was to 99",
        ],
    ),
    "bounds where were none": (
        of(with_inputs(replace(IDS, low=None), MASK)), []
    ),
    "an input more": (
        of(with_inputs(IDS, MASK, tensor("bias", "f32", 1))),
        [MAIN + "input 'bias' is new, and every input has to be given"],
    ),
    "an input less": (of(with_inputs(replace(IDS))), [MAIN + "input 'mask' is gone", MAIN + "argument 'mask' is gone"]),
    "an output less, and its number reused": (
        of(with_outputs(KEPT)),
        [
            MAIN + "output 'scores' is gone",
            MAIN + "output 'kept' has the field number 1, which 'scores' had",
            MAIN + "output 'kept' has the field number 1, it was 2",
        ],
    ),
    "any size": (
        of(with_outputs(replace(SCORES, shape=("?",)), KEPT)),
        [MAIN + "output 'scores' has any size along dim 0, it was the size of input 'ids'[0]"],
    ),
    "another order": (
        of(with_inputs(MASK, IDS)),
        [
            MAIN + "input 'ids' has the field number 2, it was 1",
            MAIN + "input 'mask' has the field number 1, it was 2",
            MAIN + "argument 'ids' cannot be given in its place among the arguments",
        ],
    ),
    "by position alone": (
        of(replace(OLD, takes=tuple(sig.Parameter(each.name, "positional", True, each.tree) for each in OLD.takes))),
        [MAIN + "argument 'ids' cannot be given by name", MAIN + "argument 'mask' cannot be given by name"],
    ),
    "a tuple": (
        of(replace(OLD, returns=returns("tuple", ["scores", "kept"]))),
        [MAIN + "what it returns has another structure"],
    ),
    "a list of inputs": (
        of(replace(OLD, takes=(OLD.takes[0], sig.Parameter("mask", "either", True, sig.List((sig.Tensor("mask"),)))))),
        [MAIN + "argument 'mask' has another structure"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BREAKING)
def test_what_breaks_is_named(case: str) -> None:
    after, expected = BREAKING[case]
    assert breaking_changes(of(OLD), after) == expected


@pytest.mark.parametrize(
    "after",
    [
        of(OLD),
        of(OLD, replace(OLD, name="encode")),
        of(with_outputs(SCORES, KEPT, tensor("more", "f32"))),
        of(with_outputs(replace(SCORES, shape=("batch",)), replace(KEPT, shape=(3,)))),
        of(with_inputs(replace(IDS, low=-1, high=100), MASK)),
        of(dims((0, 65))),  # a call of before gives as many scores as it did
        of(replace(OLD, takes=(*OLD.takes, sig.Parameter("other", "keyword", False, sig.Absent())))),
    ],
)
def test_what_breaks_nobody_is_nothing(after: Service) -> None:
    assert breaking_changes(of(OLD), after) == []


def test_two_sizes_that_must_now_be_one_are_named() -> None:
    x, y = tensor("x", "f32", "n"), tensor("y", "f32", "m")
    n, m = Dim(name="n", low=1, high=4), Dim(name="m", low=1, high=4)
    before = replace(method("main", [x, y], [tensor("z")]), dims=(n, m))
    after = replace(method("main", [x, replace(y, shape=("n",))], [tensor("z")]), dims=(n,))
    assert breaking_changes(of(before), of(after)) == [MAIN + "'x'[0], 'y'[0] must have one size, n"]
    assert breaking_changes(of(after), of(before)) == []


@pytest.mark.parametrize("size", [1, "n"])
def test_a_size_that_is_one_number_may_become_one_that_varies(size: int | str) -> None:
    before = replace(
        method("main", [tensor("x", "f32", 1), tensor("y", "f32", size)], [tensor("z", "f32", size)]),
        dims=(Dim(name="n", low=1, high=1),) if size == "n" else (),
    )
    x, y = tensor("x", "f32", "m"), tensor("y", "f32", "m")
    after = replace(method("main", [x, y], [tensor("z", "f32", "m")]), dims=(Dim(name="m", low=1, high=8),))
    assert breaking_changes(of(before), of(after)) == []
    said = breaking_changes(of(after), of(before))
    assert said[-1] == MAIN + "output 'z' has size 1 along dim 0, it was the size of input 'x'[0]" or size == "n"
    assert MAIN + "input 'x' has size 1 along dim 0, it was sizes 1 to 8" in said


@pytest.mark.parametrize("case", MODELS)
def test_a_model_is_compatible_with_itself(case: str) -> None:
    described = numbered(MODELS[case].name, MODELS[case].interface)
    assert breaking_changes(described, described) == []
    assert numbered_like(described, described) == described


def test_numbers_stay_and_those_of_what_is_gone_are_reserved() -> None:
    first = of(method("main", [tensor("a"), tensor("b"), tensor("c")], [tensor("y")]))
    second = numbered_like(of(method("main", [tensor("new"), tensor("c"), tensor("a")], [tensor("y")])), first)
    assert second.methods[0].inputs.numbers == (4, 3, 1)
    assert second.methods[0].inputs.reserved == ((2, "b"),)
    # What comes back is another field: nobody knows that it means the same.
    third = numbered_like(of(method("main", [tensor("b"), tensor("a")], [tensor("y")])), second)
    assert third.methods[0].inputs.numbers == (5, 1)
    assert third.methods[0].inputs.reserved == ((2, "b"), (3, "c"), (4, "new"))
    assert read_service(rpc_module(third), "m.infc") == third
    # A number that only a field that is gone had is not given again, however high it was.
    fourth = numbered_like(of(method("main", [tensor("a")], [tensor("y")])), third)
    fifth = numbered_like(of(method("main", [tensor("a"), tensor("z")], [tensor("y")])), fourth)
    assert fifth.methods[0].inputs.numbers == (1, 6)
    taken_again = changed(
        third,
        methods=(changed(third.methods[0], inputs=changed(third.methods[0].inputs, numbers=(2, 1), reserved=())),),
    )
    assert MAIN + "input 'b' has the field number 2, which 'b' had" in breaking_changes(third, taken_again)


def test_numbers_that_protobuf_keeps_are_left_out() -> None:
    first = of(method("main", [tensor("a")], [tensor("y")]))
    fields = changed(first.methods[0].inputs, numbers=(18999,))
    first = changed(first, methods=(changed(first.methods[0], inputs=fields),))
    second = numbered_like(of(method("main", [tensor("a"), tensor("b")], [tensor("y")])), first)
    assert second.methods[0].inputs.numbers == (18999, 20000)


def test_the_command_names_them_and_writes_nothing(tmp_path: Path) -> None:
    for name, service in (("old", of(OLD)), ("new", BREAKING["an input less"][0]), ("same", of(OLD))):
        with ArtifactWriter(tmp_path / f"{name}.infc") as writer:
            add_service(writer, service)
            wiring = tuple(one_stage(each, "main") for each in service.interface.methods)
            writer.finish(replace(MODELS["dynamic"], interface=service.interface, wiring=wiring))

    def infc(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "infc", "codegen", *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)

    done = infc("new.infc", "--against", "old.infc", "-o", "out")
    assert done.returncode == 8
    assert done.stdout.splitlines() == BREAKING["an input less"][1]
    assert "callers of old.infc break: method 'main': input 'mask' is gone, and 1 more" in done.stderr
    assert not (tmp_path / "out").exists()
    done = infc("same.infc", "--against", "old.infc")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert infc("same.infc", "--against", "old.infc", "-o", "out").returncode == 0
    assert (tmp_path / "out" / "reranker.proto").exists()
    assert infc("same.infc").returncode == 2
    assert "hint: " in infc("same.infc", "--against", "absent.infc").stderr


def split(*crossing: str, stage: str = "front") -> Service:
    """A model with `a` as its input, of which a pool is sent other values."""
    values = [tensor(f"{stage}_{name}") for name in crossing]
    return changed(of(method("main", [tensor("a")], [tensor("y")])), pool=of(method("main", values, [tensor("y")])))


def test_of_a_model_in_two_places_the_pool_s_part_is_compared_and_numbered_too() -> None:
    first, second = split("0", "1"), numbered_like(split("1", "2"), split("0", "1"))
    assert second.pool is not None
    (numbers,) = (each.inputs for each in second.pool.methods)
    assert (numbers.numbers, numbers.reserved) == ((2, 3), ((1, "front_0"),))
    assert breaking_changes(first, first) == []
    assert breaking_changes(first, second) == [
        MAIN + "input 'front_0' is gone",
        MAIN + "input 'front_2' is new, and every input has to be given",
    ]
    # The cut itself is one: callers of the typed service sent the input.
    assert MAIN + "input 'a' is gone" in breaking_changes(changed(first, pool=None), first)
