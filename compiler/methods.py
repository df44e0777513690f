"""A model's methods side by side: built from the same weights, described in one config, each compared by itself."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from importlib.metadata import version

import msgspec

from ..runtime.artifact import (
    SCHEMA_VERSION,
    UNKNOWN,
    Artifact,
    Config,
    Cost,
    Interface,
    MemoryStep,
    Method,
    Stage,
    TargetBuild,
    Toolchain,
    VerifyReport,
)
from ..runtime.artifact.dtypes import byte_size
from ..runtime.shapes import sized
from . import build
from .export import Program
from .importer import Imported
from .targets import Target
from .tools import Tools
from .verify import verify

STAGE = "main"  # one stage for now: the whole model


def build_methods(
    programs: Sequence[Program],
    imported: Sequence[Imported],
    targets: Sequence[Target],
    tools: Tools,
    stage: Callable[[str], AbstractContextManager[None]],
    *,
    doubles: bool,
) -> list[tuple[build.Part, ...]]:
    """For each target the modules of all methods. `stage` is entered around each stage, with its name.

    Raises:
        CompileError: of the first that fails.
    """
    several = len(programs) > 1
    jobs = [
        build.Job(each, doubles, f".{program.method.name}" if several else "", several)
        for program, each in zip(programs, imported, strict=True)
    ]
    with stage("lower"):
        lowered = build.lower_all(jobs, targets, tools)
    with stage("compile"):
        modules = build.compile_all(jobs, lowered, targets, tools)
    return [
        tuple(
            build.Part(lowered[job][target], modules[job][target], method=program.method.name)
            for job, program in enumerate(programs)
        )
        for target in range(len(targets))
    ]


def verify_all(artifact: Artifact, programs: Sequence[Program], *, trials: int, seed: int, target: str) -> VerifyReport:
    """The comparison of every method with PyTorch, in one report. Raises as `verify`.

    Where there are several methods, their names stand before those of the outputs: `encode:output_0`.
    """
    reports = [verify(artifact, each, trials=trials, seed=seed, target=target) for each in programs]
    return merged([each.method for each in programs], reports)


def merged(methods: Sequence[Method], reports: Sequence[VerifyReport]) -> VerifyReport:
    """One report of those of several methods."""
    if len(reports) == 1:
        return reports[0]
    outputs = tuple(
        msgspec.structs.replace(check, output=f"{method.name}:{check.output}")
        for method, report in zip(methods, reports, strict=True)
        for check in report.outputs
    )
    left_out = tuple(
        msgspec.structs.replace(each, why=f"{method.name}: {each.why}")
        for method, report in zip(methods, reports, strict=True)
        for each in report.left_out
    )
    return msgspec.structs.replace(reports[0], outputs=outputs, left_out=left_out)


def new_config(name: str, programs: Sequence[Program], source: str) -> Config:
    """The config of a model that nothing is built for yet."""
    methods = tuple(program.method for program in programs)
    return Config(
        schema_version=SCHEMA_VERSION,
        name=name,
        source=source,
        toolchain=Toolchain(
            infc=version("infc"),
            torch=version("torch").partition("+")[0],
            torch_mlir=version("torch-mlir"),
            iree=version("iree-base-compiler"),
        ),
        interface=Interface(methods=methods),
        stages=(
            Stage(
                name=STAGE,
                placement="device",
                inputs=tuple(dict.fromkeys(spec.name for method in methods for spec in method.inputs)),
                outputs=tuple(dict.fromkeys(spec.name for method in methods for spec in method.outputs)),
            ),
        ),
        targets=(),
        memory_plan=(),
        cost=Cost(flops=0, bytes_touched=0, activation_peak=0),
    )


def with_builds(config: Config, builds: tuple[TargetBuild, ...], parts: Sequence[build.Part]) -> Config:
    """The config with its targets, and what the first of them, made of `parts`, says about memory and cost.

    Of several methods, or several buckets, the cost is the dearest's.
    """
    touched = sum(weight.length for weight in builds[0].stages[0].slab.weights)
    cost = Cost(
        flops=max(part.lowered.flops for part in parts),
        bytes_touched=touched + max(map(_values, config.interface.methods)),
        activation_peak=max(part.module.activation_peak for part in parts),
    )
    steps = tuple(MemoryStep(stage=STAGE, key=use.key) for use in build.uses_of(parts))
    return msgspec.structs.replace(config, targets=builds, memory_plan=steps, cost=cost)


def _values(method: Method) -> int:
    """Bytes of the largest inputs and outputs."""
    largest = {dim.name: dim.high for dim in method.dims} | {UNKNOWN: 0}
    return sum(byte_size(spec.dtype, sized(spec, largest)) for spec in (*method.inputs, *method.outputs))
