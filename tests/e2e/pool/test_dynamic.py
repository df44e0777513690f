"""Requests of different sizes to one model in a pool."""

import pickle
from pathlib import Path

import grpc
import numpy as np
import pytest
from click.testing import CliRunner

from infc.cli import main
from infc.errors import InvalidInput
from infc.remote.client import connect

from support.artifacts import scale_reference, write_scale_artifact
from support.pool import serving, status
from support.wire import tapped


def test_each_request_chooses_its_sizes(tmp_path: Path) -> None:
    with serving(write_scale_artifact(tmp_path / "scale", buckets=(4,), dynamic=True)) as pool:
        metadata = pool.call("ModelMetadata", name="scale")
        assert [list(entry.shape) for entry in metadata.inputs] == [[-1, 4], [-1]]
        for rows in (1, 3, 4, 5, 16):
            rng = np.random.default_rng(rows)
            inputs = {"x": rng.standard_normal((rows, 4), np.float32), "s": rng.standard_normal(rows, np.float32)}
            outputs, expected = pool.infer("scale", **inputs), scale_reference(**inputs)
            np.testing.assert_allclose(outputs["y"], expected["y"], rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(outputs["total"], expected["total"], rtol=1e-4, atol=1e-5)
        with pytest.raises(grpc.RpcError) as caught:
            pool.infer("scale", x=np.zeros((17, 4), np.float32), s=np.zeros(17, np.float32))
        assert "input 'x' has rows = 17, expected 1 to 16" in str(status(caught.value))
        refused_by_the_client_itself(tmp_path / "scale", tmp_path, pool.address)


def refused_by_the_client_itself(artifact: Path, folder: Path, address: str) -> None:
    arguments = ["codegen", str(artifact), "-o", str(folder / "client"), "--pointer", str(folder / "model.pt")]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    with tapped(address) as tap:
        model = connect(folder / "model.pt", pool=tap.address)
        for each in (model, pickle.loads(pickle.dumps(model))):
            for rows, scales, said in ((17, 17, "rows = 17, expected 1 to 16"), (3, 4, "'scale' is 3 in input")):
                with pytest.raises(InvalidInput, match=said):
                    each.infer({"x": np.full((rows, 4), 7.125, "f4"), "s": np.zeros(scales, "f4")})
        assert model.infer({"x": np.full((3, 4), 8.125, "f4"), "s": np.zeros(3, "f4")})["y"].shape == (3, 4)
        sent = bytes(tap.sent)
    assert np.full(4, 8.125, "f4").tobytes() in sent  # the relay does see what is sent
    assert np.full(4, 7.125, "f4").tobytes() not in sent
