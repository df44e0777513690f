"""The interface of an exported program: names, dtypes, shapes, and which integers an input may hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.utils._pytree as pytree
from torch.export.graph_signature import ConstantArgument, InputKind, OutputKind, TensorArgument

from infc.errors import SourceError

from ..runtime.artifact import Method, TensorSpec
from .dtypes import TORCH_DTYPES
from .results import is_mapping, is_nested, labels

METHOD = "main"  # the one entry point that a model has for now

# An index keeps its value through these, so that a bound on what comes out is one on what goes in.
_VALUE_PRESERVING = {
    torch.ops.aten.view.default,
    torch.ops.aten.reshape.default,
    torch.ops.aten._unsafe_view.default,
    torch.ops.aten.unsqueeze.default,
    torch.ops.aten.squeeze.dim,
    torch.ops.aten.expand.default,
    torch.ops.aten.clone.default,
    torch.ops.aten.permute.default,
    torch.ops.aten.alias.default,
}


@dataclass(frozen=True)
class Returns:
    """What `forward` returns: its kind, and the names of the tensors in it."""

    kind: Literal["tensor", "tuple", "mapping"]
    names: tuple[str, ...]


def returns_of(exported: torch.export.ExportedProgram) -> Returns:
    """The shape of `forward`'s result, read before decomposition, while the entries that are None are still there.

    Raises:
        SourceError: a result is no tensor, or two would have the same name.
    """
    tree = exported.call_spec.out_spec
    specs = [spec for spec in exported.graph_signature.output_specs if spec.kind == OutputKind.USER_OUTPUT]
    if tree is None or not any(isinstance(spec.arg, TensorArgument) for spec in specs):
        raise SourceError("the model returns no tensor", hint="forward has to return what the caller is to get")
    names = labels(tree)
    if tree.is_leaf():
        return Returns("tensor", tuple(names))
    # What nests deeper than one level travels flat, by name.
    kind = "mapping" if is_mapping(tree) or is_nested(tree) else "tuple"
    kept: list[str] = []
    for name, spec in zip(names, specs, strict=True):
        if isinstance(spec.arg, TensorArgument):
            kept.append(name)
        elif kind == "tuple" or not (isinstance(spec.arg, ConstantArgument) and spec.arg.value is None):
            raise SourceError(f"output {name!r} is no tensor", hint="return tensors only")
    return Returns(kind, tuple(kept))


def method_of(
    exported: torch.export.ExportedProgram, returns: Returns, names: Sequence[str | None], positional: int
) -> Method:
    """The method that `exported` (decomposed, without None outputs) implements.

    `names` are those that `forward` has for its inputs, where it has one; `positional` is how many of them may be given
    by position. See `arguments`.

    Raises:
        SourceError: an input is no tensor, or a tensor has a dynamic dim or a dtype that infc has no name for.
    """
    nodes = {node.name: node for node in exported.graph.nodes}
    inputs: list[TensorSpec] = []
    for spec in exported.graph_signature.input_specs:
        if spec.kind != InputKind.USER_INPUT or isinstance(spec.arg, ConstantArgument):
            continue
        if not isinstance(spec.arg, TensorArgument):
            raise SourceError(f"input {spec.arg.name!r} is no tensor", hint="make it a tensor, or fix it in the module")
        node = nodes[spec.arg.name]
        if node.meta["val"].layout is not torch.strided:
            raise SourceError(
                f"input {spec.arg.name!r} is a {node.meta['val'].layout} tensor", hint="make it dense with .to_dense()"
            )
        own = names[len(inputs)] if len(inputs) < len(names) else None
        label = own or node.name
        inputs.append(_tensor_spec(f"input {label!r}", label, node, bound=_index_bound(node)))
    if len(inputs) != len(names):
        raise SourceError(
            f"the program takes {len(inputs)} tensors, its example inputs hold {len(names)}",
            hint="export it again: program and example inputs do not belong together",
        )
    results = [spec.arg for spec in exported.graph_signature.output_specs if spec.kind == OutputKind.USER_OUTPUT]
    outputs = [
        _tensor_spec(f"output {label!r}", label, nodes[arg.name])
        for label, arg in zip(returns.names, results, strict=True)
    ]
    return Method(
        name=METHOD, inputs=tuple(inputs), positional=positional, outputs=tuple(outputs), returns=returns.kind
    )


def flatten_result(result: Any, method: Method) -> dict[str, torch.Tensor]:
    """What `forward` returned, by the method's output names, in their order."""
    leaves, tree = pytree.tree_flatten(result)
    found = dict(zip(labels(tree), leaves, strict=True))
    return {spec.name: found[spec.name] for spec in method.outputs}


def _tensor_spec(what: str, name: str, node: Any, *, bound: int | None = None) -> TensorSpec:
    value = node.meta["val"]
    if value.dtype not in TORCH_DTYPES:
        known = ", ".join(TORCH_DTYPES.values())
        raise SourceError(f"{what} has dtype {value.dtype}, which infc does not carry", hint=f"it carries {known}")
    if not all(isinstance(dim, int) for dim in value.shape):
        raise SourceError(
            f"{what} has a dynamic shape {tuple(map(str, value.shape))}", hint="export it with static shapes"
        )
    limits = {} if bound is None else {"low": 0, "high": bound}
    return TensorSpec(name=name, dtype=TORCH_DTYPES[value.dtype], shape=tuple(value.shape), **limits)


def _index_bound(node: Any) -> int | None:
    """The largest value of an integer input that every embedding table it indexes has a row for."""
    rows: list[int] = []
    pending = [node]
    while pending:
        current = pending.pop()
        for user in current.users:
            if user.target is torch.ops.aten.embedding.default and user.args[1] is current:
                rows.append(int(user.args[0].meta["val"].shape[0]))
            elif user.target in _VALUE_PRESERVING:
                pending.append(user)
    return min(rows) - 1 if rows else None
