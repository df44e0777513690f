"""The artifact against PyTorch, before it is called done: on random inputs, and on values that stress the numbers."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from infc.errors import VerifyError

from ...runtime.artifact import Artifact, LeftOut, VerifyReport
from ...runtime.session import Session
from ..frontend.export import Program
from ..slab.weights import WeightTable
from .as_stored import AsStored
from .comparison import to_numpy
from .outputs import compare_all
from .record import Record
from .reference import Reference
from .trials import Trial, draw_trials


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
    weights: WeightTable | None = None,
) -> VerifyReport:
    """Run the artifact and PyTorch on `trials` random inputs and one of every other kind, and compare every output.

    Where dims vary, `sizes` are tried, each on random inputs, and the other kinds on the smallest and a middle one.
    Calls whose `visible` masks hide whole rows are run by another module (see `ModuleBuild`): each size is tried with
    such rows and without. `drawn` are the trials, where PyTorch was asked already; `before` is
    called before it is asked. With the source's `weights`, an artifact that stores some in fewer bits is compared with
    PyTorch that computes with the stored ones too, by the dtypes' own tolerances. Where that was done, and floats are
    far larger than the example's, an error above the bound of the rounding is only reported.

    Raises:
        SourceError: PyTorch itself fails on random inputs of the examples' kind.
        VerifyError: an output's shape or dtype differs, a value is NaN or infinite on one side only, or an error is
            above the tolerance of its dtype and more than rounding explains; or rounding alone decides what random
            inputs give.
    """
    reference = Reference(program, before)
    accepted = artifact.config.middle.tolerance
    record = Record(program.source.reference, accepted)
    stored = None
    if weights is not None and accepted is not None:
        stored = AsStored.opened(program, artifact.build(target), weights, before)
    with Session.attach(artifact, target=target) as session:
        own = draw_trials(program, reference, trials, seed, sizes, visible) if drawn is None else drawn
        for trial in own:
            if isinstance(trial, LeftOut):
                record.left_out.append(trial)
                continue
            given = {name: to_numpy(tensor) for name, tensor in trial.inputs.items()}
            actual = session.run(given, program.method.name)
            known = stored is not None and stored.compare(trial, actual)
            try:
                compare_all(program, reference, trial, actual, record)
            except VerifyError as error:
                if not (known and _is_far_out(program, trial)):
                    raise
                record.leave_out(trial, f"{_TIPS}: {error.message}")
    return VerifyReport(
        trials=max(trials, len(sizes)),
        seed=seed,
        outputs=record.checks(),
        left_out=(*record.left_out, *(stored.record.left_out if stored else ())),
        sizes=tuple(map(dict, sizes)),
        stored=stored.record.checks() if stored else (),
    )


_FLOATS = ("f64", "f32", "f16", "bf16")
_TIPS = (
    "inputs this far from the example's have no bound for rounded weights, since what saturates tips over; right for "
    "the weights as they are stored; against those that they were"
)


def _is_far_out(program: Program, trial: Trial) -> bool:
    """Whether the trial has numbers far larger than the example's; the highest integer is one like the others."""
    return trial.values == "largest" and any(spec.dtype in _FLOATS for spec in program.method.inputs)
