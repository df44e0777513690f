"""What a failure leaves behind fails in the same way when it is run outside of infc."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from infc.compiler import targets
from infc.compiler.toolchain import iree
from infc.compiler.toolchain.children import Children, Limits
from infc.compiler.toolchain.optimizer import optimize
from infc.compiler.toolchain.temps import Temps
from infc.compiler.toolchain.tools import Tools
from infc.errors import CompileError

DOES_NOT_LOWER = """
func.func @f(%x: !torch.vtensor<[4,4],f32>) -> !torch.vtensor<[4,4],f32> {
  %mode = torch.constant.str "reduced"
  %q, %r = torch.aten.linalg_qr %x, %mode
    : !torch.vtensor<[4,4],f32>, !torch.str -> !torch.vtensor<[4,4],f32>, !torch.vtensor<[4,4],f32>
  return %q : !torch.vtensor<[4,4],f32>
}
"""
CRASHES = """
func.func @f(%x: !torch.vtensor<[3],ui8>) -> !torch.vtensor<[3],ui8> {
  %mode = torch.constant.str "floor"
  %three = torch.vtensor.literal(dense<3> : tensor<si64>) : !torch.vtensor<[],si64>
  %0 = torch.aten.div.Tensor_mode %x, %three, %mode
    : !torch.vtensor<[3],ui8>, !torch.vtensor<[],si64>, !torch.str -> !torch.vtensor<[3],ui8> loc("model.py":7:3)
  return %0 : !torch.vtensor<[3],ui8>
}
"""
NAMELESS = """
func.func @f() -> tensor<4xf32> {
  %0 = arith.constant dense_resource<w> : tensor<4xf32>
  return %0 : tensor<4xf32>
}
"""
UNKNOWN = 'func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> { %0 = "no.such"(%x) : (tensor<4xf32>) -> tensor<4xf32> return %0 : tensor<4xf32> }'  # noqa: E501
BACKEND = "torch-backend-to-linalg-on-tensors-backend-pipeline"


def passes(text: str, pipeline: str) -> Callable[[Tools], object]:
    return lambda tools: optimize(text, [pipeline], tools)


def backend(text: str) -> Callable[[Tools], object]:
    return lambda tools: iree.compile_text(text, targets.lookup("cpu"), tools)


FAILURES = {
    "a pass of infc": (passes(NAMELESS, "canonicalize,infer-raise-weights"), 4, "resource 'w' has no entry"),
    "a pass of torch-mlir": (passes(DOES_NOT_LOWER, BACKEND), 4, "linalg_qr"),
    "a crash": (passes(CRASHES, BACKEND), 139, ""),
    "iree-compile": (backend("func.func @f() { return %x : i32 }"), 1, "undeclared SSA value"),
    "a crash of iree-compile": (backend(UNKNOWN), 245, ""),
}


@pytest.mark.parametrize("name", FAILURES)
def test_the_reproducer_fails_in_the_same_way(name: str, tmp_path: Path) -> None:
    fail, code, what = FAILURES[name]
    folder = tmp_path / "a folder"
    with Children() as children, pytest.raises(CompileError) as caught:
        fail(Tools(children, Temps(folder)))
    assert caught.value.reproducer == folder
    assert what in caught.value.message
    assert f"'{folder}/reproduce.sh'` fails in the same way" in caught.value.hint
    done = reproduce(folder / "reproduce.sh")
    assert done.returncode == code, done.stderr
    assert what in done.stderr


def reproduce(script: Path) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(["sh", script], env={"PATH": path}, capture_output=True, text=True, check=False)


def test_the_reproducer_has_the_ir_before_the_pass_that_failed_and_that_pass_alone(tmp_path: Path) -> None:
    with Children() as children, pytest.raises(CompileError) as caught:
        optimize(CRASHES, [BACKEND, "canonicalize"], Tools(children, Temps(tmp_path)))
    assert caught.value.stage == "convert-torch-to-linalg"
    assert "at operator aten.div.Tensor_mode (model.py:7)" in caught.value.message
    script = (tmp_path / "reproduce.sh").read_text()
    assert "func.func(convert-torch-to-linalg" in script
    assert "canonicalize" not in script
    assert caught.value.command[1] in script


def test_a_timeout_is_part_of_the_reproducer(tmp_path: Path) -> None:
    with (
        Children(Limits(seconds=0.01)) as children,
        pytest.raises(CompileError, match=r"longer than 0\.01 s") as caught,
    ):
        optimize(NAMELESS, ["canonicalize"], Tools(children, Temps(tmp_path)))
    assert "--timeout" in caught.value.hint
    assert reproduce(tmp_path / "reproduce.sh").returncode == 124


def test_without_a_folder_it_goes_to_the_cache_and_the_same_failure_is_kept_once(tmp_path: Path) -> None:
    places: list[Path | None] = []
    for _ in range(2):
        with Children() as children, pytest.raises(CompileError) as caught:
            optimize(NAMELESS, ["infer-raise-weights"], Tools(children, Temps(None, tmp_path / "failures")))
        places.append(caught.value.reproducer)
    (folder,) = (tmp_path / "failures").iterdir()
    assert places == [folder, folder]
    assert folder.stat().st_mode & 0o777 == 0o700


def test_without_any_place_nothing_is_promised() -> None:
    with Children() as children, pytest.raises(CompileError, match="resource 'w'") as caught:
        optimize(NAMELESS, ["infer-raise-weights"], Tools(children))
    assert caught.value.reproducer is None
    assert "reproduce" not in caught.value.hint


def test_the_cache_keeps_a_bounded_number_of_reproducers(tmp_path: Path) -> None:
    temps = Temps(None, tmp_path / "failures")
    for number in range(30):
        temps.reproduced(CompileError("no", stage="x"), f"module {number}", ("infc-opt",), Limits())
    assert len(list((tmp_path / "failures").iterdir())) == 20
