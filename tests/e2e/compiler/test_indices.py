"""Indices that no interface can bound must not reach memory of others: compiled code has no IndexError."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from infc.compiler import compile_model

from support import models

FAR = [2**62, -(2**62), 2**31, -1, -8, 9, 100_000]


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("indexing") / "indexing.infc"
    compile_model(f"{models.__file__}:indexing", out)
    return out


@pytest.mark.parametrize("index", FAR)
def test_an_index_far_outside_reads_and_writes_inside(artifact: Path, tmp_path: Path, index: int) -> None:
    np.save(tmp_path / "where.npy", np.full(8, index))
    command = [sys.executable, "-m", "infc", "run", str(artifact), "--input", f"where={tmp_path}/where.npy"]
    # A process of its own: before the guards, this one died of a segmentation fault.
    done = subprocess.run(
        [*command, "--output", str(tmp_path / "out.npz"), "--json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    json.loads(done.stdout)
    outputs = np.load(tmp_path / "out.npz")
    table = dict(models.indexing()[0].named_parameters())["table.weight"].detach().numpy()
    row = min(max(index // 2, 0), 8)
    np.testing.assert_array_equal(outputs["output_0"], np.tile(table[row], (8, 1)))
    written = np.zeros((8, 4), np.float32)
    # Writing counts a negative index from the end, as PyTorch does.
    written[min(max(index + 8 if index < 0 else index, 0), 7)] = 1
    np.testing.assert_array_equal(outputs["output_1"], written)
