"""The protocol's messages: up to date, compatible, and at peace with other users of `inference.*`."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from google.protobuf import descriptor_pb2

import infc.remote.oip as oip
from infc.codegen.descriptors import descriptor_set, proto_text

# What KServe and Triton put on the wire: message, field, number, type. Written down here, so that an edit of the
# .proto cannot change both sides of a comparison.
WIRE = {
    ("ModelInferRequest", "model_name"): (1, "STRING"),
    ("ModelInferRequest", "model_version"): (2, "STRING"),
    ("ModelInferRequest", "id"): (3, "STRING"),
    ("ModelInferRequest", "parameters"): (4, "MESSAGE"),
    ("ModelInferRequest", "inputs"): (5, "MESSAGE"),
    ("ModelInferRequest", "outputs"): (6, "MESSAGE"),
    ("ModelInferRequest", "raw_input_contents"): (7, "BYTES"),
    ("ModelInferResponse", "model_name"): (1, "STRING"),
    ("ModelInferResponse", "model_version"): (2, "STRING"),
    ("ModelInferResponse", "id"): (3, "STRING"),
    ("ModelInferResponse", "parameters"): (4, "MESSAGE"),
    ("ModelInferResponse", "outputs"): (5, "MESSAGE"),
    ("ModelInferResponse", "raw_output_contents"): (6, "BYTES"),
    ("ModelMetadataResponse", "name"): (1, "STRING"),
    ("ModelMetadataResponse", "versions"): (2, "STRING"),
    ("ModelMetadataResponse", "platform"): (3, "STRING"),
    ("ModelMetadataResponse", "inputs"): (4, "MESSAGE"),
    ("ModelMetadataResponse", "outputs"): (5, "MESSAGE"),
    ("InferParameter", "bool_param"): (1, "BOOL"),
    ("InferParameter", "int64_param"): (2, "INT64"),
    ("InferParameter", "string_param"): (3, "STRING"),
    ("InferParameter", "double_param"): (4, "DOUBLE"),
    ("InferParameter", "uint64_param"): (5, "UINT64"),
    ("InferTensorContents", "bool_contents"): (1, "BOOL"),
    ("InferTensorContents", "int_contents"): (2, "INT32"),
    ("InferTensorContents", "int64_contents"): (3, "INT64"),
    ("InferTensorContents", "uint_contents"): (4, "UINT32"),
    ("InferTensorContents", "uint64_contents"): (5, "UINT64"),
    ("InferTensorContents", "fp32_contents"): (6, "FLOAT"),
    ("InferTensorContents", "fp64_contents"): (7, "DOUBLE"),
    ("InferTensorContents", "bytes_contents"): (8, "BYTES"),
}

BESIDE_ANOTHER = """
import sys
from google.protobuf import descriptor_pb2, descriptor_pool
other = descriptor_pb2.FileDescriptorProto(name="grpc_service.proto", package="inference", syntax="proto3")
message = other.message_type.add(name="ModelInferRequest")
message.field.add(name="something_else", number=1, type=5, label=1)
if sys.argv[1] == "before":
    descriptor_pool.Default().AddSerializedFile(other.SerializeToString())
from infc.remote.oip import messages
request = messages().ModelInferRequest(model_name="minilm")
if sys.argv[1] == "after":
    descriptor_pool.Default().AddSerializedFile(other.SerializeToString())
theirs = descriptor_pool.Default().FindMessageTypeByName("inference.ModelInferRequest")
assert [field.name for field in theirs.fields] == ["something_else"]
assert messages().ModelInferRequest.FromString(request.SerializeToString()).model_name == "minilm"
"""


def test_the_committed_descriptor_set_is_what_the_proto_says() -> None:
    committed = Path(oip.__file__).with_name("open_inference.binpb").read_bytes()
    fresh = descriptor_pb2.FileDescriptorSet.FromString(descriptor_set(proto_text()))
    assert descriptor_pb2.FileDescriptorSet.FromString(committed) == fresh, (
        "run: python -m infc.codegen.descriptors remote/oip/open_inference.binpb"
    )


@pytest.mark.parametrize(("message", "field"), WIRE)
def test_fields_are_the_protocols(message: str, field: str) -> None:
    descriptor = getattr(oip.messages(), message).DESCRIPTOR.fields_by_name[field]
    kind = descriptor_pb2.FieldDescriptorProto.Type.Name(descriptor.type).removeprefix("TYPE_")
    assert (descriptor.number, kind) == WIRE[message, field]


def test_no_field_is_missing_from_the_list_above() -> None:
    described = {message for message, _ in WIRE}
    found = {
        (message, field.name) for message in described for field in getattr(oip.messages(), message).DESCRIPTOR.fields
    }
    assert found == set(WIRE)


def test_methods_have_the_protocols_paths() -> None:
    assert {rpc.path for rpc in oip.rpcs().values()} == {
        f"/inference.GRPCInferenceService/{name}"
        for name in ("ServerLive", "ServerReady", "ModelReady", "ServerMetadata", "ModelMetadata", "ModelInfer")
    }
    assert oip.rpcs()["ModelInfer"].request is oip.messages().ModelInferRequest
    assert oip.rpcs()["ModelInfer"].response is oip.messages().ModelInferResponse


@pytest.mark.parametrize("order", ["before", "after"])
def test_another_library_may_own_the_same_names(order: str) -> None:
    done = subprocess.run([sys.executable, "-c", BESIDE_ANOTHER, order], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_dtypes_are_found_by_every_name_and_have_the_right_size() -> None:
    for info in oip.DTYPES:
        assert oip.by_name(info.name) is info
        assert oip.by_oip(info.oip) is info
        assert oip.by_numpy(info.numpy) is info
        assert oip.by_numpy(info.numpy.newbyteorder(">")) is info
        assert info.numpy.itemsize == info.size
    assert oip.by_name("complex64") is oip.by_oip("BYTES") is oip.by_numpy(np.complex64) is None
