"""The weights of the pool's models: which are in this host's DRAM, kept so by a policy around every call."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from infc.errors import InfcError

from ...runtime.memory.migrator import Migrator, Ticket
from ...runtime.memory.stats import Snapshot
from .request_log import RequestLog

_log = logging.getLogger(__name__)

_FILLS = 8  # calls at a time that wait for weights; what they read is bounded by the migrator

# Takes chunks of one model out of the page tables of every executor.
LetGo = Callable[[str, Sequence[str]], Awaitable[None]]


class Weights:
    """Runs a host's migrator beside an event loop.

    What a call evicts is let go by the executors when each has time for it: the call itself does not wait for that.

    Args:
        migrator: of all the pool's models; closed with this.
        let_go: see `LetGo`.
        log: gets every call.
    """

    def __init__(self, migrator: Migrator, let_go: LetGo, log: RequestLog | None = None) -> None:
        self._log = log
        self._migrator = migrator
        self._let_go = let_go
        self._leaving: set[asyncio.Task[None]] = set()
        self._filling = ThreadPoolExecutor(_FILLS, thread_name_prefix="fill")
        self._preparing = ThreadPoolExecutor(_FILLS, thread_name_prefix="prepare")

    @asynccontextmanager
    async def here(self, model: str) -> AsyncGenerator[None, None]:
        """Around a call and its wait for an executor: a model that was never on this host comes before that wait.

        Executors are for others meanwhile; what came stays at least until the call is over.

        Raises:
            ArtifactError: a chunk is damaged and cannot be mended, or cannot be fetched.
            InfcError: a chunk cannot be read.
        """
        if self._migrator.is_here(model):
            yield
            return
        ticket = self._migrator.begin(model, counted=False)
        try:
            self._leave(ticket.evicted)
            await self._in(self._preparing, ticket)
            yield
        finally:
            self._leave(self._migrator.end(ticket))

    @asynccontextmanager
    async def call(self, model: str, *, counted: bool = True) -> AsyncGenerator[None, None]:
        """Around one call: its chunks are in DRAM, and were hashed since they came to this host.

        One that is tried again is not `counted`, as it has been: it is one call in the statistics and in the log.

        Raises:
            ArtifactError: a chunk is damaged and cannot be mended.
            InfcError: a chunk cannot be read.
        """
        ticket = self._migrator.begin(model, counted=counted)
        if counted and self._log is not None:
            self._log.called(model, self._migrator.size(model))
        try:
            self._leave(ticket.evicted)
            if not ticket.late:
                await self._in(self._filling, ticket)
            yield
        finally:
            # After the answer: counting what was touched is no reason to let a caller wait.
            asyncio.get_running_loop().call_soon(lambda: self._leave(self._migrator.end(ticket)))

    def snapshot(self) -> Snapshot:
        """The tier as it is now."""
        return self._migrator.snapshot()

    async def close(self) -> None:
        """Lets go of what is on its way out, and ends what moves bytes. The executors have ended before."""
        if self._leaving:
            await asyncio.wait(self._leaving)
        for threads in (self._filling, self._preparing):
            threads.shutdown(wait=False, cancel_futures=True)
        await asyncio.to_thread(self._migrator.close)
        if self._log is not None:
            self._log.close()

    async def _in(self, threads: ThreadPoolExecutor, ticket: Ticket) -> None:
        await asyncio.get_running_loop().run_in_executor(threads, self._migrator.fill, ticket)

    def _leave(self, chunks: Iterable[str]) -> None:
        chunks = tuple(chunks)
        if not chunks:
            return
        task = asyncio.create_task(self._drop(chunks))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _drop(self, chunks: tuple[str, ...]) -> None:
        try:
            for model, theirs in self._migrator.holders(chunks).items():
                await self._let_go(str(model), theirs)
            await asyncio.to_thread(self._migrator.drop, chunks)
        except InfcError as error:
            _log.error("%d chunks cannot leave the memory: %s", len(chunks), error)
