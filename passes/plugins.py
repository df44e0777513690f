"""Passes of other packages: found by their entry point, loaded when they are asked for, known by their code."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

from infc.errors import CompileError

from .base import Pass

GROUP = "infc.passes"  # of entry points: the pass's name, and its class


@dataclass(frozen=True)
class Origin:
    """The package that a pass comes from, and the sha256 of its code: what is installed may change under a version."""

    package: str
    version: str
    digest: str


def find(own: frozenset[str]) -> dict[str, EntryPoint]:
    """Every installed plugin by its pass's name. Raises CompileError where two have one name, or one of `own`."""
    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=GROUP):
        other = "infc" if entry.name in own else package_of(found[entry.name]) if entry.name in found else ""
        if other:
            raise CompileError(
                f"two passes are called {entry.name!r}: that of {other} and {package_of(entry)}'s {entry.value}",
                hint=f"uninstall one of them; {package_of(entry)} should name its pass after itself",
                stage=entry.name,
            )
        found[entry.name] = entry
    return found


def load(entry: EntryPoint) -> type[Pass]:
    """The pass's class. Raises CompileError when the package's code fails, or names none."""
    package = package_of(entry)
    try:
        found = entry.load()
    except Exception as error:
        what = str(error) if isinstance(error, ImportError | AttributeError) else f"{type(error).__name__}: {error}"
        raise CompileError(
            f"pass {entry.name!r} of {package} cannot be loaded from {entry.value}: {what}",
            hint=f"reinstall or uninstall {package}",
            stage=entry.name,
        ) from error
    if not (isinstance(found, type) and issubclass(found, Pass) and getattr(found, "name", "") == entry.name):
        raise CompileError(
            f"{entry.value} of {package} is no pass called {entry.name!r}",
            hint="a pass is a subclass of infc.passes.base.Pass whose `name` is that of the entry point",
            stage=entry.name,
        )
    return found


def package_of(entry: EntryPoint) -> str:
    """The name of the distribution, or of the module where none is known."""
    return entry.dist.name if entry.dist else entry.module


def origin(entry: EntryPoint) -> Origin:
    """Where the pass comes from, as its files are now. Nothing of it is imported, for that would run it."""
    state = hashlib.sha256()
    for path in sorted(set(_files(entry))):
        code = path.read_bytes()
        state.update(f"{path.name} {len(code)}\n".encode() + code)
    version = entry.dist.version if entry.dist else "unknown"
    return Origin(package_of(entry), version, f"sha256:{state.hexdigest()}")


def _files(entry: EntryPoint) -> Iterator[Path]:
    """The files of the distribution, and, where it is installed editable, those of the module's top package."""
    listed = (entry.dist.files or []) if entry.dist else []
    found = [Path(str(each.locate())) for each in listed if ".dist-info" not in str(each)]
    spec = find_spec(entry.module.partition(".")[0])
    for folder in (spec.submodule_search_locations or []) if spec else []:
        found += Path(folder).rglob("*")
    found += [Path(spec.origin)] if spec and spec.origin else []
    for path in found:
        if "__pycache__" not in path.parts and path.is_file():
            yield path.resolve()
