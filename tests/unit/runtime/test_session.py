"""Models attached and called for real."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from infc.errors import ArtifactError, ExecutorFailed, InfcError, InvalidInput
from infc.runtime.artifact import Artifact, ArtifactWriter, Form, Method, TensorSpec
from infc.runtime.session import Session

from support.artifacts import (
    EMBED_MLIR,
    LINEAR,
    LINEAR_MLIR,
    compile_mlir,
    embed_table,
    linear_reference,
    linear_weights,
    weight,
    write_artifact,
    write_linear_artifact,
)
from support.pool import PATIENCE
from support.signatures import returns, takes

X = np.random.default_rng(1).standard_normal((2, 8), dtype=np.float32)


def attach(path: Path, device: str = "local-task") -> Session:
    with Artifact.open(path, check=True) as artifact:
        return Session.attach(artifact, device=device)


@pytest.mark.parametrize("device", ["local-task", "local-sync"])
def test_linear_equals_numpy(linear_artifact: Path, device: str) -> None:
    with attach(linear_artifact, device) as session:
        for scale in (1, -1, 100):
            outputs = session.run({"x": X * scale})
            assert list(outputs) == ["output_0"]
            np.testing.assert_allclose(outputs["output_0"], linear_reference(X * scale), rtol=1e-5, atol=1e-5)


def test_a_directory_runs_too(tmp_path: Path) -> None:
    with attach(write_linear_artifact(tmp_path / "m", form="dir", seed=3)) as session:
        np.testing.assert_allclose(session.run({"x": X})["output_0"], linear_reference(X, seed=3), rtol=1e-5, atol=1e-5)


def test_integers_and_bools_cross(embed_artifact: Path) -> None:
    ids = np.array([[0, 1, 15], [3, 3, 7]])
    mask = np.array([[True, False, True], [False, True, True]])
    with attach(embed_artifact) as session:
        outputs = session.run({"ids": ids, "mask": mask})
    assert list(outputs) == ["rows", "masked"]
    assert outputs["masked"].dtype == bool
    assert np.array_equal(outputs["masked"], ~mask)
    assert np.array_equal(outputs["rows"], embed_table()[ids] * mask[..., None])


def test_outputs_are_the_callers_and_outlive_the_session(linear_artifact: Path) -> None:
    session = attach(linear_artifact)
    first, second = (session.run({"x": X * sign})["output_0"] for sign in (1, -1))
    first += 1
    session.close()
    np.testing.assert_allclose(first, linear_reference(X) + 1, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(second, linear_reference(-X), rtol=1e-5, atol=1e-5)
    with pytest.raises(ValueError, match="closed"):
        session.run({"x": X})
    session.close()


def test_a_staged_artifact_runs_before_it_is_published(linear_artifact: Path, tmp_path: Path) -> None:
    with Artifact.open(linear_artifact) as artifact, ArtifactWriter(tmp_path / "m.infc") as writer:
        writer.add_blob(compile_mlir(LINEAR_MLIR), "module")
        writer.add_slab(weight(key, array) for key, array in linear_weights().items())
        with writer.stage(artifact.config) as staged, Session.attach(staged) as session:
            np.testing.assert_allclose(session.run({"x": X})["output_0"], linear_reference(X), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("form", ["tar", "dir"])
def test_weights_are_not_copied(tmp_path: Path, form: Form) -> None:
    # 64 MiB of weights. Reading them all must not make 64 MiB private.
    rows, columns = 4096, 4096
    module = compile_mlir(f"""
        util.global private @w = #stream.parameter.named<"model"::"w"> : tensor<{rows}x{columns}xf32>
        func.func @main(%x: tensor<1x{rows}xf32>) -> tensor<1x{columns}xf32> {{
          %w = util.global.load @w : tensor<{rows}x{columns}xf32>
          %zero = arith.constant dense<0.0> : tensor<1x{columns}xf32>
          %y = linalg.matmul ins(%x, %w : tensor<1x{rows}xf32>, tensor<{rows}x{columns}xf32>)
                             outs(%zero : tensor<1x{columns}xf32>) -> tensor<1x{columns}xf32>
          return %y : tensor<1x{columns}xf32>
        }}""")
    method = Method(
        name="main",
        inputs=(TensorSpec(name="x", dtype="f32", shape=(1, rows)),),
        outputs=(TensorSpec(name="y", dtype="f32", shape=(1, columns)),),
        takes=takes("x"),
        returns=returns("tensor", ["y"]),
    )
    w = np.random.default_rng(0).standard_normal((rows, columns), dtype=np.float32)
    path = write_artifact(tmp_path / "m.infc", "big", method, module, [weight("w", w)], form=form)
    x = np.zeros((1, rows), dtype=np.float32)
    x[0, 5] = 1
    with Artifact.open(path) as artifact:
        before = anonymous_kib()
        session = Session.attach(artifact)
    assert np.array_equal(session.run({"x": x})["y"][0], w[5])
    assert anonymous_kib() - before < 16 * 1024
    session.close()


def anonymous_kib() -> int:
    """Memory that no file backs. (`Private_Clean` also counts the pages of files that only this process maps.)"""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Anonymous:"))


def test_a_weight_that_is_returned_as_it_lies_is_the_callers_copy(tmp_path: Path) -> None:
    module = compile_mlir("""
        util.global private @w = #stream.parameter.named<"model"::"w"> : tensor<8x4xf32>
        func.func @main() -> tensor<8x4xf32> {
          %w = util.global.load @w : tensor<8x4xf32>
          return %w : tensor<8x4xf32>
        }""")
    method = Method(
        name="main",
        inputs=(),
        outputs=(TensorSpec(name="w", dtype="f32", shape=(8, 4)),),
        takes=(),
        returns=returns("tensor", ["w"]),
    )
    w = linear_weights()["w"]
    with attach(write_artifact(tmp_path / "m.infc", "w", method, module, [weight("w", w)])) as session:
        session.run({})["w"][:] = 0
        assert np.array_equal(session.run({})["w"], w)


def test_threads_may_share_a_session(linear_artifact: Path) -> None:
    inputs = [X * scale for scale in range(8)]
    with attach(linear_artifact) as session, ThreadPoolExecutor(8) as threads:
        outputs = threads.map(lambda x: session.run({"x": x})["output_0"], inputs * 20)
        for x, output in zip(inputs * 20, outputs, strict=True):
            np.testing.assert_allclose(output, linear_reference(x), rtol=1e-5, atol=1e-5)


def test_bad_input_is_refused_and_the_session_goes_on(linear_artifact: Path) -> None:
    with attach(linear_artifact) as session:
        with pytest.raises(InvalidInput, match="input 'x' has dtype f64, expected f32"):
            session.run({"x": X.astype(np.float64)})
        with pytest.raises(ArtifactError, match="no method 'train'"):
            session.run({"x": X}, "train")
        np.testing.assert_allclose(session.run({"x": X}, "main")["output_0"], linear_reference(X), rtol=1e-5, atol=1e-5)


def test_a_missing_cpu_feature_is_refused(tmp_path: Path) -> None:
    path = write_linear_artifact(tmp_path / "m.infc", features=("quantum9",))
    with pytest.raises(ArtifactError, match="compiled for a CPU with quantum9") as caught:
        attach(path)
    assert "compile it again" in caught.value.hint


def test_another_iree_version_is_refused(tmp_path: Path) -> None:
    path = write_linear_artifact(tmp_path / "m.infc", iree="3.12.0")
    with pytest.raises(ArtifactError, match=r"compiled with IREE 3\.12\.0, the installed runtime is 3\.13") as caught:
        attach(path)
    assert "iree-base-runtime==3.12.0" in caught.value.hint


def test_an_unknown_device_is_named(linear_artifact: Path) -> None:
    with pytest.raises(InfcError, match="target 'cpu' does not run on device 'warp'") as caught:
        attach(linear_artifact, "warp")
    assert "local-task" in caught.value.hint


def test_a_device_that_is_not_there_is_named(linear_artifact: Path) -> None:
    with pytest.raises(InfcError, match="no device 'local-task://7' on this machine") as caught:
        attach(linear_artifact, "local-task://7")
    assert "local-task" in caught.value.hint


WEIGHTS = [weight(key, array) for key, array in linear_weights().items()]


@pytest.mark.parametrize("module", [b"no flatbuffer at all" * 50, b"", compile_mlir(LINEAR_MLIR)[:2000]])
def test_a_module_that_is_none(tmp_path: Path, module: bytes) -> None:
    with pytest.raises(ArtifactError, match="stage 'main': IREE cannot load the module"):
        attach(write_artifact(tmp_path / "m.infc", "m", LINEAR, module, WEIGHTS))


def test_a_module_that_wants_other_weights(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="IREE cannot load"):
        attach(write_artifact(tmp_path / "a.infc", "m", LINEAR, compile_mlir(LINEAR_MLIR), WEIGHTS[:1]))
    with pytest.raises(ArtifactError, match="IREE cannot load"):
        attach(write_artifact(tmp_path / "b.infc", "m", LINEAR, compile_mlir(LINEAR_MLIR), []))


def test_a_weight_that_is_shorter_than_the_module_reads(tmp_path: Path) -> None:
    short = [weight("w", np.zeros((2, 4), dtype=np.float32)), WEIGHTS[1]]
    with pytest.raises(ArtifactError, match="IREE cannot load"):
        attach(write_artifact(tmp_path / "m.infc", "m", LINEAR, compile_mlir(LINEAR_MLIR), short))


def test_an_interface_that_is_not_the_modules(tmp_path: Path) -> None:
    linear, embed = compile_mlir(LINEAR_MLIR), compile_mlir(EMBED_MLIR)
    renamed = replace(LINEAR, name="forward")
    with pytest.raises(ArtifactError, match="exports no 'forward', only main"):
        attach(write_artifact(tmp_path / "a.infc", "m", renamed, linear, WEIGHTS))
    path = write_artifact(tmp_path / "b.infc", "m", LINEAR, embed, [weight("table", embed_table())])
    with attach(path) as session, pytest.raises(ExecutorFailed, match="main failed"):
        session.run({"x": X})
    outputs = (TensorSpec(name="y", dtype="f32", shape=(4, 4)),)
    wider = replace(LINEAR, outputs=outputs, returns=returns("tensor", ["y"]))
    path = write_artifact(tmp_path / "c.infc", "m", wider, linear, WEIGHTS)
    with attach(path) as session, pytest.raises(ExecutorFailed, match=r"output 'y' has shape \[2, 4\]"):
        session.run({"x": X})


def test_a_process_may_end_with_a_session_open(linear_artifact: Path) -> None:
    code = (
        "import sys, numpy as np\n"
        "from infc.runtime.artifact import Artifact; from infc.runtime.session import Session\n"
        "s = Session.attach(Artifact.open(sys.argv[1])); y = s.run({'x': np.zeros((2, 8), np.float32)})"
    )
    done = subprocess.run([sys.executable, "-c", code, linear_artifact], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


AFTER_A_FORK = """
import os, sys
import numpy as np
from infc.errors import InfcError
from infc.runtime.artifact import Artifact
from infc.runtime.session import Session
x = np.frombuffer(bytes.fromhex(sys.argv[2]), "f4").reshape(2, 8)

def attach(device=None):
    with Artifact.open(sys.argv[1]) as artifact:
        return Session.attach(artifact, device=device)

def said(work):
    try:
        work()
    except InfcError as error:
        return f"{type(error).__name__}: {error.message}"

session = attach()
here = session.run({"x": x})["output_0"]
if os.fork() == 0:
    print(said(lambda: session.run({"x": x})))
    print(said(lambda: attach("local-task")))
    print(np.array_equal(attach().run({"x": x})["output_0"], here), flush=True)
    os._exit(0)
os.wait()
"""


def test_a_forked_process_does_not_wait_for_threads_that_it_has_not(linear_artifact: Path) -> None:
    command = [sys.executable, "-c", AFTER_A_FORK, str(linear_artifact), X.tobytes().hex()]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE)
    ran, attached, right = done.stdout.splitlines()
    lost = "the threads of device 'local-task' belong to the process that this one was forked from"
    assert ran == f"ExecutorFailed: main cannot run: {lost}"
    assert attached == f"InfcError: {linear_artifact}: target 'cpu': {lost}"
    assert right == "True"
