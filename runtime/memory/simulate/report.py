"""What a simulation found, as a table and as a picture."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from infc.errors import InfcError

from .hardware import Hardware
from .result import Result
from .workload import Workload


def show(workload: Workload, hardware: Hardware, results: Sequence[Result], console: Console) -> None:
    """The workload and the fleet in two lines, and a row for each policy."""
    console.print(
        f"{len(workload.at):,} calls of {len(workload.sizes):,} models ({decimal(workload.bytes)}) "
        f"in {_time(workload.seconds)}; {hardware.devices:,} devices on {hardware.hosts:,} hosts"
    )
    table = Table()
    table.add_column("policy")
    names = [f"{tier.name} hits" for tier in hardware.tiers[:-1]]
    columns = [*names, "reloaded", "stall", "queue", "warm calls", "p50", "p99", "busy", "simulated in"]
    for name in columns:
        table.add_column(name, justify="right")
    for each in results:
        rates = [f"{tier.hit_rate:.1%}" for tier in each.tiers[:-1]]
        table.add_row(
            each.policy,
            *rates,
            decimal(each.reload),
            _time(each.stall),
            _time(each.queue),
            f"{each.warm:.1%}",
            _time(each.latency[0]),
            _time(each.latency[2]),
            f"{each.busy:.1%}",
            f"{each.wall:.1f} s",
        )
    console.print(table)


def plot(results: Sequence[Result], path: Path) -> None:
    """Writes a picture: stall seconds of each policy, and the first tier's hit rate in the course of time.

    Raises:
        InfcError: matplotlib is not installed, it does not know the file's ending, or the file cannot be written.
    """
    try:
        import matplotlib as mpl
    except ModuleNotFoundError as error:
        raise InfcError("--plot needs matplotlib, which is not installed", hint="pip install matplotlib") from error
    mpl.use("Agg")
    from matplotlib import pyplot

    figure, (bars, lines) = pyplot.subplots(1, 2, figsize=(11, 4))
    names = [each.policy for each in results]
    bars.barh(names, [each.stall for each in results], color="#5d6d7e")
    bars.invert_yaxis()
    bars.set_xlabel("seconds that computations waited for weights")
    for each in results:
        hours = [each.seconds * (part + 0.5) / len(each.timeline) / 3600 for part in range(len(each.timeline))]
        lines.plot(hours, [float("nan") if rate is None else rate for rate in each.timeline], label=each.policy)
    lines.set_xlabel("hours")
    lines.set_ylabel(f"hit rate of {results[0].tiers[0].name}")
    lines.legend(fontsize=8)
    lines.grid(alpha=0.3)
    figure.tight_layout()
    try:
        figure.savefig(path, dpi=120)
    except (OSError, ValueError) as error:
        raise InfcError(
            f"cannot write the plot {path}: {error}", hint="give a name that ends in .png or .svg"
        ) from error
    finally:
        pyplot.close(figure)


def _time(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.3g} ms"
    if seconds < 600:
        return f"{seconds:.3g} s"
    return f"{seconds / 3600:,.1f} h"
