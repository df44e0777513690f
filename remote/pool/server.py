"""The Open Inference Protocol v2, answered from a pool."""

from collections.abc import Iterable
from typing import Any

import grpc

from infc import __version__

from ..oip import SERVICE, messages, rpcs
from .answering import Context, digests, unary
from .controller import VERSION, Pool
from .messages import Tensor
from .tensors import oip_dtype, read_request, requested, write_response

PLATFORM = "infc"


class Servicer:
    """One coroutine for each method of the protocol; they raise `InfcError`s, which `handler` turns into statuses."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def handler(self) -> grpc.GenericRpcHandler:
        """What a gRPC server registers."""
        methods = {name: unary(name, rpc.request, getattr(self, _snake(name))) for name, rpc in rpcs().items()}
        return grpc.method_handlers_generic_handler(SERVICE, methods)

    async def server_live(self, request: Any, context: Context) -> Any:
        """The controller answers."""
        return messages().ServerLiveResponse(live=True)

    async def server_ready(self, request: Any, context: Context) -> Any:
        """Requests would be taken, and an executor is there."""
        return messages().ServerReadyResponse(ready=self._pool.ready)

    async def model_ready(self, request: Any, context: Context) -> Any:
        """The same, for a model that is served."""
        self._pool.model(request.name, request.version)
        return messages().ModelReadyResponse(ready=self._pool.ready)

    async def server_metadata(self, request: Any, context: Context) -> Any:
        """Who answers."""
        return messages().ServerMetadataResponse(name="infc", version=__version__)

    async def model_metadata(self, request: Any, context: Context) -> Any:
        """A model's interface; the digests are in the initial metadata."""
        model = self._pool.model(request.name, request.version)
        await context.send_initial_metadata(digests(model))
        response = messages().ModelMetadataResponse(name=model.name, versions=[VERSION], platform=PLATFORM)
        _describe(model.inputs, response.inputs)
        _describe(model.outputs, response.outputs)
        return response

    async def model_infer(self, request: Any, context: Context) -> Any:
        """Run a model; the digests are in the trailing metadata, so that a caller notices when it was exchanged."""
        model = self._pool.model(request.model_name, request.model_version)
        wanted = requested(request, model)
        inputs = read_request(request, model)
        outputs = await self._pool.infer(model, inputs, context.time_remaining())
        # Initial metadata would be a message of its own, which costs 60 µs.
        context.set_trailing_metadata(digests(model))
        return write_response(model, outputs, wanted, request.id)


def _describe(tensors: Iterable[Tensor], target: Any) -> None:
    for tensor in tensors:
        target.add(name=tensor.name, datatype=oip_dtype(tensor.dtype), shape=tensor.shape)


def _snake(name: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in name).lstrip("_")
