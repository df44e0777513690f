"""The pool that tests which break nothing share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.pool import Pool, serving


@pytest.fixture(scope="session")
def pool(linear_artifact: Path, embed_artifact: Path) -> Iterator[Pool]:
    """Serves `linear` and `embed`."""
    with serving(linear_artifact, embed_artifact, options=["--max-message", "64KiB"]) as running:
        yield running
