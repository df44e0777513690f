"""One gRPC channel per pool and process, and calls over it."""

import json
import os
import threading
from dataclasses import dataclass
from typing import Any

import grpc

from ..oip import SERVICE, rpcs
from .address import Endpoint
from .status import to_error

# A forward pass is a pure function of its inputs: a request that the pool did not take, or lost, may be sent again.
_RETRIES = {
    "methodConfig": [
        {
            "name": [{"service": SERVICE}],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.05s",
                "maxBackoff": "0.5s",
                "backoffMultiplier": 3,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
}

_OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.service_config", json.dumps(_RETRIES)),
    # gRPC gives up on retrying a request that is larger than this; its default is 256 KiB, less than one image.
    ("grpc.per_rpc_retry_buffer_size", 64 * 1024 * 1024),
    # After a failed connection gRPC answers from memory for up to two minutes, by default; a pool that was restarted
    # shall be found within the retries of one call.
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 300),
    # Proxies of the environment lead to the internet, pools are inside.
    ("grpc.enable_http_proxy", 0),
)

_channels: dict[str, grpc.Channel] = {}
_lock = threading.Lock()


@dataclass(frozen=True)
class Connection:
    """Calls to one pool. Cheap to make, safe to share between threads, usable after a fork.

    A fork while another thread is inside a call is beyond gRPC: in the child, calls may then run into their deadline.
    """

    endpoint: Endpoint

    def call(self, method: str, request: Any, *, what: str, timeout: float) -> tuple[Any, dict[str, str]]:
        """Call one method of the protocol; return its response and the metadata of both ends, text entries only.

        Args:
            method: its name in the protocol, `ModelInfer` for example.
            request: the message.
            what: names the call in an error's message.
            timeout: in seconds, retries included.

        Raises:
            RemoteError: of the class that the status stands for.
        """
        rpc = rpcs()[method]
        address = self.endpoint.address
        stub = _channel(address).unary_unary(
            rpc.path, request_serializer=rpc.request.SerializeToString, response_deserializer=rpc.response.FromString
        )
        token = self.endpoint.token
        metadata = (("authorization", f"Bearer {token}"),) if token else ()
        try:
            response, call = stub.with_call(request, timeout=timeout, metadata=metadata)
        except grpc.RpcError as error:
            raise to_error(error, what=what, address=address, seconds=timeout) from error
        entries = (*(call.initial_metadata() or ()), *(call.trailing_metadata() or ()))
        return response, {key: value for key, value in entries if isinstance(value, str)}


def _channel(address: str) -> grpc.Channel:
    with _lock:
        if address not in _channels:
            _channels[address] = grpc.insecure_channel(address, options=_OPTIONS)
        return _channels[address]


def _forget_channels() -> None:
    # A child has its parent's sockets but not the threads behind them: it makes channels of its own. The lock may
    # have been held by a thread that does not exist here.
    global _lock
    _lock = threading.Lock()
    _abandoned.extend(_channels.values())  # closing them would act on the parent's sockets
    _channels.clear()


_abandoned: list[grpc.Channel] = []
os.register_at_fork(after_in_child=_forget_channels)
