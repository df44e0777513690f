"""`python -m infc.passes.running.worker REPORT PIPELINE…`: the compiler runs passes here, as native code may crash.

IR comes by standard input. What it is after each pipeline leaves by standard output, with a NUL between; with
locations, but behind `strip-debuginfo`. REPORT gets lines of JSON: `{"pass": …}` for each pass as it begins,
`{"error": …}` for the failure that ends the run, with `went` where the pass went through and what it left is wrong. A
line is written before what it tells of, so that it is there when the process dies.

With `--parse` behind REPORT nothing is run: the pipelines are only read, and the passes that they name are loaded.
"""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from torch_mlir import ir

from infc.errors import CompileError

from .. import pipeline
from ..base import BrokenPromise
from .runner import make_context

PARSE = "--parse"

Tell = Callable[[str, Any], object]


def main(report: Path, pipelines: Sequence[str]) -> int:
    """Run the pipelines, one on what the other made; the exit code."""
    only_read = pipelines[:1] == [PARSE]
    with report.open("w", buffering=1) as lines:

        def tell(kind: str, value: Any) -> None:
            lines.write(json.dumps({kind: value}) + "\n")

        try:
            if only_read:
                pipeline.parse(",".join(pipelines[1:]), make_context())
                return 0
            texts = list(_run(sys.stdin.read(), pipelines, tell))
        except CompileError as error:
            went = isinstance(error, BrokenPromise)
            tell("error", {"message": error.message, "hint": error.hint, "stage": error.stage, "went": went})
            return 1
    sys.stdout.write("\0".join(texts))
    return 0


def _run(text: str, pipelines: Sequence[str], tell: Tell) -> list[str]:
    try:
        module = ir.Module.parse(text, make_context())
    except ir.MLIRError as error:
        raise CompileError(
            f"what the last stage wrote does not parse: {error}",
            stage="parse",
            hint="this is a mistake of infc's: please report it, with --save-temps",
        ) from error
    texts: list[str] = []
    for each in pipelines:
        pipeline.run(module.operation, each, lambda step: tell("pass", step))
        texts.append(module.operation.get_asm(enable_debug_info=not each.endswith("strip-debuginfo")))
    return texts


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
