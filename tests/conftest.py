"""Fixtures that more than one package's tests use."""

import os
from pathlib import Path

import pytest

from support.artifacts import write_embed_artifact, write_linear_artifact

# Every test compiles anew and leaves nothing in the user's cache; a test of the cache names a directory of its own.
os.environ["INFC_NO_CACHE"] = "1"


@pytest.fixture(scope="session")
def linear_artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`linear.infc`: relu(x @ w + b), see `support.artifacts`. Shared: do not change it."""
    return write_linear_artifact(tmp_path_factory.mktemp("linear") / "linear.infc")


@pytest.fixture(scope="session")
def embed_artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`embed.infc`: i64 `ids` with bounds and a bool `mask`, see `support.artifacts`. Shared: do not change it."""
    return write_embed_artifact(tmp_path_factory.mktemp("embed") / "embed.infc")
