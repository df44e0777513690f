"""`--save-temps DIR`: the IR of every stage and the command that goes on from there; and what reproduces a failure."""

import hashlib
import shlex
import shutil
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from infc.errors import CompileError

from .children import Limits

_MOST_FAILURES = 20  # reproducers in the cache directory; each may hold the IR of a whole model


class Temps:
    """A directory for what a compile leaves behind.

    Args:
        folder: for the IR of every stage, on request; None for no such thing.
        failures: where a failure's reproducer goes, into a directory of its own, when there is no `folder`.

    Raises:
        CompileError: from every method: the directory cannot be made, or a file in it cannot be written.
    """

    def __init__(self, folder: Path | None, failures: Path | None = None) -> None:
        self._folder = folder
        self._failures = failures
        self._written = False
        self._reproducers = 0
        self._lock = threading.Lock()
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
            if self._written and error.reproducer is None:
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

    def reproduced(
        self,
        error: CompileError,
        text: str,
        command: Sequence[str],
        limits: Limits,
        shows: str = "fails in the same way",
    ) -> CompileError:
        """`error`, which the hint and `reproducer` now tell where a script lies that `shows` it.

        The script runs `command` on the module `text`, within `limits`.
        """
        if self._folder is not None:
            with self._lock:
                self._reproducers += 1
                number = "" if self._reproducers == 1 else f"-{self._reproducers}"
            return self._reproducer(error, self._folder, number, text, command, limits, shows)
        if self._failures is None:
            return error
        name = hashlib.sha256("\0".join([text, *command]).encode()).hexdigest()[:16]
        folder = self._failures / name
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _keep_newest(self._failures)
            return self._reproducer(error, folder, "", text, command, limits, shows)
        except (CompileError, OSError):
            return error  # nobody asked for it: what the user is told is why the compile failed

    def _reproducer(
        self,
        error: CompileError,
        folder: Path,
        number: str,
        text: str,
        command: Sequence[str],
        limits: Limits,
        shows: str,
    ) -> CompileError:
        source, script = f"reproduce{number}.mlir", f"reproduce{number}.sh"
        tool, *options = command
        lines = [
            "#!/bin/sh",
            f"# {error.stage}: {error.message.splitlines()[0]}",
            'cd "$(dirname "$0")" || exit',
            f"ulimit -d {limits.memory >> 10}",
            f"timeout {limits.seconds:g} {shlex.join((tool, source, *options))}",
        ]
        self._put(folder / source, text)
        self._put(folder / script, "\n".join(lines) + "\n")
        error.reproducer = folder
        error.hint = f"{error.hint}; `sh {shlex.quote(str(folder / script))}` {shows}"
        return error

    def _put(self, path: Path, text: str) -> None:
        with _writing(path):
            path.write_text(text)
        self._written = True


def _keep_newest(failures: Path) -> None:
    """Remove the reproducers that were not written to for the longest time, beyond a number."""
    found = sorted(failures.iterdir(), key=lambda each: each.stat().st_mtime, reverse=True)
    for old in found[_MOST_FAILURES:]:
        shutil.rmtree(old, ignore_errors=True)


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
