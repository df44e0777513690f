"""Artifacts for the tests of the store: a base model of several chunks and its fine-tunes."""

from pathlib import Path

import numpy as np

from infc.runtime.artifact import Form

from support.artifacts import LINEAR, LINEAR_MLIR, compile_mlir, linear_weights, weight, write_artifact

CHUNK = 2 << 20  # bytes


def fine_tune(path: Path, number: int, *, chunks: int = 3, name: str = "", form: Form = "tar") -> Path:
    """`linear` with the weights of `linear_weights(number)` behind a body of so many chunks that all numbers share."""
    rng = np.random.default_rng(7)
    body = [weight(f"body{each}", rng.standard_normal(CHUNK // 4, dtype=np.float32)) for each in range(chunks)]
    head = [weight(key, array) for key, array in linear_weights(number).items()]
    return write_artifact(path, name or f"tune{number}", LINEAR, compile_mlir(LINEAR_MLIR), [*body, *head], form=form)


def blob_files(store: Path) -> dict[str, int]:
    """Name and bytes of every blob of a store."""
    return {path.name: path.stat().st_size for path in (store / "blobs" / "sha256").iterdir()}


def damage(path: Path) -> None:
    """Flips a bit in the middle of a file, which keeps its length."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
