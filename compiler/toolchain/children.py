"""The processes that a compile starts: native tools that may crash, run away or fill the memory, and must not take the
compiler with them."""

import os
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from infc.errors import CompileError, UsageError

from .cgroup import available_memory

_MIB = 1 << 20
_TIED = ("setpriv", "--pdeathsig", "KILL")  # of util-linux: the program behind it ends with the thread that started it
_LONGEST = 10_000_000  # seconds
_LARGEST = 1 << 50  # bytes; what the kernel takes ends at 63 bits
_NO_MEMORY = re.compile(r"bad_alloc|out of memory|Cannot allocate memory|MemoryError", re.IGNORECASE)


@dataclass(frozen=True)
class Limits:
    """What the child processes of one compile may use.

    At most `jobs` run at a time. Each may take `seconds` of wall-clock time and `memory` bytes (data and heap, as
    RLIMIT_DATA counts them).
    """

    jobs: int = field(default_factory=lambda: len(os.sched_getaffinity(0)))
    seconds: float = 900.0
    memory: int = field(default_factory=lambda: available_memory() // 2)

    def __post_init__(self) -> None:
        if self.jobs < 1:
            raise UsageError(f"{self.jobs} jobs: expected at least 1", hint="--jobs 2")
        if not 0 < self.seconds <= _LONGEST:  # nor is nan
            raise UsageError(
                f"a timeout of {self.seconds:g} s: expected more than 0, and {_LONGEST} at most", hint="--timeout 900"
            )
        if self.memory < 256 * _MIB:
            raise UsageError(
                f"a memory limit of {self.memory / _MIB:.4g} MiB: no tool starts with less than 256 MiB",
                hint="--memory-limit 8GiB",
            )
        if self.memory > _LARGEST:
            raise UsageError(
                f"a memory limit of {self.memory} bytes: no machine has more than 1 PiB", hint="--memory-limit 8GiB"
            )


@dataclass(frozen=True)
class Finished:
    """How a child ended. `failure` is empty when it ended with exit code 0, else half a sentence that says how it did
    not: `exit code 1`, `killed by SIGSEGV`, `it ran longer than 900 s`. `remedy` is the hint when a limit was why.
    """

    stdout: bytes
    stderr: str
    failure: str
    crashed: bool  # by a signal: its own fault, or a limit's
    remedy: str = ""


class Stopped(CompileError):
    """The compile is ending, by another child's failure or by a signal; what is still asked for does not start."""


class Children:
    """Runs child processes within limits, from any thread, and leaves none behind when the context ends.

    Each child leads a process group of its own, so that what it starts (a linker) ends with it.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._slots = threading.BoundedSemaphore(self.limits.jobs)
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """End every child now, and start no other."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                _kill(process)

    def run(self, command: Sequence[str], data: bytes = b"", env: Mapping[str, str] | None = None) -> Finished:
        """Run `command` with `data` on its standard input, when one of the jobs is free.

        Raises:
            CompileError: the program cannot be started, or the compile is being stopped.
        """
        with self._slots:
            process = self._start(command, env or {})
            try:
                return self._wait(process, data)
            finally:
                _kill(process)
                process.wait()
                with self._lock:
                    self._running.discard(process)

    def _start(self, command: Sequence[str], env: Mapping[str, str]) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._stopped:
                raise Stopped("the compile was stopped")
            # Where infc itself is killed and cannot clean up, the kernel ends its children.
            tied = _TIED if shutil.which(_TIED[0]) and shutil.which(command[0]) else ()
            try:
                process = subprocess.Popen(
                    (*tied, *command),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    env={**os.environ, **env},
                    process_group=0,
                )
            except OSError as error:
                raise CompileError(
                    f"{command[0]} does not start: {error.strerror}",
                    stage="start",
                    hint="is the environment's installation whole? `infc doctor` looks",
                ) from error
            self._running.add(process)
        _limit(process, resource.RLIMIT_DATA, self.limits.memory)
        # Where there is no such tool they end some time all the same.
        _limit(process, resource.RLIMIT_CPU, int(self.limits.seconds * len(os.sched_getaffinity(0))) + 1)
        _limit(process, resource.RLIMIT_CORE, 0)
        return process

    def _wait(self, process: subprocess.Popen[bytes], data: bytes) -> Finished:
        try:
            stdout, stderr = process.communicate(data, timeout=self.limits.seconds)
        except subprocess.TimeoutExpired:
            _kill(process)
            stdout, stderr = process.communicate()
            late = f"it ran longer than {self.limits.seconds:g} s"
            return Finished(stdout, _text(stderr), late, crashed=True, remedy="--timeout SECONDS lets it run longer")
        if self._stopped:
            raise Stopped("the compile was stopped")
        code, said = process.returncode, _text(stderr)
        if code == 0:
            return Finished(stdout, said, "", crashed=False)
        remedy = ""
        if code == -signal.SIGKILL or _NO_MEMORY.search(said):
            remedy = f"it may take {self.limits.memory / _MIB:.0f} MiB: --memory-limit SIZE gives it more"
        how = f"exit code {code}" if code > 0 else f"killed by {_signal_name(-code)}"
        # Tools that cannot write their temporary files fail later, at something else, and say that.
        folder = tempfile.gettempdir()
        if shutil.disk_usage(folder).free < _MIB:
            how += f", no space left on the file system of {folder}"
            remedy = "free some space there, or name another directory for temporary files in TMPDIR"
        return Finished(stdout, said, how, crashed=code < 0, remedy=remedy)


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.returncode is not None:
        return
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # it ended by itself meanwhile


def _limit(process: subprocess.Popen[bytes], kind: int, most: int) -> None:
    """Lower one limit of a child that has just begun; a lower one that infc itself has stays."""
    try:
        _, hard = resource.prlimit(process.pid, kind)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.prlimit(process.pid, kind, (most, most))
    except ProcessLookupError:
        return  # it ended by itself meanwhile


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _text(data: bytes) -> str:
    return data.decode(errors="replace")
