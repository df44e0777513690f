"""One executor process as the controller sees it: started, given its models, called, ended."""

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence

from infc import errors
from infc.errors import ExecutorFailed, InfcError

from ...runtime.memory.paged import PagedArena
from .channel import AsyncChannel, ChannelClosed
from .handover import ArenaGiver
from .messages import Attach, Attached, Failed, Release, Released, Reply, Request, Result
from .work import Answer, Work

_log = logging.getLogger(__name__)

# Native code runs while a module is loaded and may never return.
START_LIMIT = 60.0  # seconds


# What Python and the drivers of devices need; a token of the controller's is nothing for a model's native code.
_INHERITED = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "CUDA_VISIBLE_DEVICES",
    "VK_DRIVER_FILES",
)


def _environment() -> dict[str, str]:
    passed = {name: value for name, value in os.environ.items() if name in _INHERITED or name.startswith("PYTHON")}
    return passed | {"OPENBLAS_NUM_THREADS": "1"}


class ExecutorDied(Exception):
    """The executor's process ended, or broke the protocol and was ended."""


class Executor:
    """A running executor with its models attached. Made by `start`; one call at a time."""

    def __init__(
        self, process: subprocess.Popen[bytes], channel: AsyncChannel[Reply], giver: ArenaGiver | None = None
    ) -> None:
        self._process = process
        self._channel = channel
        self._giver = giver
        self._busy = asyncio.Lock()
        self._attached: set[str] = set()
        self._exited = asyncio.Event()
        pidfd = os.pidfd_open(process.pid)
        asyncio.get_running_loop().add_reader(pidfd, self._on_exit, pidfd)

    @staticmethod
    async def start(models: Sequence[Attach], paged: PagedArena | None = None) -> "Executor":
        """Start a process and attach the models. With `paged`, their weights are mapped from that arena.

        Raises:
            InfcError: a model cannot be attached.
            ExecutorFailed: the process died or hung while it attached them.
        """
        executor = Executor._spawn(paged)
        timer = asyncio.get_running_loop().call_later(START_LIMIT, executor.kill)
        attaching = ""
        try:
            for model in models:
                attaching = model.model
                await executor.attach(model)
        except ExecutorDied as error:
            await executor.end()
            raise ExecutorFailed(
                f"the executor {executor.obituary} while it attached model {attaching!r}",
                hint="compile the model again on this machine; `infc run` tries an artifact without a pool",
            ) from error
        except BaseException:
            await executor.end()
            raise
        finally:
            timer.cancel()
        return executor

    @staticmethod
    def _spawn(paged: PagedArena | None) -> "Executor":
        ours, theirs = socket.socketpair()
        giver, taker = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, taker:
            handover = [taker.fileno()] if paged else []
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-P",  # nothing in the working directory is imported
                    "-m",
                    f"{__package__}.executor",
                    str(theirs.fileno()),
                    str(os.getpid()),
                    *map(str, handover),
                ],
                pass_fds=[theirs.fileno(), *handover],
                stdin=subprocess.DEVNULL,
                stdout=2,  # stdout belongs to the controller's one line
                env=_environment(),
                process_group=0,  # Ctrl-C is for the controller, which drains first
            )
        if paged is None:
            giver.close()
        given = ArenaGiver(giver, paged) if paged else None
        return Executor(process, AsyncChannel(ours, Reply), given)  # pyright: ignore[reportArgumentType]

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process has not ended yet."""
        return self._process.poll() is None

    @property
    def obituary(self) -> str:
        """How the process ended: `was ended by SIGSEGV`."""
        code = self._process.poll()
        if code is None:
            return "closed its channel"
        return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"exited with status {code}"

    async def infer(self, work: Work) -> tuple[Answer, ...]:
        """Run the model; its outputs.

        Raises:
            InfcError: what the executor reported.
            ExecutorDied: it ended before it had answered.
        """
        async with self._busy:
            try:
                reply = await self._exchange(work.message, work.data)
                # Nothing that an executor claims decides how much memory the controller takes.
                if not isinstance(reply, Result) or not work.admits(reply.tensors):
                    raise ExecutorDied(f"answered {reply}, expected {work.outputs}")
                return tuple(
                    [Answer(tensor, await self._channel.receive_bytes(tensor.size)) for tensor in reply.tensors]
                )
            except ChannelClosed as error:
                raise ExecutorDied(str(error)) from error

    async def release(self, model: str, chunks: Sequence[str]) -> None:
        """Take chunks of a model out of the process's page tables, after the call that it runs.

        Raises:
            InfcError: what the executor reported.
            ExecutorDied: it ended before it had answered.
        """
        if model not in self._attached:
            return
        async with self._busy:
            try:
                reply = await self._exchange(Release(model, tuple(chunks)))
            except ChannelClosed as error:
                raise ExecutorDied(str(error)) from error
        if not isinstance(reply, Released):
            raise ExecutorDied(f"answered {type(reply).__name__} where Released was due")

    def kill(self) -> None:
        """End the process at once. A call in progress raises `ExecutorDied`."""
        self._process.kill()

    async def wait(self) -> None:
        """Wait until the process has ended."""
        await self._exited.wait()

    async def end(self) -> None:
        """End the process, wait for it and give everything back."""
        self.kill()
        await self.wait()
        self._channel.shutdown()
        async with self._busy:
            self._channel.close()
        if self._giver is not None:
            await self._giver.close()

    def _on_exit(self, pidfd: int) -> None:
        asyncio.get_running_loop().remove_reader(pidfd)
        os.close(pidfd)
        self._process.wait()
        self._exited.set()

    async def attach(self, model: Attach) -> None:
        """Attach a model, if it is not there yet.

        Raises:
            InfcError: it cannot be attached.
            ExecutorDied: the process ended before it had answered.
        """
        if model.model in self._attached:
            return
        async with self._busy:
            try:
                if self._giver is not None:
                    self._giver.offer(model.model, model.slots)
                reply = await self._exchange(model)
            except ChannelClosed as error:
                raise ExecutorDied(str(error)) from error
        if not isinstance(reply, Attached):
            raise ExecutorDied(f"answered {type(reply).__name__} where Attached was due")
        self._attached.add(model.model)
        _log.info("executor %d attached %s in %.1f ms", self.pid, model.model, reply.seconds * 1e3)

    async def _exchange(self, message: Request, data: Sequence[memoryview] = ()) -> Attached | Result | Released:
        await self._channel.send(message, data)
        reply = await self._channel.receive()
        if isinstance(reply, Failed):
            raise _reported(reply)
        return reply


def _reported(failure: Failed) -> InfcError:
    """The error that an executor reported; one of a class that infc has not is an `ExecutorFailed`."""
    kind = getattr(errors, failure.error, None)
    if not (isinstance(kind, type) and issubclass(kind, InfcError)):
        kind = ExecutorFailed
    return kind(failure.message, hint=failure.hint)
