"""One method of a gRPC service: messages in and out, errors as statuses, nothing of Python's in either."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from infc.errors import InfcError, InvalidInput

from ..oip import keys
from .model import Model
from .status import status_of, trailer_of

_log = logging.getLogger(__name__)

Context = grpc.aio.ServicerContext[Any, Any]
Method = Callable[[Any, Context], Awaitable[Any]]


def unary(name: str, request: type[Any] | None, method: Method) -> "grpc.RpcMethodHandler[Any, Any]":
    """What a server registers for a coroutine that raises `InfcError`s. `request` is its message class; None for
    one that is given the bytes."""

    async def answer(data: bytes, context: Context) -> bytes:
        try:
            response = await method(parse(request, data, name) if request else data, context)
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


def digests(model: Model) -> tuple[tuple[str, str], ...]:
    """The metadata that says which artifact answers."""
    return ((keys.MODEL_DIGEST, model.digest), (keys.INTERFACE_DIGEST, model.interface))


def parse(kind: type[Any], data: bytes, name: str) -> Any:
    """The message of a class that the bytes are; `name` is the method's, for errors. Raises InvalidInput."""
    try:
        return kind.FromString(data)
    except DecodeError as error:
        full: str = kind.DESCRIPTOR.full_name
        spoken = "the Open Inference Protocol v2" if full.startswith("inference.") else f"messages of {full}"
        raise InvalidInput(
            f"{len(data)} bytes are no {full}",
            hint=f"{name} speaks {spoken}; gRPC reflection gives its messages",
        ) from error
