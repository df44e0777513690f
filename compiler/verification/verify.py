"""The artifact against PyTorch, before it is called done: on random inputs, and on values that stress the numbers."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from infc.errors import SourceError, VerifyError

from ...runtime.artifact import Artifact, LeftOut, Middle, OutputCheck, TensorSpec, Values, VerifyReport
from ...runtime.session import Session
from ...runtime.shapes import sized
from ..frontend.export import Program
from .comparison import Disagreement, Gap, compare, judge, to_numpy
from .reference import Reference, Tensors
from .sampling import draw, is_mask, kinds, shown

# `infc compile` leaves no file then, `infc verify` looks at one that is there: the next step is the same.
_HINT = "`infc compile --save-temps DIR` keeps the IR of every stage: please report it with that"
_HINT_BLURRED = (
    "no comparison can tell right from wrong there: give example inputs of the size that the model is used with"
)
_TIES = "the order of equal values, which PyTorch's sort and topk leave open, is that of their places here"
_HINT_ROUNDED = (
    "the weights are stored in fewer bits: give them more, or smaller groups (--quantize 4,group=32), or accept the "
    "error with --tolerance"
)


@dataclass(frozen=True)
class Trial:
    """One call: the kind of its values, its number among the random ones, inputs, and PyTorch's outputs.

    `sizes` are those of the dims that vary, by name.
    """

    values: Values
    number: int
    inputs: Tensors
    expected: Tensors
    sizes: Mapping[str, int] = field(default_factory=dict[str, int])

    def __str__(self) -> str:
        text = f"{self.values} inputs, trial {self.number}" if self.values == "random" else f"{self.values} inputs"
        return text + "".join(f", {name}={size}" for name, size in self.sizes.items())


def verify(
    artifact: Artifact,
    program: Program,
    *,
    trials: int,
    seed: int,
    target: str,
    sizes: Sequence[Mapping[str, int]] = (),
    visible: Sequence[str] = (),
    drawn: "Iterable[Trial | LeftOut] | None" = None,
    before: Callable[[], None] = lambda: None,
) -> VerifyReport:
    """Run the artifact and PyTorch on `trials` random inputs and one of every other kind, and compare every output.

    Where dims vary, `sizes` are tried, each on random inputs, and the other kinds on the smallest and a middle one.
    Calls whose `visible` masks hide whole rows are run by another module (see `ModuleBuild`): each size is tried with
    such rows and without. `drawn` are the trials, where PyTorch was asked already; `before` is
    called before it is asked.

    Raises:
        SourceError: PyTorch itself fails on random inputs of the examples' kind.
        VerifyError: an output's shape or dtype differs, a value is NaN or infinite on one side only, or an error is
            above the tolerance of its dtype and more than rounding explains; or rounding alone decides what random
            inputs give.
    """
    reference = Reference(program, before)
    record = _Record(program.source.reference, artifact.config.middle)
    with Session.attach(artifact, target=target) as session:
        own = draw_trials(program, reference, trials, seed, sizes, visible) if drawn is None else drawn
        for trial in own:
            if isinstance(trial, LeftOut):
                record.left_out.append(trial)
                continue
            given = {name: to_numpy(tensor) for name, tensor in trial.inputs.items()}
            actual = session.run(given, program.method.name)
            _compare_all(program, reference, trial, actual, record)
    return VerifyReport(
        trials=max(trials, len(sizes)),
        seed=seed,
        outputs=record.checks(),
        left_out=tuple(record.left_out),
        sizes=tuple(map(dict, sizes)),
    )


def draw_trials(
    program: Program,
    reference: Reference,
    count: int,
    seed: int,
    sizes: Sequence[Mapping[str, int]] = (),
    visible: Sequence[str] = (),
) -> Iterator[Trial | LeftOut]:
    """`count` trials on random inputs, then one of each kind that the inputs have, or why there is none. See `verify`.

    Where PyTorch refuses random integers (a length, a number of frames), the examples' own are kept, and that is said.
    """
    generator = torch.Generator().manual_seed(seed)
    examples = reference.examples()
    specs = [(spec, examples[spec.name]) for spec in program.method.inputs]
    fixed: Tensors = {}
    for number, (values, own, masks) in enumerate(_plan(count, kinds(specs), sizes, visible)):
        drawn = {spec.name: draw(values, spec, example, sized(spec, own), generator) for spec, example in specs}
        drawn |= {name: shown(drawn[name]) for name in masks}
        kept = {spec.name: _fitted(fixed[spec.name], sized(spec, own)) for spec, _ in specs if spec.name in fixed}
        try:
            yield _trial(reference, values, number, drawn | kept, own)
        except SourceError as error:
            if values != "random":
                yield LeftOut(values=values, why=error.message)
                continue
            integers = {spec.name: example for spec, example in specs if _counts(spec, example)}
            if fixed or not integers:
                raise
            fixed = integers
            kept = {spec.name: _fitted(fixed[spec.name], sized(spec, own)) for spec, _ in specs if spec.name in fixed}
            yield _trial(reference, values, number, drawn | kept, own)
            names = ", ".join(fixed)
            yield LeftOut(values=values, why=f"other integers than the example's for {names}: {error.message}")


def planned(
    program: Program, count: int, sizes: Sequence[Mapping[str, int]] = (), visible: Sequence[str] = ()
) -> list[Mapping[str, int]]:
    """The sizes of all trials that `draw_trials` draws."""
    examples = Reference(program).examples()
    values = kinds([(spec, examples[spec.name]) for spec in program.method.inputs])
    return [own for _, own, _ in _plan(count, values, sizes, visible)]


def _plan(
    count: int, others: Sequence[Values], sizes: Sequence[Mapping[str, int]], visible: Sequence[str]
) -> Iterator[tuple[Values, Mapping[str, int], Sequence[str]]]:
    """What is tried: the kind of values, the sizes of the dims that vary, and the masks that hide no whole row."""
    tried = sizes or [{}]
    for masks in [(), visible] if visible else [()]:
        for number in range(max(count, len(sizes))):
            yield "random", tried[number % len(tried)], masks
    for values in others:
        for place in sorted({0, len(tried) // 2}):
            yield values, tried[place], ()


def _fitted(example: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """The example's own values in another shape: again from the first where there are too few."""
    if tuple(example.shape) == tuple(shape) or not example.numel():
        return example
    places = torch.arange(math.prod(shape)) % example.numel()
    return example.flatten()[places].reshape(tuple(shape))


def _trial(reference: Reference, values: Values, number: int, inputs: Tensors, sizes: Mapping[str, int]) -> Trial:
    return Trial(values, number, inputs, reference(inputs), sizes)


def _counts(spec: TensorSpec, example: torch.Tensor) -> bool:
    """Whether it is an integer that the model may count with."""
    return spec.dtype != "bool" and not example.dtype.is_floating_point and not is_mask(spec, example)


def _compare_all(
    program: Program, reference: Reference, trial: Trial, actual: Mapping[str, np.ndarray], record: "_Record"
) -> None:
    exact: Tensors | None = None
    accepted = record.middle.tolerance or 0.0
    flushed: Tensors | None = None
    ordered: Tensors | None = None
    for spec in program.method.outputs:
        expected = to_numpy(trial.expected[spec.name])
        found = compare(spec, expected, actual[spec.name], accepted)
        if isinstance(found, Disagreement) and trial.values == "smallest":
            flushed = flushed or reference.flushed(trial.inputs)
            if flushed:
                found = _either(found, compare(spec, to_numpy(flushed[spec.name]), actual[spec.name], accepted))
        if isinstance(found, Disagreement):
            exact = exact or reference.exact(trial.inputs)
            if exact:
                found = judge(spec, expected, actual[spec.name], to_numpy(exact[spec.name]), accepted)
        if isinstance(found, Disagreement):
            ordered = ordered or reference.in_order(trial.inputs)
            other = compare(spec, to_numpy(ordered[spec.name]), actual[spec.name], accepted) if ordered else found
            if isinstance(other, Gap):
                found = other
                record.leave_out(trial, f"output {spec.name!r}: {_TIES}")
        record.take(spec, trial, found)


def _either(one: Disagreement, other: Gap | Disagreement) -> Gap | Disagreement:
    return one if isinstance(other, Disagreement) else other


@dataclass
class _Record:
    """The worst of each kind and output, and what was left out."""

    reference: str
    middle: Middle
    worst: dict[tuple[Values, str], Gap] = field(default_factory=dict[tuple[Values, str], Gap])
    left_out: list[LeftOut] = field(default_factory=list[LeftOut])

    def take(self, spec: TensorSpec, trial: Trial, found: Gap | Disagreement) -> None:
        """Remembers one output of one trial.

        Raises:
            VerifyError: it is not PyTorch's.
        """
        if isinstance(found, Disagreement):
            if not found.blurred or trial.values == "random":
                hint = _HINT_BLURRED if found.blurred else _HINT if self.middle.tolerance is None else _HINT_ROUNDED
                raise VerifyError(
                    f"output {spec.name!r}, {trial}: {found.why.replace('PyTorch', self.reference)}", hint=hint
                )
            self.leave_out(trial, f"output {spec.name!r}: {found.why}")
            return
        if found.undecided:
            self.leave_out(
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

    def leave_out(self, trial: Trial, why: str) -> None:
        """Remembers what of a trial was not compared as it is."""
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
