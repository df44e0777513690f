"""Processes call models while what they compute on comes and goes: no wrong answer, nobody waits for ever.

    python tests/support/soak.py [--seconds 60] [--processes 8] [--backend files|arena]

Prints a line of JSON: calls, wrong answers, evictions, promotions, pagers killed. Exits with 1 if anything was
wrong, or a process did not end.
"""

import argparse
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from infc.runtime.artifact import Artifact, Method, TensorSpec
from infc.runtime.memory.arena_backend import ArenaBacked
from infc.runtime.memory.arena_mapping import ArenaMapping
from infc.runtime.memory.backend import Backend, FileBacked
from infc.runtime.memory.paged import PagedArena
from infc.runtime.memory.pages import map_files
from infc.runtime.session import Session

from support.artifacts import compile_mlir, weight, write_artifact
from support.signatures import returns, takes

SIDE = 724  # of a matrix of f32, which is one chunk
LAYERS = 6
PATIENCE = 120.0


def model(path: Path) -> Path:
    """Products with six matrices, one after the other."""
    kind = f"tensor<{SIDE}x{SIDE}xf32>"
    lines = [f'util.global private @w{n} = #stream.parameter.named<"model"::"w{n}"> : {kind}' for n in range(LAYERS)]
    lines.append(f"func.func @main(%x0: tensor<1x{SIDE}xf32>) -> tensor<1x{SIDE}xf32> {{")
    lines.append(f"  %zero = arith.constant dense<0.0> : tensor<1x{SIDE}xf32>")
    for n in range(LAYERS):
        lines.append(f"  %w{n} = util.global.load @w{n} : {kind}")
        lines.append(
            f"  %x{n + 1} = linalg.matmul ins(%x{n}, %w{n} : tensor<1x{SIDE}xf32>, {kind}) "
            f"outs(%zero : tensor<1x{SIDE}xf32>) -> tensor<1x{SIDE}xf32>"
        )
    lines += [f"  return %x{LAYERS} : tensor<1x{SIDE}xf32>", "}"]
    rng = np.random.default_rng(0)
    given = TensorSpec(name="x", dtype="f32", shape=(1, SIDE))
    result = TensorSpec(name="output_0", dtype="f32", shape=(1, SIDE))
    method = Method(
        name="main", inputs=(given,), outputs=(result,), takes=takes("x"), returns=returns("tensor", ["output_0"])
    )
    weights = [weight(f"w{n}", rng.standard_normal((SIDE, SIDE), dtype=np.float32) / 27) for n in range(LAYERS)]
    return write_artifact(path, "soak", method, compile_mlir("\n".join(lines)), weights)


def soak(path: Path, seconds: float, processes: int, backend: str, seed: int = 0) -> dict[str, int]:
    """The counts of one run."""
    rng = random.Random(seed)
    paged = PagedArena() if backend == "arena" else None
    children: list[subprocess.Popen[str]] = []
    counts = {"calls": 0, "wrong": 0, "evictions": 0, "promotions": 0, "pagers killed": 0, "hung": 0}
    with Artifact.open(path) as artifact:
        chunks = artifact.build().stages[0].slab.chunks
        moves: Backend = ArenaBacked(paged, artifact, chunks) if paged else FileBacked(artifact, chunks)
        for number in range(processes):
            children.append(_child(path, seconds, seed + number, paged, artifact, chunks))
        until = time.monotonic() + seconds
        kill = time.monotonic() + seconds / 4
        while time.monotonic() < until:
            chunk = rng.choice(chunks)
            if rng.random() < 0.5:
                moves.demote(chunk)
                counts["evictions"] += 1
            else:
                moves.promote(chunk)
                counts["promotions"] += 1
            if paged and time.monotonic() > kill:
                os.kill(paged.pid, signal.SIGKILL)
                counts["pagers killed"] += 1
                kill += seconds / 4
        for child in children:
            try:
                said, _ = child.communicate(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                child.kill()
                child.communicate()
                counts["hung"] += 1
                continue
            calls, wrong = map(int, said.split()) if child.returncode == 0 else (0, 1)
            counts["calls"] += calls
            counts["wrong"] += wrong
    if paged:
        paged.close()
    return counts


def _child(
    path: Path, seconds: float, seed: int, paged: PagedArena | None, artifact: Artifact, chunks: Sequence[str]
) -> "subprocess.Popen[str]":
    command = [sys.executable, __file__, "--child", str(path), "--seconds", str(seconds), "--seed", str(seed)]
    if paged is None:
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    slots = paged.slots(artifact, chunks)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        command += ["--arena", str(paged.arena.fd), "--end", str(theirs.fileno()), "--slots", *map(str, slots)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, pass_fds=[paged.arena.fd, theirs.fileno()])
        theirs.close()
        packet, (faults,), _, _ = socket.recv_fds(ours, 8, 1)
        paged.join(faults, int.from_bytes(packet, "little"), slots)
    return child


def call_models(options: argparse.Namespace) -> None:
    """A child: calls until the time is over, and compares with what numpy computed."""

    def from_arena(artifact: Artifact, chunks: Sequence[str]) -> ArenaMapping:
        length = sum(artifact.blob(chunk).length for chunk in chunks)
        mapping = ArenaMapping(options.arena, options.slots, length, where="soak", sealed=True)
        end = socket.socket(fileno=options.end)
        socket.send_fds(end, [mapping.address.to_bytes(8, "little")], [mapping.faults])
        return mapping

    rng = np.random.default_rng(options.seed)
    calls = wrong = 0
    with Artifact.open(options.child) as artifact:
        chunks = artifact.build().stages[0].slab.chunks
        matrices = [np.frombuffer(artifact.read(c), np.float32, SIDE * SIDE).reshape(SIDE, SIDE) for c in chunks]
        with Session.attach(artifact, load=False, map_slab=from_arena if options.slots else map_files) as session:
            until = time.monotonic() + options.seconds
            while time.monotonic() < until:
                x = rng.standard_normal((1, SIDE), dtype=np.float32)
                expected = x
                for matrix in matrices:
                    expected = expected @ matrix
                answer = session.run({"x": x})["output_0"]
                wrong += not np.allclose(answer, expected, atol=1e-3)
                calls += 1
                session.release({chunks[rng.integers(len(chunks))]})
    print(calls, wrong)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--backend", choices=["files", "arena"], default="files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--arena", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--end", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--slots", type=int, nargs="*", default=[], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        call_models(options)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        path = model(Path(folder) / "soak.infc")
        counts = soak(path, options.seconds, options.processes, options.backend, options.seed)
    print(json.dumps({"backend": options.backend, **counts}))
    return int(bool(counts["wrong"] or counts["hung"] or not counts["calls"]))


if __name__ == "__main__":
    sys.exit(main())
