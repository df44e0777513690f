"""What the sizes are called of the values that go to a pool and come back."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from torch_mlir import ir

from ..base import PassError
from ..sizes import varying
from .dims import Dims, to_attributes
from .staging import callee_of

if TYPE_CHECKING:
    from .extents import Extents

_NUMBERS = ("arith.", "tensor.extract")
_UNKNOWN = "?"  # of a result: a size that is known only after the call


def name_dims(function: Any, remote: Any, sent: Sequence[ir.Value], given: Sequence[ir.Value]) -> None:
    """Give the arguments and results of `remote` the attribute `rpc.dims` where their sizes vary.

    Args:
        function: the func.func around the call, whose arguments say what its dims are called and how large they may be.
        remote: the func.func that is called.
        sent, given: the values in `function` that are its arguments and its results.

    Raises PassError: the pool would get a value, or give one, whose size it cannot check by the names of dims.
    """
    if all(not varying(value) for value in (*sent, *given)):
        return
    from .extents import Extents  # imports sympy

    extents = Extents(function)
    words = {name: each.text for name, each in Dims.of(function).ranges.items()}
    inputs = [_named(extents, value) for value in sent]
    outputs = [_named(extents, value) for value in given]
    checked = {name for names in inputs for name in names}
    for value, names in zip(sent, inputs, strict=True):
        if unnamed := [name for name in names if name not in words]:
            raise _refused(value, f"would be sent, and its size {unnamed[0]} is none of the dims {_list(words)}")
    for value, names in zip(given, outputs, strict=True):
        if missing := [name for name in names if name in words and name not in checked]:
            raise _refused(value, f"would come back, and nothing that is sent has the size {missing[0]}")
    remote.operation.attributes["arg_attrs"] = to_attributes([[words[name] for name in names] for names in inputs])
    remote.operation.attributes["res_attrs"] = to_attributes(
        [[words.get(name, _UNKNOWN) for name in names] for names in outputs]
    )


def refuse_sizes(calls: Sequence[Any], sent: Collection[ir.Value]) -> None:
    """Raises PassError: a number that is sent becomes an index in a stage of the pool's, of which `calls` are the
    calls: who sends another number than the application's stages compute would reach memory that is not the call's."""
    for call in calls:
        if call.operation.name != "func.call":
            continue
        entry = callee_of(call).operation.regions[0].blocks[0]
        for value, argument in zip(call.operands, entry.arguments, strict=True):
            if value in sent and _becomes_index(argument, entry):
                raise _refused(value, "would be sent, and is the size or place of something there")


def _becomes_index(argument: ir.Value, entry: ir.Block) -> bool:
    """Whether what it holds is made an index or a shape outside of loops: inside `infer-guard-gathers` bounds it."""
    kind = argument.type
    if not isinstance(kind, ir.RankedTensorType) or not isinstance(kind.element_type, ir.IntegerType):
        return False  # what makes an index of other numbers checks them there
    values = [argument]
    while values:
        value = values.pop()
        users = [use.owner.operation for use in value.uses if use.owner.operation.block == entry]
        if any(user.name == "tensor.reshape" and user.operands[1] == value for user in users):
            return True
        results = [result for user in users if user.name.startswith(_NUMBERS) for result in user.results]
        if any(isinstance(result.type, ir.IndexType) for result in results):
            return True
        values += results
    return False


def _named(extents: "Extents", value: ir.Value) -> list[str]:
    """The names of a value's sizes that vary, or the expressions that they are."""
    sizes = (extents.along(value, axis) for axis in varying(value))
    return [_UNKNOWN if size is None else str(size) for size in sizes]


def _list(words: Mapping[str, str]) -> str:
    return ", ".join(words) or "of the arguments, which have no `rpc.dims`"


def _refused(value: ir.Value, why: str) -> PassError:
    op = value.owner if not isinstance(value.owner, ir.Block) else value.owner.owner
    return PassError(
        op.opview,
        f"a {value.type} {why}: the pool could not check it",
        hint="cut before or after the modules that join or take apart such dims, or compile for fixed sizes",
    )
