"""The command `infc store`."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from .store import Added, Store

_STORE = click.option(
    "--store", "folder", required=True, envvar="INFC_STORE", show_envvar=True, metavar="DIR",
    type=click.Path(path_type=Path), help="The store's directory.",
)  # fmt: skip
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
_NAME = click.option("--name", default=None, help="The model's name in the store; its own by default.")
_REPLACE = click.option("--replace", is_flag=True, help="Take the place of another model of that name.")


@click.group("store")
def store() -> None:
    """Keep many models in one directory, each chunk once."""


@store.command("add")
@click.argument("artifacts", nargs=-1, required=True, type=click.Path(path_type=Path))
@_STORE
@_NAME
@_REPLACE
@_JSON
def add(artifacts: tuple[Path, ...], folder: Path, name: str | None, replace: bool, as_json: bool) -> None:
    """Copy ARTIFACTS into the store, which is made if there is none.

    Chunks that the store has already are not written again; every other is hashed once, while it is written.
    """
    if name is not None and len(artifacts) > 1:
        raise click.UsageError(f"--name is for one artifact, {len(artifacts)} are given")
    opened = _open(folder)
    added = [opened.add(artifact, name=name, replace=replace) for artifact in artifacts]
    _show_added(added, as_json)


@store.command("fetch")
@click.argument("url")
@click.argument("model", required=False)
@_STORE
@_NAME
@_REPLACE
@click.option("--lazy", is_flag=True, help="Leave the weights there until they are used.")
@_JSON
def fetch(
    url: str, model: str | None, folder: Path, name: str | None, replace: bool, lazy: bool, as_json: bool
) -> None:
    """Copy MODEL from the store at URL.

    The store may be at any URL that fsspec reads, such as file:///models or https://host/models.
    """
    _show_added([_open(folder).fetch(url, model, name=name, replace=replace, lazy=lazy)], as_json)


@store.command("list")
@_STORE
@_JSON
def list_(folder: Path, as_json: bool) -> None:
    """Show the models of the store."""
    models = _open(folder).models()
    if as_json:
        _print_json([asdict(model) for model in models])
        return
    from rich.filesize import decimal
    from rich.table import Table
    from rich.text import Text

    from ..console import console

    table = Table("model", "digest")
    for column in ("size", "here", "its own"):
        table.add_column(column, justify="right")
    table.add_column("fetched from")
    for each in models:
        sizes = (decimal(size) for size in (each.size, each.here, each.own))
        table.add_row(Text(each.name), each.digest[:19], *sizes, Text(each.upstream))
    console().print(table)


@store.command("remove")
@click.argument("names", nargs=-1, required=True, metavar="MODEL…")
@_STORE
def remove(names: tuple[str, ...], folder: Path) -> None:
    """Take models out of the store.

    What only they held stays on disk until `infc store gc`. A process that has a model open keeps it.
    """
    opened = _open(folder)
    for name in names:
        opened.remove(name)


@store.command("gc")
@_STORE
@click.option("--dry-run", is_flag=True, help="Say what would be deleted, and delete nothing.")
@_JSON
def gc(folder: Path, dry_run: bool, as_json: bool) -> None:
    """Delete what no model of the store, and no process that has one open, refers to."""
    collected = _open(folder).collect(dry_run=dry_run)
    if as_json:
        _print_json(asdict(collected))
        return
    from rich.filesize import decimal

    click.echo(f"{'would delete' if dry_run else 'deleted'} {collected.files} files, {decimal(collected.bytes)}")


@store.command("check")
@_STORE
@click.option("--repair", is_flag=True, help="Set aside what is wrong, fetch what can be fetched, mend the index.")
@_JSON
def check(folder: Path, repair: bool, as_json: bool) -> None:
    """Hash every blob of the store and look for what is missing.

    Exits with 5 where a model is damaged or incomplete, and stays so.
    """
    from rich.filesize import decimal

    from infc.errors import ArtifactError

    from .check import check

    found = check(folder, repair=repair, on_wait=_waiting(folder))
    if as_json:
        _print_json({**asdict(found), "sound": found.sound})
    else:
        for problem in found.problems:
            click.echo(f"{problem.what}{f' ({problem.repaired})' if problem.repaired else ''}")
        click.echo(
            f"{found.models} models, {found.blobs} blobs, {decimal(found.bytes)}; "
            f"{found.garbage} files of no use, {found.absent} chunks not fetched yet"
        )
    if not found.sound:
        hint = "add the models' artifacts again" if repair else f"`infc store check --repair --store {folder}`"
        left = sum(not problem.repaired for problem in found.problems)
        raise ArtifactError(f"{folder}: {left} problems", hint=hint)


def _open(folder: Path) -> "Store":
    from .store import Store

    return Store(folder, on_wait=_waiting(folder))


def _waiting(folder: Path) -> Callable[[], object]:
    return lambda: click.echo(f"waiting for another process to finish with {folder}", err=True)


def _show_added(added: "list[Added]", as_json: bool) -> None:
    if as_json:
        _print_json([asdict(each) for each in added])
        return
    from rich.filesize import decimal

    for each in added:
        click.echo(f"{each.name} {each.digest}: {decimal(each.written)} written of {decimal(each.size)}")


def _print_json(document: Any) -> None:
    import msgspec

    click.echo(msgspec.json.encode(document).decode())
