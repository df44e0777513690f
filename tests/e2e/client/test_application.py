"""What an application sees: torch.load on a pointer, answered by a real pool."""

import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import infc
from infc.errors import InvalidInput, ModelNotFound, PoolUnavailable, RemoteError
from infc.remote.client import RemoteModule, connect
from infc.runtime.artifact import Artifact

from .conftest import Served, codegen, pool
from support import models
from support.artifacts import embed_table, linear_reference, write_linear_artifact

X = torch.randn(2, 8, generator=torch.Generator().manual_seed(0))
IDS = torch.tensor([[0, 1, 15], [3, 3, 2]])
MASK = torch.tensor([[True, False, True], [True, True, False]])


def test_a_pointer_answers_what_numpy_computes(served: Served) -> None:
    with infc.patch():
        model = torch.load(served.folder / "linear.pt", weights_only=True)
    assert isinstance(model, RemoteModule)
    answer = model.eval()(X)
    np.testing.assert_allclose(answer.numpy(), linear_reference(X.numpy()), rtol=1e-5, atol=1e-6)


def test_names_dtypes_and_a_mapping_cross(served: Served) -> None:
    model = infc.load(served.folder / "embed.pt")
    answer = model(IDS, mask=MASK)
    expected = np.where(MASK.numpy()[..., None], embed_table()[IDS.numpy()], 0)
    np.testing.assert_array_equal(answer.rows.numpy(), expected)
    assert torch.equal(answer["masked"], ~MASK)


def test_nested_arguments_and_a_dataclass_cross(tmp_path: Path) -> None:
    artifact = tmp_path / "stepper.infc"
    source = f"{models.__file__}:stepper"
    subprocess.run([sys.executable, "-m", "infc", "compile", source, "-o", artifact], check=True, capture_output=True)
    x, k, v = torch.randn(3, 2, 4)
    with pool(artifact) as address:
        codegen(artifact, tmp_path / "out", tmp_path / "model.pt", address)
        model = infc.load(tmp_path / "model.pt")
        original, _ = models.stepper()
        expected = original({"x": x}, [models.Cache(k, v)], mode="fast")
        for answer in (
            model({"x": x}, [models.Cache(k, v)], mode="fast"),
            model(cache=((k, v),), batch={"x": x, "mask": None}, scale=None, mode="fast"),
        ):
            torch.testing.assert_close(answer.hidden, expected.hidden)
            torch.testing.assert_close(answer["cache"][0].k, expected.cache[0].k)
            (_, kept) = answer[1][0]
            torch.testing.assert_close(kept, expected.cache[0].v)
            assert answer.loss is None and "loss" not in answer
        for call, said in WRONG:
            with pytest.raises(InvalidInput, match=said):
                call(model, x, k, v)
        code = STEPPING.replace("ADDRESS", repr(address))
        environment = os.environ | {"PYTHONPATH": str(tmp_path / "out")}
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == ["True", "True", "StepperInputs", "TypeError"]


WRONG = (
    (lambda m, x, k, v: m({"x": x}, [(k, v)]), "argument 'mode' of model 'stepper' is missing"),
    (lambda m, x, k, v: m({"x": x}, [(k, v)], mode="slow"), "is 'slow', it was compiled as 'fast'"),
    (lambda m, x, k, v: m({"x": x}, [(k, v)], x, mode="fast"), "'scale' of model 'stepper' is a Tensor.* as None"),
    (
        lambda m, x, k, v: m({"y": x}, [(k, v)], mode="fast"),
        "'batch'.* is a dict with the keys y, expected {x",
    ),
    (
        lambda m, x, k, v: m({"x": x, "mask": x}, [(k, v)], mode="fast"),
        "'mask'. is a Tensor, it was compiled as None",
    ),
    (lambda m, x, k, v: m({"x": x}, [(k, v)] * 2, mode="fast"), "'cache'.* is a list of 2, expected"),
    (lambda m, x, k, v: m({"x": x}, [(k, v, v)], mode="fast"), r"'cache'.*, \[0\] is a tuple of 3, expected Cache{k: "),
    (lambda m, x, k, v: m({"x": x}, [(k, [v])], mode="fast"), "'cache_0_v' of model 'stepper' is a list"),
)

STEPPING = """
import numpy as np
from stepper_client import Stepper, StepperInputs2
x, k, v = np.random.default_rng(0).standard_normal((3, 2, 4), dtype="f4")
with Stepper(ADDRESS) as model:
    out = model.forward({"x": x, "mask": None}, [StepperInputs2(k, v)])
    print(np.allclose(out.cache[0].v, v + 1), out["hidden"] is out[0])
    print(type(model).forward.__annotations__["batch"])
    try:
        model.forward({"x": x, "mask": None}, [(k, v)])
    except TypeError as error:
        print(type(error).__name__)
"""


def test_two_methods_of_one_model_share_their_weights(tmp_path: Path) -> None:
    artifact = tmp_path / "coder.infc"
    source = f"{models.__file__}:coder"
    command = [sys.executable, "-m", "infc", "compile", source, "--method", "encode", "--method", "decode", "-o"]
    subprocess.run([*command, artifact], check=True, capture_output=True)
    with Artifact.open(artifact) as opened:
        (stage,) = opened.config.targets[0].stages
        assert [module.method for module in stage.modules] == ["encode", "decode"]
        held = [(weight.digest, weight.layout) for weight in stage.slab.weights]
        # Both multiply by `mix.weight`; it is there once. The table is read as rows and, packed, as a matrix.
        assert len(set(held)) == len(held) <= 4
        assert len({digest for digest, _ in held}) == 3
    original: Any = models.coder()[0]
    ids = torch.randint(0, 500, (1, 7))
    with pool(artifact) as address:
        codegen(artifact, tmp_path / "out", tmp_path / "model.pt", address)
        model = infc.load(tmp_path / "model.pt")
        hidden = model.encode(ids)
        torch.testing.assert_close(hidden, original.encode(ids))
        torch.testing.assert_close(model.decode(hidden)["logits"], original(ids)["logits"], rtol=1e-4, atol=1e-4)
        again = pickle.loads(pickle.dumps(model))
        torch.testing.assert_close(again.encode(ids), hidden)
        with pytest.raises(InvalidInput, match="compiled without its forward") as refused:
            model(ids)
        assert "encode, decode" in refused.value.hint
        with pytest.raises(AttributeError, match="sing"):
            model.sing  # noqa: B018
        with pytest.raises(ModelNotFound, match="model 'coder' has no method 'sing'") as missing:
            model.remote.method("sing")
        assert "encode, decode" in missing.value.hint
        arrays = connect(tmp_path / "model.pt").method("decode").infer({"hidden": hidden.numpy()})
        torch.testing.assert_close(torch.from_numpy(arrays["logits"]), model.decode(hidden)["logits"])
        environment = os.environ | {"PYTHONPATH": str(tmp_path / "out")}
        code = CODING.replace("ADDRESS", repr(address))
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
        assert done.stdout.split() == ["(1,", "7,", "64)", "(1,", "7,", "500)"], done.stderr


CODING = """
import numpy as np
from coder_client import Coder
with Coder(ADDRESS) as model:
    hidden = model.encode(np.zeros((1, 7), "i8"))
    print(hidden.shape, model.decode(hidden)["logits"].shape)
"""


def test_the_pools_own_checks_come_back_as_errors(served: Served) -> None:
    model = infc.load(served.folder / "embed.pt")
    with pytest.raises(InvalidInput, match="input 'ids' has the value 16") as refused:
        model(torch.full((2, 3), 16), MASK)
    assert refused.value.hint
    assert torch.equal(model(IDS, MASK)["masked"], ~MASK)  # the pool goes on


APPLICATION = """
import sys
import torch
model = torch.load("model.pt", weights_only=False)
with torch.no_grad():
    print(model(torch.ones(2, 8)).tolist())
assert not [name for name in sys.modules if name.partition(".")[0] in ("iree", "torch_mlir", "msgspec")]
"""


def test_an_application_that_knows_nothing_of_infc(served: Served, tmp_path: Path) -> None:
    shutil.copy(served.folder / "linear.pt", tmp_path / "model.pt")
    done = subprocess.run(
        [sys.executable, "-c", APPLICATION],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"INFC_AUTOLOAD": "1", "INFC_POOL": served.address},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(infc.load(tmp_path / "model.pt")(torch.ones(2, 8)).tolist())


GENERATED = """
import sys
sys.modules["infc"] = sys.modules["torch"] = None  # any import of them fails
import numpy as np
from embed_client import Embed
with Embed() as model:
    print(model.forward(np.zeros((2, 3), "i8"), np.ones((2, 3), "?")).rows.tolist())
"""


def test_the_generated_package_against_the_pool(served: Served) -> None:
    environment = os.environ | {"PYTHONPATH": str(served.folder / "embed-out")}
    done = subprocess.run([sys.executable, "-c", GENERATED], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(np.broadcast_to(embed_table()[0], (2, 3, 4)).tolist())


def test_a_pool_that_comes_back_is_found_again_and_one_that_is_gone_is_named(
    linear_artifact: Path, tmp_path: Path
) -> None:
    address = f"unix:{tmp_path}/pool.sock"
    codegen(linear_artifact, tmp_path / "out", tmp_path / "model.pt", address)
    with pool(linear_artifact, listen=address):
        model = infc.load(tmp_path / "model.pt")
        before = model(X)
    with pytest.raises(PoolUnavailable, match="no pool answers at unix:") as refused:
        model(X)
    assert "infc serve" in refused.value.hint
    with pool(linear_artifact, listen=address):
        assert torch.equal(model(X), before)


def test_another_model_under_the_same_name_gives_no_answer(linear_artifact: Path, tmp_path: Path) -> None:
    other = write_linear_artifact(tmp_path / "other.infc", seed=1)
    address = f"unix:{tmp_path}/pool.sock"
    codegen(linear_artifact, tmp_path / "out", tmp_path / "model.pt", address)
    with pool(linear_artifact, listen=address):
        model = infc.load(tmp_path / "model.pt")
        model(X)
    with pool(other, listen=address):
        for attempt in (lambda: model(X), lambda: infc.load(tmp_path / "model.pt")):
            with pytest.raises(RemoteError, match=r"serves 'linear' as sha256:.*, expected was sha256:") as refused:
                attempt()
            assert refused.value.hint


def test_a_model_that_the_pool_has_not(served: Served, tmp_path: Path) -> None:
    artifact = write_linear_artifact(tmp_path / "absent.infc", name="absent")
    codegen(artifact, tmp_path / "out", tmp_path / "model.pt", served.address)
    with pytest.raises(ModelNotFound, match="absent") as refused:
        connect(tmp_path / "model.pt")
    assert "linear" in refused.value.message + refused.value.hint
