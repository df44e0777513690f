"""Reading a saved `ExportedProgram` without running what it carries.

A .pt2 archive is a zip of JSON and raw tensors, and of whatever else its writer put in: pickles, TorchScript objects
and compiled libraries are programs, and a graph may name any function. Only data and PyTorch's operators pass.
"""

import logging
import os
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import torch
from torch._ops import HigherOrderOperator, OpOverload
from torch.export.pt2_archive.constants import AOTINDUCTOR_DIR, CUSTOM_OBJ_FILENAME_PREFIX, OPAQUE_OBJ_FILENAME_PREFIX

from infc.errors import SourceError

from ..frontend.source import Source
from .expressions import checked_expressions
from .pt2_types import know_types


def read_pt2(path: Path) -> Source:
    """The program in the archive at `path`, as a source. Raises SourceError as `load_pt2` does."""
    exported = load_pt2(path)
    args, kwargs = exported.example_inputs or ((), {})
    return Source(path.stem, exported.module(), tuple(args), dict(kwargs or {}), exported)


def load_pt2(path: Path) -> torch.export.ExportedProgram:
    """The program in the archive at `path`.

    Raises:
        SourceError: no such file, no .pt2 archive, an archive that is damaged, of another version or without example
            inputs, one that would run code when it is read, or one whose results have a type that this process lacks.
    """
    if not path.is_file():
        raise SourceError(f"{path}: no such file", hint="save one: torch.export.save(torch.export.export(...), path)")
    _refuse_programs(path)
    know_types(path)
    try:
        with _data_only(), checked_expressions():
            exported = torch.export.load(path)
    except SourceError as error:
        raise SourceError(f"{path}: {error.message}", hint=error.hint) from error
    # What a damaged archive makes torch raise is not documented: anything from KeyError to RuntimeError.
    except Exception as error:
        raise SourceError(
            f"{path} cannot be read: it is damaged, holds pickled objects, or is another version's ExportedProgram",
            hint=f"save it again with torch.export.save and torch {torch.__version__.partition('+')[0]}",
        ) from error
    _refuse_functions(path, exported)
    if exported.example_inputs is None:
        raise SourceError(f"{path} holds no example inputs", hint="export the model with example inputs")
    return exported


def _refuse_programs(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError) as error:
        raise SourceError(
            f"{path} is no .pt2 archive: {error}", hint="is it cut short, or a torch.save checkpoint?"
        ) from error
    for name in names:
        inner = PurePosixPath(*PurePosixPath(name).parts[1:])  # below the archive's own folder
        prefixes = (CUSTOM_OBJ_FILENAME_PREFIX, OPAQUE_OBJ_FILENAME_PREFIX)
        if inner.name.startswith(prefixes) or str(inner).startswith(AOTINDUCTOR_DIR):
            raise SourceError(
                f"{path} holds {name!r}, which would run code when it is read",
                hint="export the model without custom objects and without AOTInductor; or compile it from a factory",
            )


def _refuse_functions(path: Path, exported: torch.export.ExportedProgram) -> None:
    for module in exported.graph_module.modules():
        for node in module.graph.nodes if isinstance(module, torch.fx.GraphModule) else ():
            if node.op == "call_function" and not _is_operator(node.target):
                raise SourceError(
                    f"{path} calls {node.target!r}, which is no operator of PyTorch",
                    hint="only programs made by torch.export are compiled",
                )


def _is_operator(target: object) -> bool:
    # Symbolic sizes are computed with Python's own arithmetic.
    arithmetic = getattr(target, "__module__", "") in ("_operator", "math")
    return arithmetic or isinstance(target, OpOverload | HigherOrderOperator)


@contextmanager
def _data_only() -> Generator[None]:
    """Make torch.load refuse pickles that are more than tensors, whatever its caller asks for; and not log them."""
    logger, variable = logging.getLogger("torch.export"), "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    level, before = logger.level, os.environ.get(variable)
    logger.setLevel(logging.CRITICAL)
    os.environ[variable] = "1"
    try:
        yield
    finally:
        logger.setLevel(level)
        if before is None:
            del os.environ[variable]
        else:
            os.environ[variable] = before
