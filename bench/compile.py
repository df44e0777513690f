"""How long does it take to compile, against `torch.compile`'s first call, and how much memory?

BERT-base with random weights, 1×128, f32. Each sample is a process of its own with empty caches. infc's time is all
but building the module: export, import, passes, machine code, packed weights, comparison with PyTorch, the file.
"""

import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from harness import Side, finish, interleave, parse_options, row
from peers import THREADS, versions

MODELS = Path(__file__).parent / "models.py"

# The first call compiles; the module and its inputs are there before.
INDUCTOR = """
import importlib.util, sys, time, torch
spec = importlib.util.spec_from_file_location("models", sys.argv[1])
models = importlib.util.module_from_spec(spec)
spec.loader.exec_module(models)
torch.set_num_threads(int(sys.argv[3]))
module, example = getattr(models, sys.argv[2])()
with torch.inference_mode():
    started = time.perf_counter()
    torch.compile(module)(*example)
print(time.perf_counter() - started)
"""


@dataclass
class Compiler:
    """`infc compile` of one factory, in a fresh process each time; remembers what else each run showed."""

    factory: str
    folder: Path
    peaks: list[float] = field(default_factory=list[float])  # MiB
    stages: list[dict[str, float]] = field(default_factory=list[dict[str, float]])  # seconds
    weights: float = 0.0  # MiB

    def __call__(self) -> float:
        """Seconds of one compile."""
        out = self.folder / "model.infc"
        command = [sys.executable, "-m", "infc", "compile", f"{MODELS}:{self.factory}", "-o", str(out), "--json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            report = json.loads(process.stdout.read())
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        seconds = {stage: spent for stage, spent in report["seconds"].items() if stage != "load"}
        self.peaks.append(usage.ru_maxrss / 1024)
        self.stages.append(seconds)
        self.weights = out.stat().st_size / 2**20
        return sum(seconds.values())


def inductor(factory: str) -> float:
    """Seconds of torch.compile's first call, without a cache of an earlier run."""
    with TemporaryDirectory(prefix="inductor-") as cache:
        done = subprocess.run(
            [sys.executable, "-c", INDUCTOR, str(MODELS), factory, str(THREADS)],
            env=os.environ | {"TORCHINDUCTOR_CACHE_DIR": cache},
            capture_output=True,
            text=True,
            check=True,
        )
    return float(done.stdout)


def main() -> None:
    options = parse_options(__doc__ or "")
    factory, repetitions = ("bert_tiny", 1) if options.quick else ("bert_base", 5)
    with TemporaryDirectory(prefix="bench-") as folder:
        compiler = Compiler(factory, Path(folder))
        sides = interleave({"infc": compiler, "torch.compile": lambda: inductor(factory)}, repetitions)
    ours, theirs = sides["infc"].median, sides["torch.compile"].median
    stages = {name: Side.of([run[name] for run in compiler.stages]) for name in compiler.stages[0]}
    peak = statistics.median(compiler.peaks)
    rows = [
        row("compile", "s", ours, sides),
        row("torch.compile's first call against it", "×", theirs / ours, goal=(">=", 1)),
        row("stages of infc", "s", sum(stage.median for stage in stages.values()), stages),
        row("peak memory of infc's process", "MiB", peak),
        row("peak memory against the weights", "×", peak / compiler.weights, goal=("<=", 3)),
    ]
    finish("compile", rows, options, versions())


if __name__ == "__main__":
    main()
