"""Which candidate is kept: those whose numbers differ from PyTorch's are out, and of the rest the fastest stays."""

import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import msgspec
import numpy as np

from infc.errors import ExecutorFailed, VerifyError

from ...runtime.artifact import Artifact, ArtifactWriter, Candidate, Config, Interface, VerifyReport
from ...runtime.inputs import random_inputs
from ...runtime.session import Session
from ...runtime.targets import obstacle
from .. import build
from ..frontend.export import Program
from ..slab.weights import WeightTable
from ..targets import Target
from ..verification.answers import Span
from ..verification.comparing import Comparing
from .buckets import probe_sizes
from .candidates import Plan, Way, bucket_name

# The first in the order of preference stays unless another is this much faster: timings differ from run to run, and
# one input should give one artifact.
MARGIN = 1.2

_ROUNDS = 3  # of which the fastest counts


@dataclass(frozen=True)
class Chosen:
    """What one target runs, what was tried for it, and the report of the comparison; None where there was none."""

    way: Way
    candidates: tuple[Candidate, ...]
    report: VerifyReport | None


@dataclass
class _Tried:
    way: Way
    reason: str = ""  # why it lost; empty while it has not
    error: VerifyError | None = None
    report: VerifyReport | None = None
    seconds: list[float] = field(default_factory=list[float])


@dataclass(frozen=True)
class Judge:
    """Compares the candidates of methods.

    `config` is that of the artifact; its methods and targets do not matter.
    """

    weights: WeightTable
    config: Config
    comparing: Comparing

    def choose(self, program: Program, decided: Plan | None, ways: Sequence[Way], target: Target) -> Chosen:
        """Compare the candidates for a target with PyTorch, time those that are right, and keep one.

        Where nothing is compared, or this host cannot run the target, the first that compiled is kept. Where no dim
        varies there is no choice, and nothing is compared yet.

        Args:
            ways: the candidates, in the order of preference.

        Raises:
            VerifyError: every candidate's numbers differ; with the first one's difference.
            SourceError: PyTorch fails on inputs like the example.
        """
        if decided is None:
            return Chosen(ways[0], (), None)
        return _Contest(self, program, decided, [_Tried(way, way.failure) for way in ways]).decide(target)


@dataclass(frozen=True)
class _Contest:
    judge: Judge
    program: Program
    decided: Plan
    tried: Sequence[_Tried]

    def decide(self, target: Target) -> Chosen:
        made = [each for each in self.tried if not each.reason]
        compared = self.judge.comparing.wanted and self._try_all(made, target)
        right = [each for each in self.tried if not each.reason]
        if not right:
            raise next(each.error for each in self.tried if each.error)
        best = _fastest(right, self.decided) if compared else right[0]
        for each in right:
            if each is not best:
                each.reason = self._behind(best) if compared else "not compared here; the kept one is preferred"
        found = [self._candidate(each.way.name, each.reason, kept=each is best) for each in self.tried]
        if self.decided.padding.harm:
            found.insert(0, self._candidate(bucket_name(self.decided), self.decided.padding.harm, kept=False))
        return Chosen(best.way, tuple(found), best.report)

    def _behind(self, best: _Tried) -> str:
        return "the buckets that were asked for are right" if _asked_for(best, self.decided) else "slower"

    def _candidate(self, name: str, reason: str, *, kept: bool) -> Candidate:
        return Candidate(method=self.program.method.name, name=name, kept=kept, reason=reason)

    def _try_all(self, tried: Sequence[_Tried], target: Target) -> bool:
        """Whether this host runs the target. What becomes of each candidate is noted in it."""
        method = self.program.method
        config = msgspec.structs.replace(
            self.judge.config,
            interface=Interface(methods=(method,)),
            wiring=tuple(each for each in self.judge.config.wiring if each.method == method.name),
        )
        with (
            tempfile.TemporaryDirectory(prefix="infc-") as folder,
            ArtifactWriter(Path(folder) / "candidates", form="dir") as writer,
        ):
            stage = config.stages[0].name
            each_way = [(target.name, [build.StageParts(stage, target, each.way.parts)]) for each in tried]
            builds = build.write(writer, self.judge.weights, each_way)
            if any(map(obstacle, builds)):
                return False
            for each, built in zip(tried, builds, strict=True):
                with writer.stage(msgspec.structs.replace(config, targets=(built,))) as staged:
                    try:
                        self._try(each, staged)
                    except (VerifyError, ExecutorFailed) as error:
                        each.reason = f"wrong: {error.message}"
                        each.error = VerifyError(error.message, hint=error.hint)
        return True

    def _try(self, each: _Tried, staged: Artifact) -> None:
        method, comparing = self.program.method, self.judge.comparing
        target = staged.config.targets[0].target
        span = Span(self.decided.trials, next((part.visible for part in each.way.parts), ()))
        each.report = comparing.report(staged, target, self.program, span)
        with Session.attach(staged) as session:
            for sizes in probe_sizes(method.dims):
                inputs = random_inputs(method, np.random.default_rng(comparing.answers.seed), sizes)
                inputs |= {name: np.ones_like(inputs[name]) for name in self.decided.padding.visible}
                each.seconds.append(min(_seconds(session, inputs, method.name) for _ in range(_ROUNDS)))


def _seconds(session: Session, inputs: dict[str, np.ndarray], method: str) -> float:
    start = perf_counter()
    session.run(inputs, method)
    return perf_counter() - start


def _fastest(right: Sequence[_Tried], decided: Plan) -> _Tried:
    best = right[0]
    if _asked_for(best, decided):
        return best
    for other in right[1:]:
        if _ratio(best, other) > MARGIN:
            best = other
    return best


def _asked_for(each: _Tried, decided: Plan) -> bool:
    return decided.asked and each.way.name == bucket_name(decided)


def _ratio(one: _Tried, other: _Tried) -> float:
    """How many times as long one takes as the other: the geometric mean over the sizes that were timed."""
    logs = [math.log(a / b) for a, b in zip(one.seconds, other.seconds, strict=True)]
    return math.exp(sum(logs) / len(logs))
