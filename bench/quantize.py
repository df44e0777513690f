"""What do weights of fewer bits save, and what do they cost: bytes, errors and the time of a call?

BERT-base (1×128) and a small Llama (4 layers, a prompt of 16 tokens and a single one) with random weights, and the
sentence encoder of the examples (1×64) with its real ones. All compute in f32; the largest error is the one that the
artifact's report holds, against PyTorch with the weights as they were (and as they are stored), relative to the
output's largest value. Errors of random weights are larger than those of trained ones of the same size, whose outputs
have structure.
"""

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from infc.runtime.artifact import Artifact
from infc.runtime.inputs import random_inputs
from infc.runtime.session import Session

from harness import Row, Side, finish, interleave, parse_options, row, timed
from peers import ROOT, versions

MODELS = {
    "BERT-base": f"{ROOT}/bench/models.py:bert_base",
    "Llama, 16 tokens": f"{ROOT}/bench/models.py:llama_prompt",
    "Llama, one token": f"{ROOT}/bench/models.py:llama_token",
    "MiniLM": f"{ROOT}/examples/minilm.py:sentence_encoder",
}
QUICK = {"Llama, one token": f"{ROOT}/bench/models.py:llama_tiny"}
KINDS = {
    "f32": (),
    "bf16": ("--cast-weights", "bf16"),
    "int8": ("--quantize", "8"),
    "int8 and bf16 (size)": ("--pipeline", "size"),
    "int4, groups of 64": ("--quantize", "4"),
}


def compiled(source: str, kind: str, out: Path) -> Path:
    """The artifact of a source. Any error is accepted here: it is what is asked for."""
    command = [sys.executable, "-m", "infc", "compile", source, "-o", str(out), *KINDS[kind]]
    subprocess.run([*command, *(("--tolerance", "1") if KINDS[kind] else ())], check=True, stdout=subprocess.DEVNULL)
    return out


def largest_errors(artifact: Artifact) -> tuple[float, float]:
    """Of all outputs and inputs that verification tried: against PyTorch with the weights as they were, and as they are
    stored."""
    report = artifact.build().verify
    if report is None:
        raise SystemExit(f"{artifact.path} was not verified")
    whole = max(check.max_rel_error for check in report.outputs)
    return whole, max((check.max_rel_error for check in report.stored), default=whole)


def measured(name: str, source: str, folder: Path, repetitions: int) -> list[Row]:
    with ExitStack() as stack:
        paths = {kind: compiled(source, kind, folder / str(index)) for index, kind in enumerate(KINDS)}
        artifacts = {kind: stack.enter_context(Artifact.open(path)) for kind, path in paths.items()}
        inputs = random_inputs(artifacts["f32"].method(None), np.random.default_rng(0))
        sessions = {kind: stack.enter_context(Session.attach(each)) for kind, each in artifacts.items()}
        calls = {kind: timed(lambda s=session: s.run(inputs), warm=True) for kind, session in sessions.items()}
        times = interleave(calls, repetitions)
    sizes = {kind: each.build().stages[0].slab.length / 1e6 for kind, each in artifacts.items()}
    errors = {kind: largest_errors(each) for kind, each in artifacts.items()}
    small = "int8 and bf16 (size)"
    return [
        row(f"{name}: weights", "MB", sizes["f32"], {kind: Side.of([size]) for kind, size in sizes.items()}),
        row(
            f"{name}: largest error",
            "",
            errors["int8"][0],
            {kind: Side.of([each]) for kind, (each, _) in errors.items()},
        ),
        row(
            f"{name}: largest error on the stored weights",
            "",
            errors["int8"][1],
            {kind: Side.of([each]) for kind, (_, each) in errors.items()},
            why="the compiler's own part of it",
        ),
        row(f"{name}: one call", "ms", times["f32"].median, times),
        row(f"{name}: {small} against f32, bytes", "×", sizes[small] / sizes["f32"]),
        row(f"{name}: int8 against f32, time", "×", times["int8"].median / times["f32"].median),
        row(f"{name}: int4 against f32, time", "×", times["int4, groups of 64"].median / times["f32"].median),
    ]


def main() -> None:
    options = parse_options(__doc__ or "")
    rows: list[Row] = []
    for name, source in (QUICK if options.quick else MODELS).items():
        with TemporaryDirectory(prefix="bench-") as folder:
            rows += measured(name, source, Path(folder), 3 if options.quick else 15)
    finish("quantize", rows, options, versions())


if __name__ == "__main__":
    main()
