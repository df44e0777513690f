"""The types that a saved program's arguments and results are made of: known to PyTorch before it is read.

An archive names them, and PyTorch finds a name only once somebody has registered the type. What an archive names is
never imported: that would run what its writer chose. transformers' result types, which infc knows by itself, are.
"""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch.utils._pytree as pytree

from infc.errors import SourceError

_DEEPEST = 64  # levels of nesting; what a damaged archive holds ends somewhere


def know_types(path: Path) -> None:
    """Make the types that the archive at `path` names known, where they are transformers' result types.

    Nothing is said of an archive that is damaged: reading it will.

    Raises:
        SourceError: it names a type that nobody has registered.
    """
    missing = _unknown(path)
    if any(name.startswith("transformers.") for name in missing):
        try:
            import transformers.modeling_outputs  # pyright: ignore[reportUnusedImport]  # noqa: F401 (it registers)
        except ImportError as error:
            raise SourceError(
                f"{path} was exported from a model that returns a {missing[0]}, and transformers is not installed",
                hint="pip install 'infc[huggingface]'",
            ) from error
        missing = _unknown(path)
    if missing:
        raise SourceError(
            f"{path} was exported from a model that takes or returns a {missing[0]}, a type that is not known here",
            hint="compile it from a factory, whose file defines the type; or export a module that returns a dict",
        )


def _unknown(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            graphs = [json.loads(archive.read(name)) for name in archive.namelist() if _is_graph(name)]
    except (zipfile.BadZipFile, OSError, ValueError, RecursionError, KeyError, NotImplementedError):
        return []
    return sorted({name for graph in graphs for name in _named(graph) if name not in _KNOWN})


_KNOWN = pytree.SERIALIZED_TYPE_TO_PYTHON_TYPE


def _is_graph(name: str) -> bool:
    return name.endswith(".json") and "/models/" in name


def _named(value: Any, depth: int = 0) -> Iterator[str]:
    """The types in the tree specs, which are JSON in the strings called `in_spec` and `out_spec`."""
    if depth > _DEEPEST:
        return
    if isinstance(value, list):
        for each in value:
            yield from _named(each, depth + 1)
        return
    if not isinstance(value, dict):
        return
    for key, each in value.items():
        if key in ("in_spec", "out_spec") and isinstance(each, str):
            yield from _types(each)
        else:
            yield from _named(each, depth + 1)


def _types(spec: str) -> Iterator[str]:
    try:
        pending = [json.loads(spec)]
    except (ValueError, RecursionError):
        return
    while pending:
        current = pending.pop()
        if isinstance(current, dict):
            if isinstance(current.get("type"), str):
                yield current["type"]
            pending += current.get("children_spec") or []
        elif isinstance(current, list):
            pending += current
