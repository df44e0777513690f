"""Which pool to call, and whether it may see the caller's token."""

import re
from dataclasses import dataclass, field

from infc.errors import RemoteError

from .settings import Settings

_HOST_PORT = re.compile(r"(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.%]+\]):(?P<port>[0-9]{1,5})")
_UNIX = re.compile(r"unix:[^\s\x00-\x1f]+")


@dataclass(frozen=True)
class Endpoint:
    """A pool's address and the token to show it, which stays out of `repr`."""

    address: str
    token: str | None = field(default=None, repr=False)


def choose(argument: str | None, token: str | None, settings: Settings, default: str) -> Endpoint:
    """The endpoint from, in this order, the caller's argument, `INFC_POOL`, and the pointer's default.

    The token of the environment goes to a pool that the caller named, never to one that only a file names: whoever
    wrote that file could collect tokens.

    Raises:
        RemoteError: the address is neither `HOST:PORT` nor `unix:/path`.
    """
    chosen = argument or settings.pool
    if chosen is not None:
        return Endpoint(check_address(chosen), token or settings.token)
    return Endpoint(check_address(default), token)


def check_address(address: str) -> str:
    """Return `address` when it is `HOST:PORT`, `[IPV6]:PORT` or `unix:/path`.

    gRPC itself takes much more (name resolvers, lists of addresses); a pointer file shall not reach all that.

    Raises:
        RemoteError: it is something else.
    """
    match = _HOST_PORT.fullmatch(address)
    if _UNIX.fullmatch(address) or (match and 0 < int(match["port"]) < 65536):
        return address
    raise RemoteError(
        f"{address!r} is no address of a pool, expected HOST:PORT or unix:/path",
        hint="set INFC_POOL=127.0.0.1:8500, for example",
    )
