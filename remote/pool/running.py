"""The calls of an executor: at once where a model has one stage, through a pipeline where it has several."""

import logging
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from threading import Lock

import msgspec
import numpy as np

from infc.errors import InfcError

from ...runtime.artifact.dtypes import dtype_name, numpy_dtype
from ...runtime.pipeline import Outputs, Pipeline
from ...runtime.session import Session
from .channel import BlockingChannel, ChannelClosed
from .messages import Attached, Failed, Infer, Released, Request, Result, Tensor

_log = logging.getLogger(__name__)

# Models whose stages keep their threads while nobody calls them: starting them takes a call's time, having them memory.
KEPT = 16


class Running:
    """Runs calls and answers them, each once, in the order in which they end.

    How many are under way together is the controller's to say. `sessions` are the attached models by name. Of those in
    stages the `KEPT` that were called last have threads.
    """

    def __init__(self, channel: BlockingChannel[Request]) -> None:
        self._channel = channel
        self._sending = Lock()
        self.sessions: dict[str, Session] = {}
        self._pipelines: dict[str, Pipeline] = {}  # in the order of their last calls
        self._under_way: dict[int, tuple[str, Future[Outputs]]] = {}

    def begin(self, message: Infer) -> None:
        """Run a call; of a method of several stages, begin it.

        Raises:
            ChannelClosed: the controller is gone.
        """
        inputs = {tensor.name: self._receive(tensor) for tensor in message.tensors}
        session, number = self.sessions[message.model], message.number
        try:
            if len(session.entry(message.method).legs) > 1:
                pipeline = self._pipeline(message.model, session)
                future = pipeline.submit(inputs, message.method, lambda future: self._left(message, future))
                self._under_way[number] = message.model, future
                if future.done():  # it may have left before it was written down
                    self._under_way.pop(number, None)
                return
            outputs = session.run(inputs, message.method)
        except Exception as error:  # noqa: BLE001 (one call's defect is no reason to end those beside it)
            self.send(self._failed(message, error), number)
            return
        self._send_outputs(outputs, number)

    def cancel(self, number: int) -> None:
        """The call goes no further than the stage in which it is."""
        _, future = self._under_way.get(number, (None, None))
        if future is not None:
            future.cancel()

    def close(self) -> None:
        """Wait for what is under way, and detach the models."""
        for each in (*self._pipelines.values(), *self.sessions.values()):
            each.close()

    def send(self, reply: Attached | Released | Failed, number: int) -> None:
        """Answer what the controller asked under that number.

        Raises:
            ChannelClosed: the controller is gone.
        """
        with self._sending:
            self._channel.send(msgspec.structs.replace(reply, number=number))

    def _pipeline(self, model: str, session: Session) -> Pipeline:
        """The model's, which is now the last that was called. One that has no call under way may have to go for it."""
        pipeline = self._pipelines.pop(model, None)
        if pipeline is None:
            busy = {name for name, _ in list(self._under_way.values())}
            idle = [name for name in self._pipelines if name not in busy]
            for name in idle[: max(len(self._pipelines) - KEPT + 1, 0)]:
                self._pipelines.pop(name).close()
            pipeline = Pipeline(session)
        self._pipelines[model] = pipeline
        return pipeline

    def _left(self, message: Infer, future: "Future[Outputs]") -> None:
        self._under_way.pop(message.number, None)
        with suppress(ChannelClosed):  # the thread that receives sees it too, and ends the process
            try:
                outputs = future.result()
            except CancelledError:
                self.send(Failed("DeadlineExceeded", "the call was given up", ""), message.number)
            except Exception as error:  # noqa: BLE001
                self.send(self._failed(message, error), message.number)
            else:
                self._send_outputs(outputs, message.number)

    def _send_outputs(self, outputs: Outputs, number: int) -> None:
        # Not ascontiguousarray: it gives a single number a dim.
        arrays = {name: np.asarray(array, order="C") for name, array in outputs.items()}
        tensors = tuple(Tensor(name, dtype_name(array.dtype), array.shape) for name, array in arrays.items())
        with self._sending:
            self._channel.send(Result(tensors, number), [_memory(array) for array in arrays.values()])

    def _failed(self, message: Infer, error: Exception) -> Failed:
        if isinstance(error, InfcError):
            return failure(error)
        _log.error("running %s failed", message.model, exc_info=error)
        return Failed("ExecutorFailed", f"model {message.model!r} failed: the pool's log says why", "")

    def _receive(self, tensor: Tensor) -> np.ndarray:
        array = np.empty(tensor.shape, numpy_dtype(tensor.dtype))
        self._channel.receive_into(_memory(array))
        return array


def failure(error: InfcError) -> Failed:
    """What the controller is told of an error; it has the number of the call still to be put in."""
    return Failed(type(error).__name__, error.message, error.hint)


def _memory(array: np.ndarray) -> memoryview:
    # Through uint8, because bfloat16 has no buffer format.
    return array.reshape(-1).view(np.uint8).data
