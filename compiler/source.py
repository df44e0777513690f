"""The front doors: what `SRC` on the command line can be, and how it is read.

`x.pt2` is a saved `torch.export.ExportedProgram`; `file.py:factory` and `pkg.module:factory` name a function that
returns a module and its example inputs.
"""

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import torch

from infc.errors import SourceError

from .pt2 import load_pt2


@dataclass(frozen=True)
class Source:
    """A model that was read and can be run by PyTorch.

    `module` is called with `args` and `kwargs`, its example inputs. `exported` is there when the source was exported
    already.
    """

    name: str
    module: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    exported: torch.export.ExportedProgram | None = None


def read_source(text: str) -> Source:
    """Read the model that `text` names. Runs the user's code when it is a factory.

    Raises:
        SourceError: there is no such file, module or factory; the file is no ExportedProgram; the factory fails or
            returns something else than a module and its inputs.
    """
    place, colon, factory = text.rpartition(":")
    if colon and factory.isidentifier():
        return _from_factory(text, place, factory)
    path = Path(text)
    if path.suffix == ".pt2":
        exported = load_pt2(path)
        args, kwargs = exported.example_inputs or ((), {})
        return Source(path.stem, exported.module(), tuple(args), dict(kwargs or {}), exported)
    if path.suffix == ".py":
        raise SourceError(
            f"{text} names no factory", hint=f"write {text}:NAME, a function that returns (module, inputs)"
        )
    raise SourceError(
        f"{text!r} is no model source: expected x.pt2, file.py:factory or pkg.module:factory",
        hint="a checkpoint alone has no program: give a factory that builds the module and loads it",
    )


def _from_factory(text: str, place: str, factory: str) -> Source:
    module = _import_file(Path(place)) if place.endswith(".py") else _import_module(place)
    make = getattr(module, factory, None)
    if not callable(make):
        names = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
        raise SourceError(f"{place} has no function {factory!r}", hint=f"it has: {', '.join(names) or 'none'}")
    try:
        made = make()
    except Exception as error:
        raise SourceError(
            f"{text} failed: {_one_line(error)}{_where(error)}", hint="call it in Python to debug it"
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
    except Exception as error:
        raise SourceError(f"{what} cannot be imported: {_one_line(error)}{_where(error)}") from error


def _one_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
