"""What the command line says about stages: `--stages`, `--stage-memory`, `--split`."""

from dataclasses import dataclass

from infc.errors import UsageError


@dataclass(frozen=True)
class Cutting:
    """How a model is to be cut; see `infer-partition`. All empty: not at all."""

    stages: int = 0
    memory: str = ""
    split: str = ""

    def __bool__(self) -> bool:
        return bool(self.stages or self.memory or self.split)

    def check(self) -> None:
        """Raises UsageError: options that contradict each other, or have characters that no split has."""
        if self.split and (self.stages or self.memory):
            raise UsageError(
                "--split says what every stage is; --stages and --stage-memory are for the cost model",
                hint="leave them out, or leave out --split",
            )
        for name, text in (("--split", self.split), ("--stage-memory", self.memory)):
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
        try:
            for text in self.memory.split(",") if self.memory else ():
                parse_size(text)
        except ValueError as error:
            raise UsageError(f"--stage-memory: {error}", hint=_SHOWN["--stage-memory"]) from None


_SHOWN = {"--split": "--split 'embeddings:cpu;*:vulkan'", "--stage-memory": "--stage-memory 2GiB"}
