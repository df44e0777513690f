"""What comparing found, of all trials."""

from dataclasses import dataclass, field

from infc.errors import VerifyError

from ...runtime.artifact import LeftOut, OutputCheck, TensorSpec, Values
from .comparison import Disagreement, Gap
from .trials import Trial

# `infc compile` leaves no file then, `infc verify` looks at one that is there: the next step is the same.
_HINT = "`infc compile --save-temps DIR` keeps the IR of every stage: please report it with that"
_HINT_BLURRED = (
    "no comparison can tell right from wrong there: give example inputs of the size that the model is used with"
)
_HINT_ROUNDED = (
    "the weights are stored in fewer bits: give them more, or smaller groups (--quantize 4,group=32), or accept the "
    "error with --tolerance"
)


@dataclass
class Record:
    """The worst of each kind and output, and what was left out.

    `reference` is whose answers they are compared with, `accepted` the relative error that narrower weights may cost.
    """

    reference: str
    accepted: float | None
    blurs: bool = False  # random inputs of which rounding decides the answer are left out; else they are an error
    worst: dict[tuple[Values, str], Gap] = field(default_factory=dict[tuple[Values, str], Gap])
    left_out: list[LeftOut] = field(default_factory=list[LeftOut])

    def take(self, spec: TensorSpec, trial: Trial, found: Gap | Disagreement) -> None:
        """Remembers one output of one trial.

        Raises:
            VerifyError: it is not PyTorch's.
        """
        if isinstance(found, Disagreement):
            if not found.blurred or (trial.values == "random" and not self.blurs):
                hint = _HINT_BLURRED if found.blurred else _HINT if self.accepted is None else _HINT_ROUNDED
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
