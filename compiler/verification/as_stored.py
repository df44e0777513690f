"""The artifact against PyTorch with the weights as they are stored, where they are stored in fewer bits."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from infc.errors import SourceError, VerifyError

from ...runtime.artifact import LeftOut, TargetBuild
from ..frontend.export import Program
from ..slab.stored import CannotUndo
from ..slab.weights import WeightTable
from .outputs import compare_all
from .record import Record
from .stored import StoredReference, StoredWeights
from .trials import Trial

_WHAT = "the weights as they are stored"


@dataclass
class AsStored:
    """Compares trials with `reference`; None where PyTorch cannot have the stored weights, and `record` says why."""

    program: Program
    reference: StoredReference | None
    record: Record

    @staticmethod
    def opened(program: Program, build: TargetBuild, weights: WeightTable, before: Callable[[], None]) -> "AsStored":
        """For a build of the program, whose `weights` those of the source are.

        Raises:
            VerifyError: a weight is stored with numbers that its rounding does not explain.
        """
        record = Record(f"{program.source.reference} with {_WHAT}", None, blurs=True)
        try:
            reference = StoredReference(program, StoredWeights.of(build, weights), before)
        except (CannotUndo, SourceError) as error:
            record.left_out.append(LeftOut(values="random", why=f"{_WHAT}: {error}"))
            reference = None
        return AsStored(program, reference, record)

    def compare(self, trial: Trial, actual: Mapping[str, np.ndarray]) -> bool:
        """Compare what the artifact gave in one trial, by the dtypes' own tolerances. Whether it told right from wrong.

        Raises:
            VerifyError: it is wrong, though perhaps by less than the rounding costs.
        """
        if self.reference is None:
            return False
        doubts = len(self.record.left_out)
        try:
            expected = self.reference(trial.inputs)
            compare_all(self.program, self.reference, replace(trial, expected=expected), actual, self.record)
        except (CannotUndo, SourceError) as error:
            self._give_up(trial, str(error))
        except VerifyError as error:
            if not self.reference.unseen:
                raise
            names = ", ".join(sorted(self.reference.unseen)[:3])
            self._give_up(trial, f"the model computes with something else than {names} itself: {error.message}")
        return len(self.record.left_out) == doubts

    def _give_up(self, trial: Trial, why: str) -> None:
        self.record.leave_out(trial, f"{_WHAT}: {why}")
        self.reference = None
