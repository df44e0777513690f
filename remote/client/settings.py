"""The client's environment variables: their names, types and defaults, in one place.

| variable | meaning | default |
|---|---|---|
| `INFC_POOL` | address of the pool: `HOST:PORT` or `unix:/path` | what the pointer file says |
| `INFC_TOKEN` | sent to that pool as `authorization: Bearer …` | none |
| `INFC_TIMEOUT` | seconds that one call may take | 60 |
| `INFC_AUTOLOAD` | patch `torch.load` when torch is imported | off |

They are read when a model is loaded, not when infc is imported.
"""

import math
import os
from dataclasses import dataclass, field

from infc.errors import RemoteError

DEFAULT_TIMEOUT = 60.0  # seconds


@dataclass(frozen=True)
class Settings:
    """What the environment says. `timeout` in seconds; the token stays out of `repr`."""

    pool: str | None = None
    token: str | None = field(default=None, repr=False)
    timeout: float = DEFAULT_TIMEOUT

    @staticmethod
    def from_environment() -> "Settings":
        """Read the variables; an empty one counts as not set.

        Raises:
            RemoteError: `INFC_TIMEOUT` is not a number of seconds, or `INFC_TOKEN` cannot travel in a header.
        """
        token = os.environ.get("INFC_TOKEN") or None
        if token is not None and not (token.isascii() and token.isprintable()):
            raise RemoteError("INFC_TOKEN holds a character that is not printable ASCII", hint="look for a line break")
        return Settings(os.environ.get("INFC_POOL") or None, token, _timeout(os.environ.get("INFC_TIMEOUT")))


def autoload_wanted() -> bool:
    """Whether `INFC_AUTOLOAD` asks for `torch.load` to be patched: `1`, `true`, `yes` or `on`, in any case."""
    return os.environ.get("INFC_AUTOLOAD", "").strip().lower() in {"1", "true", "yes", "on"}


def _timeout(text: str | None) -> float:
    if not text:
        return DEFAULT_TIMEOUT
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not (0 < seconds < math.inf):
        raise RemoteError(f"INFC_TIMEOUT is {text!r}, expected a number of seconds above 0", hint="INFC_TIMEOUT=60")
    return seconds
