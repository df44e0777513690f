"""A gRPC server that listens where it was told, and nowhere where somebody listens already."""

import errno
import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from stat import S_ISSOCK

import grpc.aio
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health, health_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2

from infc.errors import PoolUnavailable

from ..oip import SERVICE, descriptor_pool
from .options import Address


def new_server(max_message: int) -> grpc.aio.Server:
    """A server that takes requests of up to `max_message` bytes and sends responses of any size."""
    return grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", max_message),
            ("grpc.max_send_message_length", -1),
            # With it, two pools on one port would share the requests between them.
            ("grpc.so_reuseport", 0),
        ]
    )


def bind(server: grpc.aio.Server, address: Address) -> Address:
    """Listen at an address; the one that is listened at, with the port that the system picked.

    Raises:
        PoolUnavailable: it is in use, or not one of this machine's.
    """
    # gRPC takes over a Unix socket that somebody listens at, and says why it failed to its own log only.
    try:
        if address.path:
            _try_path(address.path)
        else:
            _try_port(address)
    except OSError as error:
        reason = error.strerror or str(error)
        raise PoolUnavailable(f"cannot listen on {address}: {reason}", hint=_hint(error.errno)) from error
    # Connecting to a Unix socket takes write permission: only this user has it, until somebody gives it to more.
    mask = os.umask(0o177)
    try:
        port = server.add_insecure_port(str(address))
    except RuntimeError as error:
        raise PoolUnavailable(f"cannot listen on {address}: {error}", hint=_hint(None)) from error
    finally:
        os.umask(mask)
    return address if address.path else replace(address, port=port)


def add_reflection(server: grpc.aio.Server, typed: Mapping[str, FileDescriptorProto]) -> None:
    """Describe the services to tools like grpcurl; `typed` are the files of the models' own, by the services' names."""
    modules = (health_pb2, reflection_pb2)
    pool = DescriptorPool()
    for file in (descriptor_pool().FindFileContainingSymbol(SERVICE), *(module.DESCRIPTOR for module in modules)):
        proto = FileDescriptorProto()
        file.CopyToProto(proto)
        pool.Add(proto)  # pyright: ignore[reportAttributeAccessIssue]
    for proto in typed.values():
        pool.Add(proto)  # pyright: ignore[reportAttributeAccessIssue]
    names = (SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME, *typed)
    reflection.enable_server_reflection(names, server, pool)


def _try_port(address: Address) -> None:
    host = address.host.strip("[]")
    family, kind, protocol, _, target = socket.getaddrinfo(host, address.port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        attempt.bind(target)
        attempt.listen()


def _try_path(path: str) -> None:
    try:
        mode = Path(path).stat().st_mode
    except FileNotFoundError:
        with socket.socket(socket.AF_UNIX) as attempt:
            attempt.bind(path)
        Path(path).unlink()
        return
    if not S_ISSOCK(mode):
        raise FileExistsError(errno.EEXIST, "a file that is no socket is there")
    with socket.socket(socket.AF_UNIX) as attempt, suppress(ConnectionRefusedError):
        attempt.connect(path)  # refused: left over from a process that is gone
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def _hint(number: int | None) -> str:
    if number == errno.EADDRINUSE:
        return "stop what listens there, or choose another address with --listen; port 0 lets the system pick one"
    return "give an address of this machine with --listen HOST:PORT, or a path in a directory that exists"
