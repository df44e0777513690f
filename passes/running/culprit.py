"""`python -m infc.passes.running.culprit PIPELINE`: which operation crashes a pass, and where it comes from.

IR comes by standard input. Each distinct operation is run through the pipeline alone, in a fork of its own: the first
whose fork ends by a signal is printed as a line of JSON, `{"operator": …, "place": …}`. Nothing is printed where none
does: the crash needs more than one operation.
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from torch_mlir import ir

from infc.errors import CompileError

from .. import pipeline
from ..walk import operations
from .diagnostics import python_place
from .runner import make_context

_WITHIN = ("torch.constant.", "torch.prim.", "torch.vtensor.literal", "arith.constant")  # what patterns look through


def main(step: str) -> None:
    """Print the first operation of the module on standard input that crashes `step`."""
    context = make_context()
    context.enable_multithreading(False)  # a fork has no threads but the one that forked
    module = ir.Module.parse(sys.stdin.read(), context)
    seen: set[tuple[str, ...]] = set()
    for op in _candidates(module.operation):
        within = _constants(op)
        kind = tuple(map(_kind, (*within, op)))
        if kind in seen:
            continue
        seen.add(kind)
        if _crashes(_alone(op, within), step, context):
            sys.stdout.write(json.dumps({"operator": _name(op), "place": python_place(str(op.location))}))
            return


def _candidates(root: ir.Operation) -> Iterator[Any]:
    for op in operations(root):
        own = op.operation
        if own.regions or own.name.startswith(_WITHIN) or own.name.endswith("return") or not own.results:
            continue
        yield own


def _constants(op: Any) -> list[Any]:
    """What makes the operands of `op` that patterns look through, in the order of their uses."""
    found: list[Any] = []
    for operand in op.operands:
        owner = operand.owner
        if not isinstance(owner, ir.Block) and owner.name.startswith(_WITHIN):
            found += [each for each in (*_constants(owner), owner) if each not in found]
    return found


def _alone(op: Any, within: Sequence[Any]) -> str:
    """A module with a function that is this operation behind `within`, and arguments for what else it takes."""
    made = {result.get_name() for each in within for result in each.results}
    operands = [operand for each in (*within, op) for operand in each.operands]
    arguments = {each.get_name(): str(each.type) for each in operands if each.get_name() not in made}
    taken = ", ".join(f"{name}: {kind}" for name, kind in arguments.items())
    returned = ", ".join(result.get_name() for result in op.results)
    lines = [*(each.get_asm() for each in (*within, op)), f"func.return {returned} : {_types(op.results)}"]
    return "\n".join([f"func.func @f({taken}) -> ({_types(op.results)}) {{", *lines, "}"])


def _kind(op: Any) -> str:
    return f"{op.name} {op.attributes} {_types(op.operands)} {_types(op.results)}"


def _types(values: Iterable[Any]) -> str:
    return ", ".join(str(value.type) for value in values)


def _name(op: Any) -> str:
    """PyTorch's own name of an operation of the torch dialect."""
    name = op.attributes["name"].value if op.name == "torch.operator" else op.name
    return name.removeprefix("torch.")


def _crashes(text: str, step: str, context: ir.Context) -> bool:
    child = os.fork()
    if child:
        return os.WIFSIGNALED(os.waitpid(child, 0)[1])
    try:
        pipeline.run(ir.Module.parse(text, context).operation, step)
    except (ir.MLIRError, CompileError):
        os._exit(1)  # an error in words is no crash
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
