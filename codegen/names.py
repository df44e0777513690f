"""Python names for what an artifact calls its model, inputs and outputs.

The names in an artifact are text of any kind. What becomes an identifier here holds ASCII letters, digits and
underscores only, is no keyword, and hides nothing that the generated code uses.
"""

import builtins
import keyword
import re
from collections.abc import Iterable

# What the generated modules use by name.
_CONSTANTS = {"DEFAULT_POOL", "DEFAULT_TIMEOUT", "INFER", "INTERFACE", "MODEL", "OPTIONS"}
_TYPING = {"Any", "NDArray", "NamedTuple", "Self", "TracebackType", "TypedDict"}
_CLASSES = {"AsyncFronted", "Fronted", "Method", "Path", "Record", "Request", "Response", "Spec"} | _TYPING
_FUNCTIONS = {"annotations", "close", "dataclass", "grpc", "np"}
_LOCALS = {"call", "limit", "message", "metadata", "response", "self", "sizes", "timeout"}
_OF_CLASSES = {"mro"}  # what every class has: a dataclass would take it for a field's default
# Types of the annotations in the client classes: a method of one of these names would stand for it there.
_TYPES = {"bool", "dict", "float", "int", "list", "object", "str", "tuple", "type"}
_USED = _CONSTANTS | _CLASSES | _FUNCTIONS | _LOCALS | _OF_CLASSES
_UNQUOTED = re.compile(r"[^A-Za-z0-9 _.,:/@+=()\[\]-]")  # what might end a docstring or be misread in one


def identifier(text: str, *, fallback: str) -> str:
    """A lower-case or mixed-case identifier close to `text`: `my-model.v2` gives `my_model_v2`.

    Args:
        text: any text.
        fallback: put in front of a digit, and used alone where nothing of `text` is left.
    """
    name = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")
    if not name or name[0].isdigit():
        name = f"{fallback}_{name}".strip("_")
    return f"{name}_" if _reserved(name) else name


def class_name(text: str) -> str:
    """A class name close to `text`: `all-minilm-l6` gives `AllMinilmL6`."""
    words = re.findall(r"[A-Za-z0-9]+", text)
    name = "".join(word[0].upper() + word[1:] for word in words)
    if not name or name[0].isdigit():
        name = f"Model{name}"
    return f"{name}Model" if _reserved(name) or hasattr(builtins, name) else name


def method_names(texts: Iterable[str]) -> list[str]:
    """Names of methods, different ones for different texts, in their order."""
    return unique((f"{text}_method" if text in _TYPES else text for text in texts), fallback="method")


def unique(texts: Iterable[str], *, fallback: str) -> list[str]:
    """Identifiers for several texts, different ones for different texts, in their order."""
    names: list[str] = []
    for text in texts:
        name, number = identifier(text, fallback=fallback), 2
        while name in names:
            name, number = f"{identifier(text, fallback=fallback)}_{number}", number + 1
        names.append(name)
    return names


def _reserved(name: str) -> bool:
    return keyword.iskeyword(name) or name in _USED


def plain(text: str) -> str:
    """Text for a docstring or a comment: whatever could end it or be misread becomes a question mark."""
    return _UNQUOTED.sub("?", text)[:100]
