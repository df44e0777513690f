"""The generated package at work, without infc."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from infc.codegen.output import write_directory
from infc.codegen.render import package_files
from infc.codegen.view import view
from infc.runtime.artifact import interface_digest

from support.configs import MODELS, service
from support.oip_server import Fake, linear, serving

PROLOGUE = """
import asyncio, sys
sys.modules["infc"] = None  # any import of it fails
import grpc
import numpy as np
"""


def use(folder: Path, code: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(folder)}
    done = subprocess.run([sys.executable, "-c", PROLOGUE + code], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def toy(tmp_path: Path) -> Fake:
    """A model with the interface of `MODELS["tensor"]`, and its package in `tmp_path`."""
    write_directory(tmp_path / "out", package_files(view(service("tensor"), None), "127.0.0.1:1"))
    fake = linear()
    fake.name = "linear"
    fake.digests = {"infc-interface-digest": interface_digest(MODELS["tensor"].interface)}
    return fake


@pytest.mark.parametrize("style", ["sync", "async"])
def test_it_answers(toy: Fake, tmp_path: Path, style: str) -> None:
    code = """
from linear_client import AsyncLinear, Linear
x = np.arange(16, dtype="f4").reshape(2, 8)
def sync():
    with Linear(ADDRESS, token="secret") as model:
        return model.forward(x)
async def call():
    async with AsyncLinear(ADDRESS, token="secret") as model:
        return await model.forward(x=x, timeout=30)
answer = sync() if STYLE == "sync" else asyncio.run(call())
assert answer.flags.writeable
print(answer.tolist())
"""
    with serving(toy):
        said = use(tmp_path / "out", code.replace("ADDRESS", repr(toy.address)).replace("STYLE", repr(style)))
    x = np.arange(16, dtype="f4").reshape(2, 8)
    assert said == str(toy.function({"x": x})["output_0"].tolist())
    assert toy.calls[-1]["authorization"] == "Bearer secret"


def test_outputs_are_attributes_bounds_are_checked_and_what_has_no_position_goes_by_name(tmp_path: Path) -> None:
    write_directory(tmp_path / "out", package_files(view(service("mapping"), None), "127.0.0.1:1"))
    method = MODELS["mapping"].interface.methods[0]
    inputs, outputs = (tuple((s.name, s.dtype, s.shape) for s in specs) for specs in (method.inputs, method.outputs))
    fake = Fake(
        lambda arrays: {
            "last_hidden_state": np.full((1, 128, 384), arrays["input_ids"].sum(), "f4"),
            "pooler_output": np.zeros((1, 384), "u2"),
        },
        inputs,
        outputs,
        name="all-minilm-l6.v2",
        digests={},
    )
    code = """
from all_minilm_l6_v2_client import AllMinilmL6V2
with AllMinilmL6V2(ADDRESS) as model:
    ids, mask = np.ones((1, 128), "i8"), np.ones((1, 128), "?")
    result = model.forward(ids, attention_mask=mask)
    print(result.last_hidden_state[0, 0, 0], result.pooler_output.dtype, result.last_hidden_state.shape)
    ids[0, 0] = 30522
    for call in (lambda: model.forward(ids, attention_mask=mask), lambda: model.forward(ids, mask)):
        try:
            call()
        except (TypeError, ValueError) as error:
            print(error)
"""
    with serving(fake):
        said = use(tmp_path / "out", code.replace("ADDRESS", repr(fake.address))).splitlines()
    assert said == [
        "128.0 uint16 (1, 128, 384)",
        "'input_ids' has the value 30522, expected at most 30521",
        "AllMinilmL6V2.forward() takes 2 positional arguments but 3 were given",
    ]


def test_wrong_arrays_and_another_interface(toy: Fake, tmp_path: Path) -> None:
    code = """
from linear_client import Linear
x = np.ones((2, 8), "f4")
with Linear(ADDRESS, timeout=30) as model:
    for wrong in (x.astype("f8"), x[:1], x.tolist(), x):
        try:
            model.forward(wrong)
        except (ValueError, TypeError, RuntimeError, grpc.RpcError) as error:
            print(type(error).__name__, str(error)[:50])
"""
    toy.digests = {"infc-interface-digest": "sha256:other"}
    with serving(toy):
        said = use(tmp_path / "out", code.replace("ADDRESS", repr(toy.address))).splitlines()
    assert said == [
        "ValueError 'x' is float64(2, 8), expected float32(2, 8)",
        "ValueError 'x' is float32(1, 8), expected float32(2, 8)",
        "TypeError 'x' is a list, expected a numpy array",
        "RuntimeError the pool serves interface 'sha256:other', this cli",
    ]
