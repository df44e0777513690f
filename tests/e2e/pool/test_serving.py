"""What a pool answers when all is well."""

import signal
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from infc import __version__
from infc.remote.oip import SERVICE, messages
from infc.runtime.artifact import Artifact, interface_digest

from support.artifacts import embed_table, linear_reference
from support.pool import Pool, arrays_of, health, request_of, serving, start

X = np.random.default_rng(1).standard_normal((2, 8), dtype=np.float32)
IDS = np.array([[0, 5, 15], [3, 3, 1]], dtype=np.int64)
MASK = np.array([[True, False, True], [True, True, False]])


def test_two_models_answer_what_numpy_computes(pool: Pool) -> None:
    np.testing.assert_allclose(pool.infer("linear", x=X)["output_0"], linear_reference(X), rtol=1e-5, atol=1e-6)
    outputs = pool.infer("embed", ids=IDS, mask=MASK)
    np.testing.assert_array_equal(outputs["rows"], embed_table()[IDS] * MASK[..., None])
    np.testing.assert_array_equal(outputs["masked"], ~MASK)


def test_inputs_come_in_any_order(pool: Pool) -> None:
    outputs = pool.infer("embed", mask=MASK, ids=IDS)
    np.testing.assert_array_equal(outputs["rows"], embed_table()[IDS] * MASK[..., None])


def test_typed_contents(pool: Pool) -> None:
    request = messages().ModelInferRequest(model_name="embed")
    ids = request.inputs.add(name="ids", datatype="INT64", shape=[2, 3])
    ids.contents.int64_contents.extend(IDS.ravel().tolist())
    mask = request.inputs.add(name="mask", datatype="BOOL", shape=[2, 3])
    mask.contents.bool_contents.extend(MASK.ravel().tolist())
    outputs = arrays_of(pool.method("ModelInfer")(request))
    np.testing.assert_array_equal(outputs["rows"], embed_table()[IDS] * MASK[..., None])


def test_response_names_the_request_and_the_version(pool: Pool) -> None:
    request = request_of("linear", x=X)
    request.id, request.model_version = "request-7", "1"
    response = pool.method("ModelInfer")(request)
    assert (response.id, response.model_name, response.model_version) == ("request-7", "linear", "1")


def test_only_the_requested_outputs_in_the_requested_order(pool: Pool) -> None:
    request = request_of("embed", ids=IDS, mask=MASK)
    request.outputs.add(name="masked")
    assert list(arrays_of(pool.method("ModelInfer")(request))) == ["masked"]
    request.outputs.add(name="rows")
    outputs = arrays_of(pool.method("ModelInfer")(request))
    assert list(outputs) == ["masked", "rows"]
    np.testing.assert_array_equal(outputs["masked"], ~MASK)


def test_live_and_ready(pool: Pool) -> None:
    assert pool.call("ServerLive").live
    assert pool.call("ServerReady").ready
    assert pool.call("ModelReady", name="linear").ready
    metadata = pool.call("ServerMetadata")
    assert (metadata.name, metadata.version) == ("infc", __version__)


def test_metadata_is_the_artifacts_interface(pool: Pool, embed_artifact: Path) -> None:
    metadata = pool.call("ModelMetadata", name="embed", version="1")
    assert (metadata.name, list(metadata.versions)) == ("embed", ["1"])
    assert [(entry.name, entry.datatype, list(entry.shape)) for entry in metadata.inputs] == [
        ("ids", "INT64", [2, 3]),
        ("mask", "BOOL", [2, 3]),
    ]
    assert [(entry.name, entry.datatype, list(entry.shape)) for entry in metadata.outputs] == [
        ("rows", "FP32", [2, 3, 4]),
        ("masked", "BOOL", [2, 3]),
    ]


def test_answers_say_which_artifact_is_served(pool: Pool, linear_artifact: Path) -> None:
    with Artifact.open(linear_artifact) as artifact:
        digests = {
            ("infc-model-digest", artifact.digest),
            ("infc-interface-digest", interface_digest(artifact.config.interface)),
        }
    _, call = pool.method("ModelMetadata").with_call(messages().ModelMetadataRequest(name="linear"))
    assert digests <= set(call.initial_metadata())
    _, call = pool.method("ModelInfer").with_call(request_of("linear", x=X))
    assert digests <= set(call.trailing_metadata())


@pytest.mark.parametrize("service", ["", SERVICE])
def test_health(pool: Pool, service: str) -> None:
    assert health(pool.channel, service) == health_pb2.HealthCheckResponse.SERVING


def test_reflection_describes_the_protocol_and_health(pool: Pool) -> None:
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(pool.channel)
    request = reflection_pb2.ServerReflectionRequest
    symbols = [SERVICE, "grpc.health.v1.Health"]
    listed, *files = stub.ServerReflectionInfo(
        iter([request(list_services=""), *(request(file_containing_symbol=symbol) for symbol in symbols)])
    )
    names = {service.name for service in listed.list_services_response.service}
    assert names >= {*symbols, "grpc.reflection.v1alpha.ServerReflection"}
    for symbol, answer in zip(symbols, files, strict=True):
        (data,) = answer.file_descriptor_response.file_descriptor_proto
        proto = FileDescriptorProto.FromString(data)
        assert symbol in [f"{proto.package}.{service.name}" for service in proto.service]


def test_a_unix_socket_is_for_this_user_only_and_goes_with_the_pool(linear_artifact: Path, tmp_path: Path) -> None:
    path = tmp_path / "pool.sock"
    with serving(linear_artifact, listen=f"unix:{path}") as running:
        np.testing.assert_allclose(running.infer("linear", x=X)["output_0"], linear_reference(X), rtol=1e-5, atol=1e-6)
        assert path.stat().st_mode & 0o777 == 0o600
        assert running.stop() == 0
    assert not path.exists()


def test_a_unix_socket_left_behind_is_taken_over(linear_artifact: Path, tmp_path: Path) -> None:
    path = tmp_path / "pool.sock"
    with serving(linear_artifact, listen=f"unix:{path}") as running:
        running.stop(signal.SIGKILL)
    assert path.exists()
    with serving(linear_artifact, listen=f"unix:{path}") as running:
        assert running.call("ServerReady").ready


def test_one_line_says_that_it_is_ready(linear_artifact: Path, embed_artifact: Path) -> None:
    process = start(linear_artifact, embed_artifact, "--listen", "127.0.0.1:0")
    assert process.stdout is not None
    line = process.stdout.readline()
    prefix, _, port = line.strip().rpartition(":")
    assert prefix == "infc: serving linear, embed on 127.0.0.1"
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        grpc.channel_ready_future(channel).result()
    process.send_signal(signal.SIGINT)
    rest, log = process.communicate()
    assert (process.returncode, rest) == (0, "")
    assert "Traceback" not in log


def test_native_code_and_weights_are_in_the_executor_only(pool: Pool) -> None:
    controller, executor = (Path(f"/proc/{pid}/maps").read_text() for pid in (pool.process.pid, *pool.executors()))
    for part in ("linear.infc", "iree"):
        assert part in executor
        assert part not in controller
