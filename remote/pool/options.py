"""What a pool can be told, as value objects."""

import re
from dataclasses import dataclass

from infc.errors import InfcError

DEFAULT_LISTEN = "127.0.0.1:8500"
MIB = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """What a pool accepts.

    Attributes:
        queue: requests that may wait for an executor; one more is refused.
        in_flight: calls of models in stages that an executor has under way together at most; 0: as many as the model
            has stages.
        deadline: seconds a request may take whose caller sets no deadline; also how long an executor may go on with
            a request whose caller has given up before it counts as stuck.
        drain: seconds that accepted requests get to finish when the pool is told to stop.
        max_message: bytes of the largest request.
    """

    queue: int = 256
    in_flight: int = 0
    deadline: float = 60.0
    drain: float = 30.0
    max_message: int = 256 * MIB


@dataclass(frozen=True)
class Address:
    """Where a pool listens: a TCP host and port (0: the system picks one), or the path of a Unix socket."""

    host: str = ""
    port: int = 0
    path: str = ""

    @staticmethod
    def parse(text: str) -> "Address":
        """Read `HOST:PORT`, `[IPV6]:PORT` or `unix:/path`.

        Raises:
            InfcError: it is none of these.
        """
        if text.startswith("unix:"):
            path = text.removeprefix("unix:")
            if path.startswith("//"):
                path = path.removeprefix("//")
            if path:
                return Address(path=path)
        match = re.fullmatch(r"(?P<host>[^\s:\[\]]+|\[[0-9A-Fa-f:.%\w]+\]):(?P<port>\d{1,5})", text)
        if match is None or int(match["port"]) > 65535:
            raise InfcError(
                f"cannot listen on {text!r}: expected HOST:PORT with a port from 0 to 65535, or unix:/path",
                hint=f"for instance --listen {DEFAULT_LISTEN}, or port 0 to let the system pick one",
            )
        return Address(host=match["host"], port=int(match["port"]))

    @property
    def is_loopback(self) -> bool:
        """Whether only this host can connect."""
        return bool(self.path) or self.host in ("localhost", "[::1]") or self.host.startswith("127.")

    def __str__(self) -> str:
        return f"unix:{self.path}" if self.path else f"{self.host}:{self.port}"
