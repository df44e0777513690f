"""The front doors: what `SRC` on the command line can be; one file a door."""

from pathlib import Path

from infc.errors import SourceError

from ..source import Source
from .factory import is_factory, read_factory
from .pt2 import read_pt2

__all__ = ["read_source"]


def read_source(text: str) -> Source:
    """Read the model that `text` names. Runs the user's code when it is a factory.

    Raises:
        SourceError: `text` is no source, or its door says what is wrong with it.
    """
    if is_factory(text):
        return read_factory(text)
    path = Path(text)
    if path.suffix == ".pt2":
        return read_pt2(path)
    if path.suffix == ".py":
        raise SourceError(
            f"{text} names no factory", hint=f"write {text}:NAME, a function that returns (module, inputs)"
        )
    raise SourceError(
        f"{text!r} is no model source: expected x.pt2, file.py:factory or pkg.module:factory",
        hint="a checkpoint alone has no program: give a factory that builds the module and loads it",
    )
