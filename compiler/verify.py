"""The artifact against PyTorch, on inputs drawn at random, before it is called done."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
import torch.utils._pytree as pytree

from infc.errors import SourceError, VerifyError

from ..runtime.artifact import Artifact, OutputCheck, TensorSpec, VerifyReport
from ..runtime.session import Session
from .export import Program
from .interface import flatten_result
from .sampling import draw

# The largest error, relative to the largest magnitude that PyTorch's output has in that trial. Integers are exact.
TOLERANCES = {"f64": 1e-9, "f32": 1e-4, "f16": 1e-2, "bf16": 5e-2}

# `infc compile` leaves no file then, `infc verify` looks at one that is there: the next step is the same.
_HINT = "`infc compile --save-temps DIR` keeps the IR of every stage: please report it with that"


def verify(artifact: Artifact, program: Program, *, trials: int, seed: int, target: str) -> VerifyReport:
    """Run the artifact and PyTorch on the example inputs' kind, `trials` times, and compare every output.

    Raises:
        VerifyError: an output's shape or dtype differs, a value is NaN or infinite on one side only, or an error is
            above the tolerance of its dtype.
    """
    method = program.method
    worst = {spec.name: (0.0, 0.0) for spec in method.outputs}
    with Session.attach(artifact, target=target) as session:
        for trial, (inputs, expected) in enumerate(references(program, trials, seed)):
            actual = session.run({name: to_numpy(tensor) for name, tensor in inputs.items()})
            for spec in method.outputs:
                absolute, relative = compare(spec, expected[spec.name], actual[spec.name], trial)
                so_far = worst[spec.name]
                worst[spec.name] = (max(so_far[0], absolute), max(so_far[1], relative))
    checks = tuple(
        OutputCheck(output=spec.name, max_abs_error=a, max_rel_error=r, tolerance=TOLERANCES.get(spec.dtype, 0.0))
        for spec, (a, r) in ((spec, worst[spec.name]) for spec in method.outputs)
    )
    return VerifyReport(trials=trials, seed=seed, outputs=checks)


def references(
    program: Program, trials: int, seed: int
) -> Iterator[tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]]:
    """Random inputs, by name, and what PyTorch makes of them, by output name."""
    generator = torch.Generator().manual_seed(seed)
    examples = example_inputs(program)
    for _ in range(trials):
        inputs = {spec.name: draw(spec, examples[spec.name], generator) for spec in program.method.inputs}
        yield inputs, flatten_result(_call(program, inputs), program.method)


def example_inputs(program: Program) -> dict[str, torch.Tensor]:
    """The source's example inputs that are tensors, by the names of the method's inputs."""
    leaves = [leaf for leaf in _leaves(program)[0] if isinstance(leaf, torch.Tensor)]
    return {spec.name: leaf for spec, leaf in zip(program.method.inputs, leaves, strict=True)}


def compare(spec: TensorSpec, expected: torch.Tensor, actual: np.ndarray, trial: int) -> tuple[float, float]:
    """The largest absolute and relative error of one output in one trial.

    Raises:
        VerifyError: they do not agree within the tolerance of the output's dtype.
    """
    reference = to_numpy(expected)
    where = f"output {spec.name!r}, trial {trial}"
    if reference.shape != actual.shape or reference.dtype != actual.dtype:
        raise VerifyError(
            f"{where}: PyTorch gives {reference.dtype}{list(reference.shape)}, the compiled model "
            f"{actual.dtype}{list(actual.shape)}",
            hint=_HINT,
        )
    if not reference.size:
        return 0.0, 0.0
    a, b = actual.astype(np.float64), reference.astype(np.float64)
    finite = np.isfinite(b)
    if not np.array_equal(a[~finite], b[~finite], equal_nan=True) or not np.isfinite(a[finite]).all():
        raise VerifyError(f"{where}: NaN or infinite in other places than PyTorch's", hint=_HINT)
    difference = float(np.abs(a[finite] - b[finite]).max(initial=0.0))
    scale = float(np.abs(b)[finite].max(initial=0.0)) or 1.0
    tolerance = TOLERANCES.get(spec.dtype, 0.0)
    if difference / scale > tolerance:
        gap = np.abs(np.subtract(a, b, out=np.zeros_like(a), where=finite))
        at = np.unravel_index(int(gap.argmax()), b.shape)
        raise VerifyError(
            f"{where}: differs from PyTorch by {difference:.3g} ({difference / scale:.3g} of the largest value), "
            f"tolerance {tolerance:g}; worst at {[int(i) for i in at]}: {a[at]:.6g} instead of {b[at]:.6g}",
            hint=_HINT,
        )
    return difference, difference / scale


def to_numpy(tensor: torch.Tensor) -> np.ndarray:
    """The tensor as numpy has it; bf16 through ml_dtypes."""
    host = tensor.detach().cpu().contiguous()
    if host.dtype != torch.bfloat16:
        return host.numpy()
    import ml_dtypes

    return host.view(torch.int16).numpy().view(ml_dtypes.bfloat16)


def _call(program: Program, inputs: Mapping[str, torch.Tensor]) -> Any:
    leaves, tree = _leaves(program)
    fresh = iter([inputs[spec.name] for spec in program.method.inputs])
    args, kwargs = tree.unflatten([next(fresh) if isinstance(leaf, torch.Tensor) else leaf for leaf in leaves])
    try:
        with torch.no_grad():
            return program.source.module(*args, **kwargs)
    except (Exception, SystemExit) as error:
        text = str(error).splitlines()
        raise SourceError(
            f"PyTorch itself fails on inputs like the example: {type(error).__name__}: {text[0] if text else ''}",
            hint="give example inputs whose integers span the values that the model takes",
        ) from error


def _leaves(program: Program) -> tuple[list[Any], pytree.TreeSpec]:
    """The example's arguments, flat, and how to build them again: the order in which export flattened them too."""
    return pytree.tree_flatten((program.source.args, dict(program.source.kwargs)))
