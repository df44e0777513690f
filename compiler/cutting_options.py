"""What the command line says about stages: `--stages`, `--stage-memory`, `--stage-link`, `--split`."""

from dataclasses import dataclass

from infc.errors import UsageError


@dataclass(frozen=True)
class Cutting:
    """How a model is to be cut; see `infer-partition`. All empty: not at all."""

    stages: int = 0
    memory: str = ""
    split: str = ""
    link: str = ""

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
        for name, text in sizes:
            try:
                for each in text.split(",") if text else ():
                    parse_size(each)
            except ValueError as error:
                raise UsageError(f"{name}: {error}", hint=_SHOWN[name]) from None


_SHOWN = {
    "--split": "--split 'embeddings:cpu;*:vulkan'",
    "--stage-memory": "--stage-memory 2GiB",
    "--stage-link": "--stage-link 1GB",
}
