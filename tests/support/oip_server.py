"""A small server of the Open Inference Protocol inside the test process, for what a real pool would never answer."""

import json
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import numpy as np

from infc.remote.oip import DTYPES, SERVICE, messages, rpcs

Arrays = Mapping[str, np.ndarray]
NUMPY = {info.oip: info.numpy for info in DTYPES}
OIP = {info.name: info.oip for info in DTYPES}
DIGEST = "sha256:" + "a" * 64
INTERFACE = "sha256:" + "b" * 64


@dataclass
class Fake:
    """What the server claims and does; a test changes it while the server runs.

    `inputs` and `outputs` are (name, infc dtype, shape); `function` maps arrays to arrays; `fail` is a status, message
    and trailing metadata to answer `ModelInfer` with, `failures` how many times; `mangle` edits a response that leaves.
    """

    function: Callable[[Arrays], Arrays]
    inputs: tuple[tuple[str, str, tuple[int, ...]], ...]
    outputs: tuple[tuple[str, str, tuple[int, ...]], ...]
    name: str = "toy"
    digests: dict[str, str] = field(
        default_factory=lambda: {"infc-model-digest": DIGEST, "infc-interface-digest": INTERFACE}
    )
    fail: tuple[grpc.StatusCode, str, tuple[tuple[str, str], ...]] | None = None
    failures: int = 1000
    mangle: Callable[[Any], None] = lambda response: None
    calls: list[dict[str, str]] = field(default_factory=list)
    address: str = ""

    def metadata(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.calls.append({str(key): str(value) for key, value in context.invocation_metadata()})
        if request.name != self.name:
            hint = (("infc-hint", f"it serves {self.name}"),)
            context.set_trailing_metadata(hint)
            context.abort(grpc.StatusCode.NOT_FOUND, f"no model {request.name!r}")
        context.send_initial_metadata(tuple(self.digests.items()))
        response = messages().ModelMetadataResponse(name=self.name, versions=["1"])
        for entries, target in ((self.inputs, response.inputs), (self.outputs, response.outputs)):
            for name, dtype, shape in entries:
                target.add(name=name, datatype=OIP.get(dtype, dtype), shape=shape)
        return response

    def infer(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.calls.append({str(key): str(value) for key, value in context.invocation_metadata()})
        if self.fail and self.failures:
            self.failures -= 1
            code, text, trailing = self.fail
            context.set_trailing_metadata(trailing)
            context.abort(code, text)
        context.set_trailing_metadata(tuple(self.digests.items()))  # as the pool does: no message of its own
        arrays = {
            entry.name: np.frombuffer(raw, NUMPY[entry.datatype]).reshape(tuple(entry.shape))
            for entry, raw in zip(request.inputs, request.raw_input_contents, strict=True)
        }
        response = messages().ModelInferResponse(model_name=self.name)
        results = self.function(arrays)
        for name, dtype, _ in self.outputs:
            response.outputs.add(name=name, datatype=OIP[dtype], shape=results[name].shape)
            response.raw_output_contents.append(results[name].tobytes())
        self.mangle(response)
        return response

    def pointer(
        self,
        path: Path,
        *,
        positional: int | None = None,
        returns: str = "tensor",
        methods: str = "",
        **changes: str,
    ) -> Path:
        """Write a pointer file to this server's model, some fields changed.

        All inputs have a position by default; `methods` replaces what is said of the call.
        """
        fields = {
            "kind": "module",
            "model": self.name,
            "digest": DIGEST,
            "interface": INTERFACE,
            "pool": self.address,
        }
        lines = [f'{key} = "{value}"' for key, value in (fields | changes).items()]
        names = [name for name, _, _ in self.inputs]
        count = len(names) if positional is None else positional
        takes = [[n, "either" if i < count else "keyword", True, ["tensor", n]] for i, n in enumerate(names)]
        results = [name for name, _, _ in self.outputs]
        items = [["tensor", name] for name in results]
        trees = {
            "tensor": items[0],
            "tuple": ["tuple", items],
            "mapping": ["mapping", results, items],
            "record": ["record", "Outputs", results, items],
        }
        lines.append(methods or method("main", takes, trees[returns]))
        path.write_text("\n".join(["infc pointer v2", *lines, ""]))
        return path


def method(name: str, takes: list[Any], returns: list[Any]) -> str:
    """What a pointer says of one method."""
    return f"[[methods]]\nname = {json.dumps(name)}\ntakes = {json.dumps(takes)}\nreturns = {json.dumps(returns)}\n"


@contextmanager
def serving(fake: Fake, address: str = "127.0.0.1:0") -> Generator[Fake]:
    """Serve `fake` on a port that the system picks, or on a Unix socket; stops at the end of the block."""
    handlers = {
        name: grpc.unary_unary_rpc_method_handler(
            method,
            request_deserializer=rpcs()[name].request.FromString,
            response_serializer=rpcs()[name].response.SerializeToString,
        )
        for name, method in (("ModelMetadata", fake.metadata), ("ModelInfer", fake.infer))
    }
    with ThreadPoolExecutor(2) as threads:
        server = grpc.server(threads, options=[("grpc.max_receive_message_length", -1)])
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        port = server.add_insecure_port(address)
        fake.address = address if address.startswith("unix:") else f"127.0.0.1:{port}"
        server.start()
        try:
            yield fake
        finally:
            server.stop(None).wait()


def linear(returns: int = 1) -> Fake:
    """`output_0 = relu(x @ W + b)` and, when asked, `output_1 = x + 1`, for `x: f32[2, 8]`."""
    random = np.random.default_rng(0)
    weight, bias = random.normal(size=(8, 4)).astype("f4"), random.normal(size=4).astype("f4")

    def function(arrays: Arrays) -> Arrays:
        x = arrays["x"]
        return {"output_0": np.maximum(x @ weight + bias, 0), "output_1": x + 1}

    outputs = (("output_0", "f32", (2, 4)), ("output_1", "f32", (2, 8)))[:returns]
    return Fake(function, (("x", "f32", (2, 8)),), outputs)
