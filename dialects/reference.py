"""The reference pages of infc's dialects, from their definitions: `python -m infc.dialects.reference DIR`."""

import inspect
import sys
from pathlib import Path
from typing import Any, get_args, get_origin

from torch_mlir import ir

from . import DIALECTS

_NOTICE = "<!-- Written by `make docs` from dialects/{name}.py; edit the docstrings there. -->"


def pages() -> dict[str, str]:
    """The text of each page, by its file's name."""
    return {f"{dialect.DIALECT_NAMESPACE}.md": _page(dialect) for dialect in DIALECTS}


def write(folder: Path) -> None:
    """Write every page into `folder`, which is made when it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")


def _page(dialect: Any) -> str:
    name = dialect.DIALECT_NAMESPACE
    parts = [_NOTICE.format(name=name), f"# The `{name}` dialect", inspect.cleandoc(dialect.__doc__)]
    for op in dialect.operations:
        parts += [f"## `{op.OPERATION_NAME}`", inspect.cleandoc(op.__doc__), _table(op), _verifier(op)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(op: Any) -> str:
    rows = [(each.name.rstrip("_"), _role(each), _constraint(each.constraint)) for each in op._fields]  # pyright: ignore[reportPrivateUsage] - the bindings have no other way to ask
    lines = [f"| `{name}` | {role} | {constraint} |" for name, role, constraint in rows]
    traits = [_TRAITS[trait.__name__] for trait in op._traits if trait.__name__ in _TRAITS]
    table = "\n".join(["| name | is a | of type |", "|---|---|---|", *lines])
    return f"{table}\n\nTraits: {', '.join(traits)}." if traits else table


_TRAITS = {
    "Pure": "pure",
    "IsTerminatorTrait": "terminator",
    "NoTerminatorTrait": "its region has no terminator",
    "IsIsolatedFromAboveTrait": "isolated from above",
}


def _role(field: Any) -> str:
    return type(field).__name__.removesuffix("Def").lower()


def _constraint(kind: Any) -> str:
    if get_origin(kind) is not None:
        return " or ".join(_constraint(each) for each in get_args(kind))
    if isinstance(kind, type) and issubclass(kind, ir.Attribute | ir.Type):
        return f"`{kind.__name__}`"
    return "any" if kind is Any else f"any, the same wherever `{getattr(kind, '__name__', kind)}` stands"


def _verifier(op: Any) -> str:
    methods = (getattr(op, name, None) for name in ("verify_invariants", "verify_region_invariants"))
    return "\n".join(f"Verified: {inspect.cleandoc(method.__doc__)}" for method in methods if method is not None)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
