"""Requests of different sizes to one model in a pool."""

from pathlib import Path

import grpc
import numpy as np
import pytest

from support.artifacts import scale_reference, write_scale_artifact
from support.pool import serving, status


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
