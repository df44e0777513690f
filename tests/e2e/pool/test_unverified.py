"""An artifact that was never compared with PyTorch: what a pool, `infc run` and `infc inspect` say of it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from support.artifacts import LINEAR, LINEAR_MLIR, compile_mlir, linear_weights, weight, write_artifact
from support.pool import serving

REASONS = {True: "compiled with --no-verify", False: "it could not run where it was compiled"}


@pytest.fixture(params=[True, False], ids=["skipped", "could-not-run"])
def unverified(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    """An artifact without a report, and why it has none."""
    module, weights = compile_mlir(LINEAR_MLIR), [weight(key, each) for key, each in linear_weights().items()]
    path = tmp_path / "linear.infc"
    write_artifact(path, "linear", LINEAR, module, weights, verify=None, skipped=request.param)
    return path, REASONS[request.param]


def infc(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command line."""
    command = [sys.executable, "-m", "infc", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_pool_refuses_it_and_says_what_would_help(unverified: tuple[Path, str]) -> None:
    path, reason = unverified
    done = infc("serve", path, "--listen", "127.0.0.1:0")
    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr == (
        f"error: {path}: target 'cpu' was never compared with PyTorch: {reason}\n\n"
        "hint: `infc verify OUT.infc SRC -o OUT.infc` compares it here and writes that down; "
        "--allow-unverified serves it as it is\n"
    )


def test_a_pool_that_is_told_so_serves_it_and_logs_it(unverified: tuple[Path, str]) -> None:
    path, reason = unverified
    with serving(path, options=["--allow-unverified"]) as running:
        assert running.call("ServerReady").ready
        running.log.wait_for(f"WARNING .*target 'cpu' was never compared with PyTorch: {reason}")


def test_run_warns_and_inspect_says_so(unverified: tuple[Path, str]) -> None:
    path, reason = unverified
    run = infc("run", path, "--random", "--json")
    assert run.returncode == 0
    assert json.loads(run.stdout)["method"] == "main"
    assert run.stderr == f"warning: target 'cpu' was never compared with PyTorch: {reason}\n"
    shown = infc("inspect", path)
    assert "NOT VERIFIED" in shown.stdout
    assert f"target cpu is not verified: {reason}" in shown.stdout
    config = json.loads(infc("inspect", path, "--json").stdout)["config"]
    assert (config["targets"][0]["verify"], config["targets"][0]["skipped"]) == (None, "--no-verify" in reason)
