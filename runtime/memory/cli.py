"""The command `infc memory`."""

from pathlib import Path

import click

from infc.options import Seconds

_TIERS = ("device=24GiB:1TB/s", "dram=256GiB:25GB/s:5us", "disk=all:2.5GB/s:100us")
_SHOWN = "  ".join(_TIERS)


@click.group("memory")
def memory() -> None:
    """Plan the memory that models' weights live in."""


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
