"""A compile's comparisons with PyTorch: each report is made once, and one that is known is not made again."""

from dataclasses import dataclass

import msgspec

from ...runtime.artifact import Artifact, VerifyReport
from ...runtime.targets import CPU_DEVICE
from ..frontend.export import Program
from ..slab.aside import Aside
from ..slab.weights import WeightTable
from ..toolchain.fingerprint import host
from .answers import FIXED, Answers, Span
from .verify import verify


@dataclass(frozen=True)
class Comparing:
    """Compares what was staged with `answers`; `wanted` is false for `--no-verify`. `weights` are the model's."""

    answers: Answers
    wanted: bool
    weights: WeightTable

    def report(
        self, staged: Artifact, target: str, program: Program, span: Span = FIXED, aside: Aside | None = None
    ) -> VerifyReport:
        """As `verify`, and raises as it does.

        A report is taken from the cache when the same module, over the same slab, was compared with the same answers on
        this host's processor before. What another device gave depends on more than its module: it is always run.
        """
        answers = self.answers
        built = msgspec.structs.replace(staged.build(target), verify=None, skipped=False, candidates=())
        made_from = [answers.contents or "", host(), msgspec.json.encode(built).decode(), program.method.name]
        middle = staged.config.middle
        made_from.append(f"{answers.count} {answers.seed} {span} {middle}")
        again = answers.contents is not None and all(stage.device == CPU_DEVICE for stage in built.stages)
        known = answers.tools.recall("report", made_from) if again else None
        if known is not None:
            return msgspec.json.decode(known, type=VerifyReport)
        drawn = answers.to(program, span)
        if aside:
            # With weights that are stored in fewer bits PyTorch is asked again, of its own rounded.
            done = answers.held(program, span) and middle.tolerance is None
            (aside.free if done else aside.restore)()
        found = verify(
            staged,
            program,
            trials=answers.count,
            seed=answers.seed,
            target=target,
            sizes=span.sizes,
            visible=span.visible,
            drawn=drawn,
            before=aside.restore if aside else lambda: None,
            weights=self.weights,
        )
        if again:
            answers.tools.keep("report", made_from, msgspec.json.encode(found))
        return found
