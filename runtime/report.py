"""What the commands show: an artifact's content and a call's results, as tables."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from .artifact import Artifact, Config, Method, Middle, Ref, StageBuild, TensorSpec, Wiring, stage_digest
from .artifact.dtypes import dtype_name
from .inputs import describe
from .shapes import show
from .targets import unverified


@dataclass(frozen=True)
class Summary:
    """An output in six figures; the last three are null where it has no elements."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    min: float | None
    mean: float | None
    max: float | None

    @staticmethod
    def of(name: str, array: np.ndarray) -> "Summary":
        figures = (None, None, None)
        if array.size:
            wide = array.astype(np.float64)
            figures = (float(wide.min()), float(wide.mean()), float(wide.max()))
        return Summary(name, dtype_name(array.dtype), array.shape, *figures)


def show_outputs(summaries: Sequence[Summary], console: Console) -> None:
    """One row for each output."""
    rows = [
        (each.name, each.dtype, str(list(each.shape)), _figure(each.min), _figure(each.mean), _figure(each.max))
        for each in summaries
    ]
    console.print(_table("outputs", ("name", "dtype", "shape", "min >", "mean >", "max >"), rows))


def show_artifact(artifact: Artifact, interface: str, console: Console, *, weights: bool) -> None:
    """The artifact section by section; `weights` adds a row for each weight."""
    config = artifact.config
    tools = config.toolchain
    facts = [
        ("name", config.name),
        ("digest", artifact.digest),
        ("interface", interface),
        ("source", config.source),
        ("size", f"{decimal(artifact.size)} in {artifact.blob_count} blobs"),
        ("made with", f"infc {tools.infc}, torch {tools.torch}, torch-mlir {tools.torch_mlir}, IREE {tools.iree}"),
        ("pipeline", _pipeline(config.middle)),
        ("weights", _storage(config)),
        ("one call", f"{config.cost.flops:,} FLOPs, touches {decimal(config.cost.bytes_touched)}, "
                     f"activations up to {decimal(config.cost.activation_peak)}"),
    ]  # fmt: skip
    console.print(_table("artifact", ("", ""), facts))
    console.print(_interface(config))
    console.print(_builds(config))
    if len(config.stages) > 1:
        console.print(_stages(config))
        console.print(_values(config))
    if any(build.candidates for build in config.targets):
        console.print(_candidates(config))
    if weights:
        for build in config.targets:
            for stage in build.stages:
                console.print(_weights(build.target, stage))
    console.print(_verify(config))
    for build in config.targets:
        if build.verify is None:
            console.print(Text(f"target {_printable(build.target)} is not verified: {unverified(build)}", "bold red"))


def _pipeline(middle: Middle) -> str:
    parts = [middle.pipeline, *middle.passes]
    parts += [f"quantize {middle.quantize}"] if middle.quantize else []
    parts += [f"cast {middle.cast}"] if middle.cast else []
    parts += [f"error up to {middle.tolerance:g} accepted"] if middle.tolerance is not None else []
    parts += [f"with {each.package} {each.version}" for each in middle.plugins]
    return ", ".join(parts)


def _storage(config: Config) -> str:
    """How many bytes lie in which type, the most first, for the target that is preferred."""
    totals: dict[str, int] = {}
    for stage in config.targets[0].stages:
        for weight in stage.slab.weights:
            totals[weight.dtype] = totals.get(weight.dtype, 0) + weight.length
    ranked = sorted(totals.items(), key=lambda item: -item[1])
    return ", ".join(f"{dtype} {decimal(size)}" for dtype, size in ranked) or "none"


def _interface(config: Config) -> Table:
    rows: list[tuple[str, ...]] = []
    for method in config.interface.methods:
        ends: list[tuple[str, TensorSpec]] = [("input", spec) for spec in method.inputs]
        ends += [("output", spec) for spec in method.outputs]
        rows += [(method.name, end, spec.name, describe(spec)) for end, spec in ends]
        rows += [(method.name, "dim", dim.name, f"{dim.low} to {dim.high}") for dim in method.dims]
    return _table("interface", ("method", "", "name", "tensor"), rows)


def _builds(config: Config) -> Table:
    placements = {stage.name: stage.placement for stage in config.stages}
    rows = [
        (
            build.target,
            stage.stage,
            placements[stage.stage],
            str(len({module.module for module in stage.modules})),
            decimal(sum({module.module: module.size for module in stage.modules}.values())),
            str(len(stage.slab.weights)),
            decimal(stage.slab.length),
            f"{len(stage.slab.chunks)} ({len(set(stage.slab.chunks))})",
            ", ".join(stage.features) or "none",
        )
        for build in config.targets
        for stage in build.stages
    ]
    columns = (
        "target", "stage", "placement", "modules >", "code >", "weights >", "slab >", "chunks (unique) >",
        "CPU features",
    )  # fmt: skip
    return _table("stages and slabs", columns, rows)


def _stages(config: Config) -> Table:
    """What a stage is, whatever model it is in."""
    rows = [
        (build.target, stage.stage, stage.target, stage.device, stage_digest(stage, config.toolchain))
        for build in config.targets
        for stage in build.stages
    ]
    return _table("what the stages compute", ("target", "stage", "compiled for", "device", "digest"), rows)


def _values(config: Config) -> Table:
    """Where the values come from that each stage takes, and the outputs."""
    methods = {method.name: method for method in config.interface.methods}
    rows: list[tuple[str, ...]] = []
    for wiring in config.wiring:
        method = methods[wiring.method]
        taken = [(step.stage, ref) for step in wiring.steps for ref in step.inputs]
        taken += [(f"output {spec.name}", ref) for spec, ref in zip(method.outputs, wiring.outputs, strict=True)]
        rows += [(method.name, taker, *_origin(ref, method, wiring)) for taker, ref in taken]
    return _table("values between stages", ("method", "taken by", "from", "tensor"), rows)


def _origin(ref: Ref, method: Method, wiring: Wiring) -> tuple[str, str]:
    if not ref.stage:
        spec = method.inputs[ref.number]
        return f"input {spec.name}", describe(spec)
    edge = next(step.outputs[ref.number] for step in wiring.steps if step.stage == ref.stage)
    return f"{ref.stage}, {ref.number}", f"{edge.dtype}{show(edge.shape)}"


def _candidates(config: Config) -> Table:
    """What was tried for the methods with dynamic dims."""
    rows = [
        (build.target, each.method, each.name, "kept" if each.kept else "rejected", each.reason)
        for build in config.targets
        for each in build.candidates
    ]
    return _table("dynamic dims", ("target", "method", "candidate", "", "why"), rows)


def _weights(target: str, stage: StageBuild) -> Table:
    rows = [
        (each.key, f"{each.dtype}{list(each.shape)}", each.layout, f"{each.offset:,}", f"{each.length:,}", each.digest)
        for each in stage.slab.weights
    ]
    columns = ("key", "tensor", "layout", "offset >", "bytes >", "digest of the logical tensor")
    return _table(f"weights of {target}/{stage.stage}", columns, rows)


def _verify(config: Config) -> Table:
    rows: list[tuple[str, ...]] = []
    for build in config.targets:
        report = build.verify
        if report is None:
            rows.append((build.target, "NOT VERIFIED", "", "", "", "", "", unverified(build)))
            continue
        random = f"{report.trials} trials, seed {report.seed}"
        for checks, what in ((report.outputs, ()), (report.stored, ("weights as stored",))):
            rows += [
                (
                    build.target,
                    each.values,
                    each.output,
                    f"{each.max_abs_error:.3g}",
                    f"{each.max_rel_error:.3g}",
                    f"{each.tolerance:.3g}",
                    str(each.not_finite or ""),
                    ", ".join([random, *what] if each.values == "random" else what),
                )
                for each in checks
            ]
        rows += [(build.target, each.values, "left out", "", "", "", "", each.why) for each in report.left_out]
    columns = ("target", "inputs", "output", "largest error >", "relative >", "tolerance >", "NaN or infinite >", "")
    return _table("compared with PyTorch", columns, rows)


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table of plain text; a column whose name ends in ` >` is aligned to the right."""
    table = Table(title=Text(_printable(title)), title_justify="left", show_header=any(columns))
    for column in columns:
        table.add_column(
            column.removesuffix(" >"), justify="right" if column.endswith(" >") else "left", overflow="fold"
        )
    for row in rows:
        table.add_row(*(Text(_printable(cell)) for cell in row))
    return table


def _printable(text: str) -> str:
    """Names come from a file that anybody may have made: a terminal must not act on them."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
