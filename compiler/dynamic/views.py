"""Views of tensors with dynamic dims, as flattening and unflattening.

torch-mlir guesses which dims of a view belong together where their sizes are not known, and guesses wrong: a view of
`[batch, seq, 64]` as `[batch * seq, 64]` became one that holds for `seq = 1` only. The exporter's symbolic sizes know.
"""

from collections.abc import Sequence
from typing import Any

import sympy
import torch

_VIEWS = {
    torch.ops.aten.view.default,
    torch.ops.aten.reshape.default,
    torch.ops.aten._unsafe_view.default,
}

Group = tuple[range, range]  # places in the shape before and in the shape after, of one product


def split_views(exported: torch.export.ExportedProgram) -> None:
    """Put `flatten` and `unflatten`, which name the dims that they join, in place of every view of dynamic dims."""
    graph = exported.graph
    for node in list(graph.nodes):
        if node.target not in _VIEWS:
            continue
        before, after = node.args[0].meta["val"].shape, node.meta["val"].shape
        if all(isinstance(size, int) for size in (*before, *after)):
            continue
        groups = _groups(_sizes(before), _sizes(after))
        if groups is None:  # sizes that cannot be compared: left to torch-mlir, and to verification
            continue
        with graph.inserting_before(node):
            value = node.args[0]
            for old, new in reversed(groups):
                value = _regrouped(graph, value, old, new, node)
        node.replace_all_uses_with(value)
        exported.graph_signature.replace_all_uses(node.name, value.name)  # where it is a result
        graph.erase_node(node)
    graph.lint()
    exported.graph_module.recompile()


def _regrouped(graph: torch.fx.Graph, value: Any, old: range, new: range, view: Any) -> Any:
    shape = view.meta["val"].shape
    if len(old) > 1:
        value = _call(graph, torch.ops.aten.flatten.using_ints, value, old.start, old.stop - 1)
    if len(new) == 1 and old:
        return value
    if not old:  # sizes of 1 that stand alone
        for place in new:
            value = _call(graph, torch.ops.aten.unsqueeze.default, value, old.start + place - new.start)
        return value
    if not new:
        return _call(graph, torch.ops.aten.squeeze.dim, value, old.start)
    given = view.args[1]
    sizes = [
        size if isinstance(size, int) else given[place] for place, size in zip(new, shape[new.start :], strict=False)
    ]
    return _call(graph, torch.ops.aten.unflatten.int, value, old.start, sizes)


def _call(graph: torch.fx.Graph, target: Any, value: Any, *args: Any) -> Any:
    node = graph.call_function(target, (value, *args))
    real = [[each.meta["val"] if isinstance(each, torch.fx.Node) else each for each in arg] if isinstance(arg, list)
            else arg for arg in args]  # fmt: skip
    node.meta["val"] = target(value.meta["val"], *real)
    return node


def _groups(before: Sequence[sympy.Expr], after: Sequence[sympy.Expr]) -> list[Group] | None:
    """The smallest runs of dims on both sides with equal products, in order; None where they are not comparable."""
    found: list[Group] = []
    i = j = 0
    while i < len(before) or j < len(after):
        left, right = i, j
        old = new = sympy.Integer(1)
        # At least one from each side, where there is one; then the side that divides the other grows.
        if i < len(before):
            old, i = before[i], i + 1
        if j < len(after):
            new, j = after[j], j + 1
        while sympy.expand(old - new) != 0:
            grow_new = j < len(after) and (i >= len(before) or _divides(new, old))
            if grow_new:
                new, j = new * after[j], j + 1
            elif i < len(before):
                old, i = old * before[i], i + 1
            else:
                return None
        found.append((range(left, i), range(right, j)))
    return found


def _divides(one: sympy.Expr, other: sympy.Expr) -> bool:
    quotient = sympy.cancel(other / one)
    return bool(sympy.fraction(quotient)[1] == 1)


def _sizes(shape: Sequence[Any]) -> list[sympy.Expr]:
    return [size.node.expr if isinstance(size, torch.SymInt) else sympy.Integer(size) for size in shape]
