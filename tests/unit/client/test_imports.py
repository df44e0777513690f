"""What an import brings in, and what `import torch` brings in where infc is installed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.oip_server import Fake

HEAVY = "[name for name in ('torch', 'iree', 'grpc', 'google.protobuf', 'torch_mlir', 'numpy') if name in sys.modules]"


def run(code: str, *arguments: str, cwd: Path | None = None, **environment: str) -> str:
    """Run Python code in a fresh process and return what it printed."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("INFC_")}
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=clean | environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    "module", ["infc", "infc.remote.client", "infc.remote.client.pointer", "infc.remote.client.autoload"]
)
def test_an_import_alone_is_light(module: str) -> None:
    assert run(f"import sys, {module}; print({HEAVY})") == "[]"


def test_looking_at_load_and_patch_needs_no_torch() -> None:
    assert "torch" not in run(f"import sys, infc; infc.load, infc.patch; print({HEAVY})")


def test_arrays_need_no_torch(toy: Fake, tmp_path: Path) -> None:
    code = f"""
import sys
sys.modules["torch"] = None  # any import of it fails
import numpy as np
from infc.remote.client import connect
answer = connect(sys.argv[1]).infer({{"x": np.ones((2, 8), "f4")}})
del sys.modules["torch"]
print(answer["output_0"].shape, {HEAVY})
"""
    pointer = os.fspath(toy.pointer(tmp_path / "model.pt"))
    assert run(code, pointer) == "(2, 4) ['grpc', 'google.protobuf', 'numpy']"


def test_without_torch_a_module_is_refused_with_the_way_out(toy: Fake, tmp_path: Path) -> None:
    code = """
import sys
sys.modules["torch"] = None
import infc
try:
    infc.load(sys.argv[1])
except infc.InfcError as error:
    print(error.message, "|", error.hint)
"""
    said = run(code, os.fspath(toy.pointer(tmp_path / "model.pt")))
    assert "needs torch, which is not installed | infc.connect(path)" in said


APPLICATION = """
import torch
model = torch.load("model.pt", weights_only=True)
print(type(model).__name__, tuple(model(torch.ones(2, 8)).shape))
"""


def test_autoload_reaches_an_application_that_knows_nothing_of_infc(toy: Fake, tmp_path: Path) -> None:
    toy.pointer(tmp_path / "model.pt")
    assert run(APPLICATION, cwd=tmp_path, INFC_AUTOLOAD="1") == "RemoteModule (2, 4)"


def test_without_autoload_torch_stays_as_it_is() -> None:
    code = "import sys, torch; print(torch.load.__module__, 'infc.remote.client.patching' in sys.modules)"
    assert run(code) == "torch.serialization False"


def test_autoload_imports_no_grpc_by_itself() -> None:
    assert run(f"import sys, torch; print({HEAVY})", INFC_AUTOLOAD="1") == "['torch', 'numpy']"
