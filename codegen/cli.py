"""`infc codegen`: from an artifact to what an application installs."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from infc.errors import ArtifactError, BreakingChange, UsageError

from . import DEFAULT_POOL

if TYPE_CHECKING:
    from ..runtime.artifact import Artifact
    from .service import Service
    from .view import ModelView


@click.command()
@click.argument("artifact", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Directory to write to; required but for a check."
)
@click.option("--pointer", type=click.Path(path_type=Path), help="Also write the pointer file for torch.load there.")
@click.option("--pool", default=DEFAULT_POOL, show_default=True, help="Address that the client calls by default.")
@click.option("--against", type=click.Path(path_type=Path), metavar="OLD.infc",
              help="An earlier version: name each change that breaks its callers, and write nothing if there is one. "
              "Without -o, only check.")  # fmt: skip
@click.option("--package", help="Name of the Python package.  [default: made from the model's name]")
def codegen(
    artifact: Path, output: Path | None, pointer: Path | None, pool: str, against: Path | None, package: str | None
) -> None:
    """Write a client package for ARTIFACT, the .proto of its service and the protocol's, and a pointer file.

    The package needs numpy, grpcio and protobuf, and not infc, unless the model's first stages run in the application.
    Prints the paths it wrote.
    """
    from ..runtime.artifact import Artifact
    from ..runtime.artifact.parts import is_split
    from .artifact import service_of
    from .output import write_directory, write_pointer
    from .render import check_pool, package_files, pointer_file
    from .view import view

    check_pool(pool)
    if output is None and (against is None or pointer is not None):
        raise UsageError("nothing says where to write to", hint="-o DIR; --against OLD.infc alone writes nothing")
    with Artifact.open(artifact) as opened:
        service = service_of(opened)
        if against is not None:
            _check_against(against, service)
        if output is None:
            return
        model, digest = view(service, package), opened.digest
        if pointer is not None and pointer.absolute().is_relative_to(output.absolute()):
            raise ArtifactError(
                f"{pointer} is inside {output}", hint="the client package and the pointer go to two places"
            )
        if is_split(opened.config):
            _write_split(opened, model, output, pointer, pool)
            return
    files = package_files(model, pool)
    if pointer is not None:  # first: the likelier refusal, an existing checkpoint, then leaves nothing behind
        write_pointer(pointer, pointer_file(model, digest, pool))
        click.echo(pointer)
    write_directory(output, files)
    click.echo(output / model.package)


def _check_against(path: Path, service: "Service") -> None:
    """Print each change that breaks callers of the artifact at `path`. Raises BreakingChange when there is one."""
    from ..runtime.artifact import Artifact
    from .artifact import service_of
    from .breaking import breaking_changes

    with Artifact.open(path) as earlier:
        changes = breaking_changes(service_of(earlier), service)
    for change in changes:
        click.echo(change)
    if changes:
        raise BreakingChange(
            f"callers of {path} break: {changes[0]}{f', and {len(changes) - 1} more' if changes[1:] else ''}",
            hint="keep what they call, or compile it under another --name and serve both for a while; field numbers "
            f"stay with `infc compile --against {path}`",
        )


def _write_split(artifact: "Artifact", model: "ModelView", output: Path, pointer: Path | None, pool: str) -> None:
    """What an application needs of a model whose first stages run there: these, as an artifact of their own."""
    from tempfile import TemporaryDirectory

    from ..runtime.artifact import interface_digest
    from ..runtime.artifact.parts import client_part, pool_part
    from ..runtime.artifact.rewrite import extract
    from .output import refuse_foreign_pointer, write_directory, write_pointer
    from .render import FrontView, package_files, pointer_file

    part, rest = client_part(artifact.config), pool_part(artifact.config)
    served = replace(model, interface=interface_digest(rest.interface))
    with TemporaryDirectory(prefix="infc-") as folder:
        file = Path(folder) / "front.infc"
        digest = extract(artifact, file, part)
        files = package_files(served, pool, FrontView(file.name, digest))
        files[f"{model.package}/{file.name}"] = file.read_bytes()
    if pointer is not None:
        refuse_foreign_pointer(pointer)
        beside = pointer.with_name(f"{pointer.name}.front.infc")
        pointer.parent.mkdir(parents=True, exist_ok=True)
        extract(artifact, beside, part)
        write_pointer(pointer, pointer_file(served, artifact.digest, pool, FrontView(beside.name, digest)))
        click.echo(beside)
        click.echo(pointer)
    write_directory(output, files)
    click.echo(output / model.package)
