"""From a traced model to the verified artifact: what a compile does that did not find one."""

import re
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace

import msgspec

from infc.errors import ArtifactError, CompileError, VerifyError

from ..passes import named
from ..runtime.artifact import Artifact, ArtifactWriter, Config, TargetBuild, VerifyReport
from ..runtime.targets import obstacle
from .build import StageParts, build_all, write
from .driver import CompileOptions
from .dynamic.candidates import Way
from .dynamic.selection import Chosen, Judge
from .front import Front, front
from .frontend.export import Traced
from .methods import merged, new_config, with_builds
from .plan import STAGE, Entry, Stages
from .rpc_module import add_service
from .service import describe
from .slab.aside import Aside
from .slab.digests import Digests
from .staged import build_stages, check
from .targets import Target
from .toolchain.tools import Tools
from .verification.answers import FIXED, Answers, Span
from .verification.comparing import Comparing


@dataclass(frozen=True)
class Making:
    """One compile of the traced methods of one model, with `hashed` of its tensors already."""

    traced: Sequence[Traced]
    contents: str | None
    hashed: Digests
    targets: Sequence[Target]
    options: CompileOptions
    tools: Tools
    stage: Stages

    def artifact(self, writer: ArtifactWriter) -> tuple[Config, str]:
        """Write it, compared with PyTorch. Returns its config and the manifest's digest. Raises as `compile_model`."""
        options, stage = self.options, self.stage
        made = front(self.traced, self.contents, options.dynamic, options.seed, self.tools, self.hashed, stage)
        further = named.ahead(options.middle.pipeline, options.middle.passes)
        made = replace(made, methods=tuple(each.with_passes(further) for each in made.methods))
        programs = [each.program for each in made.methods]
        config = new_config(
            options.name or _default_name(self.traced[0].source.name), programs, made.source, options.middle
        )
        answers = Answers(self.tools, self.contents, options.trials, options.seed)
        comparing = Comparing(answers, options.verify, made.weights)
        if options.cutting:
            check(made.methods, options.cutting, options.dynamic)
            in_stages = build_stages(made.methods, options.cutting, self.targets, self.tools, stage)
            config, ways = in_stages.described(config), in_stages.builds
            kept: list[Sequence[Chosen]] = [[Chosen(Way("stages"), (), None)] * len(programs)] * len(ways)
        else:
            kept = self._kept(made.methods, Judge(made.weights, config, comparing))
            ways = [
                (target.name, (StageParts(STAGE, target, [part for each in own for part in each.way.parts]),))
                for target, own in zip(self.targets, kept, strict=True)
            ]
        with stage("weights"):
            written = write(writer, made.weights, ways)
        config = with_builds(config, written, ways[0][1])
        with stage("interface"):
            service = describe(config, programs, self.options.against)
            add_service(writer, service)
        with stage("verify"), writer.stage(config) as staged:
            try:
                found = self._all_compared(staged, written, kept, made, comparing)
            except VerifyError as error:
                if options.middle.passes:
                    error.hint = f"compile it without {', '.join(options.middle.passes)} first: a pass that was added "
                    error.hint += "may have changed what the model computes"
                raise
        with stage("write"):
            config = msgspec.structs.replace(config, targets=found)
            return config, writer.finish(config)

    def _all_compared(
        self,
        staged: Artifact,
        written: Sequence[TargetBuild],
        kept: Sequence[Sequence[Chosen]],
        made: Front,
        comparing: Comparing,
    ) -> tuple[TargetBuild, ...]:
        # PyTorch first, for all methods: then its weights and the slab do not have to be in memory together.
        if comparing.wanted and not all(map(obstacle, written)):
            for each in made.methods:
                if not each.decided:
                    comparing.answers.to(each.program)
        with Aside(made.weights, staged, for_good=self.options.last) as aside:
            return tuple(
                _compared(staged, built, own, made.methods, comparing, aside)
                for built, own in zip(written, kept, strict=True)
            )

    def _kept(self, methods: Sequence[Entry], judge: Judge) -> list[Sequence[Chosen]]:
        """For each target what runs each method, of all that was built."""
        builds = [each for entry in methods for each in entry.builds(self.targets)]
        parts = build_all(builds, self.tools, self.stage)
        ways = [[entry.ways(target, parts) for entry in methods] for target in self.targets]
        with self.stage("choose") if any(entry.decided for entry in methods) else nullcontext():
            return [
                [judge.choose(each.program, each.decided, way, target) for each, way in zip(methods, own, strict=True)]
                for target, own in zip(self.targets, ways, strict=True)
            ]


def _compared(
    staged: Artifact,
    built: TargetBuild,
    kept: Sequence[Chosen],
    methods: Sequence[Entry],
    comparing: Comparing,
    aside: Aside,
) -> TargetBuild:
    """The build with what was tried for it, and its report: what was compared to be chosen is not compared again.

    Without a report where this host cannot run it, or where that was not wanted.
    """
    built = msgspec.structs.replace(built, candidates=tuple(tried for each in kept for tried in each.candidates))
    if not comparing.wanted:
        return msgspec.structs.replace(built, skipped=True)
    if obstacle(built):
        return built
    reports = [
        each.report or _verified(staged, built.target, entry, comparing, aside)
        for each, entry in zip(kept, methods, strict=True)
    ]
    return msgspec.structs.replace(built, verify=merged([entry.program.method for entry in methods], reports))


def _verified(staged: Artifact, target: str, entry: Entry, comparing: Comparing, aside: Aside) -> VerifyReport:
    span = Span(entry.decided.trials) if entry.decided else FIXED
    try:
        return comparing.report(staged, target, entry.program, span, aside=aside)
    except ArtifactError as error:  # there is none yet that the user could do something about
        raise CompileError(
            f"the module for {target} does not load: {error.message.removeprefix(f'{staged.path}: ')}",
            hint="if it says `binding count`: one operation reads more tensors than the 32 that IREE's runtime takes; "
            "stack them before it",
            stage="verify",
        ) from error


def _default_name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._") or "model"
