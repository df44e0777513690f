"""What codegen emits, file by file, against what it emitted before.

After a wanted change: `REGENERATE_GOLDEN=1 pytest tests/unit/codegen/test_golden.py`, then read the diff.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from infc.codegen.render import FrontView, package_files, pointer_file
from infc.codegen.service import Service, numbered
from infc.codegen.view import view
from infc.runtime.artifact import Dim, Interface

from support.configs import MODELS, service, tensor
from support.signatures import method
from support.strange import STRANGE

GOLDEN = Path(__file__).with_name("golden")
POOL = "127.0.0.1:8500"
DIGEST = "sha256:" + "d" * 64


FRONT = FrontView("front.infc", "sha256:" + "f" * 64)


def split() -> Service:
    """A model whose first stage runs in the application, which computes one of the outputs itself."""
    dims = (Dim(name="rows", low=1, high=8),)
    logits = tensor("logits", "f32", "rows", 3)
    whole = method("main", [tensor("ids", "i64", "rows", 16, low=0, high=99)], [logits, tensor("norm", "f32")])
    rest = method("main", [tensor("embeddings_0", "f32", "rows", 16, 32)], [logits])
    services = [
        numbered("text", Interface(methods=(msgspec.structs.replace(each, dims=dims),))) for each in (whole, rest)
    ]
    return replace(services[0], pool=services[1])


SERVICES = {case: service(case) for case in MODELS} | {"split": split()}


def files_of(case: str) -> dict[str, bytes]:
    """The files of a model but for its pointer."""
    return package_files(view(SERVICES[case], None), POOL, FRONT if case == "split" else None)


def emitted(case: str) -> dict[str, bytes]:
    """All files for one of the models, the pointer as `model.pt`."""
    model = view(SERVICES[case], None)
    files = files_of(case) | {"model.pt": pointer_file(model, DIGEST, POOL, FRONT if case == "split" else None)}
    return files if case == "tensor" else {name: data for name, data in files.items() if not _shared(name)}


def _shared(name: str) -> bool:
    """Whether a file is the same for all models: one of them shows it."""
    return name.endswith(("/_wire.py", "/py.typed")) or name == "open_inference.proto"


def test_what_is_said_to_be_the_same_for_all_models_is() -> None:
    packages = [files_of(case) for case in SERVICES]
    shared = [{name.rpartition("/")[2]: data for name, data in files.items() if _shared(name)} for files in packages]
    assert set(shared[0]) == {"_wire.py", "py.typed", "open_inference.proto"}
    assert all(files == shared[0] for files in shared)


@pytest.mark.parametrize("case", SERVICES)
def test_files_are_what_they_were(case: str) -> None:
    folder, files = GOLDEN / case, emitted(case)
    if os.environ.get("REGENERATE_GOLDEN"):
        shutil.rmtree(folder, ignore_errors=True)
        for name, data in files.items():
            folder.joinpath(name).parent.mkdir(parents=True, exist_ok=True)
            folder.joinpath(name).write_bytes(data)
    found = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert found == files


def test_they_are_clean_under_strict_types_and_ruff_and_can_be_imported(tmp_path: Path) -> None:
    strange = {case: package_files(view(each, None), POOL) for case, each in STRANGE.items()}
    # Names that a package with a front uses beside the others'.
    strange |= {
        f"{case}_front": package_files(view(STRANGE[case], None), POOL, FRONT) for case in ("fields", "scalars")
    }
    for case, files in ({case: files_of(case) for case in SERVICES} | strange).items():
        for name, data in files.items():
            path = tmp_path / "golden" / case / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    (tmp_path / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict", "pythonVersion": "3.11"}')
    for command in (
        ("ruff", "check", "--isolated", "--no-cache", "golden"),
        ("ruff", "format", "--isolated", "--no-cache", "--line-length=120", "--check", "golden"),
        ("pyright", "-p", ".", "--pythonpath", sys.executable),
    ):
        done = subprocess.run([sys.executable, "-m", *command], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    done = subprocess.run([sys.executable, "-c", IMPORT_ALL], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


IMPORT_ALL = """
import importlib, pathlib, sys
for folder in pathlib.Path("golden").glob("*/*_client"):
    sys.path.insert(0, str(folder.parent))
    importlib.import_module(folder.name)
    del sys.path[0], sys.modules[folder.name]
"""
