"""infc's errors as gRPC status codes; the client side reads them back."""

from urllib.parse import quote

import grpc

from infc.errors import (
    DeadlineExceeded,
    ExecutorFailed,
    InfcError,
    InvalidInput,
    ModelNotFound,
    Overloaded,
    PoolUnavailable,
)

from ..oip import keys

# Metadata values are printable ASCII; `%` is quoted as well, so that unquoting gives the hint back.
_PLAIN = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")

_CODES: dict[type[InfcError], grpc.StatusCode] = {
    ModelNotFound: grpc.StatusCode.NOT_FOUND,
    InvalidInput: grpc.StatusCode.INVALID_ARGUMENT,
    DeadlineExceeded: grpc.StatusCode.DEADLINE_EXCEEDED,
    Overloaded: grpc.StatusCode.RESOURCE_EXHAUSTED,
    PoolUnavailable: grpc.StatusCode.UNAVAILABLE,
    ExecutorFailed: grpc.StatusCode.INTERNAL,
}


def status_of(error: InfcError) -> grpc.StatusCode:
    """The status code of an error; INTERNAL for one that says nothing about the call itself."""
    return _CODES.get(type(error), grpc.StatusCode.INTERNAL)


def trailer_of(error: InfcError) -> tuple[tuple[str, str], ...]:
    """The trailing metadata that carries the hint, percent-encoded where it is not printable ASCII."""
    return ((keys.HINT, quote(error.hint, safe=_PLAIN)),) if error.hint else ()
