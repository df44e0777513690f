"""IREE as the backend: MLIR text in, a module of machine code out, in a process of its own."""

import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

import iree.compiler
import msgspec

from infc.errors import CompileError

from ..targets import Target
from .fingerprint import host
from .tools import Tools

BINARY = Path(iree.compiler.__path__[0]) / "_mlir_libs" / "iree-compile"

_COMMON = (
    # What IREE would compute from weights at load would be private memory of every process, and time at every attach.
    "--iree-opt-const-eval=false",
    "--iree-opt-const-expr-hoisting=false",
)


# What LLVM's code generator picks by itself; other features (caches, keys, system calls) take an intrinsic.
_SELECTED = re.compile(
    r"sse|ssse|avx|fma|f16c|bmi|popcnt|lzcnt|movbe|amx|gfni|neon|fp16|fullfp16|bf16|dotprod|i8mm|sve|sme"
)


@dataclass(frozen=True)
class Module:
    """A compiled module, the CPU features (LLVM's names) that its code may use, and its activations' peak in bytes."""

    code: bytes
    features: tuple[str, ...]
    activation_peak: int


def compile_text(text: str, target: Target, tools: Tools, *, doubles: bool = False) -> Module:
    """Compile linalg on tensors for `target`.

    `doubles` keeps f64 as it is: for a model that takes, holds or returns it. Elsewhere f64 is what torch-mlir computes
    means and variances in, and f32 does for them what it does in PyTorch.

    Raises:
        CompileError: IREE does not compile the text, or dies, or takes longer or more memory than it may.
    """
    wanted = flags(target, doubles=doubles)
    # What the flags leave to this machine is part of what the code is made from.
    made_from = [text, *wanted, host() if _for_this_host(target) else ""]
    made = tools.remember("module", made_from, lambda: msgspec.msgpack.encode(_module(text, target, wanted, tools)))
    return msgspec.msgpack.decode(made, type=Module)


def _module(text: str, target: Target, wanted: tuple[str, ...], tools: Tools) -> Module:
    with tempfile.TemporaryDirectory(prefix="infc-") as folder:
        statistics = Path(folder) / "statistics.json"
        dump = ("--iree-scheduling-dump-statistics-format=json", f"--iree-scheduling-dump-statistics-file={statistics}")
        code = _compile(text, wanted, tools, dump)
        measured = json.loads(statistics.read_text())["stream-aggregate"]
    features = target_features(target, tools) if target.machine else ()
    return Module(code, features, measured["execution"]["transient-memory-size"])


def flags(target: Target, *, doubles: bool = False) -> tuple[str, ...]:
    """The flags of `iree-compile` for `target`."""
    keep = ("--iree-input-demote-f64-to-f32=false",) if doubles else ()
    return (*target.flags, *_COMMON, *keep)


def target_features(target: Target, tools: Tools) -> tuple[str, ...]:
    """The CPU features that code for `target` may use, in LLVM's names, sorted."""
    wanted = (*target.flags, "--compile-to=preprocessing")
    made_from = [*wanted, host() if _for_this_host(target) else ""]
    text = tools.remember("module", made_from, lambda: _compile("module { }", wanted, tools)).decode()
    _, found, rest = text.partition('cpu_features = "')
    if not found:
        return ()
    enabled = {name[1:] for name in rest.partition('"')[0].split(",") if name.startswith("+")}
    return tuple(sorted(name for name in enabled if _SELECTED.match(name)))


def _for_this_host(target: Target) -> bool:
    return any(flag.endswith("=host") for flag in target.flags)


def _compile(text: str, flags: tuple[str, ...], tools: Tools, dump: tuple[str, ...] = ()) -> bytes:
    with tempfile.TemporaryDirectory(prefix="infc-") as folder:
        output = Path(folder) / "module"
        # The text comes by standard input, so that no path of this machine gets into a location.
        command = (str(BINARY), "-", *flags, *dump, "-o", str(output))
        finished = tools.children.run(command, text.encode(), {"LLVM_DISABLE_CRASH_REPORT": "1"})
        if not finished.failure:
            return output.read_bytes()
    unknown = _unknown_operation(text) if finished.crashed and not finished.remedy else ""
    error = CompileError(
        f"iree-compile failed ({finished.failure}): {unknown or _first_line(finished.stderr)}",
        hint=finished.remedy or "IREE does not compile that operation; rewrite that part of the model",
        stage="iree-compile",
        command=("iree-compile", "-", *flags),
    )
    raise tools.temps.reproduced(error, text, ("iree-compile", *flags, "-o", "/dev/null"), tools.children.limits)


def _unknown_operation(text: str) -> str:
    """What IREE's parser does not take: such an operation makes iree-compile crash where the parser gives its name."""
    import iree.compiler.ir as iree_ir

    try:
        with iree_ir.Context():
            iree_ir.Module.parse(text)
    except iree_ir.MLIRError as error:
        return _first_line(str(error))
    return ""


def _first_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return next((line for line in lines if "error:" in line), lines[0] if lines else "no message")
