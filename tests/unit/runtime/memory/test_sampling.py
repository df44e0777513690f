"""What a call touches is seen by page faults, and is what the memory plan says; what is not to be had is said."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from infc.errors import InfcError
from infc.runtime.artifact import Artifact, Method, TensorSpec
from infc.runtime.memory import kernel, sampling
from infc.runtime.memory.sampling import PAGE_FAULTS, hardware_sampler
from infc.runtime.memory.tracing import trace_call

from support.artifacts import compile_mlir, weight, write_artifact
from support.signatures import returns, takes

LAYERS = 3


def layered() -> str:
    """x -> products with w0, w1, w2, one after the other; w9 is in the slab, and no layer reads it."""
    lines = [
        f'util.global private @w{n} = #stream.parameter.named<"model"::"w{n}"> : tensor<724x724xf32>'
        for n in range(LAYERS)
    ]
    lines.append("func.func @main(%x0: tensor<1x724xf32>) -> tensor<1x724xf32> {")
    lines.append("  %zero = arith.constant dense<0.0> : tensor<1x724xf32>")
    for n in range(LAYERS):
        lines.append(f"  %w{n} = util.global.load @w{n} : tensor<724x724xf32>")
        lines.append(
            f"  %x{n + 1} = linalg.matmul ins(%x{n}, %w{n} : tensor<1x724xf32>, tensor<724x724xf32>) "
            "outs(%zero : tensor<1x724xf32>) -> tensor<1x724xf32>"
        )
    return "\n".join([*lines, f"  return %x{LAYERS} : tensor<1x724xf32>", "}"])


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    spec = TensorSpec(name="x", dtype="f32", shape=(1, 724))
    out = TensorSpec(name="output_0", dtype="f32", shape=(1, 724))
    method = Method(
        name="main", inputs=(spec,), outputs=(out,), takes=takes("x"), returns=returns("tensor", ["output_0"])
    )
    weights = [weight(f"w{n}", rng.standard_normal((724, 724), dtype=np.float32)) for n in (*range(LAYERS), 9)]
    return write_artifact(
        tmp_path_factory.mktemp("trace") / "m.infc", "layers", method, compile_mlir(layered()), weights
    )


def allowed() -> None:
    try:
        sampling.Sampling(PAGE_FAULTS).touches()
    except InfcError as error:
        pytest.skip(str(error))


def test_a_call_touches_its_chunks_in_the_order_of_the_plan(model: Path) -> None:
    allowed()
    with Artifact.open(model) as artifact:
        seen = trace_call(artifact, {"x": np.ones((1, 724), np.float32)}, PAGE_FAULTS)
    assert seen.in_order == 1.0 and seen.lost == 0
    assert [each.seen for each in seen.chunks[:LAYERS]] == list(range(LAYERS))
    assert seen.chunks[-1].seen == -1  # the weight that no layer reads
    assert seen.samples == sum(each.samples for each in seen.chunks) > LAYERS


def test_the_command(model: Path) -> None:
    allowed()
    command = [Path(sys.executable).with_name("infc"), "memory", "trace", model]
    table = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "layers: 3 of 4 chunks touched" in " ".join(table.split()) and "never" in table
    document = json.loads(subprocess.run([*command, "--json"], capture_output=True, text=True, check=True).stdout)
    assert document["sampler"] == "page-faults"


def test_hardware_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sampling, "_DEVICES", tmp_path)
    with pytest.raises(InfcError, match="no hardware samples of memory"):
        hardware_sampler()
    (tmp_path / "ibs_op").mkdir()
    (tmp_path / "ibs_op" / "type").write_text("4000000")
    with pytest.raises(InfcError, match="the kernel gives no samples"):
        hardware_sampler()


def test_an_event_that_there_is_none_of() -> None:
    with pytest.raises(InfcError, match="the kernel gives no samples"):
        kernel.open_perf(1, 999, 0, 1, 0, 0)
