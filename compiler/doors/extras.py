"""Doors whose libraries are an extra of their own."""

from collections.abc import Generator
from contextlib import contextmanager

from infc.errors import SourceError


@contextmanager
def needing(extra: str, *packages: str) -> Generator[None]:
    """Say which extra of infc's to install when one of `packages` is not there.

    Raises:
        SourceError: a package is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in packages:
            raise
        raise SourceError(
            f"this source needs the package {error.name!r}, which is not installed", hint=f"pip install 'infc[{extra}]'"
        ) from error
