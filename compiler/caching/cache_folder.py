"""Where the compiler keeps what it may need again."""

import os
from pathlib import Path

from infc.errors import UsageError

from ...runtime.memory.tier import parse_size


def cache_folder() -> Path | None:
    """`INFC_CACHE_DIR`, or `infc` in the user's cache directory of XDG.

    None where there is no home directory, and with `INFC_NO_CACHE=1`.

    It does not have to exist.
    """
    if os.environ.get("INFC_NO_CACHE", "0") not in ("", "0"):
        return None
    if named := os.environ.get("INFC_CACHE_DIR"):
        return Path(named).absolute()
    base = os.environ.get("XDG_CACHE_HOME", "")
    if Path(base).is_absolute():  # XDG: a relative path is to be ignored
        return Path(base) / "infc"
    try:
        return Path.home() / ".cache" / "infc"
    except RuntimeError:
        return None


def cache_limit() -> int:
    """`INFC_CACHE_SIZE` in bytes, 10 GiB when it is not set. Raises UsageError when it is no size."""
    try:
        return parse_size(os.environ.get("INFC_CACHE_SIZE") or "10GiB")
    except UsageError as error:
        raise UsageError(f"INFC_CACHE_SIZE: {error.message}", hint="INFC_CACHE_SIZE=10GiB") from None
