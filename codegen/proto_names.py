"""Names in a `.proto` for what an artifact calls its model, methods, inputs and outputs.

Every plugin makes names of its language from them: `input_ids` becomes `inputIds`, `GetInputIds` and so on. So two
fields of a message differ in more than case and underscores, and none is a word that Python or JavaScript keeps for
itself.
"""

import keyword
import re
from collections.abc import Iterable

# Attributes that every object of JavaScript has.
_JAVASCRIPT = {"constructor", "prototype", "proto", "to_string", "value_of", "has_own_property"}
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def snake(text: str, *, fallback: str) -> str:
    """A lower-case name close to `text`: `inputIDs` gives `input_ids`; `fallback` goes before a digit."""
    words = re.findall(r"[A-Za-z0-9]+", _HUMP.sub("_", text))
    name = "_".join(words).lower()
    if not name or name[0].isdigit():
        name = f"{fallback}_{name}".rstrip("_")
    return f"{name}_" if keyword.iskeyword(name) or name in _JAVASCRIPT else name


def pascal(text: str, *, fallback: str) -> str:
    """A name of a message or a service close to `text`: `all-minilm-l6` gives `AllMinilmL6`."""
    words = re.findall(r"[A-Za-z0-9]+", text)
    name = "".join(word[0].upper() + word[1:] for word in words)
    if not name or name[0].isdigit():
        return f"{fallback}{name}"
    return f"{name}{fallback}" if keyword.iskeyword(name) else name


def field_names(texts: Iterable[str], fallback: str, taken: Iterable[str] = ()) -> list[str]:
    """Names of fields, different ones for different texts, in their order, and none of those `taken`."""
    return _distinct([snake(text, fallback=fallback) for text in texts], "_", {_folded(name) for name in taken})


def rpc_names(texts: Iterable[str]) -> list[str]:
    """Names of methods, different ones for different texts, in their order."""
    return _distinct([pascal(text, fallback="Method") for text in texts], "", set())


def _distinct(names: list[str], between: str, seen: set[str]) -> list[str]:
    found: list[str] = []
    for name in names:
        chosen, number = name, 2
        while _folded(chosen) in seen:
            chosen, number = f"{name.rstrip('_')}{between}{number}", number + 1
        seen.add(_folded(chosen))
        found.append(chosen)
    return found


def _folded(name: str) -> str:
    return name.replace("_", "").lower()
