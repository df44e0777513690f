"""Several calls in flight: a thread for each stage, and calls that go from one to the next."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from queue import SimpleQueue
from threading import Semaphore, Thread

import numpy as np

from .call import Call
from .entries import Entry
from .session import Session

Outputs = dict[str, np.ndarray]


@dataclass(frozen=True)
class _Item:
    """A call that waits for its stage, the one of `entry.legs` at `leg`."""

    entry: Entry
    call: Call
    leg: int
    future: "Future[Outputs]"
    left: "Callable[[Future[Outputs]], object]"


class Pipeline:
    """Calls of a session that are under way together: one is in the second stage while the next is in the first.

    A context manager; the session stays the caller's. Calls of one method end in the order in which they were
    submitted. One that fails, or is cancelled, leaves the others as they are.

    Args:
        session: a model, of any number of stages.
        depth: how many calls may be under way; twice the stages by default, so that no stage waits for another's.
    """

    def __init__(self, session: Session, depth: int | None = None) -> None:
        self._session = session
        self._depth = depth or 2 * len(session.stages)
        self._room = Semaphore(self._depth)
        self._closed = False
        self._queues: dict[str, SimpleQueue[_Item | None]] = {name: SimpleQueue() for name in session.stages}
        self._threads = [
            Thread(target=self._work, args=(queue,), name=f"infc-{name}", daemon=True)
            for name, queue in self._queues.items()
        ]
        for thread in self._threads:
            thread.start()

    def submit(
        self,
        inputs: Mapping[str, np.ndarray],
        method: str | None = None,
        left: "Callable[[Future[Outputs]], object] | None" = None,
    ) -> "Future[Outputs]":
        """Begin a call; waits while `depth` calls are under way.

        `left` gets the future when the call is in no stage any more, on the thread of the last one: of a call that was
        cancelled that may be later than the future says. It must not raise.

        Arguments, result and errors of the future are those of `Session.run`. A future that is cancelled is left out by
        the stages that it has not reached.

        Raises:
            InvalidInput: an input that the model does not take.
            ArtifactError: no such method.
        """
        if self._closed:
            raise ValueError("the pipeline is closed")
        call = self._session.begin(inputs, method)
        item = _Item(call.entry, call, 0, Future(), left or _nothing)
        self._room.acquire()
        self._queues[call.entry.legs[0].stage.name].put(item)
        return item.future

    def close(self) -> None:
        """Wait for the calls under way, and end the threads."""
        if self._closed:
            return
        self._closed = True
        for _ in range(self._depth):
            self._room.acquire()
        for queue in self._queues.values():
            queue.put(None)
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> "Pipeline":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _work(self, queue: "SimpleQueue[_Item | None]") -> None:
        while (item := queue.get()) is not None:
            ended = self._advance(item)
            if ended:
                self._room.release()
                item.left(item.future)

    def _advance(self, item: _Item) -> bool:
        """Runs the call's stage and hands it on; whether it has ended."""
        if item.future.cancelled():
            return True
        try:
            item.call.advance(item.entry.legs[item.leg])
            following = item.leg + 1
            if following < len(item.entry.legs):
                queue = self._queues[item.entry.legs[following].stage.name]
                queue.put(replace(item, leg=following))
                return False
            outputs = item.call.finish()
        except Exception as error:  # noqa: BLE001 (whatever it is, it is the caller's, and the stage's next call runs)
            if item.future.set_running_or_notify_cancel():
                item.future.set_exception(error)
            return True
        if item.future.set_running_or_notify_cancel():
            item.future.set_result(outputs)
        return True


def _nothing(_: object) -> None:
    return
