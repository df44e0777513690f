"""A model's typed service: called through stubs that protoc's own plugins for Python make, and seen by reflection."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from infc.runtime.artifact import Artifact

from support.artifacts import embed_table, linear_reference, write_linear_artifact
from support.pool import PATIENCE, Pool, health, serving, status
from support.typed import generated, python_stubs

NAME = "infc.models.embed.Embed"
X = np.random.default_rng(1).standard_normal((2, 8), dtype=np.float32)
IDS = np.array([[0, 5, 15], [3, 3, 1]], dtype=np.int64)
MASK = np.array([[True, False, True], [True, True, False]])


@pytest.fixture(scope="module")
def embed(embed_artifact: Path, pool: Pool, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Message classes of `embed`, and its stub."""
    folder = tmp_path_factory.mktemp("typed")
    messages, stubs = python_stubs(generated(embed_artifact, folder / "out"), folder / "python")
    return SimpleNamespace(pb=messages, stub=stubs.EmbedStub(pool.channel))


def filled(tensor: Any, array: np.ndarray) -> Any:
    return tensor(shape=array.shape, data=array.tobytes())


def request(pb: Any) -> Any:
    return pb.ForwardRequest(ids=filled(pb.Int64Tensor, IDS), mask=filled(pb.BoolTensor, MASK))


def test_a_standard_stub_calls_it(embed: Any, embed_artifact: Path) -> None:
    response, call = embed.stub.Forward.with_call(request(embed.pb), timeout=PATIENCE)
    rows = np.frombuffer(response.rows.data, "<f4").reshape(tuple(response.rows.shape))
    np.testing.assert_array_equal(rows, embed_table()[IDS] * MASK[..., None])
    assert tuple(response.masked.shape) == MASK.shape
    assert response.masked.data == (~MASK).tobytes()
    with Artifact.open(embed_artifact) as artifact:
        assert ("infc-model-digest", artifact.digest) in set(call.trailing_metadata())


def test_health_and_reflection_show_it(pool: Pool) -> None:
    assert health(pool.channel, NAME) == 1
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(pool.channel)
    ask = reflection_pb2.ServerReflectionRequest
    listed, found = stub.ServerReflectionInfo(iter([ask(list_services=""), ask(file_containing_symbol=NAME)]))
    assert {NAME, "infc.models.linear.Linear"} <= {each.name for each in listed.list_services_response.service}
    (data,) = found.file_descriptor_response.file_descriptor_proto
    assert [each.name for each in FileDescriptorProto.FromString(data).message_type][:2] == [
        "ForwardRequest",
        "ForwardResponse",
    ]


def wrong_requests(pb: Any) -> dict[str, tuple[Any, str]]:
    found = {name: request(pb) for name in ("missing", "short", "shape", "negative", "rank", "bound", "huge")}
    found["missing"].ClearField("mask")
    found["short"].ids.data = b"\0" * 7
    found["shape"].ids.shape[:] = [3, 2]
    found["negative"].ids.shape[:] = [-2, -3]
    found["rank"].ids.shape[:] = [1] * 40
    found["bound"].ids.data = np.full((2, 3), 16, "i8").tobytes()
    found["huge"].ids.shape[:] = [1 << 62, 1 << 62, 4]
    return {
        "missing": (found["missing"], "mask"),
        "short": (found["short"], "field 'ids' has 7 bytes of data for the shape [2, 3] of i64"),
        "shape": (found["shape"], "ids"),
        "negative": (found["negative"], "field 'ids' has 48 bytes of data for the shape [-2, -3]"),
        "rank": (found["rank"], "for the shape [1, 1, 1, 1, 1, 1, 1, 1]…"),
        "bound": (found["bound"], "16"),
        "huge": (found["huge"], "field 'ids' has 48 bytes"),
        "empty": (pb.ForwardRequest(), "ids"),
        "newer": (b"\xfa\x06\x01x", "infc.models.embed.ForwardRequest has no field 111"),
        "tensor": (b"\x0a\x02\x18\x01", "infc.models.embed.Int64Tensor has no field 3"),
        "garbage": (b"\xff" * 40, "40 bytes are no infc.models.embed.ForwardRequest"),
    }


@pytest.mark.parametrize(
    "case",
    ["missing", "short", "shape", "negative", "rank", "bound", "huge", "empty", "newer", "tensor", "garbage"],
)
def test_what_does_not_fit_is_an_invalid_argument(embed: Any, pool: Pool, case: str) -> None:
    message, said = wrong_requests(embed.pb)[case]
    raw = message if isinstance(message, bytes) else message.SerializeToString()
    with pytest.raises(grpc.RpcError) as refused:
        pool.channel.unary_unary(f"/{NAME}/Forward")(raw, timeout=PATIENCE)
    code, text, hint = status(refused.value)
    assert code is grpc.StatusCode.INVALID_ARGUMENT, text
    assert said in text
    assert hint


def test_a_message_that_is_too_large_and_a_method_that_is_not_there(embed: Any, pool: Pool) -> None:
    large = embed.pb.ForwardRequest(ids=embed.pb.Int64Tensor(data=bytes(65 * 1024)))
    with pytest.raises(grpc.RpcError) as refused:
        embed.stub.Forward(large, timeout=PATIENCE)
    assert status(refused.value)[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
    with pytest.raises(grpc.RpcError) as refused:
        pool.channel.unary_unary(f"/{NAME}/Backward")(b"", timeout=PATIENCE)
    assert status(refused.value)[0] is grpc.StatusCode.UNIMPLEMENTED


def test_of_a_name_that_several_models_have_the_caller_says_which(tmp_path: Path) -> None:
    names = (
        "my-model",
        "my_model",
        "MY_MODEL",
    )  # the last is a service of its own
    paths = [write_linear_artifact(tmp_path / f"{seed}.infc", name=name, seed=seed) for seed, name in enumerate(names)]
    messages, stubs = python_stubs(generated(paths[0], tmp_path / "out"), tmp_path / "python")
    with serving(*paths) as running:
        stub, asked = stubs.MyModelStub(running.channel), messages.ForwardRequest(x=filled(messages.Fp32Tensor, X))

        def answer(*metadata: tuple[str, str]) -> Any:
            data = stub.Forward(asked, timeout=PATIENCE, metadata=metadata).output_0.data
            return np.frombuffer(data, "<f4").reshape(2, 4)

        for seed, name in enumerate(names[:2]):
            np.testing.assert_allclose(answer(("infc-model", name)), linear_reference(X, seed), rtol=1e-5, atol=1e-6)
        with pytest.raises(grpc.RpcError) as refused:
            answer()
        code, said, hint = status(refused.value)
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert "infc.models.my_model.MyModel/Forward is of several models in this pool: 'my-model', 'my_model'" in said
        assert "'infc-model'" in hint
        with pytest.raises(grpc.RpcError) as refused:
            answer(("infc-model", "MY_MODEL"))
        assert status(refused.value)[0] is grpc.StatusCode.NOT_FOUND
        other = running.channel.unary_unary("/infc.models.my_model.MYMODEL/Forward")
        data = messages.ForwardResponse.FromString(other(asked.SerializeToString(), timeout=PATIENCE)).output_0.data
        np.testing.assert_allclose(
            np.frombuffer(data, "<f4").reshape(2, 4), linear_reference(X, 2), rtol=1e-5, atol=1e-6
        )
