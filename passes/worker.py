"""`python -m infc.passes.worker PIPELINE REPORT`: what the compiler runs passes in, since native code may crash.

IR comes by standard input and leaves, with locations, by standard output. REPORT gets lines of JSON: `{"pass": …}` for
each pass as it begins, `{"error": …}` for the failure that ends the run. Each line is written before what it tells of,
so that it is there when the process dies.
"""

import json
import sys
from pathlib import Path
from typing import Any

from torch_mlir import ir

from infc.errors import CompileError

from . import pipeline
from .runner import make_context


def main(text: str, report: Path) -> int:
    """Run the pipeline `text`; the exit code."""
    with report.open("w", buffering=1) as lines:

        def tell(kind: str, value: Any) -> None:
            lines.write(json.dumps({kind: value}) + "\n")

        try:
            module = _parse(sys.stdin.read())
            pipeline.run(module.operation, text, lambda step: tell("pass", step))
        except CompileError as error:
            tell("error", {"message": error.message, "hint": error.hint, "stage": error.stage})
            return 1
    sys.stdout.write(module.operation.get_asm(enable_debug_info=True))
    return 0


def _parse(text: str) -> ir.Module:
    try:
        return ir.Module.parse(text, make_context())
    except ir.MLIRError as error:
        raise CompileError(f"what the last stage wrote does not parse: {error}", stage="parse") from error


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
