"""Passes over IR as text, in a process of its own: torch-mlir's C++ may crash on what it does not support."""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from infc.errors import CompileError

from ..passes.pipeline import stage_of
from .children import Children, Finished


def optimize(text: str, pipeline: str, children: Children) -> str:
    """The module `text` after `pipeline`, with locations: what `infc-opt` runs, in a process that says more.

    Raises:
        CompileError: a pass fails, with the pass's own message and hint, or the process dies: with the signal and the
            pass that ran then.
    """
    with tempfile.TemporaryDirectory(prefix="infc-") as folder:
        report = Path(folder) / "report"
        # -P: what lies in the working directory is not to take the place of a library.
        command = (sys.executable, "-P", "-m", "infc.passes.worker", pipeline, str(report))
        finished = children.run(command, text.encode())
        if not finished.failure:
            return finished.stdout.decode()
        told = _read(report)
    raise _failure(finished, told, ("infc-opt", f"--pass-pipeline=builtin.module({pipeline})"))


class _Error(msgspec.Struct):
    message: str
    hint: str = ""
    stage: str = ""


class _Told(msgspec.Struct):
    """One line of the report."""

    step: str = msgspec.field(default="", name="pass")
    error: _Error | None = None


def _failure(finished: Finished, told: Sequence[_Told], command: Sequence[str]) -> CompileError:
    error = next((line.error for line in told if line.error), None)
    if error is not None:
        return CompileError(error.message, hint=error.hint, stage=error.stage, command=command)
    steps = [line.step for line in told if line.step]
    running = f"in pass {stage_of(steps[-1])}" if steps else "before its first pass"
    last = next((line for line in reversed(finished.stderr.splitlines()) if line.strip()), "no message")
    return CompileError(
        f"the lowering died {running} ({finished.failure}): {last.strip()}",
        hint="a fault of the toolchain, not of the model; rewrite the part of the model that it does not take",
        stage=stage_of(steps[-1]) if steps else "lower",
        command=command,
    )


def _read(report: Path) -> list[_Told]:
    try:
        return msgspec.json.Decoder(_Told).decode_lines(report.read_bytes())
    except FileNotFoundError:
        return []
