"""One executor process as the controller sees it: started, given its models, called, ended."""

import asyncio
import logging
import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import msgspec

from infc import errors
from infc.errors import ExecutorFailed, InfcError

from ...runtime.memory.paged import PagedArena
from .channel import AsyncChannel, ChannelClosed
from .handover import ArenaGiver
from .messages import Attach, Attached, Cancel, Failed, Infer, Release, Released, Reply, Result
from .spawning import spawn
from .work import Answer, Work

_log = logging.getLogger(__name__)

# Native code runs while a module is loaded and may never return.
START_LIMIT = 60.0  # seconds


class ExecutorDied(Exception):
    """The executor's process ended, or broke the protocol and was ended."""


@dataclass(frozen=True)
class Begun:
    """What was asked under a number, and its answer once that is there; of an inference, with what it may be."""

    number: int
    due: type[Reply]
    work: Work | None
    answer: "asyncio.Future[Any]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def admits(self, reply: Reply) -> bool:
        """Whether it is one: nothing that an executor claims decides how much memory the controller takes."""
        return isinstance(reply, self.due) and (
            self.work is None or not isinstance(reply, Result) or self.work.admits(reply.tensors)
        )


class Executor:
    """A running executor with its models attached. Made by `start`.

    Several calls may be under way: each has a number, and one coroutine hands out the answers.
    """

    def __init__(
        self, process: subprocess.Popen[bytes], channel: AsyncChannel[Reply], giver: ArenaGiver | None = None
    ) -> None:
        self._process = process
        self._channel = channel
        self._giver = giver
        self._sending = asyncio.Lock()
        self._attaching = asyncio.Lock()
        self._numbers = count()
        self._begun: dict[int, Begun] = {}
        self._broken = ""
        self._cancelling: set[asyncio.Task[None]] = set()
        self._reader = asyncio.create_task(self._read())
        self._attached: set[str] = set()
        self._exited = asyncio.Event()
        pidfd = os.pidfd_open(process.pid)
        asyncio.get_running_loop().add_reader(pidfd, self._on_exit, pidfd)

    @staticmethod
    async def start(
        models: Sequence[Attach], paged: PagedArena | None = None, *, all_of_them: bool = True
    ) -> "Executor":
        """Start a process and attach the models. With `paged`, their weights are mapped from that arena.

        Args:
            models: what to attach.
            paged: see above.
            all_of_them: a model that cannot be attached is an error; else its calls will try it again.

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
                try:
                    await executor.attach(model)
                except InfcError as error:
                    if all_of_them:
                        raise
                    _log.error("executor %d goes on without model %s: %s", executor.pid, model.model, error)
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
        process, ours, giver = spawn(with_arena=paged is not None)
        given = ArenaGiver(giver, paged) if giver and paged else None
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

    async def begin(self, work: Work) -> Begun:
        """Hand an inference over; its answer has the outputs, a tuple of `Answer`.

        Raises:
            InfcError: from the answer: what the executor reported.
            ExecutorDied: it ended before it had answered, also from the answer.
        """
        return await self._ask(work.message, Result, work)

    def cancel(self, begun: Begun) -> None:
        """Nobody waits for that inference any more. It ends in any case, perhaps sooner."""
        task = asyncio.create_task(self._cancel(begun.number))
        self._cancelling.add(task)
        task.add_done_callback(self._cancelling.discard)

    async def release(self, model: str, chunks: Sequence[str]) -> None:
        """Take chunks of a model out of the process's page tables, after the call that it runs.

        Raises:
            InfcError: what the executor reported.
            ExecutorDied: it ended before it had answered.
        """
        if model not in self._attached:
            return
        begun = await self._ask(Release(model, tuple(chunks)), Released)
        await begun.answer

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
        await self._reader
        async with self._sending:
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
        async with self._attaching:
            if model.model in self._attached:
                return
            if self._giver is not None:
                self._giver.offer(model.model, model.slots)
            reply = await (await self._ask(model, Attached)).answer
            self._attached.add(model.model)
        _log.info("executor %d attached %s in %.1f ms", self.pid, model.model, reply.seconds * 1e3)

    async def _ask(self, message: Attach | Infer | Release, due: type[Reply], work: Work | None = None) -> Begun:
        if self._broken:
            raise ExecutorDied(self._broken)
        begun = Begun(next(self._numbers), due, work)
        self._begun[begun.number] = begun
        numbered = msgspec.structs.replace(message, number=begun.number)
        try:
            async with self._sending:
                await self._channel.send(numbered, work.data if work else ())
        except ChannelClosed as error:
            self._begun.pop(begun.number, None)
            raise ExecutorDied(str(error)) from error
        return begun

    async def _cancel(self, number: int) -> None:
        with suppress(ChannelClosed):  # then it has no answer to wait for
            async with self._sending:
                if number in self._begun and not self._broken:
                    await self._channel.send(Cancel(number))

    async def _read(self) -> None:
        """Hand out answers until the executor is gone, or says what was not asked."""
        try:
            while True:
                reply = await self._channel.receive()
                begun = self._begun.pop(reply.number, None)
                if begun is None:
                    raise ChannelClosed(f"answered {reply}, expected nothing")
                await self._hand_out(reply, begun)
        except ChannelClosed as error:
            self._broken = str(error)
            for begun in self._begun.values():
                _fail(begun, ExecutorDied(self._broken))
            self._begun.clear()

    async def _hand_out(self, reply: Reply, begun: Begun) -> None:
        if isinstance(reply, Failed):
            _fail(begun, _reported(reply))
            return
        try:
            if not begun.admits(reply):
                wanted = begun.work.outputs if begun.work else begun.due.__name__
                raise ChannelClosed(f"answered {reply}, expected {wanted}")
            if isinstance(reply, Result):
                answer = tuple([Answer(each, await self._channel.receive_bytes(each.size)) for each in reply.tensors])
            else:
                answer = reply
        except ChannelClosed as error:
            _fail(begun, ExecutorDied(str(error)))
            raise
        if not begun.answer.done():
            begun.answer.set_result(answer)


def _fail(begun: Begun, error: Exception) -> None:
    if not begun.answer.done():
        begun.answer.set_exception(error)


def _reported(failure: Failed) -> InfcError:
    """The error that an executor reported; one of a class that infc has not is an `ExecutorFailed`."""
    kind = getattr(errors, failure.error, None)
    if not (isinstance(kind, type) and issubclass(kind, InfcError)):
        kind = ExecutorFailed
    return kind(failure.message, hint=failure.hint)
