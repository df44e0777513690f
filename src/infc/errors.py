"""Every error that infc raises on purpose.

    InfcError
    ├── UsageError           an option, or its value, that makes no sense
    ├── SourceError          the model that was handed in: not found, not loadable, does not export
    ├── CompileError         a pass or a tool failed on a model that was read
    ├── ArtifactError        a .infc that is truncated, edited, of another version, or no artifact at all
    ├── VerifyError          the compiled model and PyTorch disagree
    ├── BreakingChange       a model's interface is not what its callers were made for
    └── RemoteError          a call to a pool
        ├── PoolUnavailable      nobody answers at that address
        ├── DeadlineExceeded     no answer in the time the caller gave
        ├── Overloaded           the pool has no room for the request now
        ├── ModelNotFound        the pool does not serve that model
        ├── InvalidInput         a name, dtype, shape or value that the model does not take
        └── ExecutorFailed       the process that ran the model died or the model itself failed

The first line says what is wrong and names the value and what was expected; `hint` says what to do next. The command
line prints both and exits with `exit_code`. This module imports nothing, so that every layer may use it.
"""

from collections.abc import Sequence
from pathlib import Path


class InfcError(Exception):
    """Root of all errors that infc raises on purpose.

    Args:
        message: one sentence: the value, what was expected.
        hint: the next step for the person who reads it; empty when there is none.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(InfcError):
    """What was asked for makes no sense, whatever the model is: an option's value, or an option where it has no use."""

    exit_code = 2


class SourceError(InfcError):
    """The model handed to infc cannot be read, is not what it claims to be, or does not export."""

    exit_code = 3


class CompileError(InfcError):
    """A pass or an external tool failed.

    Args:
        message: what failed, and on which operation.
        hint: the next step.
        stage: the compiler stage or pass that failed (`import`, `infer-pack-weights`, `iree-compile` …).
        command: the command that fails in the same way when pasted, where there is one.
        reproducer: directory that holds the IR before the failing stage, where one was written.
    """

    exit_code = 4

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        stage: str = "",
        command: Sequence[str] = (),
        reproducer: Path | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.stage = stage
        self.command = tuple(command)
        self.reproducer = reproducer


class ArtifactError(InfcError):
    """A file that should be an artifact is truncated, edited, too new, too old, or something else."""

    exit_code = 5


class VerifyError(InfcError):
    """The compiled model's numbers differ from PyTorch's by more than the tolerance."""

    exit_code = 6


class BreakingChange(InfcError):
    """A new version of a model has an interface that breaks callers of an earlier one."""

    exit_code = 8


class RemoteError(InfcError):
    """A call to a pool did not give an answer."""

    exit_code = 7


class PoolUnavailable(RemoteError):
    """Nobody answers at the pool's address, or the connection broke and could not be made again."""


class DeadlineExceeded(RemoteError):
    """The pool did not answer within the time the caller gave."""


class Overloaded(RemoteError):
    """The pool has no room for the request now; it may be sent again later."""


class ModelNotFound(RemoteError):
    """The pool does not serve a model of that name."""


class InvalidInput(RemoteError):
    """An input's name, number, dtype, shape or value is not what the model takes."""


class ExecutorFailed(RemoteError):
    """The executor died while it ran the request, or the compiled model reported a failure."""
