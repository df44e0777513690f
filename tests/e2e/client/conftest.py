"""A real pool, and what `infc codegen` writes for what it serves."""

import json
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Served:
    """A pool's address, and the directory with the pointers (`linear.pt`, `embed.pt`) and packages of its models."""

    address: str
    folder: Path


@contextmanager
def pool(*artifacts: Path, listen: str = "127.0.0.1:0") -> Generator[str]:
    """Run `infc serve` and give its address; it must drain and end with 0."""
    command = [sys.executable, "-m", "infc", "serve", *map(str, artifacts), "--listen", listen, "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stderr
        try:
            ready = process.stdout.readline()
            assert ready, process.stderr.read()
            yield json.loads(ready)["listen"]
        finally:
            process.terminate()
            process.communicate()
    assert process.returncode == 0


def codegen(artifact: Path, output: Path, pointer: Path, address: str) -> None:
    """Run `infc codegen`."""
    command = ["codegen", artifact, "-o", output, "--pointer", pointer, "--pool", address]
    subprocess.run([sys.executable, "-m", "infc", *map(str, command)], check=True, stdout=subprocess.PIPE)


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of the person who runs the tests does not matter."""
    for name in ("INFC_POOL", "INFC_TOKEN", "INFC_TIMEOUT", "INFC_AUTOLOAD"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def served(linear_artifact: Path, embed_artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Two models in one pool."""
    folder = tmp_path_factory.mktemp("client")
    with pool(linear_artifact, embed_artifact) as address:
        for artifact in (linear_artifact, embed_artifact):
            codegen(artifact, folder / f"{artifact.stem}-out", folder / f"{artifact.stem}.pt", address)
        yield Served(address, folder)
