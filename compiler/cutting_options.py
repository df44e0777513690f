"""What the command line says about stages: `--stages`, `--stage-memory`, `--stage-link`, `--split`."""

import re
from dataclasses import dataclass

from infc.errors import UsageError


@dataclass(frozen=True)
class Cutting:
    """How a model is to be cut; see `infer-partition`. All empty: not at all.

    `memory` is a size for all stages, one for each (`1GiB,2GiB`), or one for each placement by name, in the order in
    which a call goes through them (`vulkan=1GiB,cpu=2GiB`).
    """

    stages: int = 0
    memory: str = ""
    split: str = ""
    link: str = ""

    @property
    def sizes(self) -> tuple[str, ...]:
        """The sizes of `memory`, without the placements that they are of."""
        return tuple(each.rpartition("=")[2] for each in self.memory.split(",")) if self.memory else ()

    @property
    def placements(self) -> tuple[str, ...]:
        """The placements that `memory` names; none where it gives sizes only."""
        return tuple(each.rpartition("=")[0] for each in self.memory.split(",")) if "=" in self.memory else ()

    def __bool__(self) -> bool:
        return bool(self.stages or self.memory or self.split)

    def check(self) -> None:
        """Raises UsageError: options that contradict each other, or have characters that no split has."""
        if self.split and (self.stages or self.memory or self.link):
            raise UsageError(
                "--split says what every stage is; --stages, --stage-memory and --stage-link are for the cost model",
                hint="leave them out, or leave out --split",
            )
        if self.link and not self:
            raise UsageError(
                "--stage-link is about stages, and nothing asks for any", hint="--stages 2 --stage-link 1GB"
            )
        sizes = (("--stage-memory", self.memory), ("--stage-link", self.link))
        for name, text in (("--split", self.split), *sizes):
            if text and not all(each.isprintable() and each not in " {}()'\"" for each in text):
                raise UsageError(f"{name} {text!r} has a space, a bracket or a quote", hint=_SHOWN[name])
        if not self:
            return
        from ..passes.partitioning import parse_split  # with torch-mlir, which takes its time to import
        from ..passes.sizes import parse_size

        try:
            if self.split:
                parse_split(self.split)
        except ValueError as error:
            raise UsageError(f"--split: {error}", hint=_SHOWN["--split"]) from None
        self._check_placements()
        links = tuple(self.link.split(",")) if self.link else ()
        for name, given in (("--stage-memory", self.sizes), ("--stage-link", links)):
            try:
                for each in given:
                    parse_size(each)
            except ValueError as error:
                raise UsageError(f"{name}: {error}", hint=_SHOWN[name]) from None

    def _check_placements(self) -> None:
        from ..passes.partitioning.split import CLIENT

        names = self.placements
        wrong = ""
        if not all(names):
            wrong = "has sizes with a placement and sizes without one"
        elif len(set(names)) != len(names):
            wrong = f"names placement {next(each for each in names if names.count(each) > 1)!r} twice"
        elif bad := [each for each in names if not _NAME.fullmatch(each)]:
            wrong = f"names the placement {bad[0]!r}, which is no word"
        elif CLIENT in names:
            wrong = "names the placement 'client': what runs in the application is said by modules, with --split"
        elif names and self.stages not in (0, len(names)):
            wrong = f"names {len(names)} placements, and --stages says {self.stages}"
        if wrong:
            raise UsageError(f"--stage-memory {self.memory!r} {wrong}", hint="--stage-memory vulkan=1GiB,cpu=4GiB")


_SHOWN = {
    "--split": "--split 'embeddings:cpu;*:vulkan'",
    "--stage-memory": "--stage-memory 2GiB",
    "--stage-link": "--stage-link 1GB",
}

_NAME = re.compile(r"[\w.:-]+")  # a word, or a target: cpu:x86-64-v3
