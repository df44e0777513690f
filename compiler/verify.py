"""The artifact against PyTorch, before it is called done: on random inputs, and on values that stress the numbers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch

from infc.errors import SourceError, VerifyError

from ..runtime.artifact import Artifact, LeftOut, OutputCheck, TensorSpec, Values, VerifyReport
from ..runtime.session import Session
from ..runtime.shapes import sized
from .comparison import Disagreement, Gap, compare, judge, to_numpy
from .export import Program
from .reference import Reference, Tensors
from .sampling import draw, is_mask, kinds

# `infc compile` leaves no file then, `infc verify` looks at one that is there: the next step is the same.
_HINT = "`infc compile --save-temps DIR` keeps the IR of every stage: please report it with that"
_HINT_BLURRED = (
    "no comparison can tell right from wrong there: give example inputs of the size that the model is used with"
)


@dataclass(frozen=True)
class Trial:
    """One call: the kind of its values, its number among the random ones, inputs, and PyTorch's outputs."""

    values: Values
    number: int
    inputs: Tensors
    expected: Tensors

    def __str__(self) -> str:
        return f"{self.values} inputs, trial {self.number}" if self.values == "random" else f"{self.values} inputs"


def verify(artifact: Artifact, program: Program, *, trials: int, seed: int, target: str) -> VerifyReport:
    """Run the artifact and PyTorch on `trials` random inputs and one of every other kind, and compare every output.

    Raises:
        SourceError: PyTorch itself fails on random inputs of the examples' kind.
        VerifyError: an output's shape or dtype differs, a value is NaN or infinite on one side only, or an error is
            above the tolerance of its dtype and more than rounding explains; or rounding alone decides what random
            inputs give.
    """
    reference = Reference(program)
    record = _Record()
    with Session.attach(artifact, target=target) as session:
        for trial in draw_trials(program, reference, trials, seed):
            if isinstance(trial, LeftOut):
                record.left_out.append(trial)
                continue
            actual = session.run({name: to_numpy(tensor) for name, tensor in trial.inputs.items()})
            _compare_all(program, reference, trial, actual, record)
    return VerifyReport(trials=trials, seed=seed, outputs=record.checks(), left_out=tuple(record.left_out))


def draw_trials(program: Program, reference: Reference, count: int, seed: int) -> Iterator[Trial | LeftOut]:
    """`count` trials on random inputs, then one of each kind that the inputs have, or why there is none.

    Where PyTorch refuses random integers (a length, a number of frames), the examples' own are kept, and that is said.
    """
    generator = torch.Generator().manual_seed(seed)
    examples = reference.examples()
    specs = [(spec, examples[spec.name]) for spec in program.method.inputs]
    fixed: Tensors = {}
    plan: list[Values] = [*_random(count), *kinds(specs)]
    for number, values in enumerate(plan):
        drawn = {spec.name: draw(values, spec, example, sized(spec, {}), generator) for spec, example in specs}
        try:
            yield _trial(reference, values, number, drawn | fixed)
        except SourceError as error:
            if values != "random":
                yield LeftOut(values=values, why=error.message)
                continue
            integers = {spec.name: example for spec, example in specs if _counts(spec, example)}
            if fixed or not integers:
                raise
            fixed = integers
            yield _trial(reference, values, number, drawn | fixed)
            names = ", ".join(fixed)
            yield LeftOut(values=values, why=f"other integers than the example's for {names}: {error.message}")


def _random(count: int) -> Iterator[Values]:
    for _ in range(count):
        yield "random"


def _trial(reference: Reference, values: Values, number: int, inputs: Tensors) -> Trial:
    return Trial(values, number, inputs, reference(inputs))


def _counts(spec: TensorSpec, example: torch.Tensor) -> bool:
    """Whether it is an integer that the model may count with."""
    return spec.dtype != "bool" and not example.dtype.is_floating_point and not is_mask(spec, example)


def _compare_all(
    program: Program, reference: Reference, trial: Trial, actual: Mapping[str, np.ndarray], record: "_Record"
) -> None:
    exact: Tensors | None = None
    flushed: Tensors | None = None
    for spec in program.method.outputs:
        expected = to_numpy(trial.expected[spec.name])
        found = compare(spec, expected, actual[spec.name])
        if isinstance(found, Disagreement) and trial.values == "smallest":
            flushed = flushed or reference.flushed(trial.inputs)
            if flushed:
                found = _either(found, compare(spec, to_numpy(flushed[spec.name]), actual[spec.name]))
        if isinstance(found, Disagreement):
            exact = exact or reference.exact(trial.inputs)
            if exact:
                found = judge(spec, expected, actual[spec.name], to_numpy(exact[spec.name]))
        record.take(spec, trial, found)


def _either(one: Disagreement, other: Gap | Disagreement) -> Gap | Disagreement:
    return one if isinstance(other, Disagreement) else other


@dataclass
class _Record:
    """The worst of each kind and output, and what was left out."""

    worst: dict[tuple[Values, str], Gap] = field(default_factory=dict[tuple[Values, str], Gap])
    left_out: list[LeftOut] = field(default_factory=list[LeftOut])

    def take(self, spec: TensorSpec, trial: Trial, found: Gap | Disagreement) -> None:
        """Remembers one output of one trial.

        Raises:
            VerifyError: it is not PyTorch's.
        """
        if isinstance(found, Disagreement):
            if not found.blurred or trial.values == "random":
                hint = _HINT_BLURRED if found.blurred else _HINT
                raise VerifyError(f"output {spec.name!r}, {trial}: {found.why}", hint=hint)
            self._leave_out(trial, f"output {spec.name!r}: {found.why}")
            return
        if found.undecided:
            self._leave_out(
                trial,
                f"output {spec.name!r}: {found.undecided} elements of which PyTorch gives others in f64",
            )
        key = (trial.values, spec.name)
        self.worst[key] = _worse(self.worst[key], found) if key in self.worst else found

    def checks(self) -> tuple[OutputCheck, ...]:
        """A row for each kind and output."""
        return tuple(
            OutputCheck(
                values=values,
                output=output,
                max_abs_error=gap.absolute,
                max_rel_error=gap.relative,
                tolerance=gap.tolerance,
                not_finite=gap.not_finite,
                reference_error=gap.reference_error,
            )
            for (values, output), gap in self.worst.items()
        )

    def _leave_out(self, trial: Trial, why: str) -> None:
        self.left_out.append(LeftOut(values=trial.values, why=why))


def _worse(one: Gap, other: Gap) -> Gap:
    own = [each for each in (one.reference_error, other.reference_error) if each is not None]
    return Gap(
        max(one.absolute, other.absolute),
        max(one.relative, other.relative),
        max(one.tolerance, other.tolerance),
        one.not_finite + other.not_finite,
        max(own) if own else None,
    )
