"""A real pool: `infc serve` in a process of its own, called over its real port."""

import json
import os
import re
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import grpc
import numpy as np
from grpc_health.v1 import health_pb2, health_pb2_grpc

from infc.remote.oip import by_numpy, by_oip, messages, rpcs

PATIENCE = 120.0  # seconds until a test that waits for something gives up; nothing is measured with it


@dataclass
class Log:
    """The lines of a stream, collected by a thread, so that a test can wait for one instead of sleeping."""

    stream: Any
    lines: list[str] = field(default_factory=list)
    ended: bool = False

    def __post_init__(self) -> None:
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    def wait_for(self, pattern: str, count: int = 1) -> list[re.Match[str]]:
        """Wait until `count` lines contain the pattern; their matches."""
        with self._changed:
            self._changed.wait_for(lambda: self.ended or len(self.find(pattern)) >= count, PATIENCE)
            matches = self.find(pattern)
        assert len(matches) >= count, f"{pattern!r} is not {count} times in:\n" + "".join(self.lines)
        return matches

    def find(self, pattern: str) -> list[re.Match[str]]:
        """The matches in the lines so far."""
        return [match for line in list(self.lines) if (match := re.search(pattern, line))]

    def _collect(self) -> None:
        for line in self.stream:
            with self._changed:
                self.lines.append(line)
                self._changed.notify_all()
        with self._changed:
            self.ended = True
            self._changed.notify_all()


@dataclass
class Pool:
    """A running pool; `address` is where it listens."""

    process: "subprocess.Popen[str]"
    log: Log
    address: str
    channel: grpc.Channel
    ready: dict[str, Any] = field(default_factory=dict)  # what it said when it was

    def call(self, method: str, timeout: float = PATIENCE, **fields: Any) -> Any:
        """Call one method of the protocol with these fields in the request."""
        return self.method(method)(getattr(messages(), f"{method}Request")(**fields), timeout=timeout)

    def method(self, name: str) -> Any:
        """A callable for a method of the protocol."""
        rpc = rpcs()[name]
        return self.channel.unary_unary(
            rpc.path, request_serializer=rpc.request.SerializeToString, response_deserializer=rpc.response.FromString
        )

    def infer(self, model: str, timeout: float = PATIENCE, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Run a model with raw contents."""
        return arrays_of(self.method("ModelInfer")(request_of(model, **inputs), timeout=timeout))

    def begin(self, model: str, timeout: float = PATIENCE, **inputs: np.ndarray) -> Any:
        """The same, without waiting: the call's future, whose result is the response message."""
        return self.method("ModelInfer").future(request_of(model, **inputs), timeout=timeout)

    def executors(self, count: int = 1) -> list[int]:
        """Process ids of the executors that have attached a model, at least `count` of them, oldest first."""
        self.log.wait_for(r"executor \d+ attached", count)
        return list(dict.fromkeys(int(match[1]) for match in self.log.find(r"executor (\d+) attached")))

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Signal the pool and wait for its end; its exit status."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@contextmanager
def serving(*artifacts: Path, listen: str = "127.0.0.1:0", options: Sequence[str] = ()) -> Generator[Pool]:
    """Serve artifacts until the end of the block."""
    process = start(*artifacts, "--listen", listen, "--json", "--verbose", *options)
    log = Log(process.stderr)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            log.wait_for(".*")
            raise AssertionError("the pool did not start:\n" + "".join(log.lines))
        ready = json.loads(line)
        address = ready["listen"]
        unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        with grpc.insecure_channel(address, options=unlimited) as channel:
            yield Pool(process, log, address, channel, ready)
    finally:
        process.kill()
        process.wait()


def start(*arguments: object) -> "subprocess.Popen[str]":
    """`infc serve` with pipes on its output."""
    command = [str(Path(sys.executable).with_name("infc")), "serve", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def request_of(model: str, **inputs: np.ndarray) -> Any:
    """A `ModelInferRequest` with raw contents."""
    request = messages().ModelInferRequest(model_name=model)
    for name, array in inputs.items():
        info = by_numpy(array.dtype)
        assert info is not None
        request.inputs.add(name=name, datatype=info.oip, shape=array.shape)
        request.raw_input_contents.append(array.tobytes())
    return request


def arrays_of(response: Any) -> dict[str, np.ndarray]:
    """The outputs of a `ModelInferResponse` with raw contents."""
    outputs: dict[str, np.ndarray] = {}
    for entry, raw in zip(response.outputs, response.raw_output_contents, strict=True):
        info = by_oip(entry.datatype)
        assert info is not None
        outputs[entry.name] = np.frombuffer(raw, info.numpy).reshape(tuple(entry.shape))
    return outputs


def health(channel: grpc.Channel, service: str = "") -> int:
    """A service's status from the standard health check; "" is the whole server."""
    stub: Any = health_pb2_grpc.HealthStub(channel)
    return stub.Check(health_pb2.HealthCheckRequest(service=service)).status


def status(error: Any) -> tuple[grpc.StatusCode, str, str]:
    """Code, message and hint of a call that failed."""
    return error.code(), error.details(), unquote(dict(error.trailing_metadata() or ()).get("infc-hint", ""))


@contextmanager
def stopped(pid: int) -> Generator[None]:
    """Stop a process for the block; a model that it runs does not return meanwhile."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        if Path(f"/proc/{pid}").exists():
            os.kill(pid, signal.SIGCONT)


def wait_gone(pidfd: int) -> None:
    """Wait until the process behind a `pidfd` has ended."""
    readable, _, _ = select.select([pidfd], [], [], PATIENCE)
    assert readable, "the process is still there"
