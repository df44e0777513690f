"""Each target through the real command line: compiled everywhere, run and compared where its device is."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from infc.compiler.targets import TARGETS
from infc.runtime.artifact import Artifact
from infc.runtime.targets import missing_device, obstacle

from support import models
from support.command import infc

MODELS = Path(models.__file__)


@pytest.fixture(scope="module")
def everywhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tagger for every target that there is."""
    out = tmp_path_factory.mktemp("targets") / "tagger.infc"
    options = [option for name in TARGETS for option in ("--target", name)]
    done = infc("compile", f"{MODELS}:tagger", "-o", out, *options)
    assert done.returncode == 0, done.stderr
    for name in ("cpu:aarch64", "metal"):
        assert f"{name}: not verified here: " in done.stdout
    return out


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_is_verified_exactly_where_this_host_runs_it(everywhere: Path, target: str) -> None:
    with Artifact.open(everywhere) as artifact:
        build = artifact.build(target)
    assert build.stages[0].modules[0].size > 0
    assert (build.verify is None) == bool(obstacle(build))


def test_the_features_of_a_level_are_recorded_and_no_more(everywhere: Path) -> None:
    with Artifact.open(everywhere) as artifact:
        v3, v4 = (set(artifact.build(f"cpu:x86-64-{level}").stages[0].features) for level in ("v3", "v4"))
        assert not artifact.build("vulkan").stages[0].features
    assert {"avx2", "fma", "bmi2"} <= v3
    assert not any(name.startswith("avx512") for name in v3)
    assert v4 - v3 == {"avx512bw", "avx512cd", "avx512dq", "avx512f", "avx512vl"}


def test_targets_of_one_layout_share_their_slab_and_tiles_are_right_on_every_level(tmp_path: Path) -> None:
    out = tmp_path / "wide.infc"
    names = ("cpu", "cpu:x86-64-v3", "cpu:x86-64-v4", "vulkan", "cuda:sm_80")
    done = infc("compile", f"{MODELS}:wide", "-o", out, *(option for name in names for option in ("--target", name)))
    assert done.returncode == 0, done.stderr
    with Artifact.open(out) as artifact:
        slabs = {name: artifact.build(name).stages[0].slab for name in names}
    layouts = {name: {weight.key: weight.layout for weight in slab.weights}["weight"] for name, slab in slabs.items()}
    assert layouts["cpu:x86-64-v4"] == "mmt4d[16,1]"
    assert layouts["cpu:x86-64-v3"] == layouts["vulkan"] == "row_major"
    for name in names:
        assert slabs[name] == slabs["cpu:x86-64-v4" if TARGETS[name].packing else "vulkan"]


@pytest.mark.parametrize("target", ["vulkan", "cuda:sm_80"])
def test_a_gpu_answers_like_pytorch_with_masks_and_integers(everywhere: Path, target: str, tmp_path: Path) -> None:
    missing = missing_device(TARGETS[target].device)
    if missing:
        pytest.skip(f"{target} is {missing}; `make drivers` installs one for vulkan, in software")
    module, _ = models.tagger()
    ids = torch.tensor([[0, 49, 3, 3, 7, 1, 48]])
    mask = torch.tensor([[True, False, True, True, True, False, True]])
    with torch.no_grad():
        expected = module.eval()(ids=ids, mask=mask)
    np.savez(tmp_path / "in.npz", ids=ids.numpy(), mask=mask.numpy())
    inputs = [option for name in ("ids", "mask") for option in ("--input", f"{name}={tmp_path / 'in.npz'}:{name}")]
    # In a process of its own: Mesa's software device keeps two threads spinning for as long as its process lives.
    done = infc("run", everywhere, "--target", target, *inputs, "--output", tmp_path / "out.npz")
    assert done.returncode == 0, done.stderr
    actual = np.load(tmp_path / "out.npz")
    np.testing.assert_allclose(actual["logits"], expected["logits"].numpy(), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(actual["best"], expected["best"].numpy())
    np.testing.assert_array_equal(actual["kept"], mask.numpy())


def test_verify_compares_every_target_that_runs_here(everywhere: Path) -> None:
    done = infc("verify", everywhere, f"{MODELS}:tagger", "--json")
    assert done.returncode == 0, done.stderr
    notes = {each["target"]: (each["verify"], each["note"]) for each in json.loads(done.stdout)["targets"]}
    assert notes["cpu"][0]["seed"] == 1
    assert notes["metal"][0] is None
    assert "not verified here: for metal" in notes["metal"][1]


@pytest.mark.parametrize("target", ["metal", "cpu:aarch64"])
def test_running_or_serving_what_this_host_cannot_run_is_refused(target: str, tmp_path: Path) -> None:
    out = tmp_path / "mlp.infc"
    assert infc("compile", f"{MODELS}:mlp", "-o", out, "--target", target).returncode == 0
    with Artifact.open(out) as artifact:
        if not obstacle(artifact.build(target)):
            pytest.skip(f"this host runs {target}")
    for command in (("run", out, "--random"), ("serve", out, "--listen", "127.0.0.1:0")):
        done = infc(*command)
        assert done.returncode == 5, done.stderr
        assert f"nothing in it runs on this machine: target {target!r}" in done.stderr
        assert "hint: compile it again with --target cpu" in done.stderr


@pytest.mark.parametrize(
    ("targets", "fragments"),
    [
        (["cuda:sm_90"], ["no target 'cuda:sm_90'", "did you mean cuda:sm_8", "hip:gfx942"]),
        (["cpu", "cpu"], ["targets cpu, cpu", "each once"]),
    ],
)
def test_targets_that_make_no_sense_are_refused(targets: list[str], fragments: list[str], tmp_path: Path) -> None:
    options = [option for name in targets for option in ("--target", name)]
    done = infc("compile", f"{MODELS}:mlp", "-o", tmp_path / "a.infc", *options)
    assert done.returncode == 2
    assert all(fragment in done.stderr for fragment in fragments), done.stderr
    assert list(tmp_path.iterdir()) == []
