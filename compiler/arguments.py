"""The arguments of `forward`: their order, and which of them a caller may give by position."""

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import takewhile, zip_longest
from typing import Any

import torch
import torch.utils._pytree as pytree

from .source import Source

_EITHER = inspect.Parameter.POSITIONAL_OR_KEYWORD


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


def positional(source: Source) -> int:
    """How many of the model's inputs, from the first, may be given by position.

    It is the number of `forward`'s first parameters that the example call gives one tensor each. A parameter that the
    call leaves out, or gives something else (a constant that is compiled in, a list of tensors), ends the count: what
    stands behind it has another position among the inputs than in `forward`. Of a program that was exported before,
    only the positional arguments of its example are known to have a position.

    Args:
        source: one that exports, its keyword arguments in the order of `forward`.
    """
    values = source.args if source.exported is not None else _by_position(source)
    return sum(1 for _ in takewhile(lambda value: isinstance(value, torch.Tensor), values))


def input_names(source: Source) -> list[str | None]:
    """The name that `forward` has for each tensor of the example call, in the order of the model's inputs.

    None for a tensor inside of a list or another structure, and for those of a `.pt2` that are given by position: only
    the export has a name for them.
    """
    parameters = {} if source.exported is not None else _parameters(source)
    by_position = [name for name, each in parameters.items() if each.kind in (each.POSITIONAL_ONLY, _EITHER)]
    named = [*zip_longest(by_position[: len(source.args)], source.args), *source.kwargs.items()]
    found: list[str | None] = []
    for name, value in named:
        leaves = [leaf for leaf in pytree.tree_leaves(value) if isinstance(leaf, torch.Tensor)]
        found += [name if isinstance(value, torch.Tensor) else None] * len(leaves)
    return found


def _by_position(source: Source) -> Iterator[Any]:
    """What the example call gives for `forward`'s positional parameters, up to the first that it leaves out."""
    parameters = _parameters(source)
    given = inspect.Signature(list(parameters.values())).bind(*source.args, **source.kwargs).arguments
    for name, parameter in parameters.items():
        if name not in given or parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_KEYWORD):
            return
        if parameter.kind is parameter.VAR_POSITIONAL:
            yield from given[name]
        else:
            yield given[name]


def _parameters(source: Source) -> Mapping[str, inspect.Parameter]:
    """The parameters of the module's `forward`, without `self`."""
    module: Any = source.module
    return inspect.signature(module.forward).parameters
