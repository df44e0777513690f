"""An artifact that exists against a source that can be run."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from infc.errors import VerifyError

from ...runtime.artifact import Artifact, Method, TargetBuild, VerifyReport, rewrite
from ...runtime.targets import choose, obstacle
from ..caching.identity import source_digest
from ..doors import Request, read_sources
from ..dynamic.buckets import trial_sizes
from ..dynamic.request import axes_of
from ..frontend.export import Program, export
from ..frontend.importer import import_program
from ..frontend.source import METHOD
from ..methods import merged
from ..slab.weights import WeightTable
from .verify import verify


def check_against(artifact: Artifact, source: str, request: Request, *, trials: int, seed: int) -> "Checked":
    """Compare every target that this host can run with `source` in PyTorch, on `trials` random inputs and others.

    Raises:
        SourceError: the source cannot be read or exported.
        VerifyError: interfaces or numbers differ.
        ArtifactError: this host can run none of the targets.
    """
    methods = artifact.config.interface.methods
    if not request.methods and [method.name for method in methods] != [METHOD]:
        request = replace(request, methods=tuple(method.name for method in methods))
    dims = {method.name: axes_of(method) for method in methods}
    axes = {name: own for each in dims.values() for name, own in each.items()}
    read = read_sources(source, replace(request, axes=axes))
    # What was exported before has its dims; elsewhere they were asked for when the artifact was compiled.
    programs = [export(each, None if each.exported is not None else dims.get(each.method)) for each in read]
    _check_interface(source, [program.method for program in programs], methods)
    choose(artifact)
    weights = None
    if artifact.config.middle.tolerance is not None:
        weights = WeightTable()
        for program in programs:
            import_program(program, weights)
    reports: dict[str, VerifyReport] = {}
    for build in artifact.config.targets:
        if obstacle(build):
            continue
        found = [
            verify(
                artifact,
                program,
                trials=trials,
                seed=seed,
                target=build.target,
                sizes=_sizes(build, method, seed),
                visible=_visible(build, method),
                weights=weights,
            )
            for program, method in zip(programs, methods, strict=True)
        ]
        reports[build.target] = merged(methods, found)
    return Checked(artifact, source, programs, reports)


def _check_interface(source: str, found: Sequence[Method], expected: Sequence[Method]) -> None:
    # How arguments are given is not compared: a .pt2 knows less of it than the module it was made from.
    same = len(found) == len(expected) and all(
        msgspec.structs.replace(one, takes=other.takes) == other for one, other in zip(found, expected, strict=True)
    )
    if not same:
        here, there = ("; ".join(map(_signature, each)) for each in (found, expected))
        raise VerifyError(
            f"{source} has another interface than the artifact: {here}, not {there}",
            hint="is it the model that the artifact was compiled from? compile it again",
        )


def _sizes(build: TargetBuild, method: Method, seed: int) -> list[dict[str, int]]:
    """The sizes to compare where dims vary: among them all buckets, and what lies right above them."""
    own = [module for stage in build.stages for module in stage.modules if module.method == method.name]
    buckets = [dict(module.dims) for module in own if module.dims]
    return trial_sizes(method.dims, buckets, seed) if method.dims else []


def _visible(build: TargetBuild, method: Method) -> tuple[str, ...]:
    own = [module for stage in build.stages for module in stage.modules if module.method == method.name]
    return next((module.visible for module in own if module.visible), ())


@dataclass(frozen=True)
class Checked:
    """An artifact whose numbers were compared with those of `source`; `reports` are by target."""

    artifact: Artifact
    source: str
    programs: Sequence[Program]
    reports: dict[str, VerifyReport]

    def write(self, out: Path) -> str:
        """Write the artifact again, with the reports in its config, to `out`. Returns the new digest.

        The reports of targets that were not compared here stay what they were.

        Raises:
            VerifyError: the artifact says that it was compiled from another source, however close the numbers are.
            ArtifactError: `out` cannot be written.
        """
        weights = WeightTable()
        for program in self.programs:
            import_program(program, weights)
        found = source_digest(self.programs, weights)
        config = self.artifact.config
        if found != config.source:
            raise VerifyError(
                f"{self.source} gives the artifact's numbers, but is not what it was compiled from: its graph and "
                f"weights have the digest {found}, the artifact says {config.source}",
                hint="name the source that it was compiled from, by the same door and with the same versions of torch",
            )
        builds = tuple(
            msgspec.structs.replace(build, verify=self.reports[build.target], skipped=False)
            if build.target in self.reports
            else build
            for build in config.targets
        )
        return rewrite(self.artifact, out, msgspec.structs.replace(config, targets=builds))


def _signature(method: Method) -> str:
    inputs = ", ".join(f"{s.name}: {s.dtype}{list(s.shape)}" for s in method.inputs)
    outputs = ", ".join(f"{s.name}: {s.dtype}{list(s.shape)}" for s in method.outputs)
    name = "" if method.name == METHOD else method.name
    return f"{name}({inputs}) -> ({outputs})"
