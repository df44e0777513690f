"""Policies by name: the shipped ones, and those that installed packages bring."""

import ast
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from infc.errors import UsageError

from .protocol import Policy

GROUP = "infc.memory_policies"
DEFAULT = "balanced"
SHIPPED = {
    "balanced": "balanced:Balanced",
    "gdsf": "gdsf:GDSF",
    "lfu": "lfu:LFU",
    "lru": "lru:LRU",
    "pin-prefix": "pin_prefix:PinPrefix",
    "trace-belady": "belady:TraceBelady",
}
_METHODS = ("touched", "placed", "removed", "victim")

PolicyFactory = Callable[..., Policy]


def policy_names() -> list[str]:
    """Every name that `make_policy` takes, the default first."""
    return [*SHIPPED, *sorted(set(_plugins()) - set(SHIPPED))]


def make_policy(text: str) -> Policy:
    """A new policy from `NAME` or `NAME:option=value,…`, as in `pin-prefix:steps=4`.

    Raises:
        UsageError: no policy of that name, several of them, options that it does not take, or a class that is none.
    """
    name, _, given = text.partition(":")
    factory = _factory(name)
    options = _options(text, given)
    try:
        policy = factory(**options)
    except TypeError as error:
        raise UsageError(
            f"policy {text!r}: {error}", hint="the options are the keyword arguments of its class"
        ) from error
    missing = [method for method in _METHODS if not callable(getattr(policy, method, None))]
    if missing:
        raise UsageError(
            f"policy {name!r} is a {type(policy).__name__}, which lacks {', '.join(missing)}",
            hint="a policy has the methods of infc.runtime.memory.policies.Policy",
        )
    return policy


def _factory(name: str) -> PolicyFactory:
    plugins = _plugins().get(name, [])
    if len(plugins) + (name in SHIPPED) > 1:
        sources = ", ".join(sorted({plugin.value for plugin in plugins}))
        raise UsageError(f"policy {name!r} is defined more than once, by {sources}", hint="uninstall all but one")
    if name in SHIPPED:
        module, _, attribute = SHIPPED[name].partition(":")
        return cast(PolicyFactory, getattr(import_module(f".{module}", __package__), attribute))
    if not plugins:
        raise UsageError(
            f"no policy {name!r}",
            hint=f"there are {', '.join(policy_names())}; a package adds its own in the entry point group {GROUP}",
        )
    try:
        return cast(PolicyFactory, plugins[0].load())
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"policy {name!r} ({plugins[0].value}) cannot be loaded: {error}",
            hint="does the package that brings the policy import, alone, in this environment?",
        ) from error


def _plugins() -> dict[str, list[EntryPoint]]:
    found: dict[str, list[EntryPoint]] = {}
    for plugin in entry_points(group=GROUP):
        if plugin not in found.setdefault(plugin.name, []):
            found[plugin.name].append(plugin)
    return found


def _options(text: str, given: str) -> dict[str, object]:
    options: dict[str, object] = {}
    for part in filter(None, given.split(",")):
        key, separator, value = part.partition("=")
        if not separator or not key.isidentifier():
            raise UsageError(f"policy {text!r}: {part!r} is no option", hint="pin-prefix:steps=4, for example")
        try:
            options[key] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            options[key] = value
    return options
