"""Dataclasses in what a model takes and returns: export knows only those that somebody has registered."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import torch
import torch.utils._pytree as pytree

from .source import Source


def register_dataclasses(source: Source) -> bool:
    """Register the dataclasses of the example call and of its result with PyTorch; whether there was a new one.

    Calls the model once.
    """
    module: Any = source.module
    try:
        with torch.no_grad():
            result = module(*source.args, **source.kwargs)
    except (Exception, SystemExit):  # noqa: BLE001 (the model's own code; whatever is wrong, export has said it)
        result = None
    found = {
        kind for kind in _dataclasses((source.args, dict(source.kwargs), result)) if kind not in pytree.SUPPORTED_NODES
    }
    for kind in found:
        torch.export.register_dataclass(kind, serialized_type_name=f"{kind.__module__}.{kind.__qualname__}")
    return bool(found)


def _dataclasses(value: Any) -> Iterator[type]:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield type(value)
        for field in dataclasses.fields(value):
            yield from _dataclasses(getattr(value, field.name))
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _dataclasses(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _dataclasses(each)
