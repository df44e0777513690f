"""The arguments of `forward`: their order, how each may be given, and what each holds."""

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal

import torch
import torch.utils._pytree as pytree

from infc.errors import SourceError

from ...runtime.artifact import signature as sig
from .source import Source
from .trees import PLACE, constant, tree_of

_EITHER = inspect.Parameter.POSITIONAL_OR_KEYWORD
_KINDS: dict[Any, Literal["positional", "either", "keyword"]] = {
    inspect.Parameter.POSITIONAL_ONLY: "positional",
    _EITHER: "either",
    inspect.Parameter.KEYWORD_ONLY: "keyword",
}


def in_order_of_forward(source: Source) -> Source:
    """The source with its keyword arguments in the order of `forward`'s parameters; what `**kwargs` takes comes last.

    Export keeps the order that it is given, and the compiled model's inputs are in the order of the export.
    """
    if source.exported is not None:
        return source
    try:
        parameters = _parameters(source)
    except ValueError:  # a traced module, a builtin: nothing that exports, and export says why
        return source
    places = {name: place for place, name in enumerate(parameters)}
    ordered = sorted(source.kwargs.items(), key=lambda item: places.get(item[0], len(places)))
    return replace(source, kwargs=dict(ordered))


def takes(source: Source) -> tuple[sig.Parameter, ...]:
    """The parameters of `forward` as the example call fills them; what they hold, in the order of the model's inputs.

    A parameter that the call leaves out keeps its default. Of a program that was exported before, only the arguments
    of its example are known: the positional ones have a position, and a constant is required unless it is None.

    Args:
        source: one that exports, its keyword arguments in the order of `forward`.

    Raises:
        SourceError: an argument holds something that is neither a tensor nor a plain constant.
    """
    return tuple(_saved(source) if source.exported is not None else _called(source))


def input_names(source: Source) -> list[str]:
    """The flat names of the tensors that it takes. Raises SourceError as `takes` does."""
    if source.onnx is not None:
        return [spec.name for spec in source.onnx.method.inputs]
    return [name for each in takes(in_order_of_forward(source)) for name in sig.tensors(each.tree)]


def argument_tree(name: str, value: Any) -> sig.Tree:
    """What an argument called `name` holds. Raises SourceError as `takes` does."""
    leaves, spec = pytree.tree_flatten(value)
    places = [PLACE if isinstance(leaf, torch.Tensor) else leaf for leaf in leaves]
    return tree_of(spec, places, name, "input")


def _called(source: Source) -> Iterator[sig.Parameter]:
    parameters = _parameters(source)
    given = inspect.Signature(list(parameters.values())).bind(*source.args, **source.kwargs).arguments
    for name, parameter in parameters.items():
        if parameter.kind is parameter.VAR_POSITIONAL:
            for number, value in enumerate(given.get(name, ())):
                tree = argument_tree(f"{name}_{number}", value)
                yield sig.Parameter(f"{name}_{number}", "positional", True, tree)
        elif parameter.kind is parameter.VAR_KEYWORD:
            for key, value in given.get(name, {}).items():
                yield sig.Parameter(key, "keyword", True, argument_tree(key, value))
        elif name in given:
            tree = argument_tree(name, given[name])
            yield sig.Parameter(name, _KINDS[parameter.kind], tree != _default(parameter), tree)
        else:
            yield sig.Parameter(name, _KINDS[parameter.kind], False, _default(parameter) or sig.Absent())


def _default(parameter: inspect.Parameter) -> sig.Tree | None:
    """What a parameter holds that is left out, where that is a constant."""
    if parameter.default is parameter.empty:
        return None
    try:
        return constant(parameter.default, "")
    except SourceError:
        return None


def _saved(source: Source) -> Iterator[sig.Parameter]:
    names = _saved_names(source)
    values = [*source.args, *source.kwargs.values()]
    for number, (name, value) in enumerate(zip(names, values, strict=True)):
        tree = argument_tree(name, value)
        kind = "either" if number < len(source.args) else "keyword"
        yield sig.Parameter(name, kind, not isinstance(tree, sig.Nothing), tree)


def _saved_names(source: Source) -> list[str]:
    """What `forward` called the arguments, which a saved program remembers."""
    graph: Any = source.exported.module_call_graph if source.exported is not None else []
    found = graph[0].signature.forward_arg_names if graph and graph[0].signature else None
    count = len(source.args)
    if found and len(found) == count + len(source.kwargs):
        return list(found)
    return [*(f"input_{number}" for number in range(count)), *source.kwargs]


def _parameters(source: Source) -> Mapping[str, inspect.Parameter]:
    """The parameters of the module's `forward`, without `self`."""
    module: Any = source.module
    return inspect.signature(module.forward).parameters
