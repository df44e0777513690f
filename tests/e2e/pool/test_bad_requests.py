"""What a request may not be: each gets the right status, names what was wrong, and the pool goes on serving."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

import grpc
import numpy as np
import pytest

from infc.errors import InvalidInput
from infc.remote.oip import messages
from infc.remote.pool.status import trailer_of

from support.artifacts import linear_reference
from support.pool import Pool, request_of, status

X = np.random.default_rng(2).standard_normal((2, 8), dtype=np.float32)
IDS = np.zeros((2, 3), dtype=np.int64)
MASK = np.ones((2, 3), dtype=bool)

INVALID = grpc.StatusCode.INVALID_ARGUMENT
NOT_FOUND = grpc.StatusCode.NOT_FOUND


@pytest.fixture(autouse=True)
def still_serving(pool: Pool) -> Iterator[None]:
    """After each of these requests the same executor answers the next one."""
    before = pool.executors()
    yield
    np.testing.assert_allclose(pool.infer("linear", x=X)["output_0"], linear_reference(X), rtol=1e-5, atol=1e-6)
    assert pool.executors() == before


def refusal(pool: Pool, request: Any) -> tuple[grpc.StatusCode, str, str]:
    """Status, message and hint of a request that the pool refuses."""
    with pytest.raises(grpc.RpcError) as caught:
        pool.method("ModelInfer")(request)
    return status(caught.value)


def linear(change: Callable[[Any], Any]) -> Any:
    """A good request for `linear`, changed."""
    request = request_of("linear", x=X)
    change(request)
    return request


def typed(datatype: str, field: str, values: list[Any]) -> Any:
    """A request for `linear` with typed contents."""
    request = messages().ModelInferRequest(model_name="linear")
    entry = request.inputs.add(name="x", datatype=datatype, shape=[2, 8])
    getattr(entry.contents, field).extend(values)
    return request


def rename(request: Any) -> None:
    request.inputs[0].name = "y"


def twice(request: Any) -> None:
    request.inputs.append(request.inputs[0])
    request.raw_input_contents.append(request.raw_input_contents[0])


def mixed(request: Any) -> None:
    request.inputs[0].contents.fp32_contents.append(1.0)


def drop_input(request: Any) -> None:
    del request.inputs[:]
    del request.raw_input_contents[:]


def drop_contents(request: Any) -> None:
    del request.raw_input_contents[:]


def too_many_contents(request: Any) -> None:
    request.raw_input_contents.append(b"")


def short(request: Any) -> None:
    request.raw_input_contents[0] = request.raw_input_contents[0][:-1]


def shape(*sizes: int) -> Callable[[Any], None]:
    def change(request: Any) -> None:
        request.inputs[0].shape[:] = sizes

    return change


def datatype(name: str) -> Callable[[Any], None]:
    def change(request: Any) -> None:
        request.inputs[0].datatype = name

    return change


def output(*names: str) -> Callable[[Any], None]:
    def change(request: Any) -> None:
        for name in names:
            request.outputs.add(name=name)

    return change


def shared_memory(request: Any) -> None:
    request.inputs[0].parameters["shared_memory_region"].string_param = "region"


def classification(request: Any) -> None:
    request.outputs.add(name="output_0").parameters["classification"].int64_param = 3


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        pytest.param(linear(rename), "missing 'x'; unknown 'y'", id="name"),
        pytest.param(linear(twice), "input 'x' was sent twice", id="duplicate"),
        pytest.param(linear(mixed), "typed contents in a request with raw_input_contents", id="mixed"),
        pytest.param(linear(drop_input), "missing 'x'", id="no inputs"),
        pytest.param(linear(drop_contents), "0 elements, its shape [2, 8]", id="no contents"),
        pytest.param(linear(too_many_contents), "2 raw_input_contents for 1 inputs", id="too many contents"),
        pytest.param(linear(short), "63 bytes, expected 64 for FP32 [2, 8]", id="too short"),
        pytest.param(linear(shape(8, 2)), "shape [8, 2], expected [2, 8]", id="shape"),
        pytest.param(linear(shape(16)), "shape [16], expected [2, 8]", id="rank"),
        pytest.param(linear(shape(-2, -8)), "its shape [-2, -8] says otherwise", id="negative"),
        pytest.param(linear(shape(2**62, 2**62)), "has 64 bytes, expected", id="huge"),
        pytest.param(linear(shape(*[1] * 70, 16)), "input 'x' has shape [1, 1, 1", id="very high rank"),
        pytest.param(linear(datatype("INT32")), "dtype i32, expected f32", id="dtype"),
        pytest.param(linear(datatype("BYTES")), "datatype 'BYTES', which this pool does not know", id="unknown dtype"),
        pytest.param(linear(datatype("")), "datatype ''", id="no dtype"),
        pytest.param(linear(output("y")), "no output 'y'", id="output"),
        pytest.param(linear(output("output_0", "output_0")), "requested twice", id="output twice"),
        pytest.param(linear(shared_memory), "'shared_memory_region', which this pool does not do", id="shared memory"),
        pytest.param(linear(classification), "'classification', which this pool does not do", id="classification"),
        pytest.param(typed("FP32", "fp32_contents", [1.0] * 15), "15 elements", id="too few typed"),
        pytest.param(
            typed("FP32", "fp64_contents", [1.0] * 16), "has fp64_contents, expected fp32_contents", id="field"
        ),
        pytest.param(typed("FP16", "fp32_contents", [1.0] * 16), "FP16, which has no typed contents", id="fp16"),
        pytest.param(typed("INT8", "int_contents", [300] * 16), "expected -128 to 127 for INT8", id="out of range"),
        pytest.param(
            request_of("embed", ids=IDS + 16, mask=MASK), "has the value 16 at [0, 0], expected i64[2, 3]", id="bounds"
        ),
        pytest.param(request_of("embed", ids=IDS - 1, mask=MASK), "has the value -1 at [0, 0]", id="lower bound"),
        pytest.param(request_of("embed", ids=IDS), "missing 'mask'", id="missing"),
    ],
)
def test_bad_input(pool: Pool, request_: Any, message: str) -> None:
    code, details, _ = refusal(pool, request_)
    assert code == INVALID
    assert message in details


def test_the_hint_says_what_the_model_takes(pool: Pool) -> None:
    assert refusal(pool, linear(rename))[2] == "main takes x: f32[2, 8]"


@pytest.mark.parametrize("method", ["ModelMetadata", "ModelReady"])
@pytest.mark.parametrize(("name", "version"), [("nobody", ""), ("linear", "2"), ("", "")])
def test_unknown_models_and_versions(pool: Pool, method: str, name: str, version: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        pool.call(method, name=name, version=version)
    code, details, hint = status(caught.value)
    assert code == NOT_FOUND
    assert repr(version or name) in details
    assert "'linear', 'embed'" in hint


def test_an_unknown_model_cannot_be_run(pool: Pool) -> None:
    code, details, hint = refusal(pool, request_of("nobody", x=X))
    assert (code, details) == (NOT_FOUND, "no model 'nobody'")
    assert "'linear', 'embed'" in hint


def test_a_hint_travels_as_printable_ascii_and_arrives_as_it_was() -> None:
    hint = "größe\n100 %, not 50%25"
    ((key, value),) = trailer_of(InvalidInput("no", hint=hint))
    assert key == "infc-hint"
    assert value.isascii()
    assert value.isprintable()
    assert unquote(value) == hint


def test_a_name_that_is_not_ascii_is_named(pool: Pool) -> None:
    code, details, _ = refusal(pool, linear(output("größe\n%")))
    assert (code, details) == (INVALID, "model 'linear' has no output 'größe\\n%'")


def test_bytes_that_are_no_message(pool: Pool) -> None:
    call = pool.channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
    with pytest.raises(grpc.RpcError) as caught:
        call(b"\xff\xff\xff")
    code, details, _ = status(caught.value)
    assert (code, details) == (INVALID, "3 bytes are no inference.ModelInferRequest")


def test_a_message_above_the_limit_says_how_large_it_may_be(pool: Pool) -> None:
    code, details, _ = refusal(pool, request_of("linear", x=np.zeros((200, 100), np.float32)))
    assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "larger than max" in details
    assert str(64 * 1024) in details


def test_a_method_that_the_protocol_has_not(pool: Pool) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        pool.channel.unary_unary("/inference.GRPCInferenceService/RepositoryIndex")(b"")
    assert status(caught.value)[0] == grpc.StatusCode.UNIMPLEMENTED
