"""A model's methods side by side: described in one config, compared in one report."""

from collections.abc import Sequence
from importlib.metadata import version

import msgspec

from ..runtime.artifact import (
    SCHEMA_VERSION,
    UNKNOWN,
    Config,
    Cost,
    Interface,
    MemoryStep,
    Method,
    Middle,
    Stage,
    TargetBuild,
    Toolchain,
    VerifyReport,
    one_stage,
)
from ..runtime.artifact.dtypes import byte_size
from ..runtime.shapes import sized
from . import build
from .frontend.export import Program
from .plan import STAGE


def merged(methods: Sequence[Method], reports: Sequence[VerifyReport]) -> VerifyReport:
    """One report of those of several methods.

    Where there are several methods, their names stand before those of the outputs: `encode:output_0`.
    """
    if len(reports) == 1:
        return reports[0]
    outputs, stored = (
        tuple(
            msgspec.structs.replace(check, output=f"{method.name}:{check.output}")
            for method, own in zip(methods, checks, strict=True)
            for check in own
        )
        for checks in ([report.outputs for report in reports], [report.stored for report in reports])
    )
    left_out = tuple(
        msgspec.structs.replace(each, why=f"{method.name}: {each.why}")
        for method, report in zip(methods, reports, strict=True)
        for each in report.left_out
    )
    sizes = {repr(each): each for report in reports for each in report.sizes}
    trials = max(report.trials for report in reports)
    return msgspec.structs.replace(
        reports[0], trials=trials, outputs=outputs, stored=stored, left_out=left_out, sizes=tuple(sizes.values())
    )


def new_config(name: str, programs: Sequence[Program], source: str, middle: Middle) -> Config:
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
        stages=(Stage(name=STAGE, placement="device"),),
        wiring=tuple(one_stage(method, STAGE) for method in methods),
        targets=(),
        memory_plan=(),
        cost=Cost(flops=0, bytes_touched=0, activation_peak=0),
        middle=middle,
    )


def with_builds(config: Config, builds: tuple[TargetBuild, ...], stages: Sequence[build.StageParts]) -> Config:
    """The config with its targets, and what the first of them, made of `stages`, says about memory and cost.

    Of several methods, or several buckets, the cost is the dearest's.
    """
    touched = sum(weight.length for stage in builds[0].stages for weight in stage.slab.weights)
    cost = Cost(
        flops=sum(max(part.lowered.flops for part in stage.parts) for stage in stages),
        bytes_touched=touched + max(map(_values, config.interface.methods)),
        activation_peak=max(part.module.activation_peak for stage in stages for part in stage.parts),
    )
    steps = tuple(MemoryStep(stage=stage.stage, key=use.key) for stage in stages for use in build.uses_of(stage.parts))
    return msgspec.structs.replace(config, targets=builds, memory_plan=steps, cost=cost)


def _values(method: Method) -> int:
    """Bytes of the largest inputs and outputs."""
    largest = {dim.name: dim.high for dim in method.dims} | {UNKNOWN: 0}
    return sum(byte_size(spec.dtype, sized(spec, largest)) for spec in (*method.inputs, *method.outputs))
