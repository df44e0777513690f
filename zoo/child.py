"""One entry in a process of its own: `python zoo/child.py text.bert` compiles, verifies, times; prints a JSON line."""

import contextlib
import importlib
import json
import re
import resource
import statistics
import sys
import tempfile
import warnings
from pathlib import Path
from time import perf_counter
from typing import Any

HERE = Path(__file__).parent
MEMORY = 8 << 30  # bytes of private memory, for this process and each that it starts
CALLS = 9


def main(name: str) -> None:
    """Prints the row of `family.entry`."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")
    with contextlib.redirect_stdout(sys.stderr):
        row = measure(name)
    print(json.dumps(row))


def measure(name: str) -> dict[str, Any]:
    """Compile and verify `family.entry`, then time a call on one thread, against eager on one thread."""
    import msgspec
    import torch

    from infc.compiler.driver import CompileOptions, compile_model
    from infc.errors import InfcError, VerifyError

    torch.set_num_threads(1)
    family, _, entry = name.partition(".")
    source = f"{HERE / family}.py:{entry}"
    row: dict[str, Any] = {"name": name, "compiled": False, "verified": False}
    with tempfile.TemporaryDirectory() as folder:
        try:
            start = perf_counter()
            result = compile_model(source, Path(folder) / "zoo.infc", CompileOptions(cache=None))
        except InfcError as error:
            stage = getattr(error, "stage", "") or "export"
            row["compiled"] = isinstance(error, VerifyError)
            return {**row, "error": type(error).__name__, "stage": stage, "why": _public(error.message)}
        row |= {"compiled": True, "verified": True, "compile_s": round(perf_counter() - start, 2)}
        errors = re.findall(r'"max_rel_error":([^,}]+)', msgspec.json.encode(result.config).decode())
        row["max_rel_error"] = max(map(float, errors))
        return {**row, **times(result.path, name)}


def times(path: Path, name: str) -> dict[str, float]:
    """Milliseconds of a call, both sides taking turns: the median of `CALLS`."""
    import torch

    from infc.runtime.artifact import Artifact
    from infc.runtime.session import Session

    family, _, entry = name.partition(".")
    module, example = getattr(importlib.import_module(family), entry)()
    args, kwargs = ((), example) if isinstance(example, dict) else (example, {})
    with Artifact.open(path) as artifact, Session.attach(artifact, device="local-sync") as session, torch.no_grad():
        specs = artifact.method().inputs
        given = kwargs or {spec.name: value for spec, value in zip(specs, args, strict=True)}
        inputs = {spec.name: array(given[spec.name]) for spec in specs}
        sides = {"infc_ms": lambda: session.run(inputs), "eager_ms": lambda: module(*args, **kwargs)}
        taken: dict[str, list[float]] = {side: [] for side in sides}
        for _ in range(CALLS + 1):
            for side, call in sides.items():
                start = perf_counter()
                call()
                taken[side].append(1000 * (perf_counter() - start))
    return {side: round(statistics.median(values[1:]), 4) for side, values in taken.items()}


def array(tensor: Any) -> Any:
    """The tensor for numpy, which has no bf16 of its own."""
    if str(tensor.dtype) != "torch.bfloat16":
        return tensor.numpy()
    import ml_dtypes
    import torch

    return tensor.view(torch.int16).numpy().view(ml_dtypes.bfloat16)


def _public(message: str) -> str:
    """Places without the paths of this machine."""
    return message.replace(str(Path(sys.prefix)) + "/", "").replace(str(HERE.parent) + "/", "")


if __name__ == "__main__":
    main(sys.argv[1])
