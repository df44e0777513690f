"""`--save-temps DIR`: the IR of every stage, and the command that goes on from there."""

import shlex
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from infc.errors import CompileError


class Temps:
    """A directory for what a compile leaves behind on request; without one, nothing is written.

    Raises:
        CompileError: from every method: the directory cannot be made, or a file in it cannot be written.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._written = False
        if folder is None:
            return
        with _writing(folder):
            folder.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def reproducing(self) -> Generator[None]:
        """Tell a CompileError of the block where the IR before the failing stage lies, if one was written."""
        try:
            yield
        except CompileError as error:
            if self._written:
                error.reproducer = self._folder
            raise

    def write(self, name: str, text: str) -> None:
        """Keep a module's text under `name`."""
        if self._folder is not None:
            self._put(self._folder / name, text)

    def command(self, flags: tuple[str, ...], source: str, label: str) -> None:
        """The line that compiles the file `source` as infc is about to; `label` tells several targets' files apart."""
        if self._folder is not None:
            line = shlex.join(("iree-compile", source, *flags, "-o", f"module{label}.vmfb"))
            self._put(self._folder / f"compile{label}.sh", f"{line}\n")

    def _put(self, path: Path, text: str) -> None:
        with _writing(path):
            path.write_text(text)
        self._written = True


@contextmanager
def _writing(path: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise CompileError(
            f"--save-temps: cannot write {path}: {error.strerror}",
            hint="name a directory that can be written",
            stage="save-temps",
        ) from error
