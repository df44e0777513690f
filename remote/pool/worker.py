"""One place for an executor: keeps a process there, and tries an accepted request again when the first one dies."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from infc.errors import DeadlineExceeded, ExecutorFailed, InfcError, PoolUnavailable

from ...runtime.memory.paged import PagedArena
from .messages import Attach
from .supervisor import Executor, ExecutorDied
from .work import Answer, Work

_log = logging.getLogger(__name__)

# Inference is a pure function of its inputs, so that it may be run again.
TRIES = 2

# Of a pause before an executor is replaced that died without having answered a call, as those before it did.
LONGEST_PAUSE = 30.0  # seconds


class Interrupted(Exception):
    """The executor ended while it had other calls under way as well: any of them may be why."""


def _nothing() -> None:
    return


@dataclass
class Call:
    """An accepted request on its way.

    `attach` is its model's, `deadline` in the event loop's time; beside it are up to `depth - 1` others in its
    executor. `abandoned` once its caller has given up; the executor that runs it is then told by `cancel`.
    """

    work: Work
    attach: Attach
    deadline: float
    depth: int = 1
    abandoned: bool = False
    cancel: Callable[[], None] = field(default=_nothing)

    def abandon(self) -> None:
        """Nobody waits for it any more."""
        self.abandoned = True
        self.cancel()


class Worker:
    """Runs calls in its executor: one at a time, or several of models in stages.

    Args:
        models: what each executor attaches when it starts; the first one all of them.
        patience: seconds that an executor may go on with a call whose caller has given up.
        paged: the arena that weights are mapped from; None for their files.
    """

    def __init__(self, models: Sequence[Attach], patience: float, paged: PagedArena | None = None) -> None:
        self._models = models
        self._patience = patience
        self._paged = paged
        self._executor: asyncio.Task[Executor] | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._fruitless = 0  # executors in a row that died without having answered a call
        self._closed = False

    @property
    def ready(self) -> bool:
        """Whether an executor is there with all models attached."""
        task = self._executor
        return task is not None and task.done() and not self._lost(task)

    async def start(self) -> Executor:
        """The executor; a new one when there is none.

        Raises:
            InfcError: a model cannot be attached to the first one, or no process can be started.
            PoolUnavailable: the worker was closed.
        """
        if self._closed:
            raise PoolUnavailable(
                "the pool is being stopped", hint="call again: another pool, or this one once it is back"
            )
        if self._executor is None or self._lost(self._executor):
            self._executor = asyncio.create_task(self._start())
        return await asyncio.shield(self._executor)

    async def run(self, call: Call, tries: int = TRIES) -> tuple[Answer, ...]:
        """Run one call; its outputs.

        Raises:
            Interrupted: the executor died, and others were under way in it.
            ExecutorFailed: the executor died on it, and the next one as well.
            DeadlineExceeded: there was no time left to begin with it, or the executor had to be ended.
            InfcError: what the model reported.
        """
        loop = asyncio.get_running_loop()
        for _ in range(tries):
            executor = await self.start()
            if call.abandoned or loop.time() >= call.deadline:
                raise DeadlineExceeded(
                    "the deadline passed before an executor could begin with the request",
                    hint="give the call more time, or the pool more executors",
                )
            overdue = loop.call_at(max(call.deadline, loop.time() + self._patience), executor.kill)
            _log.debug("executor %d runs %s", executor.pid, call.work.message.model)
            try:
                await executor.attach(call.attach)  # a no-op unless the model is attached when it is first called
                outputs = await self._infer(executor, call)
                self._fruitless = 0
                return outputs
            except ExecutorDied as error:
                await executor.end()
                _log.warning("executor %d left a request for %s: %s", executor.pid, call.work.message.model, error)
                if loop.time() >= overdue.when():
                    raise DeadlineExceeded(
                        "the model did not return in time and its executor was ended",
                        hint="give the call or the pool a longer deadline, if the model needs it",
                    ) from error
                if call.depth > 1:
                    raise Interrupted from error
            finally:
                overdue.cancel()
        raise ExecutorFailed(
            f"the executor died while it ran model {call.work.message.model!r}, and so did the one that tried again",
            hint="the pool goes on; its log says how they died; `infc run` tries the same inputs without a pool",
        )

    @staticmethod
    async def _infer(executor: Executor, call: Call) -> tuple[Answer, ...]:
        begun = await executor.begin(call.work)
        call.cancel = lambda: executor.cancel(begun)
        if call.abandoned:
            call.cancel()
        try:
            return await begun.answer
        finally:
            call.cancel = _nothing

    async def release(self, model: str, chunks: Sequence[str]) -> None:
        """Take chunks of a model out of the executor's page tables; one that is not there has none."""
        task = self._executor
        if task is None or not self.ready:
            return
        with suppress(ExecutorDied):
            await task.result().release(model, chunks)

    async def close(self) -> None:
        """End the executor, also one that is starting or busy."""
        self._closed = True
        if self._watcher is not None:
            self._watcher.cancel()
        if self._executor is None:
            return
        self._executor.cancel()
        done, _ = await asyncio.wait([self._executor])
        for task in done:
            if not task.cancelled() and task.exception() is None:
                await task.result().end()

    async def _start(self) -> Executor:
        # Files change while a pool serves them: what became of one model is no reason to do without the others.
        first = self._watcher is None
        try:
            executor = await Executor.start(self._models, self._paged, all_of_them=first)
        except ExecutorFailed as error:
            if first:
                raise
            _log.error("%s; from now on models are attached when they are called", error)
            self._models = ()
            executor = await Executor.start(self._models, self._paged)
        self._watcher = asyncio.create_task(self._watch(executor))
        return executor

    async def _watch(self, executor: Executor) -> None:
        """Replace an executor that dies while nobody calls it, so that the next call need not wait for a new one."""
        await executor.wait()
        await executor.end()
        _log.warning("executor %d %s", executor.pid, executor.obituary)
        while not (self._closed or self.ready):
            pause = min(2.0**self._fruitless - 1, LONGEST_PAUSE)
            self._fruitless += 1
            await asyncio.sleep(pause)
            try:
                await self.start()
            except InfcError as error:
                _log.error("no executor could be started: %s", error)

    @staticmethod
    def _lost(task: "asyncio.Task[Executor]") -> bool:
        if not task.done():
            return False
        return task.cancelled() or task.exception() is not None or not task.result().alive
