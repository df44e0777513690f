"""Clients in other languages than Python, made by those languages' own tools from what `infc codegen` writes.

`make test` installs the tools (`tests/support/node/package-lock.json`) and says where in INFC_TEST_NODE.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.artifacts import embed_table
from support.pool import Pool
from support.typed import generated, protoc

IDS = np.array([[0, 5, 15], [3, 3, 1]])
MASK = np.array([[True, False, True], [True, True, False]])
SOURCES = Path(__file__).parents[2] / "support" / "node"


@pytest.fixture
def project(embed_artifact: Path, tmp_path: Path) -> Path:
    """A Node project with its packages, the sources of the callers, and `out/embed.proto`."""
    modules = Path(os.environ.get("INFC_TEST_NODE", "")) / "node_modules"
    if "INFC_TEST_NODE" not in os.environ or not modules.is_dir():
        pytest.skip("no Node packages: make test installs them where npm is there")
    for name in ("call.ts", "call.js", "tsconfig.json"):
        shutil.copy(SOURCES / name, tmp_path)
    (tmp_path / "node_modules").symlink_to(modules.resolve())
    generated(embed_artifact, tmp_path / "out")
    return tmp_path


def run(project: Path, *command: object) -> str:
    done = subprocess.run(list(map(str, command)), cwd=project, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def check(said: dict[str, Any]) -> None:
    assert said["shape"] == [2, 3, 4]
    rows = np.array(said["rows"], "f4").reshape(said["shape"])
    np.testing.assert_array_equal(rows, embed_table()[IDS] * MASK[..., None])
    assert said["masked"] == (~MASK).ravel().astype(int).tolist()
    assert said["refused"].startswith("3 ")  # INVALID_ARGUMENT
    assert "mask" in said["refused"]


def test_typescript(project: Path, pool: Pool) -> None:
    plugin = project / "node_modules/.bin/protoc-gen-ts_proto"
    options = "outputServices=grpc-js,forceLong=bigint,env=node,esModuleInterop=true"
    protoc(
        project / "out/embed.proto",
        f"--plugin=protoc-gen-ts_proto={plugin}",
        f"--ts_proto_out={project}",
        f"--ts_proto_opt={options}",
    )
    run(project, "node_modules/.bin/tsc", "-p", ".")
    check(json.loads(run(project, "node", "js/call.js", pool.address)))


def test_javascript_without_generated_code(project: Path, pool: Pool) -> None:
    check(json.loads(run(project, "node", "call.js", pool.address, "out/embed.proto")))
