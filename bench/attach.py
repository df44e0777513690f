"""How long is it from files on disk to a model that can be called, and what memory does that cost?

BERT-base with random weights, 1×128, f32. The files are in the page cache for every side.
"""

import json
import mmap
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from infc.runtime.artifact import Artifact
from infc.runtime.session import Session

from harness import Row, finish, interleave, parse_options, row, timed
from peers import (
    Files,
    Infer,
    check,
    open_eager,
    open_infc,
    open_onnxruntime,
    open_openvino,
    open_openvino_cached,
    prepared,
    versions,
)

SIDES: dict[str, Callable[[Files], Infer]] = {
    "infc": open_infc,
    "ONNX Runtime": open_onnxruntime,
    "OpenVINO": open_openvino,
    "OpenVINO, model cache": open_openvino_cached,
    "PyTorch torch.load": open_eager,
}
ATTACH_ONLY = "infc, artifact open already"
SCALE = "for scale: map the file, touch each page"


def touch(path: Path) -> Callable[[], object]:
    """Map `path` and read one byte of each page: the least that bringing its bytes into a process can cost."""

    def work() -> int:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            view = np.frombuffer(mapped, np.uint8)
            total = int(view[:: mmap.PAGESIZE].sum(dtype=np.int64))
            del view
            return total

    return work


def memory_rows(files: Files) -> list[Row]:
    """What a process of its own reports about its private memory."""
    command = [sys.executable, str(Path(__file__).with_name("private_memory.py")), str(files.artifact)]
    report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    weights = report["weights"]
    return [
        row("private memory that infc's attach adds", "% of weights", report["attach"] / weights * 100, goal=("<=", 5)),
        row("private memory that infc's first call adds", "MiB", report["first_call"] / 2**20, why="activations"),
        row("weights", "MiB", weights / 2**20),
    ]


def first_answer(opening: Callable[[Files], Infer], files: Files) -> Callable[[], object]:
    """Open and call once: what a lazily mapped model leaves for the first call is counted here."""
    return lambda: opening(files)()


def main() -> None:
    options = parse_options(__doc__ or "")
    repetitions = 3 if options.quick else 9
    with prepared("bert_tiny" if options.quick else "bert_base") as files:
        check(files, {name: opening(files) for name, opening in SIDES.items()})
        work = {name: timed(lambda opening=opening: opening(files)) for name, opening in SIDES.items()}
        artifact = Artifact.open(files.artifact)
        work[ATTACH_ONLY] = timed(lambda: Session.attach(artifact))
        work[SCALE] = timed(touch(files.artifact))
        opened = interleave(work, repetitions)
        work = {name: timed(first_answer(opening, files)) for name, opening in SIDES.items()}
        answered = interleave(work, repetitions)
        memory = memory_rows(files)
    ours = opened["infc"].median
    peers = {name: side.median / ours for name, side in opened.items()}
    first = answered["ONNX Runtime"].median / answered["infc"].median
    rows = [
        row("time to a usable model", "ms", ours, opened),
        row(
            "attach against ONNX Runtime's session creation",
            "×",
            opened["ONNX Runtime"].median / opened[ATTACH_ONLY].median,
            goal=(">=", 100),
            why="the artifact is open, as in a pool, which opens it once",
        ),
        row("open and attach against the same", "×", peers["ONNX Runtime"]),
        row("open and attach against OpenVINO's compile_model", "×", peers["OpenVINO"]),
        row("open and attach against OpenVINO with its model cache", "×", peers["OpenVINO, model cache"]),
        row("open and attach against torch.load", "×", peers["PyTorch torch.load"]),
        row("time to the first answer", "ms", answered["infc"].median, answered),
        row("first answer against ONNX Runtime's", "×", first),
        *memory,
    ]
    finish("attach", rows, options, versions())


if __name__ == "__main__":
    main()
