"""Several entry points of one module: each is a module whose `forward` is that method, over the same weights."""

import copy
import inspect
from collections.abc import Sequence
from typing import Any, cast

import torch

from infc.errors import SourceError, UsageError

from ..frontend.source import Source
from .example_call import example_call


def parse_methods(texts: Sequence[str]) -> tuple[tuple[str, ...], dict[str, str]]:
    """The names that the values of `--method` give, and the files of those that have one: `decode=decode.pt2`.

    Raises:
        UsageError: one is given twice, is no name, or has an empty file.
    """
    parts = [text.partition("=") for text in texts]
    names = tuple(name for name, _, _ in parts)
    check_methods(names)
    for name, equals, file in parts:
        if equals and not file:
            raise UsageError(f"--method {name}= names no file", hint=f"--method {name}={name}.pt2")
    return names, {name: file for name, _, file in parts if file}


def check_methods(methods: Sequence[str]) -> None:
    """Raises UsageError when one is given twice or is no name."""
    for name in methods:
        if not name.isidentifier() or name.startswith("_"):
            raise UsageError(f"--method {name!r} is no name of a method", hint="--method encode --method decode")
        if methods.count(name) > 1:
            raise UsageError(f"--method {name!r} is given twice", hint="name each method once")


def sources_of(text: str, name: str, module: torch.nn.Module, inputs: Any, methods: Sequence[str]) -> list[Source]:
    """One source for each of the methods, in their order.

    Args:
        text: what was asked for, for the messages.
        name: of the model.
        module: in evaluation mode.
        inputs: the example inputs of each method, by its name.
        methods: the names of the methods.

    Raises:
        SourceError: the module has no such method, or there are no example inputs for one.
    """
    if not isinstance(inputs, dict):
        raise SourceError(
            f"{text} returned {type(inputs).__name__} as inputs, expected a dict: the example inputs of each --method",
            hint=f"return module, {{{', '.join(f'{each!r}: (…,)' for each in methods)}}}",
        )
    examples = cast("dict[Any, Any]", inputs)
    found: list[Source] = []
    for method in methods:
        if method not in examples:
            known = ", ".join(map(str, examples)) or "nothing"
            raise SourceError(f"{text} has no example inputs for --method {method}", hint=f"it has them for {known}")
        args, kwargs = example_call(f"{text}: the inputs of {method}", examples[method])
        found.append(Source(name, _entry(text, module, method), args, kwargs, method=method))
    return found


def _entry(text: str, module: torch.nn.Module, method: str) -> torch.nn.Module:
    """The module with another forward. Both have the same parameters and buffers, under the same names."""
    target = getattr(module, method, None)
    if not callable(target):
        own = [name for name, each in vars(type(module)).items() if inspect.isfunction(each) and name[0] != "_"]
        raise SourceError(
            f"{text}: {type(module).__name__} has no method {method!r}", hint=f"it has {', '.join(own) or 'none'}"
        )
    called: Any = target.forward if isinstance(target, torch.nn.Module) else target
    view: Any = copy.copy(module)  # shares the dicts of parameters, buffers and submodules

    def forward(*args: Any, **kwargs: Any) -> Any:
        return target(*args, **kwargs)

    forward.__signature__ = inspect.signature(called)  # type: ignore[attr-defined]
    forward.__doc__ = called.__doc__
    view.forward = forward
    return view
