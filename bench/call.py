"""How long does one call take: infc in this process, infc through a pool, and what a user might run instead?

BERT-base with random weights, 1×128, f32, two threads. The pool is a process of its own, reached over loopback gRPC.
"""

import json
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager

from infc.remote.client.address import Endpoint
from infc.remote.client.model import Expectation, RemoteModel

from harness import Row, finish, interleave, parse_options, row, timed
from peers import (
    Files,
    Infer,
    check,
    open_eager,
    open_inductor,
    open_infc,
    open_onnxruntime,
    open_openvino,
    prepared,
    versions,
)

IN_PROCESS = "infc, in process"
POOLED = "infc, through the pool"


@contextmanager
def open_pool(files: Files) -> Generator[Infer]:
    """`infc serve` on a free port, and a client's call to it."""
    command = [sys.executable, "-m", "infc", "serve", str(files.artifact), "--listen", "127.0.0.1:0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = process.stdout.readline()
        if not ready:
            raise SystemExit(process.wait() or 1)
        try:
            model = RemoteModel.connect(Expectation("bench"), Endpoint(json.loads(ready)["listen"]), timeout=60)
            yield lambda: next(iter(model.infer(files.inputs).values()))
        finally:
            process.terminate()


def try_inductor(files: Files) -> Infer | None:
    """torch.compile needs a C++ compiler on the machine; without one this side is left out."""
    infer = open_inductor(files)
    try:
        infer()
    except RuntimeError as error:
        sys.stderr.write(f"PyTorch inductor is left out: {str(error).splitlines()[0]}\n")
        return None
    return infer


def main() -> None:
    options = parse_options(__doc__ or "")
    repetitions = 5 if options.quick else 25
    with prepared("bert_tiny" if options.quick else "bert_base") as files, open_pool(files) as pooled:
        calls = {
            IN_PROCESS: open_infc(files),
            POOLED: pooled,
            "PyTorch eager": open_eager(files),
            "ONNX Runtime": open_onnxruntime(files),
            "OpenVINO": open_openvino(files),
        }
        if inductor := try_inductor(files):
            calls["PyTorch inductor"] = inductor
        check(files, calls)
        sides = interleave({name: timed(call, warm=True) for name, call in calls.items()}, repetitions)
    ours = sides[IN_PROCESS].median
    rows: list[Row] = [
        row("one call", "ms", ours, sides),
        row("call against PyTorch eager", "×", sides["PyTorch eager"].median / ours, goal=(">=", 1.8)),
        row("call against ONNX Runtime", "×", sides["ONNX Runtime"].median / ours, goal=(">=", 0.9)),
        row("call against OpenVINO", "×", sides["OpenVINO"].median / ours),
        row("what the pool adds to a call", "ms", sides[POOLED].median - ours),
    ]
    if inductor:
        rows.insert(2, row("call against PyTorch inductor", "×", sides["PyTorch inductor"].median / ours))
    finish("call", rows, options, versions())


if __name__ == "__main__":
    main()
