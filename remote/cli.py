"""`infc serve`."""

import json
import logging
import os
import re
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from infc.options import Seconds

from .pool.options import DEFAULT_LISTEN, MIB, Address, Limits

_UNITS = {"": 1, "k": 1024, "m": MIB, "g": 1024 * MIB}
_MAX_MESSAGE = 2 * 1024 * MIB - 1  # protobuf's own limit


class Size(click.ParamType[int]):
    """A number of bytes: `300M`, `1GiB`, `4096`; units are powers of 1024."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"(\d+)\s*([kmg]?)(i?b)?", value.strip().lower())
        size = int(match[1]) * _UNITS[match[2]] if match else 0
        if not 1 <= size <= _MAX_MESSAGE:
            self.fail(f"{value!r} is no size from 1 to {_MAX_MESSAGE} bytes; 300M or 1GiB would be", param, ctx)
        return size


@click.command()
@click.argument("artifacts", nargs=-1, type=click.Path(path_type=Path), metavar="[OUT.infc…]")
@click.option("--store", "folder", metavar="DIR", type=click.Path(path_type=Path),
              help="Serve models of this store: those whose names are given instead of files, or all.")  # fmt: skip
@click.option("--listen", default=DEFAULT_LISTEN, show_default=True, metavar="ADDRESS", help="HOST:PORT or unix:/path.")
@click.option(
    "--executors", default=1, show_default=True, type=click.IntRange(1, 64), help="Processes that run models."
)
@click.option("--in-flight", default=0, type=click.IntRange(0), metavar="N",
              help="Calls of a model in stages that are under way in an executor; 0: one for each stage.")  # fmt: skip
@click.option("--queue", default=256, show_default=True, type=click.IntRange(0), help="Requests that may wait.")
@click.option("--deadline", default=60.0, show_default=True, type=Seconds(positive=True), metavar="SECONDS",
              help="For calls without one; also how long a model may run on when its caller has given up.")  # fmt: skip
@click.option("--memory", default="all", show_default=True, metavar="SIZE",
              help="Of the weights that are kept in memory between calls, such as 4GiB.")  # fmt: skip
@click.option("--policy", default="balanced", show_default=True, metavar="NAME[:OPTION=VALUE,…]",
              help="What leaves the memory when it is full.")  # fmt: skip
@click.option("--backend", default="files", show_default=True, type=click.Choice(["files", "arena"]),
              help="Where weights are in memory: the page cache, or an arena that a pager fills.")  # fmt: skip
@click.option("--metrics", default=None, metavar="HOST:PORT",
              help="Serve statistics for Prometheus and `infc memory top` there.")  # fmt: skip
@click.option("--request-log", type=click.Path(path_type=Path), metavar="FILE",
              help="Write a line for each call, which `infc memory simulate --trace FILE` plays.")  # fmt: skip
@click.option("--drain", default=30.0, show_default=True, type=Seconds(), metavar="SECONDS",
              help="For accepted requests to finish when the pool is stopped.")  # fmt: skip
@click.option("--max-message", default="256MiB", show_default=True, type=Size(), help="Largest request.")
@click.option("--allow-unverified", is_flag=True, help="Serve also what was never compared with PyTorch, and log it.")
@click.option("--json", "as_json", is_flag=True, help="Print the line that says it is ready as JSON.")
@click.option("-v", "--verbose", is_flag=True, help="Log each request.")
def serve(
    artifacts: Sequence[Path],
    folder: Path | None,
    listen: str,
    executors: int,
    in_flight: int,
    queue: int,
    deadline: float,
    memory: str,
    policy: str,
    backend: str,
    metrics: str | None,
    request_log: Path | None,
    drain: float,
    max_message: int,
    allow_unverified: bool,
    as_json: bool,
    verbose: bool,
) -> None:
    """Serve artifacts, or models of a store, from a pool, over the Open Inference Protocol v2 (gRPC).

    Prints one line when it is ready. SIGTERM or Ctrl-C: finishes what it has accepted, and exits with 0.
    """
    address = Address.parse(listen)
    level = logging.DEBUG if verbose else logging.INFO
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    logging.getLogger("infc").setLevel(level)
    import asyncio

    from ..runtime.memory.tier import parse_size
    from .pool.catalog import Keeping, open_arena, open_models
    from .pool.controller import Pool
    from .pool.metrics import serving_metrics
    from .pool.request_log import RequestLog
    from .pool.serving import serve as serve_pool

    capacity = None if memory == "all" else parse_size(memory)
    keeping = Keeping(capacity, policy, open_arena(capacity) if backend == "arena" else None)
    models, migrator = open_models(artifacts, folder, keeping, allow_unverified=allow_unverified)

    limits = Limits(queue=queue, in_flight=in_flight, deadline=deadline, drain=drain, max_message=max_message)
    pool = Pool(
        models, executors, limits, migrator, log=RequestLog(request_log) if request_log else None, paged=keeping.paged
    )
    with ExitStack() as stack:
        shown = stack.enter_context(serving_metrics(Address.parse(metrics), pool.memory)) if metrics else None

        def on_ready(bound: Address) -> None:
            names = [model.name for model in models]
            if as_json:
                ready = {"listen": str(bound), "models": names, "pid": os.getpid()}
                click.echo(json.dumps(ready | ({"metrics": str(shown)} if shown else {})))
                return
            click.echo(f"infc: serving {', '.join(names)} on {bound}{f', metrics on {shown}' if shown else ''}")

        asyncio.run(serve_pool(pool, listen=address, limits=limits, on_ready=on_ready))
