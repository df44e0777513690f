"""The sides of the benchmarks: one model, made usable by each of the tools that a user might choose instead.

All of them get f32 and two threads. A side is opened from files that were written ahead of time, as a server would.
"""

import subprocess
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnxruntime
import openvino
import torch

from infc.runtime.artifact import Artifact
from infc.runtime.session import Session

import models

THREADS = 2
ROOT = Path(__file__).parent.parent
Infer = Callable[[], Any]  # an array; one call on the example inputs
PACKAGES = ("infc", "torch", "onnxruntime", "openvino", "iree-base-runtime", "transformers", "numpy")


@dataclass(frozen=True)
class Files:
    """One model in every form, and its example inputs by name."""

    artifact: Path
    checkpoint: Path
    onnx: Path
    cache: Path
    inputs: Mapping[str, np.ndarray]
    expected: np.ndarray


@contextmanager
def prepared(factory: str) -> Generator[Files]:
    """Write `models.<factory>()` as an artifact, a checkpoint and ONNX into a folder that is removed at the end."""
    torch.set_num_threads(THREADS)
    build = ROOT / "build"
    build.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=build, prefix="bench-") as name:
        folder = Path(name)
        module, example = getattr(models, factory)()
        names = ["input_ids", "attention_mask"]
        with torch.inference_mode():
            expected = module(*example).numpy()
        torch.save(module, folder / "model.pt")
        torch.onnx.export(module, example, folder / "model.onnx", input_names=names, external_data=True, verbose=False)
        compile_artifact(f"{ROOT / 'bench' / 'models.py'}:{factory}", folder / "model.infc")
        inputs = {key: value.numpy() for key, value in zip(names, example, strict=True)}
        yield Files(
            folder / "model.infc", folder / "model.pt", folder / "model.onnx", folder / "cache", inputs, expected
        )


def compile_artifact(source: str, destination: Path) -> None:
    command = [sys.executable, "-m", "infc", "compile", source, "-o", str(destination), "--name", "bench"]
    if (code := subprocess.run(command).returncode) != 0:
        raise SystemExit(code)


def open_infc(files: Files) -> Infer:
    session = Session.attach(Artifact.open(files.artifact))
    return lambda: next(iter(session.run(files.inputs).values()))


def open_eager(files: Files) -> Infer:
    module = torch.load(files.checkpoint, weights_only=False)
    arguments = [torch.from_numpy(value) for value in files.inputs.values()]

    def infer() -> np.ndarray:
        with torch.inference_mode():
            return module(*arguments).numpy()

    return infer


def open_inductor(files: Files) -> Infer:
    module = torch.compile(torch.load(files.checkpoint, weights_only=False))
    arguments = [torch.from_numpy(value) for value in files.inputs.values()]

    def infer() -> np.ndarray:
        with torch.inference_mode():
            return module(*arguments).numpy()

    return infer


def open_onnxruntime(files: Files) -> Infer:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = onnxruntime.InferenceSession(files.onnx, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, dict(files.inputs))[0]


def open_openvino(files: Files, **settings: Any) -> Infer:
    settings |= {"INFERENCE_NUM_THREADS": THREADS, "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    compiled = openvino.Core().compile_model(files.onnx, "CPU", settings)
    return lambda: compiled(dict(files.inputs))[0]


def open_openvino_cached(files: Files) -> Infer:
    """OpenVINO with its own cache of the compiled model: filled by the turn that is not counted."""
    return open_openvino(files, CACHE_DIR=str(files.cache))


def check(files: Files, sides: Mapping[str, Infer]) -> None:
    """All sides compute the same thing, or there is nothing to compare."""
    for name, infer in sides.items():
        difference = float(np.abs(infer() - files.expected).max())
        if not difference < 1e-3:
            raise SystemExit(f"error: {name} differs from PyTorch by {difference:g}")


def versions() -> dict[str, str]:
    return {package: version(package) for package in PACKAGES}
