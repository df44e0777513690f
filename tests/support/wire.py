"""What a client sends, byte for byte: a relay between it and a server on the loopback interface."""

import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Tap:
    """`address` is for the client; `sent` is all that it has sent so far, of all its connections."""

    address: str
    sent: bytearray = field(default_factory=bytearray)


@contextmanager
def tapped(address: str) -> Generator[Tap]:
    """Relay connections to the server at `address` until the end of the block."""
    host, port = address.rsplit(":", 1)
    listener = socket.create_server(("127.0.0.1", 0))
    tap = Tap(f"127.0.0.1:{listener.getsockname()[1]}")
    open_sockets: list[socket.socket] = [listener]

    def copy(source: socket.socket, target: socket.socket, record: bytearray | None) -> None:
        try:
            while data := source.recv(65536):
                if record is not None:
                    record += data
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            return  # the block has ended

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = socket.create_connection((host, int(port)))
            open_sockets.extend((client, server))
            for arguments in ((client, server, tap.sent), (server, client, None)):
                threading.Thread(target=copy, args=arguments, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield tap
    finally:
        for each in open_sockets:
            # close() alone does not wake a thread that waits in the call
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
