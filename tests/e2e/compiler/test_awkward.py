"""Sources that print, leave, take or return odd things, and operators whose lowering has holes."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from infc.compiler import compile_model
from infc.runtime.artifact import Artifact
from infc.runtime.session import Session

from support import awkward
from support.command import infc

SOURCES = Path(awkward.__file__)
FINE = [
    "pair",
    "default_dict",
    "numbered",
    "twice_the_same",
    "named_like_constants",
    "equal_constants",
    "written_in_place",
    "read_while_written",
    "dims_from_the_last",
    "pools_unevenly",
    "chooses_among_equals",
    "doubles",
    "forty_weights",
    "nothing_times_nothing",
]
REFUSED = {
    "leaves": (3, "SystemExit"),
    "leaves_in_forward": (3, "SystemExit"),
    "does_not_fit": (3, "does not export"),
    "sparse_input": (3, "sparse_coo"),
    "sparse_weight": (4, "sparse_coo"),
    "halved_bytes": (4, "the lowering died in pass convert-torch-to-linalg at operator aten."),
    "determinant": (3, "without pivoting"),
}


def compiled(name: str, out: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "infc", "compile", f"{SOURCES}:{name}", "-o", str(out), "--json"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_what_it_prints_is_no_part_of_standard_output(tmp_path: Path) -> None:
    done = compiled("prints", tmp_path / "out.infc")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["name"] == "prints"


@pytest.mark.parametrize("name", FINE)
def test_it_compiles_and_standard_output_is_one_document(name: str, tmp_path: Path) -> None:
    done = infc("compile", f"{SOURCES}:{name}", "-o", tmp_path / "out.infc", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["name"] == name


@pytest.mark.parametrize(("name", "code", "what"), [(name, *rest) for name, rest in REFUSED.items()])
def test_it_is_refused_in_one_line(name: str, code: int, what: str, tmp_path: Path) -> None:
    done = compiled(name, tmp_path / "out.infc")
    assert done.returncode == code, done.stderr
    assert done.stderr.startswith("error: ")
    assert what in done.stderr.splitlines()[0]
    assert not done.stdout
    assert not list(tmp_path.iterdir())


def test_an_example_that_is_not_finite_is_compared_on_numbers(tmp_path: Path) -> None:
    result = compile_model(f"{SOURCES}:nothing_finite", tmp_path / "out.infc")
    report = result.config.targets[0].verify
    assert report
    assert report.outputs[0].max_abs_error > 0.0  # NaN against NaN would be 0


SPECIAL = [0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 3.0, np.inf, -np.inf, np.nan, 7.5, -7.0]


@pytest.mark.parametrize("name", ["powers", "angles"])
def test_the_special_cases_of_floats_are_those_of_pytorch(name: str, tmp_path: Path) -> None:
    compile_model(f"{SOURCES}:{name}", tmp_path / "out.infc")
    x, y = (part.ravel().astype(np.float32) for part in np.meshgrid(SPECIAL, SPECIAL))
    function = torch.pow if name == "powers" else torch.atan2
    expected = function(torch.from_numpy(x), torch.from_numpy(y)).numpy()
    with Artifact.open(tmp_path / "out.infc") as artifact, Session.attach(artifact) as session:
        actual = session.run({"x": x, "y": y})["output_0"]
    np.testing.assert_allclose(actual, expected, rtol=1e-5)


def test_a_row_of_zeros_has_a_root_mean_square(tmp_path: Path) -> None:
    compile_model(f"{SOURCES}:rms_norm", tmp_path / "out.infc")
    with Artifact.open(tmp_path / "out.infc") as artifact, Session.attach(artifact) as session:
        outputs = session.run({artifact.method().inputs[0].name: np.zeros((2, 8), np.float32)})
    assert not outputs["output_0"].any()


def test_a_negative_power_of_zero_has_the_sign_of_the_zero(tmp_path: Path) -> None:
    compile_model(f"{SOURCES}:reciprocals", tmp_path / "out.infc")
    x = np.array([0.0, -0.0, 1.0, -1.0, 2.0, -2.0, np.inf, -np.inf, 0.5], np.float32)
    expected = [(torch.from_numpy(x) ** -power).numpy() for power in (1, 2, 3)]
    with Artifact.open(tmp_path / "out.infc") as artifact, Session.attach(artifact) as session:
        actual = list(session.run({"x": x}).values())
    for one, other in zip(actual, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_functions_of_one_number_are_those_of_pytorch_far_from_zero(tmp_path: Path) -> None:
    compile_model(f"{SOURCES}:unary", tmp_path / "out.infc")
    x = np.concatenate([SPECIAL[:12], np.linspace(-3e4, 3e4, 40), [1e7, -1e7, 1e19, -1e19, 3e38, -3e38]])
    x = np.resize(x.astype(np.float32), 64)
    expected = awkward.unary()[0](torch.from_numpy(x))
    with Artifact.open(tmp_path / "out.infc") as artifact, Session.attach(artifact) as session:
        actual = session.run({"x": x})
    for name in ("asinh", "acosh", "log10"):
        np.testing.assert_allclose(actual[name], expected[name].numpy(), rtol=2e-6, err_msg=name)
    within = np.abs(x) <= 3e4  # an angle of more than 10^7 turns has lost what is within one
    for name in ("sin", "cos"):
        np.testing.assert_allclose(actual[name][within], expected[name].numpy()[within], atol=5e-7, err_msg=name)
