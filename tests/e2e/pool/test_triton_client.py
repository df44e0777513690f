"""Triton's own client, unchanged, against the pool.

tritonclient 2.73 wants an older protobuf than the rest of infc's environment, so it may live in another one:
INFC_TEST_TRITON is the path of an interpreter that has it (`pip install 'tritonclient[grpc]==2.73.0'`).
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from support.artifacts import linear_reference
from support.pool import Pool

PYTHON = os.environ.get("INFC_TEST_TRITON", sys.executable)

CLIENT = """
import sys, numpy as np, tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException
client = triton.InferenceServerClient(sys.argv[1])
assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("linear")
assert client.get_server_metadata().name == "infc"
metadata = client.get_model_metadata("linear", as_json=True)
assert metadata["inputs"] == [{"name": "x", "datatype": "FP32", "shape": ["2", "8"]}], metadata
x = np.arange(16, dtype=np.float32).reshape(2, 8)
tensor = triton.InferInput("x", [2, 8], "FP32")
tensor.set_data_from_numpy(x)
results = [
    client.infer("linear", [tensor], request_id="7"),
    client.infer("linear", [tensor], outputs=[triton.InferRequestedOutput("output_0")], model_version="1"),
]
assert results[0].get_response().id == "7"
try:
    client.infer("nobody", [tensor])
except InferenceServerException as error:
    assert "NOT_FOUND" in error.status() and "nobody" in error.message(), error
else:
    raise AssertionError("no error")
np.save(sys.argv[2], np.stack([result.as_numpy("output_0") for result in results]))
"""


def test_tritons_client(pool: Pool, tmp_path: Path) -> None:
    if subprocess.run([PYTHON, "-c", "import tritonclient.grpc"], capture_output=True, check=False).returncode:
        pytest.skip(f"{PYTHON} has no tritonclient[grpc]; INFC_TEST_TRITON names an interpreter that has it")
    path = tmp_path / "results.npy"
    subprocess.run([PYTHON, "-c", CLIENT, pool.address, str(path)], check=True)
    x = np.arange(16, dtype=np.float32).reshape(2, 8)
    np.testing.assert_allclose(np.load(path), [linear_reference(x)] * 2, rtol=1e-5, atol=1e-5)
