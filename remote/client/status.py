"""gRPC status codes back into infc's errors."""

from collections.abc import Iterable
from urllib.parse import unquote

import grpc

from infc.errors import (
    DeadlineExceeded,
    ExecutorFailed,
    InvalidInput,
    ModelNotFound,
    Overloaded,
    PoolUnavailable,
    RemoteError,
)

from ..oip import keys

_CLASSES: dict[grpc.StatusCode, type[RemoteError]] = {
    grpc.StatusCode.NOT_FOUND: ModelNotFound,
    grpc.StatusCode.INVALID_ARGUMENT: InvalidInput,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Overloaded,
    grpc.StatusCode.UNAVAILABLE: PoolUnavailable,
    grpc.StatusCode.INTERNAL: ExecutorFailed,
}

# For what gRPC itself reports, or a server that is not infc's: message and hint. {what} is what was called, {address}
# where, {seconds} the caller's limit, {details} what came with the status.
_TEXTS: dict[grpc.StatusCode, tuple[str, str]] = {
    grpc.StatusCode.UNAVAILABLE: (
        "no pool answers at {address}: {details}",
        "start one with `infc serve OUT.infc --listen HOST:PORT`, or name another with INFC_POOL",
    ),
    grpc.StatusCode.DEADLINE_EXCEEDED: (
        "{what} got no answer from {address} within {seconds:g} s",
        "allow more with INFC_TIMEOUT, in seconds",
    ),
    grpc.StatusCode.UNIMPLEMENTED: (
        "what answers at {address} does not know {what}: {details}",
        "is this the address of a pool? infc speaks the Open Inference Protocol v2 over gRPC",
    ),
    grpc.StatusCode.UNAUTHENTICATED: (
        "{address} wants to know who calls: {details}",
        "set INFC_TOKEN, and INFC_POOL too: the token is not sent to a pool that only the pointer file names",
    ),
    grpc.StatusCode.PERMISSION_DENIED: ("{address} refuses {what}: {details}", "is INFC_TOKEN the right one?"),
}


def to_error(call: grpc.RpcError, *, what: str, address: str, seconds: float) -> RemoteError:
    """The `RemoteError` that a failed call stands for.

    Args:
        call: what gRPC raised.
        what: the method and the model, for the message.
        address: the pool's address.
        seconds: the deadline that the call had.
    """
    if not isinstance(call, grpc.Call):
        return RemoteError(
            f"{what} at {address} failed: {call}", hint="is something else than a pool of infc's listening there?"
        )
    code, details = call.code(), call.details() or ""
    kind = _CLASSES.get(code, RemoteError)
    trailing: Iterable[tuple[str, str | bytes]] = call.trailing_metadata() or ()  # pyright: ignore[reportAssignmentType]
    hint = next((value for key, value in trailing if key == keys.HINT), None)
    if hint is not None:  # the pool itself speaks, and says all there is to say
        return kind(details, hint=unquote(str(hint)))
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in details:
        # gRPC's own refusal, which has no status of its own: sending it again would not help.
        return InvalidInput(f"{what}: {details}", hint="start the pool with a larger --max-message")
    text, advice = _TEXTS.get(code, ("{what} at {address} failed: {details}", ""))
    return kind(text.format(what=what, address=address, seconds=seconds, details=details), hint=advice)
