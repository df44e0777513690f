"""What does it cost to cut a model into stages, and what do several calls under way gain?

BERT-base, ResNet-50 and a small Llama with K = 1, 2, 4 on this machine's CPU. All run in one process, so that the
weights' pages and the threads are the same. In a pipeline each stage has a thread of its own (`local-sync`); the whole
model has all of IREE's (`local-task`).
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from infc.errors import InfcError
from infc.runtime.artifact import Artifact
from infc.runtime.inputs import random_inputs
from infc.runtime.pipeline import Pipeline
from infc.runtime.session import Session

from harness import Row, finish, interleave, parse_options, row, timed
from peers import versions

ROOT = Path(__file__).resolve().parents[1]
COUNTS = (1, 2, 4)
MODELS = {"BERT-base": "bert_base", "ResNet-50": "resnet_50", "Llama, 37 M": "llama_prompt"}
QUICK = {"BERT, tiny": "bert_tiny", "ResNet, tiny": "resnet_tiny"}
TOLERANCE = 1e-5  # of the largest magnitude, against the whole model
CALLS = 16  # in a pipeline

Inputs = Mapping[str, np.ndarray]


@contextmanager
def compiled(factory: str) -> Generator[dict[int, Path]]:
    """`models.<factory>()` with each number of stages, in a folder that is removed at the end."""
    build = ROOT / "build"
    build.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=build, prefix="bench-") as folder:
        found: dict[int, Path] = {}
        for count in COUNTS:
            found[count] = Path(folder) / f"{count}.infc"
            source = f"{ROOT / 'bench' / 'models.py'}:{factory}"
            cutting = ["--stages", str(count)] if count > 1 else []
            command = [sys.executable, "-m", "infc", "compile", source, "-o", str(found[count]), *cutting]
            subprocess.run(command, check=True)
        yield found


def pipelined(session: Session, inputs: Inputs) -> Callable[[], float]:
    """A sample is the milliseconds for each of `CALLS` calls that are under way together."""

    def measure() -> float:
        with Pipeline(session) as pipeline:
            started = time.perf_counter()
            for future in [pipeline.submit(inputs) for _ in range(CALLS)]:
                future.result()
            return (time.perf_counter() - started) * 1000 / CALLS

    return measure


def worst(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> float:
    """The largest difference, as a part of the output's largest magnitude (of 1 where all of it is 0)."""
    return max(float(np.abs(one[name] - other[name]).max() / (np.abs(other[name]).max() or 1)) for name in other)


def rows_of(name: str, factory: str, repetitions: int) -> list[Row]:
    with compiled(factory) as files:
        artifacts = {count: Artifact.open(path) for count, path in files.items()}
        inputs = random_inputs(artifacts[1].method(), np.random.default_rng(0))
        sessions = {count: Session.attach(artifact) for count, artifact in artifacts.items()}
        threads = {count: Session.attach(artifacts[count], device="local-sync") for count in COUNTS[1:]}
        expected = sessions[1].run(inputs)
        error = max(worst(each.run(inputs), expected) for each in (*sessions.values(), *threads.values()))
        if not error <= TOLERANCE:
            return [row(f"{name}: largest difference from the whole", "relative", error, goal=("<=", TOLERANCE),
                        why="wrong answers have no times")]  # fmt: skip
        calls = {f"K = {count}": timed(lambda each=each: each.run(inputs)) for count, each in sessions.items()}
        streams = {f"K = {count}, pipelined": pipelined(each, inputs) for count, each in threads.items()}
        streams["K = 1, pipelined"] = pipelined(sessions[1], inputs)
        sides = interleave({**calls, **streams}, repetitions)
        for each in (*sessions.values(), *threads.values()):
            each.close()
        for artifact in artifacts.values():
            artifact.close()
    whole, stream = sides["K = 1"].median, sides["K = 1, pipelined"].median
    rows = [row(f"{name}: largest difference from the whole", "relative", error, goal=("<=", TOLERANCE))]
    for count in COUNTS[1:]:
        staged, flow = sides[f"K = {count}"], sides[f"K = {count}, pipelined"]
        own = {side: sides[side] for side in ("K = 1", f"K = {count}")}
        rows.append(row(f"{name}: a call through {count} stages against one", "×", staged.median / whole, own))
        own = {side: sides[side] for side in ("K = 1, pipelined", f"K = {count}, pipelined")}
        why = f"calls a second, {CALLS} under way, {os.cpu_count()} cores"
        rows.append(row(f"{name}: {count} stages with a thread each against the whole with all", "×",
                        stream / flow.median, own, why=why))  # fmt: skip
    return rows


def main() -> None:
    options = parse_options(__doc__ or "")
    rows: list[Row] = []
    for name, factory in (QUICK if options.quick else MODELS).items():
        try:
            rows += rows_of(name, factory, 3 if options.quick else 9)
        except (subprocess.CalledProcessError, InfcError) as error:  # one model's failure is a row, not the end
            figure = f"{name}: largest difference from the whole"
            rows.append(row(figure, "relative", None, goal=("<=", TOLERANCE), why=f"it failed: {error}"))
    finish("stages", rows, options, versions())


if __name__ == "__main__":
    main()
