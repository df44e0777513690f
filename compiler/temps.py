"""`--save-temps DIR`: the IR of every stage, and the command that goes on from there."""

import shlex
from pathlib import Path
from typing import Any

from infc.errors import CompileError


class Temps:
    """A directory for what a compile leaves behind on request; without one, nothing is written.

    Raises:
        CompileError: the directory cannot be made.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        if folder is None:
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CompileError(f"--save-temps {folder}: {error.strerror}", stage="save-temps") from error

    def write(self, name: str, module: Any) -> None:
        """The module as it stands, with locations."""
        if self._folder is not None:
            (self._folder / name).write_text(module.operation.get_asm(enable_debug_info=True))

    def command(self, flags: tuple[str, ...]) -> None:
        """The line that compiles `iree.mlir` as infc is about to, to be pasted in that directory."""
        if self._folder is not None:
            line = shlex.join(("iree-compile", "iree.mlir", *flags, "-o", "module.vmfb"))
            (self._folder / "compile.sh").write_text(f"{line}\n")
