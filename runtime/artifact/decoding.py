"""Reading the config's JSON: strictly, and so that what a newer infc wrote is told from what was damaged."""

import re
from contextlib import suppress
from importlib.metadata import version

import msgspec

from infc.errors import ArtifactError

from .layout import FETCH_AGAIN
from .schema import Config

MALFORMED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
# What msgspec says of a field, an element, a kind of node or a name that came later than this code.
_NEWER = re.compile(r"contains unknown field|of at most length|Invalid (enum )?value '")


def decode_config(where: str, raw: bytes) -> Config:
    """The config of the artifact `where`, whose digest is right. Raises ArtifactError for what is none."""
    try:
        return msgspec.json.decode(raw, type=Config)
    except MALFORMED as error:
        if _NEWER.search(str(error)):
            raise _of_a_newer(where, raw, error) from error
        raise invalid(where, "config", error) from error


def invalid(where: str, what: str, error: Exception) -> ArtifactError:
    """The error of a document that is not what it should be."""
    return ArtifactError(f"{where}: {what} is not valid: {error}", hint=FETCH_AGAIN)


class _Maker(msgspec.Struct):
    infc: str


class _Made(msgspec.Struct):
    """Who wrote it, whatever else it says."""

    toolchain: _Maker


def _of_a_newer(where: str, raw: bytes, error: Exception) -> ArtifactError:
    """Its digest is right: what is not known here, an infc wrote that knows it."""
    maker = "unknown"
    with suppress(msgspec.ValidationError):  # what the newer one says in another way
        maker = msgspec.json.decode(raw, type=_Made).toolchain.infc
    return ArtifactError(
        f"{where}: config was written by a newer infc than this one ({maker}; this is {version('infc')}): {error}",
        hint="update infc, or compile the model again with this one",
    )
