"""Pipelines: MLIR's textual syntax over infc's passes and upstream's, and the named ones that the compiler runs."""

from collections.abc import Iterator
from typing import Any

from torch_mlir import ir
from torch_mlir.passmanager import PassManager

from infc.errors import CompileError

from .base import Pass, PassError
from .registry import is_ours, lookup

# The compiler's middle, up to where the target matters.
SHARED = ",".join(
    [
        "infer-raise-weights",
        # Equal weights become one before packing, so that a tied pair is packed once.
        "infer-dedupe-weights",
        "canonicalize",
        "cse",
        # Before anything moves the index computation away from the load that it guards.
        "infer-guard-gathers",
        "infer-guard-scatters",
        "infer-exact-math",
        "infer-exact-unary",
    ]
)

# The last of it, which writes IREE's dialects. The copies come after every pass that could make two of them one.
FOR_IREE = "infer-lower-weights,infer-own-destinations"


def layout(packing: str) -> str:
    """The rest of it for one layout of the weights, which the pass `packing` makes; empty: as PyTorch has them."""
    # After CSE: two transposes of one weight are one by now, and a weight with one user is what packing looks for.
    passes = [packing, "canonicalize", "cse", "infer-verify-contract{level=1}"]
    return ",".join(each for each in passes if each)


# All of it, for a CPU with registers for tiles of 16 rows.
DEFAULT = f"{SHARED},{layout('infer-pack-weights')}"


def parse(text: str, context: ir.Context, failures: list[CompileError] | None = None) -> PassManager:
    """A pass manager for `text`, `builtin.module(a,b{x=1},func.func(c))` or the part between the parentheses.

    A pass of infc that fails leaves its error in `failures`: an exception cannot cross MLIR's C++ frames. Raises
    CompileError when the text is no pipeline or names a pass or an option that does not exist.
    """
    body = text.strip()
    if body.startswith("builtin.module("):
        if not body.endswith(")"):
            raise _bad(text, "the parenthesis after builtin.module is not closed")
        body = body.removeprefix("builtin.module(")[:-1]
    manager = PassManager("builtin.module", context=context)
    for element in _split(body):
        _add(manager, element, [] if failures is None else failures)
    return manager


def run(module: ir.Operation, text: str) -> None:
    """Run the pipeline `text` over `module`.

    Raises CompileError: a pass of infc by its name and with its hint, a pass of MLIR's with what MLIR says.
    """
    failures: list[CompileError] = []
    manager = parse(text, module.context, failures)
    try:
        manager.run(module)
    except ir.MLIRError as error:
        if failures:
            raise failures[0] from error
        raise CompileError(
            str(error),
            hint="`infc-opt` runs this pipeline on the IR before it; see --save-temps",
            stage=_shortened(text),
        ) from error


def _shortened(text: str) -> str:
    return text if len(text) < 80 else text[:77] + "…"


def _add(manager: PassManager, element: str, failures: list[CompileError]) -> None:
    name, brace, options = element.partition("{")
    if not is_ours(name):
        try:
            manager.add(element)
        except ValueError as error:
            raise _bad(element, str(error).splitlines()[-1]) from None
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
            place.emit_error(message)
            handle.signal_pass_failure()

    return call


def _split(body: str) -> Iterator[str]:
    depth, start = 0, 0
    for position, character in enumerate(body):
        depth += {"(": 1, "{": 1, ")": -1, "}": -1}.get(character, 0)
        if depth < 0:
            raise _bad(body, f"unbalanced {character!r} at column {position + 1}")
        if character == "," and depth == 0:
            yield body[start:position].strip()
            start = position + 1
    if depth:
        raise _bad(body, "a parenthesis or brace is not closed")
    if body[start:].strip():
        yield body[start:].strip()


def _bad(text: str, why: str) -> CompileError:
    return CompileError(
        f"not a pass pipeline: {text!r}: {why}",
        hint="like builtin.module(canonicalize,infer-pack-weights{m0=16}); `infc-opt --list-passes` lists passes",
        stage="pipeline",
    )
