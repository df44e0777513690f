"""The interface of an exported program: names, dtypes, shapes, and which integers an input may hold."""

from typing import Any

import torch
import torch.utils._pytree as pytree
from torch.export.graph_signature import ConstantArgument, InputKind, OutputKind, TensorArgument

from infc.errors import SourceError

from ...runtime.artifact import Method, TensorSpec
from ...runtime.artifact import signature as sig
from .dtypes import TORCH_DTYPES
from .trees import PLACE, tree_of, unique_names

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


def returns_of(exported: torch.export.ExportedProgram) -> sig.Tree:
    """What `forward` returns, read before decomposition, while the entries that are no tensors are still there.

    Raises:
        SourceError: it returns no tensor, something that an artifact cannot hold, or two tensors of the same name.
    """
    tree = exported.call_spec.out_spec
    results = [spec.arg for spec in exported.graph_signature.output_specs if spec.kind == OutputKind.USER_OUTPUT]
    if tree is None or not any(isinstance(arg, TensorArgument) for arg in results):
        raise SourceError("the model returns no tensor", hint="forward has to return what the caller is to get")
    found = tree_of(tree, [_leaf(arg) for arg in results], "", "output")
    unique_names([found], "result")
    return found


def _leaf(arg: Any) -> Any:
    if isinstance(arg, TensorArgument):
        return PLACE
    return arg.value if isinstance(arg, ConstantArgument) else arg


def method_of(
    name: str, exported: torch.export.ExportedProgram, takes: tuple[sig.Parameter, ...], returns: sig.Tree
) -> Method:
    """The method `name` that `exported` (decomposed, returning tensors only) implements, called as `takes` says.

    Raises:
        SourceError: an input is no tensor, two have the same name, or a tensor has a dtype that infc has no name for.
    """
    nodes = {node.name: node for node in exported.graph.nodes}
    names = unique_names([each.tree for each in takes], "input")
    given = [
        spec.arg
        for spec in exported.graph_signature.input_specs
        if spec.kind == InputKind.USER_INPUT and not isinstance(spec.arg, ConstantArgument)
    ]
    if len(given) != len(names):
        raise SourceError(
            f"the program takes {len(given)} tensors, its example inputs hold {len(names)}",
            hint="export it again: program and example inputs do not belong together",
        )
    inputs: list[TensorSpec] = []
    for label, arg in zip(names, given, strict=True):
        if not isinstance(arg, TensorArgument):
            raise SourceError(f"input {label!r} is no tensor", hint="make it a tensor, or fix it in the module")
        node = nodes[arg.name]
        if node.meta["val"].layout is not torch.strided:
            raise SourceError(
                f"input {label!r} is a {node.meta['val'].layout} tensor", hint="make it dense with .to_dense()"
            )
        inputs.append(_tensor_spec(f"input {label!r}", label, node, bound=_index_bound(node)))
    results = [spec.arg for spec in exported.graph_signature.output_specs if spec.kind == OutputKind.USER_OUTPUT]
    outputs = [
        _tensor_spec(f"output {label!r}", label, nodes[arg.name])
        for label, arg in zip(sig.tensors(returns), results, strict=True)
    ]
    return Method(name=name, inputs=tuple(inputs), outputs=tuple(outputs), takes=takes, returns=returns)


def flatten_result(result: Any, method: Method) -> dict[str, torch.Tensor]:
    """What `forward` returned, by the method's output names, in their order."""
    leaves, spec = pytree.tree_flatten(result)
    given = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]
    places = [PLACE if isinstance(leaf, torch.Tensor) else leaf for leaf in leaves]
    found = dict(zip(sig.tensors(tree_of(spec, places, "", "output")), given, strict=True))
    return {spec.name: found[spec.name] for spec in method.outputs}


def _tensor_spec(what: str, name: str, node: Any, *, bound: int | None = None) -> TensorSpec:
    value = node.meta["val"]
    if value.dtype not in TORCH_DTYPES:
        known = ", ".join(TORCH_DTYPES.values())
        raise SourceError(f"{what} has dtype {value.dtype}, which infc does not carry", hint=f"it carries {known}")
    shape = tuple(dim if isinstance(dim, int) else str(dim) for dim in value.shape)
    limits = {} if bound is None else {"low": 0, "high": bound}
    return TensorSpec(name=name, dtype=TORCH_DTYPES[value.dtype], shape=shape, **limits)


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
