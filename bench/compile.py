"""How long does it take to compile, against `torch.compile`'s first call, and how much memory?

BERT-base with random weights, 1×128, f32. Each sample is a process of its own with empty caches. infc's time is all
but building the module: export, import, passes, machine code, packed weights, comparison with PyTorch, the file. And
how long does it take with the compile cache, when nothing changed and when a target is added?
"""

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import torch

from harness import Side, finish, interleave, parse_options, row
from peers import THREADS, versions

MODELS = Path(__file__).parent / "models.py"
ADDED = "cpu:x86-64-v3"

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
    """`infc compile` of one source, in a fresh process each time; remembers what else each run showed.

    `cache` is the folder of the compile cache; None compiles anew.
    """

    source: str
    folder: Path
    cache: Path | None = None
    targets: tuple[str, ...] = ("cpu",)
    peaks: list[float] = field(default_factory=list[float])  # MiB, of the whole process tree
    stages: list[dict[str, float]] = field(default_factory=list[dict[str, float]])  # seconds
    cached: bool = False
    weights: float = 0.0  # MiB

    def __call__(self) -> float:
        """Seconds of one compile, without what the factory takes to build the module."""
        out = self.folder / "model.infc"
        command = [sys.executable, "-m", "infc", "compile", self.source, "-o", str(out), "--json"]
        command += [word for target in self.targets for word in ("--target", target)]
        command += [] if self.cache else ["--no-cache"]
        environment = os.environ | ({"INFC_CACHE_DIR": str(self.cache)} if self.cache else {})
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        with process, Peak(process.pid) as peak:
            assert process.stdout is not None
            report = json.loads(process.stdout.read())
        seconds = {stage: spent for stage, spent in report["seconds"].items() if stage != "load"}
        self.peaks.append(peak.bytes / 2**20)
        self.stages.append(seconds)
        self.cached = report["cached"]
        self.weights = out.stat().st_size / 2**20
        return sum(seconds.values())


class Peak:
    """The most that a process and its children held at a time: their resident sets together, looked at 20 times a
    second. Pages that two of them share count twice."""

    def __init__(self, pid: int) -> None:
        self.bytes = 0
        self._process = psutil.Process(pid)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Peak":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.05):
            try:
                own = self._process.cmdline()
                children = self._process.children(recursive=True)
            except psutil.NoSuchProcess:
                return
            # A child that has not become its own program yet has all of its parent's pages.
            tree = [self._process, *(child for child in children if _command(child) != own)]
            self.bytes = max(self.bytes, sum(map(_resident, tree)))


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def _resident(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.NoSuchProcess:
        return 0


def saved(factory: str, folder: Path) -> str:
    """The factory's module as a .pt2: a source that is known by its bytes."""
    spec = importlib.util.spec_from_file_location("models", MODELS)
    assert spec is not None
    assert spec.loader is not None
    models = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(models)
    module, example = getattr(models, factory)()
    path = folder / "model.pt2"
    torch.export.save(torch.export.export(module, example), path)
    return str(path)


def added(source: str, folder: Path) -> float:
    """Seconds of a compile for two targets, where the cache has what one of them gave."""
    with TemporaryDirectory(prefix="cache-", dir=folder) as cache:
        Compiler(source, folder, Path(cache))()
        return Compiler(source, folder, Path(cache), targets=("cpu", ADDED))()


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
    with TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        source = f"{MODELS}:{factory}"
        compiler = Compiler(source, folder)
        again = Compiler(source, folder, folder / "cache")
        file = Compiler(saved(factory, folder), folder, folder / "cache")
        for each in (again, file):
            each()  # what the others find
        several = Compiler(source, folder, targets=("cpu", ADDED))
        sides = interleave(
            {
                "infc": compiler,
                "torch.compile": lambda: inductor(factory),
                "infc, unchanged": again,
                "infc, unchanged .pt2": file,
                "infc, two targets": several,
                "infc, a target added": lambda: added(source, folder),
            },
            repetitions,
        )
    assert again.cached
    assert file.cached
    ours, theirs = sides["infc"].median, sides["torch.compile"].median
    unchanged, known = sides["infc, unchanged"].median, sides["infc, unchanged .pt2"].median
    both, later = sides["infc, two targets"].median, sides["infc, a target added"].median

    def only(*names: str) -> dict[str, Side]:
        return {name: sides[name] for name in names}

    stages = {name: Side.of([run[name] for run in compiler.stages]) for name in compiler.stages[0]}
    peak = statistics.median(compiler.peaks)
    rows = [
        row("compile", "s", ours, only("infc", "torch.compile")),
        row("torch.compile's first call against it", "×", theirs / ours, goal=(">=", 1)),
        row("stages of infc", "s", sum(stage.median for stage in stages.values()), stages),
        row(
            "an unchanged factory against the first compile",
            "×",
            unchanged / ours,
            only("infc, unchanged"),
            ("<=", 0.1),
        ),
        row(
            "an unchanged .pt2 against the first compile", "×", known / ours, only("infc, unchanged .pt2"), ("<=", 0.1)
        ),
        row(
            "a target added later against both at once",
            "×",
            later / both,
            only("infc, two targets", "infc, a target added"),
        ),
        row("peak memory of infc and its tools", "MiB", peak),
        row("peak memory against the weights", "×", peak / compiler.weights, goal=("<=", 3)),
    ]
    finish("compile", rows, options, versions())


if __name__ == "__main__":
    main()
