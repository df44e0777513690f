"""Passes over IR as text, in a process of its own: torch-mlir's C++ may crash on what it does not support."""

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from infc.errors import CompileError

from ...passes.pipeline import elements, stage_of
from ...passes.plugins import Origin
from ...passes.registry import origin_of
from ...passes.running import worker
from .children import Finished
from .tools import Tools


def optimize(text: str, pipelines: Sequence[str], tools: Tools) -> list[str]:
    """What the module `text` is after each of `pipelines`, one run on what the other made; with locations, but behind
    `strip-debuginfo`.

    Raises:
        CompileError: a pass fails, with the pass's own message and hint, or the process dies: with the signal and the
            pass that ran then. A reproducer holds the IR before that pass.
    """
    made_from = [*pipelines, *map(repr, origins(",".join(pipelines))), text]
    made = tools.remember("ir", made_from, lambda: _optimized(text, pipelines, tools))
    return made.decode().split("\0")


def check_pipeline(pipeline: str, tools: Tools) -> None:
    """Have `pipeline` read and its passes loaded, in a process of its own: those of other packages are anyone's code.

    Raises:
        CompileError: there is no such pass or option, or a package's code fails, or ends the process.
    """
    run = _run("", [worker.PARSE, pipeline], tools)
    if run.finished.failure:
        command = ("infc-opt", f"--pass-pipeline=builtin.module({pipeline})", "/dev/null")
        raise _failure(run, command, None, pipeline)


def _optimized(text: str, pipelines: Sequence[str], tools: Tools) -> bytes:
    run = _run(text, pipelines, tools)
    if not run.finished.failure:
        return run.finished.stdout
    before, pipeline = text, ",".join(pipelines)
    if run.steps[:-1]:
        shorter = _run(text, [",".join(run.steps[:-1])], tools)
        if not shorter.finished.failure:
            before, pipeline = shorter.finished.stdout.decode(), run.steps[-1]
    command = ("infc-opt", f"--pass-pipeline=builtin.module({pipeline})")
    culprit = _culprit(before, pipeline, tools) if run.finished.crashed and not run.finished.remedy else None
    error = _failure(run, command, culprit, pipeline)
    if run.error and run.error.went:
        raise tools.temps.reproduced(error, before, command, tools.children.limits, shows="prints what it leaves")
    raise tools.temps.reproduced(error, before, (*command, "-o", "/dev/null"), tools.children.limits)


def origins(pipeline: str) -> list[Origin]:
    """The packages whose passes `pipeline` runs, each with its code's digest."""
    found = (origin_of(stage_of(each)) for each in elements(pipeline))
    return list(dict.fromkeys(each for each in found if each))


class _Error(msgspec.Struct):
    message: str
    hint: str = ""
    stage: str = ""
    went: bool = False  # the pass did, and what it left is wrong


class _Told(msgspec.Struct):
    """One line of the report."""

    step: str = msgspec.field(default="", name="pass")
    error: _Error | None = None


@dataclass(frozen=True)
class _Run:
    finished: Finished
    told: tuple[_Told, ...]

    @property
    def steps(self) -> list[str]:
        """The passes that began."""
        return [line.step for line in self.told if line.step]

    @property
    def error(self) -> _Error | None:
        """What the process said is wrong; None when it said nothing."""
        return next((line.error for line in self.told if line.error), None)


def _run(text: str, pipelines: Sequence[str], tools: Tools) -> _Run:
    with tempfile.TemporaryDirectory(prefix="infc-") as folder:
        report = Path(folder) / "report"
        # -P: what lies in the working directory is not to take the place of a library.
        command = (sys.executable, "-P", "-m", "infc.passes.running.worker", str(report), *pipelines)
        finished = tools.children.run(command, text.encode())
        try:
            lines = report.read_bytes()
        except FileNotFoundError:
            lines = b""
    return _Run(finished, tuple(msgspec.json.Decoder(_Told).decode_lines(lines)))


class _Culprit(msgspec.Struct):
    operator: str
    place: str


def _culprit(before: str, pipeline: str, tools: Tools) -> _Culprit | None:
    """The operation of `before` that crashes `pipeline` by itself, if there is one."""
    found = tools.children.run((sys.executable, "-P", "-m", "infc.passes.running.culprit", pipeline), before.encode())
    return msgspec.json.decode(found.stdout, type=_Culprit) if found.stdout and not found.failure else None


def _failure(run: _Run, command: Sequence[str], culprit: _Culprit | None, pipeline: str) -> CompileError:
    if (error := run.error) is not None:
        return CompileError(error.message, hint=error.hint, stage=error.stage, command=command)
    stage = stage_of(run.steps[-1]) if run.steps else ""
    running = f"in pass {stage}" if stage else "before its first pass"
    last = next((line for line in reversed(run.finished.stderr.splitlines()) if line.strip()), "")
    made_by = origin_of(stage) if stage else next(iter(origins(pipeline)), None)
    hint = "a fault of the toolchain; rewrite the part of the model that it does not take"
    if made_by:
        hint = f"a fault of {made_by.package} {made_by.version}, which brings the pass: please report it there"
    where = f" at operator {culprit.operator}{culprit.place}" if culprit else ""
    return CompileError(
        f"the lowering died {running}{where} ({run.finished.failure}){': ' if last else ''}{last.strip()}",
        hint=run.finished.remedy or hint,
        stage=stage or "lower",
        command=command,
    )
