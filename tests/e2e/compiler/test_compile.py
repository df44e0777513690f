"""`infc compile` through the real command line: what it makes, that it makes the same twice, and what it refuses."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from infc.compiler import CompileOptions, compile_model
from infc.errors import CompileError
from infc.runtime.artifact import CHUNK_SIZE, Artifact
from infc.runtime.artifact import signature as sig
from infc.runtime.memory import kernel
from infc.runtime.session import Session

from support import models

MODELS = Path(models.__file__)


def infc(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command line and return what it printed and its exit code."""
    command = [sys.executable, "-m", "infc", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


def compiled(source: str, out: Path) -> dict[str, object]:
    """Compile a factory of `support.models`; its JSON report."""
    done = infc("compile", f"{MODELS}:{source}", "-o", out, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def tagger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("tagger") / "tagger.infc"
    compiled("tagger", out)
    return out


def test_two_compiles_in_two_directories_are_byte_identical(tagger: Path, tmp_path: Path) -> None:
    done = infc("compile", f"{MODELS}:tagger", "-o", "other-name.infc", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "other-name.infc").read_bytes() == tagger.read_bytes()


def test_names_dtypes_and_bounds_are_those_of_forward(tagger: Path) -> None:
    with Artifact.open(tagger) as artifact:
        method = artifact.method()
    assert [(spec.name, spec.dtype, spec.shape) for spec in method.inputs] == [
        ("ids", "i64", (1, 7)),
        ("mask", "bool", (1, 7)),
    ]
    assert [(spec.low, spec.high) for spec in method.inputs] == [(0, 49), (None, None)]
    assert [(spec.name, spec.dtype) for spec in method.outputs] == [
        ("logits", "f32"),
        ("best", "i64"),
        ("kept", "bool"),
    ]
    assert method.returns == sig.Mapping(
        ("logits", "nothing", "best", "kept"),
        (sig.Tensor("logits"), sig.Nothing(), sig.Tensor("best"), sig.Tensor("kept")),
    )


def test_answers_are_those_of_pytorch_on_inputs_that_verification_did_not_see(tagger: Path) -> None:
    module, _ = models.tagger()
    ids = torch.tensor([[0, 49, 3, 3, 7, 1, 48]])
    mask = torch.tensor([[True, False, True, True, True, False, True]])
    with torch.no_grad():
        expected = module.eval()(ids=ids, mask=mask)
    with Artifact.open(tagger, check=True) as artifact, Session.attach(artifact) as session:
        actual = session.run({"ids": ids.numpy(), "mask": mask.numpy()})
    np.testing.assert_allclose(actual["logits"], expected["logits"].numpy(), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(actual["best"], expected["best"].numpy())
    np.testing.assert_array_equal(actual["kept"], mask.numpy())


def test_a_tied_weight_is_stored_once_and_buffers_are_weights_too(tagger: Path) -> None:
    with Artifact.open(tagger) as artifact:
        slab = artifact.build().stages[0].slab
    keys = {weight.key for weight in slab.weights}
    assert len({weight.digest for weight in slab.weights}) == len(slab.weights)
    assert "scale" in keys
    assert len(keys & {"embed.weight", "head.weight"}) == 1


def test_linear_layers_are_packed_and_the_program_holds_no_weight(tmp_path: Path) -> None:
    report = compiled("mlp", tmp_path / "mlp.infc")
    assert report["name"] == "mlp"
    assert {"load", "export", "import", "lower", "compile", "weights", "verify", "write"} <= set(report["seconds"])
    with Artifact.open(tmp_path / "mlp.infc") as artifact:
        weights = {weight.key: weight for weight in artifact.build().stages[0].slab.weights}
        assert artifact.config.cost.flops == 2 * 10 * 3 * 48 + 2 * 37 * 3 * 16 + _padding(artifact)
        # In the order in which a forward pass needs them, which is how they lie.
        needed = [step.key for step in artifact.config.memory_plan]
        assert needed == ["0.weight", "0.bias", "2.weight", "2.bias"] == list(weights)
    assert weights["0.weight"].layout == "mmt4d[16,1]"
    assert weights["0.weight"].shape == (3, 10, 16, 1)
    assert weights["0.bias"].layout == "row_major"


def test_a_table_of_which_a_call_reads_a_few_rows_comes_last_and_its_rows_at_once(tmp_path: Path) -> None:
    compiled("lookup", tmp_path / "lookup.infc")
    module, (ids,) = models.lookup()
    with Artifact.open(tmp_path / "lookup.infc") as artifact:
        slab = artifact.build().stages[0].slab
        with (tmp_path / "lookup.infc").open("rb") as file:
            kernel.drop(file.fileno(), 0, 0)
        with Session.attach(artifact) as session:
            tables = session.entry().tables
            order = session.stages["main"].slab(tables).order()
            [answer] = session.run({spec.name: ids.numpy() for spec in session.entry().method.inputs}).values()
    with torch.no_grad():
        np.testing.assert_allclose(answer, module(ids).numpy(), rtol=1e-4, atol=1e-5)
    assert [weight.key for weight in slab.weights if weight.by_rows] == ["0.weight"] == list(tables)
    [table] = [weight for weight in slab.weights if weight.by_rows]
    others = {weight.offset // CHUNK_SIZE for weight in slab.weights if weight is not table}
    assert set(order[: len(others)]) == others
    assert len(order) == len(slab.chunks) > len(others)


def _padding(artifact: Artifact) -> int:
    # Three rows take a tile of four; what is computed on padding is computed all the same.
    return 2 * 10 * 1 * 48 + 2 * 37 * 1 * 16


def test_a_saved_exported_program_compiles_like_its_factory(tmp_path: Path) -> None:
    module, args = models.mlp()
    torch.export.save(torch.export.export(module.eval(), args), tmp_path / "mlp.pt2")
    done = infc("compile", tmp_path / "mlp.pt2", "-o", tmp_path / "a.infc")
    assert done.returncode == 0, done.stderr
    x = torch.randn(3, 10)
    with torch.no_grad():
        expected = module(x)
    with Artifact.open(tmp_path / "a.infc") as artifact, Session.attach(artifact) as session:
        actual = session.run({"input": x.numpy()})["output_0"]
    np.testing.assert_allclose(actual, expected.numpy(), rtol=1e-4, atol=1e-5)


def test_verify_compares_with_a_source_and_tells_another_model_apart(tagger: Path) -> None:
    same = infc("verify", tagger, f"{MODELS}:tagger", "--json")
    assert same.returncode == 0, same.stderr
    assert json.loads(same.stdout)["compared"] is True
    other = infc("verify", tagger, f"{MODELS}:mlp")
    assert other.returncode == 6
    assert "another interface" in other.stderr


def test_verify_takes_the_saved_program_which_knows_less_of_positions(tagger: Path, tmp_path: Path) -> None:
    module, inputs = models.tagger()
    torch.export.save(torch.export.export(module.eval(), (), inputs), tmp_path / "tagger.pt2")
    same = infc("verify", tagger, tmp_path / "tagger.pt2", "--json")
    assert same.returncode == 0, same.stderr


def test_save_temps_keeps_every_stage_and_a_command_that_works(tmp_path: Path) -> None:
    done = infc("compile", f"{MODELS}:tagger", "-o", tmp_path / "a.infc", "--save-temps", tmp_path / "temps")
    assert done.returncode == 0, done.stderr
    temps = tmp_path / "temps"
    assert {p.name for p in temps.iterdir()} == {"torch.mlir", "linalg.mlir", "infer.mlir", "iree.mlir", "compile.sh"}
    assert "infer.weight" in (temps / "infer.mlir").read_text()
    assert "models.py" in (temps / "linalg.mlir").read_text(), "locations lead to the model's Python"
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    again = subprocess.run(["sh", "compile.sh"], cwd=temps, env={"PATH": path}, capture_output=True, check=False)
    assert again.returncode == 0, again.stderr
    assert (temps / "module.vmfb").stat().st_size > 0


def test_a_failed_compile_says_where_the_ir_before_it_lies(tmp_path: Path) -> None:
    temps = tmp_path / "temps"
    with pytest.raises(CompileError, match=r"aten\.linalg_qr") as failed:
        compile_model(f"{MODELS}:orthogonal", tmp_path / "out.infc", CompileOptions(temps=temps))
    assert failed.value.reproducer == temps
    assert {path.name for path in temps.iterdir()} == {"torch.mlir", "reproduce.mlir", "reproduce.sh"}
    assert f"`sh {temps}/reproduce.sh` fails in the same way" in failed.value.hint


def test_temps_that_cannot_be_written_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "temps" / "torch.mlir").mkdir(parents=True)
    done = infc("compile", f"{MODELS}:mlp", "-o", tmp_path / "out.infc", "--save-temps", tmp_path / "temps")
    assert done.returncode == 4, done.stderr
    assert f"cannot write {tmp_path / 'temps' / 'torch.mlir'}: Is a directory" in done.stderr
    assert not (tmp_path / "out.infc").exists()


@pytest.mark.parametrize("option", [("--trials", "0"), ("--trials", "-1"), ("--seed", str(2**63)), ("--seed", "-1")])
def test_verify_never_compares_nothing(tagger: Path, option: tuple[str, str]) -> None:
    done = infc("verify", tagger, f"{MODELS}:tagger", *option)
    assert (done.returncode, done.stdout) == (2, "")
    assert option[0] in done.stderr


REFUSED = {
    "branching": (3, ["does not export", "models.py"]),
    "namesakes": (3, ["both be called 'a_0'", "rename"]),
    "counting": (3, ["changes 'calls' in place", "eval mode"]),
    "noisy": (3, ["random numbers", "aten.rand", "models.py"]),
    "orthogonal": (4, ["aten.linalg_qr does not lower", "models.py"]),
    "raising": (3, ["no such checkpoint", "models.py"]),
    "no_module": (3, ["returned int", "torch.nn.Module"]),
    "missing": (3, ["has no function 'missing'", "mlp"]),
}


@pytest.mark.parametrize("factory", REFUSED)
def test_a_model_that_cannot_be_compiled_is_refused_by_name(factory: str, tmp_path: Path) -> None:
    code, fragments = REFUSED[factory]
    done = infc("compile", f"{MODELS}:{factory}", "-o", tmp_path / "out.infc")
    assert done.returncode == code, done.stderr
    assert "error:" in done.stderr
    assert "Traceback" not in done.stderr
    for fragment in fragments:
        assert fragment in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "code", "fragment"),
    [
        (["nowhere.pt2", "-o", "out.infc"], 3, "nowhere.pt2: no such file"),
        (["nowhere.py:make", "-o", "out.infc"], 3, "nowhere.py: no such file"),
        (["no.such.module:make", "-o", "out.infc"], 3, "no.such.module cannot be imported"),
        (["model.bin", "-o", "out.infc"], 3, "model.bin has weights and no program"),
        (["model.xyz", "-o", "out.infc"], 3, "expected x.pt2, x.onnx, file.py:factory"),
        ([f"{MODELS}:mlp", "-o", "no/such/folder/out.infc"], 5, "no/such/folder"),
        ([f"{MODELS}:mlp", "-o", "out.infc", "--target", "tpu"], 2, "there is no target 'tpu'"),
        ([f"{MODELS}:mlp", "-o", "out.infc", "--trials", "2"], 2, "2 trials are too few"),
        ([f"{MODELS}:mlp", "-o", "out.infc", "--name", "../x"], 2, "'../x' is no model name"),
        ([f"{MODELS}:mlp"], 2, "--output"),
    ],
)
def test_wrong_arguments_are_refused_by_value(arguments: list[str], code: int, fragment: str, tmp_path: Path) -> None:
    done = infc("compile", *arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert fragment in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
