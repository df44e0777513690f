"""`infc codegen`: from an artifact to what an application installs."""

from pathlib import Path

import click

from infc.errors import ArtifactError

from . import DEFAULT_POOL


@click.command()
@click.argument("artifact", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Directory to write to.")
@click.option("--pointer", type=click.Path(path_type=Path), help="Also write the pointer file for torch.load there.")
@click.option("--pool", default=DEFAULT_POOL, show_default=True, help="Address that the client calls by default.")
@click.option("--package", help="Name of the Python package.  [default: made from the model's name]")
def codegen(artifact: Path, output: Path, pointer: Path | None, pool: str, package: str | None) -> None:
    """Write a client package for ARTIFACT, the protocol's .proto, and a pointer file.

    The package needs numpy, grpcio and protobuf, and not infc. Prints the paths it wrote.
    """
    from ..runtime.artifact import Artifact
    from .artifact import service_of
    from .output import write_directory, write_pointer
    from .render import check_pool, package_files, pointer_file
    from .view import view

    check_pool(pool)
    with Artifact.open(artifact) as opened:
        model, digest = view(service_of(opened), package), opened.digest
    if pointer is not None and pointer.absolute().is_relative_to(output.absolute()):
        raise ArtifactError(f"{pointer} is inside {output}", hint="the client package and the pointer go to two places")
    files = package_files(model, pool)
    if pointer is not None:  # first: the likelier refusal, an existing checkpoint, then leaves nothing behind
        write_pointer(pointer, pointer_file(model, digest, pool))
        click.echo(pointer)
    write_directory(output, files)
    click.echo(output / model.package)
