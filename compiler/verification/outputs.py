"""The outputs of one trial against PyTorch's, by all the ways in which they may differ and be right."""

from collections.abc import Mapping

import numpy as np

from ..frontend.export import Program
from .comparison import Disagreement, Gap, compare, judge, to_numpy
from .record import Record
from .reference import Reference, Tensors
from .trials import Trial

_TIES = "the order of equal values, which PyTorch's sort and topk leave open, is that of their places here"


def compare_all(
    program: Program, reference: Reference, trial: Trial, actual: Mapping[str, np.ndarray], record: Record
) -> None:
    """Compare the outputs of one trial with those that `reference` gave, and ask it again where they differ.

    Raises:
        VerifyError: as `Record.take`.
    """
    exact: Tensors | None = None
    accepted = record.accepted or 0.0
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
