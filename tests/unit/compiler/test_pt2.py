"""A .pt2 archive that carries a program of its own must not get to run it."""

import io
import json
import pickle
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import transformers

from infc.compiler.doors.pt2 import load_pt2
from infc.errors import SourceError

from support import models


class Hostile:
    """Unpickling one makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (self.path,)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    module, args = models.mlp()
    path = tmp_path_factory.mktemp("pt2") / "model.pt2"
    torch.export.save(torch.export.export(module.eval(), args), path)
    return path


def edited(
    archive: Path, out: Path, edit: Callable[[str, bytes], bytes], extra: dict[str, bytes] | None = None
) -> Path:
    """A copy of the archive with every member passed through `edit`."""
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(out, "w") as copy:
        for name in source.namelist():
            copy.writestr(name, edit(name, source.read(name)))
        for name, data in (extra or {}).items():
            copy.writestr(name, data)
    return out


def saved(value: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def test_a_good_archive_loads(archive: Path) -> None:
    assert load_pt2(archive).example_inputs is not None


def test_pickled_sample_inputs_do_not_run(archive: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"

    def edit(name: str, data: bytes) -> bytes:
        return saved(Hostile(ran)) if name.endswith("sample_inputs/model.pt") else data

    with pytest.raises(SourceError, match="pickled objects"):
        load_pt2(edited(archive, tmp_path / "m.pt2", edit))
    assert not ran.exists()


def test_pickled_weights_do_not_run(archive: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"

    def edit(name: str, data: bytes) -> bytes:
        if name.endswith("weights/weight_0"):
            return saved(Hostile(ran))
        return data.replace(b'"use_pickle": false', b'"use_pickle": true')

    with pytest.raises(SourceError, match="pickled objects"):
        load_pt2(edited(archive, tmp_path / "m.pt2", edit))
    assert not ran.exists()


@pytest.mark.parametrize(
    "member", ["data/constants/opaque_obj_0", "data/constants/custom_obj_0", "data/aotinductor/m/m.so"]
)
def test_objects_and_libraries_are_refused_by_name(archive: Path, tmp_path: Path, member: str) -> None:
    ran = tmp_path / "ran"
    extra = {f"model/{member}": pickle.dumps(Hostile(ran))}
    with pytest.raises(SourceError, match="would run code"):
        load_pt2(edited(archive, tmp_path / "m.pt2", lambda _, data: data, extra))
    assert not ran.exists()


def test_a_function_that_is_no_operator_is_refused(archive: Path, tmp_path: Path) -> None:
    def edit(name: str, data: bytes) -> bytes:
        return data.replace(b"torch.ops.aten.gelu.default", b"torch.serialization.os.system")

    with pytest.raises(SourceError):
        load_pt2(edited(archive, tmp_path / "m.pt2", edit))


@pytest.mark.parametrize("size", [0, 10, 3000])
def test_a_truncated_archive_is_refused(archive: Path, tmp_path: Path, size: int) -> None:
    cut = tmp_path / "cut.pt2"
    cut.write_bytes(archive.read_bytes()[:size])
    with pytest.raises(SourceError, match=r"is no \.pt2 archive"):
        load_pt2(cut)


def test_the_environment_is_left_as_it_was(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.delenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", raising=False)
    load_pt2(archive)
    assert "TORCH_FORCE_WEIGHTS_ONLY_LOAD" not in os.environ


class Doubling(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.reshape(x.shape[0] * 2, -1)


@pytest.fixture(scope="module")
def dynamic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pt2") / "dynamic.pt2"
    sizes = {"x": {0: torch.export.Dim("b", min=2, max=64)}}
    torch.export.save(torch.export.export(Doubling(), (torch.zeros(4, 6),), dynamic_shapes=sizes), path)
    return path


def test_a_symbolic_size_is_read(dynamic: Path) -> None:
    assert "sym_size" in str(load_pt2(dynamic).graph)


@pytest.mark.parametrize(
    "expression",
    [
        "__import__('pathlib').Path({path!r}).touch()",
        "Mul(Integer(2), __import__('pathlib').Path({path!r}).touch())",
        "Symbol('s0').func.__class__",
        "Mul('open({path!r}, 1)', Integer(2))",
        "open({path!r}, 'w')",
        "Symbol(",
    ],
)
def test_an_expression_that_would_run_code_is_refused(dynamic: Path, tmp_path: Path, expression: str) -> None:
    path = tmp_path / "ran"
    text = json.dumps(expression.format(path=str(path))).encode()

    def edit(name: str, data: bytes) -> bytes:
        return re.sub(rb'"expr_str": ?"[^"]*"', lambda _: b'"expr_str": ' + text, data, count=1)

    hostile = edited(dynamic, tmp_path / "hostile.pt2", edit)
    assert hostile.read_bytes() != dynamic.read_bytes()
    with pytest.raises(SourceError, match="where a symbolic size is expected"):
        load_pt2(hostile)
    assert not path.exists()


def test_a_transformers_result_is_known_without_the_model_s_module(tmp_path: Path) -> None:
    small = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    bert = transformers.BertModel(transformers.BertConfig(vocab_size=9, **small)).eval()
    path = tmp_path / "bert.pt2"
    torch.export.save(torch.export.export(bert, (torch.zeros(1, 4, dtype=torch.int64),)), path)
    load = (
        "import sys, pathlib; from infc.compiler.doors.pt2 import load_pt2;"
        "assert 'transformers' not in sys.modules; print(load_pt2(pathlib.Path(sys.argv[1])).call_spec.out_spec)"
    )
    # In a process of its own, because transformers is imported here.
    done = subprocess.run([sys.executable, "-c", load, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "BaseModelOutput" in done.stdout and "pooler_output" in done.stdout


def test_a_result_type_that_nobody_registered_is_named_and_not_imported(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "imported_by_name.py").write_text("raise SystemExit('imported')")

    def edit(name: str, data: bytes) -> bytes:
        spec = b'\\"type\\": null, \\"context\\": null, \\"children_spec\\": []'
        mine = b'\\"type\\": \\"imported_by_name.Result\\", \\"context\\": null, \\"children_spec\\": []'
        return data.replace(b'"out_spec": "[1, {' + spec, b'"out_spec": "[1, {' + mine) if "/models/" in name else data

    with pytest.raises(SourceError, match=r"returns a imported_by_name\.Result, a type that is not known here"):
        load_pt2(edited(archive, tmp_path / "m.pt2", edit))
