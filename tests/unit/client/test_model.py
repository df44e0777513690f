"""A served model as a function from arrays to arrays, over a real port."""

import copy
import os
import pickle
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Thread
from typing import Any

import grpc
import ml_dtypes
import numpy as np
import pytest

from infc.errors import (
    ArtifactError,
    DeadlineExceeded,
    ExecutorFailed,
    InvalidInput,
    ModelNotFound,
    Overloaded,
    PoolUnavailable,
    RemoteError,
)
from infc.remote.client import RemoteModel, connect
from infc.remote.oip import by_name

from support.oip_server import Fake, linear, serving

X = np.arange(16, dtype="f4").reshape(2, 8) / 8
OTHER = "sha256:" + "c" * 64


def connected(fake: Fake, folder: Path, **options: Any) -> RemoteModel:
    return connect(fake.pointer(folder / "model.pt"), **options)


def test_answers_are_the_models(toy: Fake, tmp_path: Path) -> None:
    result = connected(toy, tmp_path).infer({"x": X})
    np.testing.assert_array_equal(result["output_0"], toy.function({"x": X})["output_0"])
    result["output_0"][:] = 0  # writable


def test_an_array_may_lie_in_memory_in_any_way(toy: Fake, tmp_path: Path) -> None:
    model, expected = connected(toy, tmp_path), toy.function({"x": X})["output_0"]
    for x in (np.asfortranarray(X), X.astype(">f4"), np.repeat(X, 2, axis=1)[:, ::2], X[::-1][::-1]):
        np.testing.assert_array_equal(model.infer({"x": x})["output_0"], expected)


@pytest.mark.parametrize("dtype", ["f64", "f32", "f16", "i64", "i32", "i16", "i8", "u8", "bool"])
def test_every_dtype_crosses_both_ways(dtype: str, tmp_path: Path) -> None:
    info = by_name(dtype)
    assert info is not None
    values = np.array([0, 1, 1, 100], info.numpy)
    fake = Fake(lambda arrays: {"y": arrays["x"]}, (("x", dtype, (4,)),), (("y", dtype, (4,)),))
    with serving(fake):
        answer = connected(fake, tmp_path).infer({"x": values})["y"]
    assert answer.dtype == info.numpy
    np.testing.assert_array_equal(answer, values)


def test_bf16_crosses_as_bit_patterns(tmp_path: Path) -> None:
    fake = Fake(lambda arrays: {"y": arrays["x"]}, (("x", "bf16", (3,)),), (("y", "bf16", (3,)),))
    values = np.array([1, -2.5, 3e38], ml_dtypes.bfloat16)
    with serving(fake):
        model = connected(fake, tmp_path)
        for x in (values, values.view(np.uint16)):
            np.testing.assert_array_equal(model.infer({"x": x})["y"].view(ml_dtypes.bfloat16), values)


def test_empty_and_scalar_tensors_cross(tmp_path: Path) -> None:
    fake = Fake(
        lambda arrays: {"s": arrays["s"], "e": arrays["e"]},
        (("s", "f32", ()), ("e", "i64", (0, 3))),
        (("s", "f32", ()), ("e", "i64", (0, 3))),
    )
    with serving(fake):
        answer = connected(fake, tmp_path).infer({"s": np.array(2.5, "f4"), "e": np.zeros((0, 3), "i8")})
    assert answer["s"].shape == ()
    assert answer["s"] == np.float32(2.5)
    assert answer["e"].shape == (0, 3)


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({}, "input 'x' of model 'toy' is missing"),
        ({"x": X, "y": X}, "model 'toy' has no input 'y'"),
        ({"x": X.astype("f8")}, "is f64[2, 8], expected f32[2, 8]"),
        ({"x": X.astype("c8")}, "is complex64[2, 8], expected f32[2, 8]"),
        ({"x": X[:1]}, "is f32[1, 8], expected f32[2, 8]"),
        ({"x": X[0]}, "is f32[8], expected f32[2, 8]"),
        ({"x": X.tolist()}, "is a list, expected a numpy array"),
    ],
)
def test_wrong_inputs_are_named_before_anything_is_sent(
    toy: Fake, tmp_path: Path, inputs: dict[str, Any], said: str
) -> None:
    model, before = connected(toy, tmp_path), len(toy.calls)
    with pytest.raises(InvalidInput) as refused:
        model.infer(inputs)
    assert said in refused.value.message
    assert len(toy.calls) == before


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.NOT_FOUND, ModelNotFound),
        (grpc.StatusCode.INVALID_ARGUMENT, InvalidInput),
        (grpc.StatusCode.DEADLINE_EXCEEDED, DeadlineExceeded),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, Overloaded),
        (grpc.StatusCode.UNAVAILABLE, PoolUnavailable),
        (grpc.StatusCode.INTERNAL, ExecutorFailed),
        (grpc.StatusCode.PERMISSION_DENIED, RemoteError),
    ],
)
def test_a_status_is_the_error_it_stands_for(
    toy: Fake, tmp_path: Path, code: grpc.StatusCode, kind: type[RemoteError]
) -> None:
    model = connected(toy, tmp_path)
    toy.fail = (code, "what the pool says", (("infc-hint", "do %C3%BC this"),))
    with pytest.raises(RemoteError) as refused:
        model.infer({"x": X})
    assert type(refused.value) is kind
    assert (refused.value.message, refused.value.hint) == ("what the pool says", "do ü this")


def test_a_message_that_is_too_large_is_no_overload(toy: Fake, tmp_path: Path) -> None:
    model = connected(toy, tmp_path)
    toy.fail = (grpc.StatusCode.RESOURCE_EXHAUSTED, "Received message larger than max (300 vs. 200)", ())
    with pytest.raises(InvalidInput, match=r"300 vs\. 200") as refused:
        model.infer({"x": X})
    assert "--max-message" in refused.value.hint


def test_statuses_of_other_servers_get_a_hint_from_here(toy: Fake, tmp_path: Path) -> None:
    model = connected(toy, tmp_path)
    toy.fail = (grpc.StatusCode.UNAUTHENTICATED, "who are you", ())
    with pytest.raises(RemoteError, match="who are you") as refused:
        model.infer({"x": X})
    assert "INFC_TOKEN" in refused.value.hint


def test_unavailable_is_tried_again(toy: Fake, tmp_path: Path) -> None:
    model, refused = connected(toy, tmp_path), len(toy.calls)
    toy.fail, toy.failures = (grpc.StatusCode.UNAVAILABLE, "draining", ()), 2
    np.testing.assert_array_equal(model.infer({"x": X})["output_0"], toy.function({"x": X})["output_0"])
    assert len(toy.calls) == refused + 3


def test_nobody_there(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, and not listening
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        pointer = linear().pointer(tmp_path / "model.pt", pool=address)
        with pytest.raises(PoolUnavailable, match=f"no pool answers at {address}") as refused:
            connect(pointer)
    assert "infc serve" in refused.value.hint


def test_somebody_else_there(tmp_path: Path) -> None:
    """A server of gRPC that knows nothing of the protocol."""
    with ThreadPoolExecutor(1) as threads:
        server = grpc.server(threads)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            with pytest.raises(RemoteError, match="does not know the metadata of model 'toy'") as refused:
                connect(linear().pointer(tmp_path / "model.pt", pool=f"127.0.0.1:{port}"))
        finally:
            server.stop(None).wait()
    assert "Open Inference Protocol" in refused.value.hint


def test_a_model_that_is_not_served(toy: Fake, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="no model 'other'") as refused:
        connect(toy.pointer(tmp_path / "model.pt", model="other"))
    assert refused.value.hint == "it serves toy"


def test_no_answer_in_time(toy: Fake, tmp_path: Path) -> None:
    late = Event()
    model, right = connected(toy, tmp_path), toy.function

    def function(arrays: Any) -> Any:
        late.wait()
        return right(arrays)

    toy.function = function
    try:
        with pytest.raises(DeadlineExceeded, match=r"model 'toy' got no answer from .* within 0.1 s") as refused:
            model.infer({"x": X}, timeout=0.1)
    finally:
        late.set()
    assert "INFC_TIMEOUT" in refused.value.hint


@pytest.mark.parametrize(
    ("key", "thing"), [("infc-model-digest", "as"), ("infc-interface-digest", "with the interface")]
)
def test_another_model_under_the_same_name_is_refused(toy: Fake, tmp_path: Path, key: str, thing: str) -> None:
    expected = toy.digests[key]
    model = connected(toy, tmp_path)
    toy.digests[key] = OTHER
    for attempt in (lambda: connected(toy, tmp_path), lambda: model.infer({"x": X})):
        with pytest.raises(RemoteError) as refused:
            attempt()
        assert refused.value.message == f"{toy.address} serves 'toy' {thing} {OTHER}, expected was {expected}"


def test_a_server_without_digests_is_taken_at_its_word(toy: Fake, tmp_path: Path) -> None:
    toy.digests.clear()
    assert set(connected(toy, tmp_path).infer({"x": X})) == {"output_0"}


def typed(response: Any) -> None:
    values = np.frombuffer(response.raw_output_contents[0], "<f4")
    del response.raw_output_contents[:]
    response.outputs[0].contents.fp32_contents.extend(values.tolist())


def test_typed_contents_are_understood_too(toy: Fake, tmp_path: Path) -> None:
    toy.mangle = typed
    answer = connected(toy, tmp_path).infer({"x": X})["output_0"]
    np.testing.assert_array_equal(answer, toy.function({"x": X})["output_0"])


@pytest.mark.parametrize(
    "mangle",
    [
        lambda response: response.outputs[0].ClearField("name"),
        lambda response: response.outputs.pop(),
        lambda response: response.raw_output_contents.append(b""),
        lambda response: response.raw_output_contents.__setitem__(0, b"1234"),
        lambda response: response.outputs[0].shape.__setitem__(0, -2),
        lambda response: response.outputs[0].shape.reverse(),
        lambda response: setattr(response.outputs[0], "datatype", "INT32"),
        lambda response: setattr(response.outputs[0], "datatype", "BYTES"),
        lambda response: response.raw_output_contents.pop(),
    ],
)
def test_an_answer_that_is_not_what_was_announced_is_refused(toy: Fake, tmp_path: Path, mangle: Any) -> None:
    model = connected(toy, tmp_path)
    toy.mangle = mangle
    with pytest.raises(RemoteError):
        model.infer({"x": X})


def test_a_dtype_that_infc_does_not_have(toy: Fake, tmp_path: Path) -> None:
    toy.inputs = (("text", "BYTES", (1,)),)
    with pytest.raises(RemoteError, match="'text' of model 'toy' is of type 'BYTES'"):
        connected(toy, tmp_path)


def test_tokens_go_where_they_should(toy: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFC_TOKEN", "secret")
    connected(toy, tmp_path)
    assert "authorization" not in toy.calls[-1]
    monkeypatch.setenv("INFC_POOL", toy.address)
    model = connected(toy, tmp_path)
    assert toy.calls[-1]["authorization"] == "Bearer secret"
    assert b"secret" not in pickle.dumps(model)


def test_a_unix_socket_and_a_large_message(tmp_path: Path) -> None:
    size = 8 << 20  # above gRPC's default of 4 MiB
    fake = Fake(lambda arrays: {"y": arrays["x"]}, (("x", "u8", (size,)),), (("y", "u8", (size,)),))
    with serving(fake, f"unix:{tmp_path}/pool.sock"):
        x = np.arange(size, dtype=np.uint8)
        np.testing.assert_array_equal(connected(fake, tmp_path).infer({"x": x})["y"], x)


def test_pickle_reconnects_and_copies_share(toy: Fake, tmp_path: Path) -> None:
    model = connected(toy, tmp_path)
    assert copy.deepcopy(model) is model
    before = len(toy.calls)
    again = pickle.loads(pickle.dumps(model))
    assert len(toy.calls) == before + 1
    np.testing.assert_array_equal(again.infer({"x": X})["output_0"], model.infer({"x": X})["output_0"])


def test_threads_share_a_model(toy: Fake, tmp_path: Path) -> None:
    model, answers = connected(toy, tmp_path), []
    threads = [Thread(target=lambda: answers.append(model.infer({"x": X})["output_0"])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    assert all((answer == answers[0]).all() for answer in answers)


AFTER_A_FORK = """
import os, sys
import numpy as np
from infc.remote.client import connect, connection
model = connect(sys.argv[1])
channel = connection._channel(model.address)
x = np.ones((2, 8), "f4")
here = model.infer({"x": x})["output_0"]
child = os.fork()
if child == 0:
    shared = connection._channel(model.address) is channel  # its threads are not here: a call may hang
    os._exit(0 if not shared and (model.infer({"x": x})["output_0"] == here).all() else 1)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
assert (model.infer({"x": x})["output_0"] == here).all()
sys.exit(status)
"""


def test_a_model_works_on_both_sides_of_a_fork(toy: Fake, tmp_path: Path) -> None:
    pointer = toy.pointer(tmp_path / "model.pt")
    command = [sys.executable, "-c", AFTER_A_FORK, os.fspath(pointer)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_no_pointer_at_all(tmp_path: Path) -> None:
    (tmp_path / "model.pt").write_bytes(b"PK\3\4")
    with pytest.raises(ArtifactError, match="not a pointer"):
        connect(tmp_path / "model.pt")
