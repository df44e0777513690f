"""infc's command line in the tests' own process: the same code and the same two streams, without importing PyTorch
again. What has to be a process of its own (signals, limits, what a source does to its process) is run as one."""

import ctypes
import os
import subprocess
from collections.abc import Generator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from tempfile import TemporaryFile
from typing import IO

import pytest

from infc.cli import main


def infc(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run `infc` with these arguments; its exit code, and what it wrote, from Python or not."""
    given = [str(each) for each in arguments]
    with TemporaryFile() as out, TemporaryFile() as err:
        with (
            _written_to(out, 1) as stdout,
            _written_to(err, 2) as stderr,
            redirect_stdout(stdout),
            redirect_stderr(stderr),
            pytest.raises(SystemExit) as end,
        ):
            main(given, prog_name="infc")
        assert isinstance(end.value.code, int)
        return subprocess.CompletedProcess(["infc", *given], end.value.code, _text(out), _text(err))


@contextmanager
def _written_to(file: IO[bytes], stream: int) -> Generator[IO[str]]:
    """A standard stream's descriptor, and one of Python's on it, write to the file meanwhile."""
    before = os.dup(stream)
    os.dup2(file.fileno(), stream)
    try:
        with os.fdopen(os.dup(stream), "w", encoding="utf-8") as text:
            yield text
    finally:
        ctypes.CDLL(None).fflush(None)  # what native code has printed
        os.dup2(before, stream)
        os.close(before)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()
