"""Calls of different sizes: which module runs them, what it is padded with, and what comes back."""

from pathlib import Path

import numpy as np
import pytest

from infc.errors import ArtifactError, InvalidInput
from infc.runtime.artifact import Artifact, Dim, Method, TensorSpec
from infc.runtime.inputs import check_inputs, describe, random_inputs
from infc.runtime.session import Session

from support.artifacts import SCALE, scale_reference, write_scale_artifact


def call(rows: int) -> dict[str, np.ndarray]:
    return random_inputs(SCALE, np.random.default_rng(rows), {"rows": rows})


def attach(path: Path) -> Session:
    with Artifact.open(path, check=True) as artifact:
        return Session.attach(artifact)


@pytest.mark.parametrize(("buckets", "dynamic"), [((4, 16), False), ((), True), ((4,), True)])
def test_every_size_is_right(tmp_path: Path, buckets: tuple[int, ...], dynamic: bool) -> None:
    with attach(write_scale_artifact(tmp_path / "m", buckets=buckets, dynamic=dynamic)) as session:
        for rows in (1, 3, 4, 5, 15, 16, 4):
            inputs = call(rows)
            outputs, expected = session.run(inputs), scale_reference(**inputs)
            assert outputs["y"].shape == (rows, 4)
            np.testing.assert_allclose(outputs["y"], expected["y"], rtol=1e-6)
            np.testing.assert_allclose(outputs["total"], expected["total"], rtol=1e-5)


def test_the_arrays_outlive_the_session(tmp_path: Path) -> None:
    with attach(write_scale_artifact(tmp_path / "m")) as session:
        inputs = call(3)
        outputs = session.run(inputs)
    np.testing.assert_allclose(outputs["y"], scale_reference(**inputs)["y"], rtol=1e-6)


def refused(**inputs: np.ndarray) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        check_inputs(SCALE, inputs)
    assert caught.value.hint
    return caught.value


def test_a_dim_has_one_size_in_all_inputs() -> None:
    x, s = np.zeros((2, 4), np.float32), np.zeros(3, np.float32)
    assert refused(x=x, s=s).message == "dim 'rows' is 2 in input 'x' and 3 in input 's'"


@pytest.mark.parametrize("rows", [0, 17])
def test_sizes_out_of_range(rows: int) -> None:
    x, s = np.zeros((rows, 4), np.float32), np.zeros(rows, np.float32)
    assert refused(x=x, s=s).message == f"input 'x' has rows = {rows}, expected 1 to 16"


def test_other_ranks_and_fixed_sizes_are_refused() -> None:
    s = np.zeros(2, np.float32)
    assert refused(x=np.zeros((2, 5), np.float32), s=s).message == (
        "input 'x' has shape [2, 5], expected [rows 1..16, 4]"
    )
    assert "expected [rows 1..16]" in refused(x=np.zeros((2, 4), np.float32), s=s[None]).message


def test_descriptions_say_the_range() -> None:
    assert describe(SCALE.inputs[0], SCALE.dims) == "f32[rows 1..16, 4]"
    assert describe(SCALE.inputs[0]) == "f32[rows, 4]"


def test_random_inputs_take_the_smallest_size_where_none_is_given() -> None:
    assert random_inputs(SCALE, np.random.default_rng(0))["s"].shape == (1,)


def test_a_module_that_fails_to_load_is_told_when_it_is_needed(tmp_path: Path) -> None:
    from support.artifacts import SCALE_MLIR, compile_mlir, scale_weight, weight, write_artifact

    good = compile_mlir(SCALE_MLIR.replace("ROWS", "4"))
    path = write_artifact(
        tmp_path / "m", "m", SCALE, [(good, {"rows": 4}), (b"none" * 50, {"rows": 16})], [weight("w", scale_weight())]
    )
    with attach(path) as session:
        session.run(call(4))
        with pytest.raises(ArtifactError, match="IREE cannot load the module"):
            session.run(call(5))
        session.run(call(4))


def test_an_output_may_have_a_size_that_nobody_knows_before(tmp_path: Path) -> None:
    """The interface says `?`: the module's own shape is taken, and not cut."""
    from support.artifacts import SCALE_MLIR, compile_mlir, scale_weight, weight, write_artifact

    open_ended = Method(
        name="main",
        inputs=SCALE.inputs,
        outputs=(TensorSpec(name="y", dtype="f32", shape=("?", 4)), SCALE.outputs[1]),
        takes=SCALE.takes,
        returns=SCALE.returns,
        dims=(Dim(name="rows", low=1, high=16),),
    )
    module = compile_mlir(SCALE_MLIR.replace("ROWS", "?"))
    path = write_artifact(tmp_path / "m", "m", open_ended, [(module, {})], [weight("w", scale_weight())])
    with attach(path) as session:
        assert session.run(call(7))["y"].shape == (7, 4)
