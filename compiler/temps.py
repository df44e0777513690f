"""`--save-temps DIR`: the IR of every stage, and the commands that go on from there."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from infc.errors import CompileError

Result = TypeVar("Result")


class Temps:
    """A directory for what a compile leaves behind on request; without one, nothing is written.

    Raises:
        CompileError: the directory cannot be made.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        if folder is None:
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CompileError(f"--save-temps {folder}: {error.strerror}", stage="save-temps") from error

    def write(self, name: str, module: Any) -> None:
        """The module as it stands, with locations."""
        if self.folder is not None:
            (self.folder / name).write_text(module.operation.get_asm(enable_debug_info=True))

    def command(self, line: tuple[str, ...], run: Callable[[], Result]) -> Result:
        """Run a stage that has a command line of its own, and leave that line where it can be pasted from."""
        if self.folder is not None:
            (self.folder / "compile.sh").write_text(f"{shlex.join(line)} < iree.mlir > module.vmfb\n")
        try:
            return run()
        except CompileError as error:
            error.reproducer = self.folder
            raise
