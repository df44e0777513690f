"""The command `infc memory`."""

from pathlib import Path

import click

from infc.options import Seconds

_TIERS = ("device=24GiB:1TB/s", "dram=256GiB:25GB/s:5us", "disk=all:2.5GB/s:100us")
_SHOWN = "  ".join(_TIERS)


@click.group("memory")
def memory() -> None:
    """Watch and plan the memory that models' weights live in."""


@memory.command("top")
@click.option("--metrics", "address", default="127.0.0.1:8501", show_default=True, metavar="HOST:PORT",
              envvar="INFC_METRICS", show_envvar=True, help="Where the pool serves its metrics.")  # fmt: skip
@click.option("--interval", type=Seconds(positive=True), default=1.0, show_default=True, help="Seconds between looks.")
@click.option("--count", type=click.IntRange(min=1), default=None, help="Looks, until Ctrl-C by default.")
@click.option("--models", "limit", type=click.IntRange(min=1), default=20, show_default=True,
              help="How many are shown: half of them the hottest, half the coldest.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one look as a JSON document, with all models.")
def top(address: str, interval: float, count: int | None, limit: int, as_json: bool) -> None:
    """Watch a pool's memory: what is kept, what moves, which models are hot.

    The pool has to be started with --metrics.
    """
    import msgspec

    from infc.errors import UsageError

    from ..console import console
    from .top import watch
    from .watching import read_snapshot

    host, separator, port = address.rpartition(":")
    if not separator or not port.isdecimal() or not 0 < int(port) < 65536:
        raise UsageError(
            f"{address!r} is no address of metrics", hint="HOST:PORT, as `infc serve --metrics` printed it"
        )
    host = host.strip("[]")
    if as_json:
        click.echo(msgspec.json.encode(read_snapshot(host, int(port))).decode())
        return
    watch(lambda: read_snapshot(host, int(port)), console(), interval=interval, count=count, limit=limit)


@memory.command("trace")
@click.argument("artifact", type=click.Path(path_type=Path))
@click.option(
    "--store", "folder", metavar="DIR", type=click.Path(path_type=Path), help="ARTIFACT is a model of this store."
)
@click.option("--method", default=None, help="Entry point; the first by default.")
@click.option("--dim", "dims", multiple=True, metavar="NAME=SIZE", help="Of the random inputs: a dim that varies.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the random inputs.")
@click.option("--hardware", is_flag=True, help="Sample loads by the processor (PEBS, IBS) instead of page faults.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, with every chunk.")
def trace(
    artifact: Path,
    folder: Path | None,
    method: str | None,
    dims: tuple[str, ...],
    seed: int,
    hardware: bool,
    as_json: bool,
) -> None:
    """Run ARTIFACT here and see which of its weights a call touches, in which order.

    Runs it on random inputs. The order is compared with that of the memory plan, which is what prefetching relies on.
    """
    import msgspec
    import numpy as np

    from ..console import console
    from ..inputs import random_inputs
    from ..shapes import parse_sizes
    from ..store.opening import open_model
    from .sampling import PAGE_FAULTS, hardware_sampler
    from .tracing import show_trace, trace_call

    sampler = hardware_sampler() if hardware else PAGE_FAULTS
    with open_model(artifact, folder, check=True) as opened:
        entry = opened.method(method)
        inputs = random_inputs(entry, np.random.default_rng(seed), parse_sizes(entry, dims))
        seen = trace_call(opened, inputs, sampler, entry.name)
    if as_json:
        click.echo(msgspec.json.encode(seen).decode())
        return
    show_trace(seen, console())


@memory.command("simulate")
@click.option("--trace", required=True, metavar="TRACE", help="zipf:…, diurnal:…, bursts:…, or a CSV file; see below.")
@click.option("--policy", "policies", multiple=True, metavar="NAME[:OPTION=VALUE,…]", help="Repeat it to compare.")
@click.option("--tier", "tiers", multiple=True, metavar="NAME=SIZE:BANDWIDTH[:LATENCY]",
              help=f"Fastest first; the last holds everything.  [default: {_SHOWN}]")  # fmt: skip
@click.option("--devices", type=click.IntRange(1, 100_000), default=1, show_default=True)
@click.option("--devices-per-host", type=click.IntRange(min=1), default=8, show_default=True)
@click.option(
    "--chunk", default="2MiB", show_default=True, help="What moves as one piece; larger is faster to simulate."
)
@click.option("--window", default="0", show_default=True, help="Bytes that are loaded ahead of the computation.")
@click.option("--compute", type=Seconds(), default=0.005, show_default=True,
              help="Seconds that a call computes at least.")  # fmt: skip
@click.option("--warmup", type=click.FloatRange(0, 1, max_open=True), default=0.0, show_default=True,
              help="Share of the calls, from the first, that is not counted.")  # fmt: skip
@click.option("--plot", "picture", type=click.Path(path_type=Path), help="Draw the comparison into this file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of a table.")
def simulate(
    trace: str,
    policies: tuple[str, ...],
    tiers: tuple[str, ...],
    devices: int,
    devices_per_host: int,
    chunk: str,
    window: str,
    compute: float,
    warmup: float,
    picture: Path | None,
    as_json: bool,
) -> None:
    """Play a workload on a fleet, with one policy or several.

    \b
    zipf:models=3000,requests=100000,rate=50   popularity 1/k**s; size=435MB,spread=0.5,
                                               family=1,shared=0,seed=0
    diurnal:depth=0.9,period=86400             each model has its hour
    bursts:burst=50,gap=0.5                    calls come in bursts
    calls.csv                                  at,model[,size], or a trace of Azure Functions

    The first tier is each device's own, the others are each host's.
    """
    import msgspec

    from .policies import DEFAULT
    from .simulate import Hardware, Simulation, read_workload
    from .tier import parse_size, parse_tier

    hardware = Hardware(
        tuple(parse_tier(tier) for tier in tiers or _TIERS), devices, devices_per_host, parse_size(window), compute
    )
    workload = read_workload(trace)
    size = parse_size(chunk)
    results = [
        Simulation(workload, hardware, policy, chunk=size, warmup=warmup).run() for policy in policies or (DEFAULT,)
    ]
    if any(each.queue / each.calls > max(1.0, 0.1 * workload.seconds) for each in results):
        click.echo("note: these are more calls than the fleet can answer; queues only grow", err=True)
    if picture:
        from .simulate.report import plot

        plot(results, picture)
    if as_json:
        document = {
            "trace": trace,
            "models": len(workload.sizes),
            "model_bytes": workload.bytes,
            "devices": devices,
            "hosts": hardware.hosts,
            "chunk": size,
            "results": results,
        }
        click.echo(msgspec.json.encode(document).decode())
        return
    from ..console import console
    from .simulate.report import show

    show(workload, hardware, results, console())
