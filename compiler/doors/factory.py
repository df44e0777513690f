"""The door for `file.py:factory` and `pkg.module:factory`: a function that returns a module and its example inputs."""

import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import torch

from infc.errors import SourceError

from ..source import Source
from .reasons import one_line, where


def is_factory(text: str) -> bool:
    """Whether `text` has the form of a factory's name."""
    _, colon, factory = text.rpartition(":")
    return bool(colon) and factory.isidentifier()


def read_factory(text: str) -> Source:
    """Call the factory that `text` names. Runs the user's code.

    Raises:
        SourceError: there is no such file, module or factory; it fails, or returns something else than a module and
            its inputs.
    """
    place, _, factory = text.rpartition(":")
    module = _import_file(Path(place)) if place.endswith(".py") else _import_module(place)
    make = getattr(module, factory, None)
    if not callable(make):
        names = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
        raise SourceError(f"{place} has no function {factory!r}", hint=f"it has: {', '.join(names) or 'none'}")
    try:
        made = make()
    except (Exception, SystemExit) as error:
        raise SourceError(
            f"{text} failed: {one_line(error)}{where(error)}", hint="call it in Python to debug it"
        ) from error
    return _checked(text, factory, made)


def _checked(text: str, name: str, made: Any) -> Source:
    if not isinstance(made, tuple) or len(cast("tuple[Any, ...]", made)) != 2:
        raise SourceError(
            f"{text} returned {type(made).__name__}, expected (module, inputs)",
            hint="inputs: a tuple for positional arguments or a dict for keyword arguments",
        )
    module, inputs = cast("tuple[Any, Any]", made)
    if not isinstance(module, torch.nn.Module):
        raise SourceError(f"{text} returned {type(module).__name__} as the model, expected a torch.nn.Module")
    if isinstance(inputs, torch.Tensor):
        inputs = (inputs,)
    if not isinstance(inputs, tuple | list | dict):
        raise SourceError(f"{text} returned {type(inputs).__name__} as inputs, expected a tuple or a dict of tensors")
    module.eval()
    if isinstance(inputs, dict):
        return Source(name, module, (), cast("dict[str, Any]", inputs))
    return Source(name, module, tuple(cast("list[Any]", inputs)))


def _import_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise SourceError(f"{path}: no such file", hint="the part before the colon is the path of a Python file")
    name = f"infc_source_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise SourceError(f"{path} cannot be imported as a Python file")
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
        raise SourceError(f"{what} cannot be imported: {one_line(error)}{where(error)}") from error
