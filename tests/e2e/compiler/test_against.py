"""Two versions of a model: the second keeps the first's field numbers, and its typed service is called by them."""

from pathlib import Path

import numpy as np
import pytest

from infc.cli import main
from infc.codegen.artifact import service_of
from infc.runtime.artifact import Artifact

from support.configs import config, tensor, write_config_artifact
from support.pool import PATIENCE, serving
from support.typed import generated, python_stubs

SOURCE = '''
import torch

class Later(torch.nn.Module):
    def forward(self, bias, x):
        """Scores "passages", with a bias."""
        return {"most": x.max(), "scores": x + bias}

def scorer():
    return Later(), (torch.ones(2, 3), torch.ones(2, 3))
'''


def infc(*arguments: object) -> None:
    with pytest.raises(SystemExit) as done:
        main([str(each) for each in arguments])
    assert done.value.code in (0, None)


def test_numbers_stay_and_are_served(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(SOURCE)
    first, second = tmp_path / "1.infc", tmp_path / "2.infc"
    inputs = (tensor("x", "f32", 2, 3), tensor("mask", "f32", 2, 3))
    write_config_artifact(str(first), config("scorer", inputs, (tensor("scores", "f32", 2, 3),), "mapping"))
    infc("compile", f"{tmp_path}/model.py:scorer", "--name", "scorer", "-o", second, "--against", first)
    with Artifact.open(second) as artifact:
        after = service_of(artifact).methods[0]
    assert after.doc == 'Scores "passages", with a bias.'
    assert after.inputs.numbers == (3, 1)
    assert after.inputs.reserved == ((2, "mask"),)
    assert after.outputs.numbers == (2, 1)
    x, bias = np.arange(6, dtype="f4").reshape(2, 3), np.full((2, 3), 0.5, "f4")
    pb, stubs = python_stubs(generated(second, tmp_path / "out"), tmp_path / "python")
    with serving(second) as pool:
        stub = stubs.ScorerStub(pool.channel)
        tensors = {name: pb.Fp32Tensor(shape=[2, 3], data=each.tobytes()) for name, each in (("x", x), ("bias", bias))}
        response = stub.Forward(pb.ForwardRequest(**tensors), timeout=PATIENCE)
        np.testing.assert_array_equal(np.frombuffer(response.scores.data, "<f4").reshape(2, 3), x + bias)
        # A single number has no sizes.
        assert (list(response.most.shape), np.frombuffer(response.most.data, "<f4").tolist()) == ([], [5.0])
