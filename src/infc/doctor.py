"""`infc doctor`: versions, devices, kernel features, and whether the pool answers."""

import json
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, requires, version

import click
from packaging.requirements import Requirement

from infc.errors import InfcError, RemoteError
from infc.host import KernelFeature, Processor, kernel_features, processor
from infc.options import Seconds

EXTRAS = ("", "pool", "compile")


@dataclass(frozen=True)
class Package:
    """One required package: what is asked for, what is installed, and the extra that brings it (empty: the base).

    `violated` is true when its extra is in use and the installed version is not one that infc works with.
    """

    name: str
    extra: str
    required: str
    installed: str | None
    violated: bool


@dataclass(frozen=True)
class Device:
    """One of IREE's drivers: how many devices it has here, or why none."""

    driver: str
    devices: int
    detail: str


@dataclass(frozen=True)
class PoolState:
    """What came of asking a pool whether it is ready."""

    address: str
    ready: bool
    detail: str


@dataclass(frozen=True)
class Report:
    """Everything that `infc doctor` finds."""

    infc: str
    python: str
    system: str
    packages: tuple[Package, ...]
    processor: Processor
    devices: tuple[Device, ...]
    kernel: tuple[KernelFeature, ...]
    pool: PoolState | None


def packages() -> tuple[Package, ...]:
    """Compare what infc's own metadata asks for with what is installed.

    An extra is in use when all of its packages are there: an application that brings its own PyTorch and talks to a
    pool is not held to the compiler's pin.
    """
    wanted = [Requirement(text) for text in requires("infc") or ()]
    return tuple(
        package
        for extra in EXTRAS
        for package in _check([each for each in wanted if each.name != "infc" and _extra_of(each) == extra], extra)
    )


def _check(wanted: list[Requirement], extra: str) -> list[Package]:
    installed = {each.name: _installed(each.name) for each in wanted}
    in_use = all(installed.values())
    found: list[Package] = []
    for each in wanted:
        have = installed[each.name]
        violated = in_use and have is not None and not each.specifier.contains(have, prereleases=True)
        found.append(Package(each.name, extra, str(each.specifier), have, violated))
    return found


def _extra_of(requirement: Requirement) -> str | None:
    """The extra that brings a requirement, empty for the base; None for one that `EXTRAS` does not list."""
    if requirement.marker is None:
        return ""
    return next((extra for extra in EXTRAS if extra and requirement.marker.evaluate({"extra": extra})), None)


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def devices() -> tuple[Device, ...]:
    """Ask each of IREE's drivers for its devices; empty when the runtime is not installed."""
    try:
        from iree import runtime
    except ModuleNotFoundError:
        return ()
    found: list[Device] = []
    for name in runtime.query_available_drivers():
        try:
            count = len(runtime.get_driver(name).query_available_devices())
        except (RuntimeError, ValueError) as error:
            # The binding's own words: `…/libvulkan.c:641: NOT_FOUND; Vulkan runtime library not available; …`
            found.append(Device(name, 0, str(error).rpartition(".c:")[2].partition(" ")[2]))
        else:
            found.append(Device(name, count, ""))
    return tuple(found)


def ask_pool(address: str, seconds: float) -> PoolState:
    """Ask the pool at `address` whether it is ready, for at most `seconds`."""
    from infc.remote.client.address import choose
    from infc.remote.client.connection import Connection
    from infc.remote.client.settings import Settings
    from infc.remote.oip import rpcs

    try:
        endpoint = choose(address, None, Settings.from_environment(), "")
        request = rpcs()["ServerReady"].request()
        answer, _ = Connection(endpoint).call("ServerReady", request, what="`infc doctor`", timeout=seconds)
    except RemoteError as error:
        return PoolState(address, False, error.message)
    return PoolState(address, answer.ready, "" if answer.ready else "it answers, but is not ready")


@click.command()
@click.option("--pool", "address", envvar="INFC_POOL", metavar="HOST:PORT", help="Ask this pool too.  [env: INFC_POOL]")
@click.option("--timeout", default=5.0, show_default=True, type=Seconds(positive=True), metavar="SECONDS",
              help="How long to wait for the pool.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(address: str | None, timeout: float, as_json: bool) -> None:
    """Report versions, devices and kernel features, and whether a pool answers.

    Exits with 0 when what is installed fits together and the pool, if one was named, is ready.
    """
    report = Report(
        infc=version("infc"),
        python=platform.python_version(),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        packages=packages(),
        processor=processor(),
        devices=devices(),
        kernel=kernel_features(),
        pool=ask_pool(address, timeout) if address else None,
    )
    if as_json:
        click.echo(json.dumps(asdict(report), indent=2))
    else:
        from infc.doctor_tables import print_report

        print_report(report)
    raise_first_problem(report)


def raise_first_problem(report: Report) -> None:
    """Turn what is wrong into the command's failure.

    Raises:
        InfcError: a package of an extra in use has a version that infc does not work with.
        RemoteError: the pool that was named is not there or not ready.
    """
    for package in report.packages:
        if package.violated:
            brackets = f"[{package.extra}]" if package.extra else ""
            raise InfcError(
                f"{package.name} {package.installed} is installed, expected {package.required}",
                hint=f"pip install 'infc{brackets}' '{package.name}{package.required}'",
            )
    if report.pool and not report.pool.ready:
        raise RemoteError(
            f"the pool at {report.pool.address!r} is not ready: {report.pool.detail}",
            hint="start one with `infc serve MODEL.infc`, or name another with --pool or INFC_POOL",
        )
