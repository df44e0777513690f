"""The door for `file.py:factory` and `pkg.module:factory`: a function that returns a module and its example inputs."""

import importlib
import importlib.util
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import torch

from infc.errors import SourceError

from ..frontend.source import Source
from .example_call import example_call
from .methods import sources_of
from .reasons import one_line, where


def is_factory(text: str) -> bool:
    """Whether `text` has the form of a factory's name."""
    _, colon, factory = text.rpartition(":")
    return bool(colon) and factory.isidentifier()


def read_factory(text: str, methods: Sequence[str] = ()) -> list[Source]:
    """Call the factory that `text` names. Runs the user's code.

    One source for `forward`, or one for each of `methods`, over the same module.

    Raises:
        SourceError: there is no such file, module or factory; it fails, or returns something else than a module and
            its inputs; or the module lacks a method.
    """
    place, _, factory = text.rpartition(":")
    code = _import_file(Path(place)) if place.endswith(".py") else _import_module(place)
    make = getattr(code, factory, None)
    if not callable(make):
        names = [name for name, value in vars(code).items() if callable(value) and not name.startswith("_")]
        raise SourceError(f"{place} has no function {factory!r}", hint=f"it has: {', '.join(names) or 'none'}")
    try:
        made = make()
    except (Exception, SystemExit) as error:
        raise SourceError(
            f"{text} failed: {one_line(error)}{where(error)}", hint="call it in Python to debug it"
        ) from error
    module, inputs = _checked(text, made)
    if methods:
        return sources_of(text, factory, module, inputs, methods)
    return [Source(factory, module, *example_call(f"{text} returned as inputs", inputs))]


def _checked(text: str, made: Any) -> tuple[torch.nn.Module, Any]:
    if not isinstance(made, tuple) or len(cast("tuple[Any, ...]", made)) != 2:
        raise SourceError(
            f"{text} returned {type(made).__name__}, expected (module, inputs)",
            hint="inputs: a tuple for positional arguments or a dict for keyword arguments",
        )
    module, inputs = cast("tuple[Any, Any]", made)
    if not isinstance(module, torch.nn.Module):
        raise SourceError(
            f"{text} returned {type(module).__name__} as the model, expected a torch.nn.Module",
            hint="wrap a function in a module whose forward calls it",
        )
    return module.eval(), inputs


def _import_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise SourceError(f"{path}: no such file", hint="the part before the colon is the path of a Python file")
    name = f"infc_source_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise SourceError(
            f"{path} cannot be imported as a Python file", hint="is it a text file of Python, readable by you?"
        )
    module = importlib.util.module_from_spec(spec)
    # As `python file.py` has it: the file's neighbours can be imported, also later, while the model runs.
    sys.path.insert(0, str(path.resolve().parent))
    sys.modules[name] = module
    return _executed(str(path), lambda: spec.loader.exec_module(module) or module if spec.loader else module)


def _import_module(name: str) -> ModuleType:
    sys.path.insert(0, str(Path.cwd()))
    return _executed(name, lambda: importlib.import_module(name))


def _executed(what: str, run: Callable[[], ModuleType]) -> ModuleType:
    try:
        return run()
    except (Exception, SystemExit) as error:
        raise SourceError(
            f"{what} cannot be imported: {one_line(error)}{where(error)}",
            hint="import it in Python, in this environment, to debug it",
        ) from error
