"""`infc codegen` through the real command line, and what it refuses to overwrite."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from infc.remote.client.pointer import Pointer, read_pointer
from infc.remote.client.signature import Parameter, Signature, Tree
from infc.runtime.artifact import interface_digest

from support.configs import HOSTILE_NAME, MODELS, config, tensor, write_config_artifact


def infc(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "infc", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with three artifacts."""
    for case, description in MODELS.items():
        write_config_artifact(str(tmp_path / f"{case}.infc"), description)
    return tmp_path


def test_it_writes_a_package_a_proto_and_a_pointer(place: Path) -> None:
    done = infc(
        "codegen", "mapping.infc", "-o", "out", "--pointer", "app/model.pt", "--pool", "unix:/run/pool", cwd=place
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["app/model.pt", "out/all_minilm_l6_v2_client"]
    assert set(tree(place / "out")) == {
        ".infc-codegen.json",
        "open_inference.proto",
        "all_minilm_l6_v2.proto",
        *(f"all_minilm_l6_v2_client/{name}" for name in ("__init__.py", "_wire.py", "client.py", "py.typed")),
    }
    pointer = read_pointer(place / "app/model.pt")
    assert (pointer.model, pointer.pool) == ("all-minilm-l6.v2", "unix:/run/pool")
    assert pointer.interface == interface_digest(MODELS["mapping"].interface)
    assert (place / "app/model.pt").stat().st_size < 900


def test_the_same_artifact_gives_the_same_bytes_and_may_be_written_again(place: Path) -> None:
    for folder in ("one", "two", "one"):
        assert infc("codegen", "mapping.infc", "-o", folder, cwd=place).returncode == 0
    assert tree(place / "one") == tree(place / "two")
    assert {path.name for path in place.iterdir()} == {"one", "two", *(f"{case}.infc" for case in MODELS)}


def test_files_of_an_earlier_model_go_and_others_stay(place: Path) -> None:
    infc("codegen", "mapping.infc", "-o", "out", cwd=place)
    (place / "out" / "notes.txt").write_text("mine")
    done = infc("codegen", "tensor.infc", "-o", "out", "--package", "lin", cwd=place)
    assert done.returncode == 0, done.stderr
    assert not (place / "out/all_minilm_l6_v2_client/client.py").exists()
    assert (place / "out/lin/client.py").exists()
    assert (place / "out/notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("tensor.infc", "-o", "full"), "full is not empty and was not written by `infc codegen`"),
        (("tensor.infc", "-o", "tensor.infc"), "tensor.infc is a file, expected a directory"),
        (("tensor.infc", "-o", "edited"), "client.py is not what `infc codegen` wrote"),
        (("tensor.infc", "-o", "out", "--pointer", "full/model.pt"), "full/model.pt exists and is no pointer file"),
        (("tensor.infc", "-o", "out", "--pointer", "out/model.pt"), "out/model.pt is inside out"),
        (("tensor.infc", "-o", "out", "--pool", "http://x"), "'http://x' is no address of a pool"),
        (("tensor.infc", "-o", "out", "--package", "a/../b"), "'a/../b' is no name for a Python package"),
        (("tensor.infc", "-o", "out", "--package", "class"), "'class' is no name for a Python package"),
        (("full/model.pt", "-o", "out"), "model.pt"),
        (("absent.infc", "-o", "out"), "absent.infc"),
    ],
)
def test_what_it_refuses_changes_nothing(place: Path, arguments: tuple[str, ...], said: str) -> None:
    (place / "full").mkdir()
    (place / "full" / "model.pt").write_bytes(b"weights")
    infc("codegen", "tensor.infc", "-o", "edited", cwd=place)
    (place / "edited/linear_client/client.py").write_text("mine now")
    before = tree(place)
    done = infc("codegen", *arguments, cwd=place)
    assert done.returncode == 5, done.stderr
    assert done.stderr.startswith("error: ")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert tree(place) == before


def test_a_list_that_points_outside_is_refused(place: Path) -> None:
    (place / "out").mkdir()
    (place / "out/.infc-codegen.json").write_text(json.dumps({"../tensor.infc": "0" * 64}))
    done = infc("codegen", "tensor.infc", "-o", "out", cwd=place)
    assert done.returncode == 5
    assert "which is outside" in done.stderr
    assert (place / "tensor.infc").exists()


def test_a_hostile_name_stays_text(place: Path) -> None:
    done = infc("codegen", "hostile.infc", "-o", "out", "--pointer", "model.pt", cwd=place)
    assert done.returncode == 0, done.stderr
    code = "import hostile.client as c; print(c.MODEL, [s.name for s in c._FORWARD.inputs], sep='|')"
    infc("codegen", "hostile.infc", "-o", "out", "--package", "hostile", cwd=place)
    environment = os.environ | {"PYTHONPATH": str(place / "out")}
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=place, env=environment)
    assert told.stdout.strip() == HOSTILE_NAME + "|" + repr(["class", "a-b", "a_b", '"""\n\\']), told.stderr
    assert not (place / "pwned").exists()
    assert read_pointer(place / "model.pt").model == HOSTILE_NAME


def test_a_name_that_cannot_be_printed_is_refused(tmp_path: Path) -> None:
    one = (tensor("x", "f32", 1),)
    write_config_artifact(str(tmp_path / "bad.infc"), config("a\nb", one, one, "tensor"))
    done = infc("codegen", "bad.infc", "-o", "out", cwd=tmp_path)
    assert "the model's name 'a\\nb' has characters that cannot be printed" in done.stderr


def test_the_pointer_says_all_that_a_client_wants(place: Path) -> None:
    digest = write_config_artifact(str(place / "again.infc"), MODELS["tensor"])
    infc("codegen", "again.infc", "-o", "out", "--pointer", "model.pt", cwd=place)
    call = Signature("main", (Parameter("x", "either", True, Tree("tensor", "x")),), Tree("tensor", "output_0"))
    expected = Pointer(
        "module", "linear", digest, interface_digest(MODELS["tensor"].interface), "127.0.0.1:8500", (call,)
    )
    assert read_pointer(place / "model.pt") == expected
