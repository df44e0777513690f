"""`infc cache`."""

import click

from infc.errors import UsageError


@click.command(name="cache")
@click.option("--clear", is_flag=True, help="Remove every entry, and what failed compiles left.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON on standard output.")
def cache(clear: bool, as_json: bool) -> None:
    """Show where the compile cache is and what it holds, or empty it."""
    import json
    import shutil

    from .cache import Cache
    from .cache_folder import cache_folder, cache_limit

    folder = cache_folder()
    if folder is None:
        raise UsageError("there is no cache: INFC_NO_CACHE is set, or no home directory", hint="set INFC_CACHE_DIR")
    kept = Cache(folder, cache_limit())
    if clear:
        kept.clear()
        shutil.rmtree(folder / "failures", ignore_errors=True)
    count, size = kept.usage()
    if as_json:
        click.echo(json.dumps({"folder": str(folder), "entries": count, "bytes": size, "limit": cache_limit()}))
        return
    click.echo(f"{folder}: {count} entries, {size / 1e6:.1f} MB of at most {cache_limit() / 1e6:.0f} MB")
