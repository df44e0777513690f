"""From an artifact to the text of the generated files; nothing is written here.

Every piece of text that an artifact brings along goes through a filter that quotes it for where it lands: `literal`
in Python code, `plain` in a docstring, `toml` in a pointer. Identifiers come from `names`.
"""

import json
import re
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import Any, cast

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from infc.errors import ArtifactError

from . import DEFAULT_POOL
from .annotations import Name
from .descriptors import PROTO_NAME, descriptor_set, proto_text
from .names import plain
from .proto_view import ProtoView
from .tensor_view import TensorView
from .view import ModelView

_WIDTH = 120
LARGEST_POINTER = 256 * 1024  # bytes, as a client reads it (remote/client/pointer.py; a test compares)

# The addresses that a client takes from a pointer (remote/client/address.py; a test compares).
_ADDRESS = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.%]+\]):(?P<port>[0-9]{1,5})|unix:[^\s\x00-\x1f]+")


@dataclass(frozen=True)
class FrontView:
    """The artifact with the stages that run in the application: its file beside the pointer, its manifest's digest."""

    file: str
    digest: str


def package_files(model: ModelView, pool: str, front: FrontView | None = None) -> dict[str, bytes]:
    """The client package and both `.proto`s: contents by path relative to the output directory.

    With a `front` the package runs that, which the caller puts beside its modules; the typed service is then that of
    the pool's part, and there is none where the model was compiled before there were such.
    """
    environment = _environment()
    proto = proto_text()
    lines = wrap(b64encode(descriptor_set(proto)).decode("ascii"), 100)

    def render(template: str) -> bytes:
        text = environment.get_template(template).render(model=model, pool=pool, descriptors=lines, front=front)
        return text.encode("utf-8")

    typed = {} if front and not model.proto.front else {model.proto.file: proto_file(model.proto)}
    return {
        PROTO_NAME: proto.encode("utf-8"),
        **typed,
        f"{model.package}/__init__.py": render("init.py.j2"),
        f"{model.package}/_wire.py": render("wire.py.j2"),
        f"{model.package}/client.py": render("client.py.j2"),
        f"{model.package}/py.typed": b"",
    }


def proto_file(proto: ProtoView) -> bytes:
    """The `.proto` of a model's typed service."""
    return _environment().get_template("service.proto.j2").render(proto=proto).encode("utf-8")


def pointer_file(model: ModelView, digest: str, pool: str, front: FrontView | None = None) -> bytes:
    """The pointer to the model in the artifact with that manifest digest, of which `front` runs in the application.

    Raises:
        ArtifactError: its arguments and results are so many that no client would read it.
    """
    text = _environment().get_template("pointer.j2").render(model=model, digest=digest, pool=pool, front=front)
    data = text.encode("utf-8")
    if len(data) > LARGEST_POINTER:
        raise ArtifactError(
            f"the pointer to {model.name!r} would have {len(data)} bytes, at most are {LARGEST_POINTER}",
            hint="leave out --pointer: the client package has no such limit",
        )
    return data


def check_pool(pool: str) -> str:
    """Return the address when a client would take it.

    Raises:
        ArtifactError: it is neither `HOST:PORT` nor `unix:/path`.
    """
    match = _ADDRESS.fullmatch(pool)
    if match and (match["port"] is None or 0 < int(match["port"]) < 65536):
        return pool
    raise ArtifactError(
        f"{pool!r} is no address of a pool, expected HOST:PORT or unix:/path", hint=f"--pool {DEFAULT_POOL}"
    )


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 (this is Python and TOML; the filters below quote for them)
    )
    filters: Any = environment.filters
    filters["literal"] = _literal
    filters["plain"] = plain
    filters["sentence"] = _sentence
    filters["comment"] = _comment
    filters["toml"] = _toml
    filters["spec"] = _spec
    filters["layout"] = layout
    filters["explode"] = _explode
    filters["arguments"] = _arguments
    return environment


def _literal(value: object) -> str:
    """A Python literal, ASCII only; double quotes where nothing in the text needs others."""
    if isinstance(value, tuple):
        parts = [_literal(part) for part in cast("tuple[object, ...]", value)]
        return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
    text = ascii(value)
    if isinstance(value, str) and text.startswith("'") and '"' not in text:
        return f'"{text[1:-1]}"'
    return text


def _sentence(text: str) -> str:
    """A model's own docstring as the summary of a generated one: one line where it fits, lines of 100 columns else."""
    if not text:
        return ""
    words = _printable(text).replace("\\", "/").replace('"', "'")
    words = words if words.endswith((".", "?", "!")) else f"{words}."
    first, *others = wrap(words, _WIDTH - 14)
    return "\n        ".join([first, *others])


def _comment(text: str) -> str:
    """A model's own docstring as lines of comments, at an indent of two."""
    return "\n".join(f"  // {line}" for line in wrap(_printable(text), _WIDTH - 5))


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in " ".join(text.split()))


def _spec(tensor: TensorView) -> str:
    """The call that makes a tensor's `Spec`."""
    words = [_literal(each) for each in (tensor.name, tensor.datatype, tensor.numpy, tensor.shape)]
    words += [f"{name}={bound}" for name, bound in (("low", tensor.low), ("high", tensor.high)) if bound is not None]
    return f"Spec({', '.join(words)})"


def layout(value: object, indent: int, before: int = 0) -> str:
    """Nested tuples of literals and names as code, at most 120 columns wide where that can be.

    `indent` is that of the line that it stands in, `before` the length of what stands between.
    """
    if isinstance(value, Name):
        return value.text
    if not isinstance(value, tuple):
        return _literal(value)
    items = cast("tuple[object, ...]", value)
    line = ", ".join(layout(item, 0) for item in items)
    line = f"({line},)" if len(items) == 1 else f"({line})"
    if indent + before + len(line) < _WIDTH:
        return line
    inner = " " * (indent + 4)
    lines = "".join(f"{inner}{layout(item, indent + 4)},\n" for item in items)
    return f"(\n{lines}{' ' * indent})"


def _explode(annotation: str, indent: int, before: int) -> str:
    """A generic type, a union of types or a list as code: a part a line where one line is too short for all of them.

    A union stands in brackets, where lines may end.
    """
    if indent + before + len(annotation) < _WIDTH or "[" not in annotation:
        return annotation
    kinds = _parts(annotation, "|")
    if len(kinds) > 1:
        lines = [_explode(kind, indent, 2 if number else before) for number, kind in enumerate(kinds)]
        return f"\n{' ' * indent}| ".join(lines)
    name, _, rest = annotation.partition("[")
    inner = " " * (indent + 4)
    inside = "".join(f"{inner}{_explode(part, indent + 4, 1)},\n" for part in _parts(rest[:-1], ","))
    return f"{name}[\n{inside}{' ' * indent}]"


def _parts(text: str, between: str) -> list[str]:
    """What lies between the marks that are in no brackets."""
    parts = [""]
    depth = 0
    for char in text:
        depth += {"[": 1, "]": -1}.get(char, 0)
        if char == between and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return [part.strip() for part in parts]


def _arguments(names: list[str], indent: int, before: int) -> str:
    """A list as the only argument of a call, as wide as the line lets it be."""
    line, inner = f"[{', '.join(names)}]", " " * (indent + 4)
    if indent + before + len(line) <= _WIDTH - 2:
        return line
    if len(inner) + len(line) > _WIDTH:
        line = "\n".join(["[", *(f"{inner}    {name}," for name in names), f"{inner}]"])
    return f"\n{inner}{line}\n{' ' * indent}"


def _toml(value: object) -> str:
    """Texts, numbers and lists in TOML; JSON's are the same but for DEL, which TOML wants escaped."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
