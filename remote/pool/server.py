"""The Open Inference Protocol v2, answered from a pool."""

import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from infc import __version__
from infc.errors import InfcError, InvalidInput

from ..oip import SERVICE, keys, messages, rpcs
from .controller import VERSION, Model, Pool
from .messages import Tensor
from .status import status_of, trailer_of
from .tensors import oip_dtype, read_request, requested, write_response

_log = logging.getLogger(__name__)

PLATFORM = "infc"

Context = grpc.aio.ServicerContext[Any, Any]
Method = Callable[[Any, Context], Awaitable[Any]]


class Servicer:
    """One coroutine for each method of the protocol; they raise `InfcError`s, which `handler` turns into statuses."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def handler(self) -> grpc.GenericRpcHandler:
        """What a gRPC server registers."""
        methods = {name: _handler(name, getattr(self, _snake(name))) for name in rpcs()}
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
        await context.send_initial_metadata(_digests(model))
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
        context.set_trailing_metadata(_digests(model))
        return write_response(model, outputs, wanted, request.id)


def _handler(name: str, method: Method) -> "grpc.RpcMethodHandler[Any, Any]":
    rpc = rpcs()[name]

    async def answer(data: bytes, context: Context) -> bytes:
        try:
            response = await method(_parse(rpc.request, data, name), context)
            return response.SerializeToString()
        except InfcError as error:
            _log.debug("%s: %s", name, error)
            failure = error
        except Exception:  # noqa: BLE001 (a caller gets a status, whatever happens)
            _log.exception("%s failed", name)
            failure = InfcError(f"the pool failed at {name}; its log says how", hint="this is a bug in infc")
        return await context.abort(status_of(failure), failure.message, trailer_of(failure))

    # Bytes in and out: gRPC itself would answer a message that cannot be parsed with UNKNOWN and a Python exception.
    return grpc.unary_unary_rpc_method_handler(answer)  # pyright: ignore[reportArgumentType]


def _parse(kind: type[Any], data: bytes, name: str) -> Any:
    try:
        return kind.FromString(data)
    except DecodeError as error:
        raise InvalidInput(
            f"{len(data)} bytes are no {kind.DESCRIPTOR.full_name}",
            hint=f"{name} speaks the Open Inference Protocol v2; gRPC reflection gives its messages",
        ) from error


def _describe(tensors: Iterable[Tensor], target: Any) -> None:
    for tensor in tensors:
        target.add(name=tensor.name, datatype=oip_dtype(tensor.dtype), shape=tensor.shape)


def _digests(model: Model) -> tuple[tuple[str, str], ...]:
    return ((keys.MODEL_DIGEST, model.digest), (keys.INTERFACE_DIGEST, model.interface))


def _snake(name: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in name).lstrip("_")
