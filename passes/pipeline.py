"""Pipelines: MLIR's textual syntax over infc's passes and upstream's. The named ones are in `named.py`."""

import re
from typing import Any

from torch_mlir import ir
from torch_mlir.passmanager import PassManager

from infc.errors import CompileError

from . import named
from .base import BrokenPromise, Pass, PassError
from .registry import is_ours, is_own, lookup, near, origin_of
from .running.diagnostics import Diagnostics, python_place
from .running.steps import Observer, expanded, split
from .signatures import check_same, signatures
from .verify_contract import VerifyContract

# What brings the torch dialect down to linalg on tensors; MLIR expands both.
TORCH_TO_LINALG = "torchdynamo-export-to-torch-backend-pipeline,torch-backend-to-linalg-on-tensors-backend-pipeline"
# The same for dims that vary: what joins and parts them stays what it says (`compiler/dynamic/views.py`).
DYNAMIC_TO_LINALG = TORCH_TO_LINALG.replace(
    "backend-pipeline,", "backend-pipeline{backend-legal-ops=aten.flatten.using_ints,aten.unflatten.int},"
)
ONNX_TO_TORCH = "torch-onnx-to-torch-backend-pipeline"


def parse(text: str, context: ir.Context, failures: list[CompileError] | None = None) -> PassManager:
    """A pass manager for `text`, `builtin.module(a,b{x=1},func.func(c))` or the part between the parentheses.

    A pass of infc that fails leaves its error in `failures`: an exception cannot cross MLIR's C++ frames. Raises
    CompileError when the text is no pipeline or names a pass or an option that does not exist.
    """
    manager = PassManager("builtin.module", context=context)
    for element in elements(text):
        _add(manager, element, [] if failures is None else failures)
    return manager


def run(module: ir.Operation, text: str, observer: Observer | None = None) -> None:
    """Run the pipeline `text` over `module`, telling `observer` of each pass as it begins.

    Raises CompileError: a pass of infc by its name and with its hint, a pass of MLIR's with the operator, the line of
    the model's Python where the IR knows it, and what MLIR says. From where `infer-verify-contract` found a contract
    kept, it is checked behind every pass: the error then names the pass that broke it. Passes that are not infc's may
    not change a public function's name or type either.
    """
    parse(text, module.context)  # all of it, before any of it runs
    kept: VerifyContract | None = None
    for element in elements(text):
        name = element.partition("{")[0]
        for step in [element] if is_ours(name) else expanded(element, module.context):
            if observer:
                observer(step)
            before = None if kept is None or is_own(name) else signatures(module)
            _run_step(module, step)
            if before is not None:
                check_same(module, before, stage_of(step))
            if kept and is_ours(name) and lookup(name).ends_contract == kept.level:
                kept = VerifyContract(level=kept.level - 1)
            if kept:
                _check(module, kept, step)
        if name == VerifyContract.name:
            kept = VerifyContract.parse_options(element.partition("{")[2].removesuffix("}"))


def elements(text: str) -> list[str]:
    """The elements of a pipeline's text, with or without `builtin.module(…)` around it.

    The name of a named pipeline at its beginning stands for its elements, with what follows as a user's further passes:
    `default,acme-pass{level=2}`. Raises CompileError when it is none.
    """
    body = text.strip()
    if body.startswith("builtin.module("):
        if not body.endswith(")"):
            raise _bad(text, "the parenthesis after builtin.module is not closed")
        body = body.removeprefix("builtin.module(")[:-1]
    try:
        found = list(split(body))
        if found and found[0] in named.NAMES:
            return list(split(named.whole(found[0], found[1:])))
    except ValueError as error:
        raise _bad(body, str(error)) from None
    if "" in found:
        raise _bad(body, "there is nothing between two commas")
    return found


def _run_step(module: ir.Operation, step: str) -> None:
    failures: list[CompileError] = []
    manager = parse(step, module.context, failures)
    with Diagnostics(module.context) as diagnostics:
        try:
            manager.run(module)
        except ir.MLIRError as error:
            if failures:
                raise failures[0] from error
            diagnostics.take(error)
            name, said = stage_of(step), f"{diagnostics.summary()}{diagnostics.place()}"
            if is_ours(name):  # it said nothing itself
                raise CompileError(
                    f"pass {name} left what MLIR's verifier refuses: {said}", hint=_fault(name), stage=name
                ) from error
            raise CompileError(said, hint=_HINT, stage=name) from error


def _check(module: ir.Operation, contract: VerifyContract, step: str) -> None:
    try:
        contract.run(module)
    except PassError as error:
        culprit = stage_of(step)
        raise BrokenPromise(
            f"pass {culprit} broke {error.message}{python_place(str(error.location))}",
            hint=f"run infc-opt on the reproducer: what {culprit} leaves has to keep the contract that held before it",
            stage=culprit,
        ) from error


_HINT = "this toolchain does not lower that operation; rewrite that part of the model"


def stage_of(step: str) -> str:
    """The pass that a step runs, without the operation that it is nested in and without its options."""
    inner = step.removeprefix("func.func(").removesuffix(")") if step.startswith("func.func(") else step
    return inner.partition("{")[0]


def _add(manager: PassManager, element: str, failures: list[CompileError]) -> None:
    name, brace, options = element.partition("{")
    if not is_ours(name):
        try:
            manager.add(element)
        except ValueError as error:
            raise _not_added(element, str(error)) from None
        return
    if brace and not options.endswith("}"):
        raise _bad(element, "the options' brace is not closed")
    one = lookup(name).parse_options(options.removesuffix("}"))
    manager.add(_callback(one, failures), name=name, argument=name)


def _callback(one: Pass, failures: list[CompileError]) -> Any:
    def call(op: ir.Operation, handle: Any) -> None:
        try:
            one.run(op)
        except CompileError as error:
            message = f"{one.name}: {error.message}"
            failures.append(CompileError(message, hint=error.hint, stage=one.name))
            place = error.location if isinstance(error, PassError) else op.location
        except (Exception, SystemExit) as error:  # noqa: BLE001 (an exception that reaches MLIR's C++ frames ends the process)
            message = f"{one.name}: unexpected {type(error).__name__}: {error}"
            failures.append(CompileError(message, hint=_fault(one.name), stage=one.name))
            place = op.location
        else:
            return
        place.emit_error(message)
        handle.signal_pass_failure()

    return call


def _fault(name: str) -> str:
    made_by = origin_of(name)
    if made_by is None:
        return "this is a bug in infc: please report it"
    return f"this is a bug in {made_by.package} {made_by.version}, which brings the pass: please report it there"


def _not_added(element: str, said: str) -> CompileError:
    """Why MLIR did not take an element, with the names that are like those in it."""
    inside = next((each for each in _NAME.findall(element.partition("(")[2]) if is_ours(each)), None)
    if inside:
        return _bad(element, f"{inside} runs on the whole module, and is not to be nested")
    guesses = near(stage_of(element))
    whole = " ".join(said.split())
    told = next((line.partition("error: ")[2] for line in said.splitlines() if "error: " in line), whole)
    return _bad(element, told, f"did you mean {', '.join(guesses)}? " if guesses else "")


_NAME = re.compile(r"[a-z][\w-]*")


def _bad(text: str, why: str, guess: str = "") -> CompileError:
    return CompileError(
        f"not a pass pipeline: {text!r}: {why}",
        hint=f"{guess}like builtin.module(canonicalize,infer-pack-weights{{m0=16}}); "
        "`infc-opt --list-passes` lists passes",
        stage="pipeline",
    )
