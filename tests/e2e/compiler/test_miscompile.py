"""A compiler that is wrong on purpose: verification has to see it, and nothing may be left behind."""

import dataclasses
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from infc.compiler import CompileOptions, compile_model
from infc.compiler.doors import Request
from infc.compiler.slab.weights import WeightTable, WeightUse
from infc.compiler.targets import Target
from infc.compiler.toolchain import iree as backend
from infc.compiler.toolchain.children import Children
from infc.compiler.verification.check import check_against
from infc.errors import VerifyError
from infc.runtime.artifact import Artifact, WeightData, rewrite

from support import models

SOURCE = f"{models.__file__}:mlp"


def test_a_weight_packed_wrongly_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = WeightTable.data

    def wrong(self: WeightTable, uses: list[WeightUse]) -> Iterator[WeightData]:
        for weight in right(self, uses):
            if weight.key != "2.weight":
                yield weight
                continue
            packed = np.array(weight.data)
            packed[0, 0], packed[0, 1] = packed[0, 1].copy(), packed[0, 0].copy()
            yield dataclasses.replace(weight, data=packed)

    monkeypatch.setattr(WeightTable, "data", wrong)
    out = tmp_path / "out.infc"
    out.write_bytes(b"what was there before")
    with pytest.raises(VerifyError, match="output 'output_0', random inputs, trial 0: differs from PyTorch"):
        compile_model(SOURCE, out)
    assert out.read_bytes() == b"what was there before"
    assert list(tmp_path.iterdir()) == [out]


def test_an_edited_module_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = backend.compile_text

    def wrong(text: str, target: Target, children: Children, *, doubles: bool = False) -> backend.Module:
        assert "math.erf" in text
        return right(text.replace("math.erf", "math.tanh"), target, children, doubles=doubles)

    monkeypatch.setattr(backend, "compile_text", wrong)
    with pytest.raises(VerifyError, match=r"tolerance 0\.0001"):
        compile_model(SOURCE, tmp_path / "out.infc")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(platform.machine() != "x86_64", reason="runs code for x86-64-v3, whose products IREE sees as such")
def test_a_flag_that_costs_precision_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = backend.flags

    def wrong(target: Target, *, doubles: bool = False) -> tuple[str, ...]:
        return (
            *right(target, doubles=doubles),
            "--iree-global-opt-demote-contraction-inputs-operations=all",
            "--iree-global-opt-demote-contraction-inputs-type=bf16",
        )

    monkeypatch.setattr(backend, "flags", wrong)
    with pytest.raises(VerifyError, match="where PyTorch in f32 differs by"):
        compile_model(f"{models.__file__}:wide", tmp_path / "out.infc", CompileOptions(targets=("cpu:x86-64-v3",)))
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two layers of one shape, compiled and right."""
    out = tmp_path_factory.mktemp("twins") / "twins.infc"
    compile_model(f"{models.__file__}:twins", out)
    return out


def test_two_weights_in_each_others_place_are_caught(twins: Path, tmp_path: Path) -> None:
    with Artifact.open(twins) as artifact:
        config = artifact.config
        [build] = config.targets
        [stage] = build.stages
        places = {weight.key: weight.offset for weight in stage.slab.weights}
        places["0.weight"], places["2.weight"] = places["2.weight"], places["0.weight"]
        weights = tuple(replace(weight, offset=places[weight.key]) for weight in stage.slab.weights)
        swapped = replace(build, stages=(replace(stage, slab=replace(stage.slab, weights=weights)),))
        rewrite(artifact, tmp_path / "swapped.infc", replace(config, targets=(swapped,)))
    Artifact.open(tmp_path / "swapped.infc", check=True).close()  # every byte is what the digests say
    with (
        Artifact.open(tmp_path / "swapped.infc") as artifact,
        pytest.raises(VerifyError, match="output 'output_0', random inputs, trial 0: differs from PyTorch"),
    ):
        check_against(artifact, f"{models.__file__}:twins", Request(), trials=1, seed=0)


@pytest.mark.parametrize("command", [["verify"], ["run", "--random"], ["serve", "--listen", "127.0.0.1:0"]])
def test_one_byte_of_a_weight_is_caught_by_its_digest(twins: Path, command: list[str], tmp_path: Path) -> None:
    with Artifact.open(twins) as artifact:
        chunk = artifact.blob(artifact.config.targets[0].stages[0].slab.chunks[0])
    damaged = bytearray(twins.read_bytes())
    damaged[chunk.offset + 5] ^= 1
    (tmp_path / "out.infc").write_bytes(damaged)
    done = subprocess.run(
        [sys.executable, "-m", "infc", command[0], str(tmp_path / "out.infc"), *command[1:]],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (5, "")
    assert "was changed: its content has the digest" in done.stderr
