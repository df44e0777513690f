"""The commands `infc inspect` and `infc run`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import numpy as np

    from .artifact import Artifact, Method

_PATH = click.Path(path_type=Path)
_STORE = click.option("--store", "folder", metavar="DIR", type=_PATH, help="ARTIFACT is a model of this store.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of tables.")


@click.command("inspect")
@click.argument("artifact", type=_PATH)
@_STORE
@click.option("--weights", is_flag=True, help="List every weight.")
@_JSON
def inspect(artifact: Path, folder: Path | None, weights: bool, as_json: bool) -> None:
    """Show what is inside ARTIFACT.

    Reads its documents, not its modules and weights: `infc verify` checks those.
    """
    import msgspec

    from .artifact import interface_digest
    from .store.opening import open_model

    with open_model(artifact, folder) as opened:
        interface = interface_digest(opened.config.interface)
        if as_json:
            document = {
                "path": str(artifact),
                "digest": opened.digest,
                "interface_digest": interface,
                "size": opened.size,
                "blobs": opened.blob_count,
                "config": opened.config,
            }
            click.echo(msgspec.json.encode(document).decode())
            return
        from .console import console
        from .report import show_artifact

        show_artifact(opened, interface, console(), weights=weights)


@click.command("run")
@click.argument("artifact", type=_PATH)
@_STORE
@click.option("--input", "given", multiple=True, metavar="NAME=FILE", help="From file.npy, file.npz or file.npz:key.")
@click.option("--random", "fill", is_flag=True, help="Make up the inputs that are not given.")
@click.option("--dim", "dims", multiple=True, metavar="NAME=SIZE", help="Of the random inputs: a dim that varies.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the random inputs.")
@click.option("--output", type=_PATH, help="Write the outputs to this .npz.")
@click.option("--method", default=None, help="Entry point; the first by default.")
@click.option("--target", default=None, help="Which build to run; the first that this host can by default.")
@click.option("--device", "devices", multiple=True, metavar="[PLACEMENT=]DEVICE",
              help="IREE device to run it on; the target's own by default; repeatable.")  # fmt: skip
@_JSON
def run(
    artifact: Path,
    folder: Path | None,
    given: tuple[str, ...],
    fill: bool,
    dims: tuple[str, ...],
    seed: int,
    output: Path | None,
    method: str | None,
    target: str | None,
    devices: tuple[str, ...],
    as_json: bool,
) -> None:
    """Run ARTIFACT here, once, and summarize its outputs.

    Every byte of the artifact is checked first, because its modules are native code.
    """
    from .session import Session
    from .store.opening import open_model

    with open_model(artifact, folder, check=True) as opened:
        entry = opened.method(method)
        _warn_if_unverified(opened, target)
        inputs = _inputs(entry, given, fill, dims, seed)
        with Session.attach(opened, target=target, device=_devices(devices)) as session:
            outputs = session.run(inputs, entry.name)
    if output:
        from .arrays import save_arrays

        save_arrays(output, outputs)
    from .console import console
    from .report import Summary, show_outputs

    summaries = [Summary.of(name, array) for name, array in outputs.items()]
    if not as_json:
        show_outputs(summaries, console())
        return
    import msgspec

    click.echo(msgspec.json.encode({"method": entry.name, "outputs": summaries}).decode())


def _devices(said: tuple[str, ...]) -> "str | dict[str, str] | None":
    """One device for all, or one for each placement."""
    from infc.errors import UsageError

    if len(said) < 2 and not any("=" in each for each in said):
        return said[0] if said else None
    pairs = [each.partition("=") for each in said]
    found = {placement: uri for placement, _, uri in pairs}
    if len(found) < len(said) or not all(found) or not all(found.values()):
        raise UsageError(
            f"--device {' --device '.join(said)}: expected one device, or PLACEMENT=DEVICE once for each placement",
            hint="--device gpu0=vulkan://0 --device gpu1=vulkan://1; `infc inspect` shows the placements",
        )
    return found


def _warn_if_unverified(artifact: "Artifact", target: str | None) -> None:
    from .targets import choose, unverified

    build = choose(artifact, target)
    if build.verify is None:
        click.echo(f"warning: target {build.target!r} was never compared with PyTorch: {unverified(build)}", err=True)


def _inputs(
    method: "Method", given: tuple[str, ...], fill: bool, dims: tuple[str, ...], seed: int
) -> "dict[str, np.ndarray]":
    import numpy as np

    from infc.errors import InvalidInput, UsageError

    from .arrays import as_bfloat16, load_array
    from .inputs import random_inputs
    from .shapes import parse_sizes, partial_sizes

    if dims and not fill:
        raise UsageError(
            "--dim is about random inputs", hint="add --random; given inputs have the sizes that they have"
        )
    bfloat16 = {spec.name for spec in method.inputs if spec.dtype == "bf16"}
    inputs: dict[str, np.ndarray] = {}
    for each in given:
        name, separator, source = each.partition("=")
        if not separator:
            raise click.UsageError(f"--input {each!r}: expected NAME=FILE")
        if name in inputs:
            raise InvalidInput(f"input {name!r} is given twice", hint="give each input once")
        array = load_array(name, source)
        inputs[name] = as_bfloat16(array) if name in bfloat16 else array
    if fill:
        sizes = partial_sizes(method, inputs) | parse_sizes(method, dims)
        inputs = random_inputs(method, np.random.default_rng(seed), sizes) | inputs
    if method.inputs and not inputs:
        raise InvalidInput(
            f"no inputs: {method.name} takes {', '.join(spec.name for spec in method.inputs)}",
            hint="give --input NAME=file.npy for each, or --random",
        )
    return inputs
