"""`infc compile` and `infc verify`."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import (
    cutting_of,
    cutting_options,
    dynamic_of,
    dynamic_options,
    limit_options,
    limits_of,
    middle_of,
    middle_options,
    request_of,
    source_options,
)

if TYPE_CHECKING:
    from ..codegen.service import Service
    from ..runtime.artifact import TargetBuild, VerifyReport

# What numpy's and torch's generators both take.
_SEED = click.IntRange(0, 2**63 - 1)


@click.command(name="compile")
@click.argument("source", metavar="SRC")
@click.option("-o", "--output", "out", type=click.Path(path_type=Path), required=True, help="The artifact, OUT.infc.")
@click.option("--name", default="", help="The model's name in a pool; the source's own name when not given.")
@click.option("--target", "targets", multiple=True, default=("cpu",), show_default=True,
              help="What to compile for; cpu is this host. Repeat it for several.")  # fmt: skip
@click.option("--trials", default=3, show_default=True, help="Random inputs to compare with PyTorch; at least 3.")
@click.option("--seed", default=0, show_default=True, type=_SEED, help="Seed of those inputs.")
@click.option("--no-verify", is_flag=True, help="Compare nothing, and say so in the artifact: pools refuse it then.")
@click.option("--against", type=click.Path(path_type=Path), metavar="OLD.infc",
              help="An earlier version: the typed service keeps its field numbers.")  # fmt: skip
@source_options
@dynamic_options
@cutting_options
@middle_options
@limit_options
@click.option("--no-cache", is_flag=True, help="Do everything anew, and keep nothing for the next time.")
@click.option("--save-temps", type=click.Path(path_type=Path), help="Keep the IR of every stage in this directory.")
@click.option("--json", "as_json", is_flag=True, help="Print what was made as JSON on standard output.")
def compile_(
    source: str,
    out: Path,
    name: str,
    targets: tuple[str, ...],
    trials: int,
    seed: int,
    no_verify: bool,
    against: Path | None,
    no_cache: bool,
    save_temps: Path | None,
    as_json: bool,
    **described: Any,
) -> None:
    """Compile SRC into an artifact and compare it with PyTorch.

    SRC is x.pt2 (a saved ExportedProgram), file.py:factory or pkg.module:factory, a Hugging Face folder, x.onnx, or a
    checkpoint with --factory. A factory returns the module and its example inputs, a tuple or a dict; its code runs
    here: compile only what you trust.
    """
    from .caching.cache_folder import cache_folder
    from .driver import CompileOptions, compile_model
    from .frontend.guest import user_code

    options = CompileOptions(
        name=name,
        targets=targets,
        trials=trials,
        seed=seed,
        verify=not no_verify,
        temps=save_temps,
        limits=limits_of(described),
        cache=None if no_cache else cache_folder(),
        dynamic=dynamic_of(described),
        cutting=cutting_of(described),
        middle=middle_of(described),
        against=None if against is None else _service(against),
        request=request_of(described),
        last=True,
    )
    with user_code(), _progress() as observer:
        result = compile_model(source, out, options, observer)
    if as_json:
        _print_json(
            {
                "output": str(result.path),
                "digest": result.digest,
                "name": result.config.name,
                "cached": result.cached,
                "seconds": {stage: round(seconds, 4) for stage, seconds in result.seconds.items()},
                "targets": [_summary(build, build.verify) for build in result.config.targets],
            }
        )
        return
    stages = result.config.targets[0].stages
    weights, length = sum(len(each.slab.weights) for each in stages), sum(each.slab.length for each in stages)
    cut = f"{len(stages)} stages, " if len(stages) > 1 else ""
    click.echo(
        f"{result.path}: {result.config.name}, {cut}{weights} weights, {length / 1e6:.1f} MB, "
        f"{sum(result.seconds.values()):.1f} s{', from the cache' if result.cached else ''}"
    )
    for build in result.config.targets:
        click.echo(f"{build.target}: {_largest(build.verify) if build.verify else _unverified(build)}")


def _service(path: Path) -> "Service":
    from ..codegen.artifact import service_of
    from ..runtime.artifact import Artifact

    with Artifact.open(path) as artifact:
        return service_of(artifact)


@click.command(name="verify")
@click.argument("artifact", metavar="OUT.infc", type=click.Path(path_type=Path))
@click.argument("source", metavar="[SRC]", required=False)
@click.option(
    "--trials", default=3, show_default=True, type=click.IntRange(1), help="Random inputs to compare with PyTorch."
)
@source_options
@click.option("--seed", default=1, show_default=True, type=_SEED, help="Seed of those inputs; compile's default is 0.")
@click.option("-o", "--output", "out", type=click.Path(path_type=Path), help="Write the artifact with this report; "
              "may be OUT.infc. Its digest changes.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON on standard output.")
def verify(
    artifact: Path,
    source: str | None,
    trials: int,
    seed: int,
    out: Path | None,
    as_json: bool,
    **described: Any,
) -> None:
    """Check every byte of OUT.infc against its digests, and its numbers against SRC in PyTorch.

    Without SRC there is nothing to compare the numbers with: the report that the compiler left is shown.
    """
    if out and source is None:
        raise click.UsageError("--output writes a new report: name the SRC to compare with, too")
    from ..runtime.artifact import Artifact

    with Artifact.open(artifact, check=True) as opened:
        builds = opened.config.targets
        compared: dict[str, VerifyReport] = {}
        digest = opened.digest
        if source is not None:
            from .frontend.guest import user_code
            from .verification.check import check_against

            with user_code():
                checked = check_against(opened, source, request_of(described), trials=trials, seed=seed)
                compared = checked.reports
                digest = checked.write(out) if out else digest
        name = opened.config.name
    if as_json:
        reports = [_summary(build, compared.get(build.target, build.verify)) for build in builds]
        written = {"output": str(out), "digest": digest} if out else {}
        _print_json({"name": name, "blobs": "ok", "compared": source is not None, "targets": reports, **written})
        return
    click.echo(f"{artifact}: every blob matches its digest")
    for build in builds:
        report = compared.get(build.target, build.verify)
        if report is None:
            click.echo(f"{build.target}: {_unverified(build)}")
            continue
        when = "compared now" if build.target in compared else "compared when compiled"
        for line in _lines(report):
            click.echo(f"{build.target}: {when}: {line}")
    if out:
        click.echo(f"{out}: written with this report; its digest is {digest}")


def _lines(report: "VerifyReport") -> Iterator[str]:
    rows = [(check, "") for check in report.outputs]
    rows += [(check, ", against the weights as they are stored") for check in report.stored]
    for check, what in rows:
        count = f" ({report.trials} trials)" if check.values == "random" else ""
        yield (
            f"{check.output}, {check.values} inputs{count}{what}: largest error {check.max_abs_error:.3g}, "
            f"{check.max_rel_error:.3g} relative, tolerance {check.tolerance:.3g}"
            + (f", {check.not_finite} NaN or infinite on both sides" if check.not_finite else "")
        )
    for each in report.left_out:
        yield f"left out, {each.values} inputs: {each.why}"


def _largest(report: "VerifyReport") -> str:
    text = f"largest error {max((check.max_rel_error for check in report.outputs), default=0.0):.1e}"
    if not report.stored:
        return text
    return f"{text}, with the weights as stored {max(check.max_rel_error for check in report.stored):.1e}"


def _unverified(build: "TargetBuild") -> str:
    from ..runtime.targets import obstacle, unverified

    reason = obstacle(build)
    if reason:
        return f"not verified here: {reason}"
    return f"NOT VERIFIED: {unverified(build)}; `infc verify OUT.infc SRC` compares it here"


def _summary(build: "TargetBuild", report: "VerifyReport | None") -> dict[str, Any]:
    import msgspec

    return {
        "target": build.target,
        "verify": msgspec.to_builtins(report),
        "skipped": build.skipped and report is None,
        "note": "" if report else _unverified(build),
    }


def _print_json(value: Any) -> None:
    import json

    click.echo(json.dumps(value, indent=2))


@contextmanager
def _progress() -> Generator[Any]:
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (SpinnerColumn(finished_text="✓"), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:

        @contextmanager
        def observer(stage: str) -> Generator[None]:
            task = progress.add_task(stage, total=1)
            yield
            progress.advance(task)

        yield observer
