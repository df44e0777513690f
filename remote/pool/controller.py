"""The pool's head: which models it serves, which request may enter, and which executor runs it."""

import asyncio
import logging
from collections.abc import Sequence

import numpy as np

from infc.errors import DeadlineExceeded, InfcError, ModelNotFound, Overloaded, PoolUnavailable

from ...runtime.memory.migrator import Migrator
from ...runtime.memory.paged import PagedArena
from ...runtime.memory.stats import Snapshot
from ..oip.keys import METHOD_MARK
from .model import Model
from .options import Limits
from .request_log import RequestLog
from .seats import Seat, Seats
from .weights import Weights
from .work import Answer
from .worker import TRIES, Call, Interrupted, Worker

_log = logging.getLogger(__name__)

VERSION = "1"


class Pool:
    """Models, executors, and the queue between them. All methods belong to one event loop.

    Args:
        models: what to serve, by name; every executor attaches those that are not from a store when it starts.
        executors: how many processes.
        limits: see `Limits`.
        migrator: keeps the weights of the models, and knows all of them.
        log: gets every call.
        paged: the arena that executors map weights from; closed with the pool.
    """

    def __init__(
        self,
        models: Sequence[Model],
        executors: int,
        limits: Limits,
        migrator: Migrator,
        *,
        log: RequestLog | None = None,
        paged: PagedArena | None = None,
    ) -> None:
        self._models = {model.name: model for model in models}
        self._entries = {entry.name: entry for model in models for entry in model.entries()}
        self._limits = limits
        attach = [model.attach for model in models if not model.stored]
        self._workers = [Worker(attach, limits.deadline, paged) for _ in range(executors)]
        self._paged = paged
        self._weights = Weights(migrator, self._release_chunks, log)
        self._seats = Seats(self._workers)
        self._accepted = 0
        self._draining = False
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def models(self) -> list[Model]:
        """The served models."""
        return list(self._models.values())

    @property
    def names(self) -> list[str]:
        """The served models' names."""
        return list(self._models)

    def memory(self) -> Snapshot:
        """The host's memory for weights as it is now."""
        return self._weights.snapshot()

    @property
    def ready(self) -> bool:
        """Whether a request would be taken and an executor is there to run it."""
        return not self._draining and any(worker.ready for worker in self._workers)

    async def start(self) -> None:
        """Start all executors and attach all models.

        Raises:
            InfcError: a model cannot be attached.
        """
        starts = [asyncio.create_task(worker.start()) for worker in self._workers]
        await asyncio.wait(starts)
        failures = [task.exception() for task in starts]
        for failure in failures:
            if failure is not None:
                raise failure

    def model(self, name: str, version: str) -> Model:
        """A model by name, which means its first method, or `NAME:METHOD`; the version is `1` or left out.

        Raises:
            ModelNotFound: names those that are served.
        """
        model = self._models.get(name) or self._entries.get(name)
        served = f"this pool serves {', '.join(map(repr, self._models))}"
        base, mark, method = name.rpartition(METHOD_MARK)
        if model is None and mark and base in self._models:
            methods = ", ".join(each.name for each in self._models[base].methods)
            raise ModelNotFound(f"model {base!r} has no method {method!r}", hint=f"it has {methods}")
        if model is None:
            raise ModelNotFound(f"no model {name!r}", hint=served)
        if version not in ("", VERSION):
            raise ModelNotFound(
                f"no version {version!r} of model {name!r}", hint=f"{served}, each in version {VERSION!r}"
            )
        return model

    async def infer(self, model: Model, inputs: Sequence[np.ndarray], remaining: float | None) -> tuple[Answer, ...]:
        """Run a model.

        Args:
            model: which.
            inputs: checked, in the method's order, C-contiguous.
            remaining: seconds until the caller's deadline; None without one.

        Returns:
            Its outputs in the method's order.

        Raises:
            PoolUnavailable: the pool is being stopped.
            Overloaded: the queue is full.
            DeadlineExceeded: the deadline passed, in the queue or while the model ran.
            ExecutorFailed: the model failed, or its executor died twice.
        """
        if self._draining:
            raise PoolUnavailable("the pool is being stopped", hint="send the request to another pool, or again later")
        depth = self._depth(model)
        if self._seats.full(depth) and self._seats.waiting >= self._limits.queue:
            raise Overloaded(
                f"the pool has no room: {self._accepted} requests are running or waiting",
                hint="send it again later, or start the pool with more --executors or a longer --queue",
            )
        seconds = self._limits.deadline if remaining is None else remaining
        call = Call(model.work(inputs), model.attach, asyncio.get_running_loop().time() + seconds, depth)
        self._enter()
        try:
            async with asyncio.timeout_at(call.deadline):
                async with self._weights.here(call.attach.model):
                    return await self._queue(call)
        except TimeoutError as error:
            raise DeadlineExceeded(
                f"model {model.name!r} gave no answer within {seconds:.3g} s",
                hint="give the call a longer deadline, or the pool more --executors",
            ) from error
        except asyncio.CancelledError:
            _log.debug("a request for %s was given up by its caller", model.name)
            raise
        finally:
            self._leave()

    async def drain(self) -> None:
        """Take no more requests and wait for those that were accepted."""
        self._draining = True
        await self._empty.wait()

    async def close(self) -> None:
        """End all executors, also busy ones."""
        self._draining = True
        await asyncio.gather(*(worker.close() for worker in self._workers))
        await self._weights.close()
        if self._paged is not None:
            await asyncio.to_thread(self._paged.close)

    async def _queue(self, call: Call) -> tuple[Answer, ...]:
        if self._seats.full(call.depth):
            _log.debug("a request for %s waits behind %d", call.work.message.model, self._seats.waiting)
        running = asyncio.create_task(self._run(await self._seats.take(call.depth), call))
        running.add_done_callback(_look)
        try:
            # A stage cannot be interrupted: its executor stays busy although the caller has given up.
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            call.abandon()
            raise

    async def _run(self, seat: Seat[Worker], call: Call) -> tuple[Answer, ...]:
        try:
            return await self._seated(seat, call, TRIES)
        except Interrupted:
            # By itself, and at once: it has waited before, and who ended the executor may try again as well.
            call.depth = 1
            return await self._seated(await self._seats.take(1, first=True), call, TRIES - 1)

    async def _seated(self, seat: Seat[Worker], call: Call, tries: int) -> tuple[Answer, ...]:
        try:
            async with self._weights.call(call.attach.model, counted=tries == TRIES):
                return await seat.place.run(call, tries)
        finally:
            self._seats.give(seat)

    def _depth(self, model: Model) -> int:
        """How many calls may be in an executor together with one of this model."""
        stages = model.stages.get(model.method.name, 1)
        return 1 if stages < 2 else min(stages, self._limits.in_flight or stages)

    async def _release_chunks(self, model: str, chunks: Sequence[str]) -> None:
        if not self._models[model].slots:  # what leaves an arena leaves every page table with it
            await asyncio.gather(*(worker.release(model, chunks) for worker in self._workers))

    def _enter(self) -> None:
        self._accepted += 1
        self._empty.clear()

    def _leave(self) -> None:
        self._accepted -= 1
        if not self._accepted:
            self._empty.set()


def _look(task: "asyncio.Task[tuple[Answer, ...]]") -> None:
    """Its caller may have given up, and nobody else looks at what became of it."""
    failure = None if task.cancelled() else task.exception()
    if failure is not None and not isinstance(failure, InfcError):
        _log.error("a request failed unexpectedly", exc_info=failure)
