"""Everything beside its input that decides what a stage makes: tools, infc's own code, the machine."""

import hashlib
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ...runtime.host import cpu_features

_TOOLS = ("torch", "torch-mlir", "iree-base-compiler", "iree-base-runtime")
# What only some front doors read with.
_READERS = ("transformers", "safetensors", "onnx", "onnxruntime", "numpy")
_PACKAGES = ("compiler", "dialects", "passes", "runtime")


@cache
def toolchain() -> str:
    """The versions of what compiles and reads, and the sha256 of infc's own code.

    The code, and not its version: between two releases it changes, and what it made then is not what it would make.
    """
    state = hashlib.sha256()
    root = Path(__file__).resolve().parents[2]
    for package in _PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            code = path.read_bytes()
            state.update(f"{path.relative_to(root)} {len(code)}\n".encode() + code)
    return " ".join([*(f"{name}={_version(name)}" for name in (*_TOOLS, *_READERS)), state.hexdigest()])


@cache
def host() -> str:
    """The CPU as LLVM sees it when it is asked for code for this host."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    first = lines[: lines.index("")] if "" in lines else lines
    identity = [line for line in first if line.startswith(("vendor_id", "cpu family", "model", "stepping", "CPU "))]
    return "\n".join([platform.machine(), *identity, *sorted(cpu_features())])


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"
