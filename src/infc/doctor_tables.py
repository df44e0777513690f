"""The report of `infc doctor` as tables for a person."""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from infc.doctor import Report


def print_report(report: "Report") -> None:
    """Print `report` on stdout."""
    console = Console()
    console.print(f"infc {report.infc}, Python {report.python}, {report.system}", highlight=False)
    packages = _table("Packages", "package", "installed", "required")
    for each in report.packages:
        missing = f"not installed (pip install 'infc\\[{each.extra}]')" if each.extra else "not installed"
        installed = f"[red]{each.installed}[/red]" if each.violated else each.installed or missing
        packages.add_row(each.name, installed, each.required)
    console.print(packages)

    devices = _table("Devices", "driver", "devices", "detail")
    cpu = report.processor
    devices.add_row("processor", str(cpu.cores), f"{cpu.model}: {' '.join(cpu.features)}")
    for each in report.devices:
        devices.add_row(each.driver, str(each.devices), each.detail)
    console.print(devices)

    kernel = _table("Kernel", "feature", "usable", "detail")
    for each in report.kernel:
        kernel.add_row(each.name, "yes" if each.available else "no", each.detail)
    console.print(kernel)
    if report.pool:
        state = "ready" if report.pool.ready else f"not ready: {report.pool.detail}"
        console.print(f"pool {report.pool.address}: {state}", highlight=False, markup=False)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column)
    return table
