"""A model in two places: its first stage in the application, the rest in a pool, and no input on the wire."""

import json
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest
import torch
from click.testing import CliRunner

import infc
from infc.cli import main
from infc.errors import ArtifactError, InvalidInput, RemoteError
from infc.remote.client import connect, load_pointer
from infc.runtime.artifact import Artifact

from support.heads import body_reference, headed_reference, write_headed
from support.pool import PATIENCE, Pool, health, serving, status
from support.typed import generated, python_stubs
from support.wire import tapped

X = np.random.default_rng(5).standard_normal((2, 8), np.float32)


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_headed(tmp_path_factory.mktemp("split") / "m.infc", 3, placements=("client", "pool"), name="m")


@pytest.fixture(scope="module")
def pool(artifact: Path) -> Iterator[Pool]:
    with serving(artifact) as running:
        yield running


def codegen(artifact: Path, pointer: Path, *options: str, code: int = 0) -> str:
    arguments = ["codegen", str(artifact), "-o", str(pointer.parent / "client"), "--pointer", str(pointer), *options]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture
def pointer(artifact: Path, pool: Pool, tmp_path: Path) -> Path:
    codegen(artifact, tmp_path / "model.pt", "--pool", pool.address)
    return tmp_path / "model.pt"


def test_codegen_writes_the_pointer_and_the_front_beside_it(artifact: Path, pointer: Path) -> None:
    front = pointer.with_name("model.pt.front.infc")
    with Artifact.open(front, check=True) as opened:
        assert [stage.name for stage in opened.config.stages] == ["body"]
        assert opened.size < artifact.stat().st_size
    assert front.name in pointer.read_text()


def test_the_application_calls_it_as_ever(pointer: Path) -> None:
    answer = infc.load(pointer)(torch.from_numpy(X))
    torch.testing.assert_close(answer, torch.from_numpy(headed_reference(X, 3)), rtol=1e-5, atol=1e-5)


def test_no_input_is_on_the_wire(pointer: Path, pool: Pool, tmp_path: Path) -> None:
    with tapped(pool.address) as tap:
        model = connect(pointer, pool=tap.address)
        answer = model.infer({"x": X})["z"]
        sent = bytes(tap.sent)
    np.testing.assert_allclose(np.asarray(answer, np.float32), headed_reference(X, 3), rtol=1e-5, atol=1e-5)
    assert all(X[row, column : column + 2].tobytes() not in sent for row in range(2) for column in range(7))
    assert body_reference(X)[0, :1].tobytes()[1:] in sent or b"body_0" in sent  # the relay does see what is sent


def test_the_same_model_in_one_place_does_send_it(tmp_path: Path) -> None:
    whole = write_headed(tmp_path / "whole.infc", 3)
    codegen(whole, tmp_path / "model.pt")
    with serving(whole) as pool, tapped(pool.address) as tap:
        connect(tmp_path / "model.pt", pool=tap.address).infer({"x": X})
        assert X.tobytes() in bytes(tap.sent)


def test_the_pool_holds_its_own_stages_only_and_takes_no_input_of_the_model(pool: Pool, artifact: Path) -> None:
    metadata = pool.call("ModelMetadata", name="m")
    assert [tensor.name for tensor in metadata.inputs] == ["body_0"]
    [executor] = pool.executors()
    maps = Path(f"/proc/{executor}/maps").read_text().splitlines()
    ranges = [line.split()[0].split("-") for line in maps if line.endswith(str(artifact))]
    assert 0 < sum(int(end, 16) - int(start, 16) for start, end in ranges) < 2 << 20


def test_what_the_model_does_not_take_is_said_before_anything_is_sent(pointer: Path, pool: Pool) -> None:
    with tapped(pool.address) as tap:
        model = connect(pointer, pool=tap.address)
        before = len(tap.sent)
        with pytest.raises(InvalidInput, match="x"):
            model.infer({"x": X.astype(np.float64)})
        with pytest.raises(InvalidInput, match="'x' of model 'm' is missing"):
            model.infer({})
        assert len(tap.sent) == before


FORKS = """
import os, pickle, sys
from threading import Event, Thread
import numpy as np
from infc.errors import ArtifactError
from infc.remote.client import connect
from infc.remote.client.front import LocalFront
model = connect(sys.argv[1])
x = np.ones((2, 8), "f4")
here = model.infer({"x": x})["z"]

def right(model):
    return np.allclose(model.infer({"x": x})["z"], here)

def in_child(work):
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if work() else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, work

assert right(pickle.loads(pickle.dumps(model)))
in_child(lambda: right(model))
in_child(lambda: right(pickle.loads(pickle.dumps(model))))  # loaded in the child, by a parent that had loaded others

def while_another_thread_attaches():
    inside, real = Event(), LocalFront._open
    LocalFront._open = lambda self: (inside.set(), Event().wait())
    Thread(target=right, args=(model,), daemon=True).start()
    inside.wait()
    LocalFront._open = real
    in_child(lambda: right(model))
    return True

in_child(while_another_thread_attaches)

# A process keeps the file that it has attached; one that begins finds that it is another.
front = sys.argv[1] + ".front.infc"
os.rename(front, front + ".old")
open(front, "wb").write(open(front + ".old", "rb").read()[:100_000])
assert right(model)

def another():
    try:
        right(model)
    except ArtifactError as error:
        return front in str(error)

in_child(another)
"""


def test_a_copy_and_a_child_run_their_own(pointer: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FORKS, str(pointer)], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr


def test_another_front_than_the_pointer_s_does_not_run(pointer: Path, tmp_path: Path) -> None:
    front = pointer.with_name("model.pt.front.infc")
    other = write_headed(tmp_path / "other.infc", 3, placements=("client", "pool"), name="other")
    codegen(other, tmp_path / "other.pt")
    right = front.read_bytes()
    front.write_bytes((tmp_path / "other.pt.front.infc").read_bytes())
    with pytest.raises(ArtifactError, match="the pointer to 'm' names sha256:"):
        infc.load(pointer)
    front.write_bytes(right[:-100_000] + bytes(100_000))
    with pytest.raises(ArtifactError):
        infc.load(pointer)
    front.unlink()
    with pytest.raises(ArtifactError, match="which is not there") as caught:
        infc.load(pointer)
    assert "infc codegen --pointer" in caught.value.hint


def test_without_iree_it_says_what_to_install(pointer: Path) -> None:
    program = (
        "import sys; sys.modules['iree'] = None\n"
        "from infc.remote.client import connect\n"
        "from infc.errors import RemoteError\n"
        f"try: connect({str(pointer)!r})\n"
        "except RemoteError as error: print(error.message, '|', error.hint)\n"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert "run in this process, which needs 'iree" in found
    assert "pip install 'infc[pool]'" in found


def test_the_generated_client_hides_it(artifact: Path, pool: Pool, tmp_path: Path) -> None:
    codegen(artifact, tmp_path / "model.pt")
    program = (
        "import asyncio, sys, numpy as np\n"
        "from m_client import M, AsyncM\n"
        "x = np.frombuffer(bytes.fromhex(sys.argv[2]), 'f4').reshape(2, 8)\n"
        "async def main():\n"
        "    async with AsyncM(sys.argv[1]) as model: return await model.forward(x)\n"
        "with M(sys.argv[1]) as model: here = model.forward(x)\n"
        "assert np.array_equal(here, asyncio.run(main()))\n"
        "print(here.tobytes().hex())\n"
    )
    with tapped(pool.address) as tap:
        command = [sys.executable, "-c", program, tap.address, X.tobytes().hex()]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path / "client")
        sent = bytes(tap.sent)
    assert done.returncode == 0, done.stderr
    answer = np.frombuffer(bytes.fromhex(done.stdout.strip()), "f4").reshape(2, 4)
    np.testing.assert_allclose(answer, headed_reference(X, 3), rtol=1e-5, atol=1e-5)
    assert b"body_0" in sent
    assert X[0].tobytes() not in sent


def test_the_typed_service_is_the_pool_s_part(artifact: Path, pool: Pool, tmp_path: Path) -> None:
    messages, stubs = python_stubs(generated(artifact, tmp_path / "out"), tmp_path / "python")
    stub, hidden = stubs.MStub(pool.channel), body_reference(X)
    tensor = messages.Fp32Tensor(shape=hidden.shape, data=hidden.tobytes())
    response = stub.Forward(messages.ForwardRequest(body_0=tensor), timeout=PATIENCE)
    answer = np.frombuffer(response.z.data, "<f4").reshape(tuple(response.z.shape))
    np.testing.assert_allclose(answer, headed_reference(X, 3), rtol=1e-5, atol=1e-5)
    assert health(pool.channel, "infc.models.m.M") == 1
    with pytest.raises(ValueError, match='no "x" field'):
        messages.ForwardRequest(x=tensor)


def test_a_checkpoint_in_the_pointer_s_place_stays(artifact: Path, tmp_path: Path) -> None:
    (tmp_path / "model.pt").write_bytes(b"weights")
    assert "is not overwritten" in codegen(artifact, tmp_path / "model.pt", code=5)
    assert not (tmp_path / "model.pt.front.infc").exists()


def test_a_pool_that_serves_another_cut(pointer: Path, tmp_path: Path) -> None:
    whole = write_headed(tmp_path / "whole.infc", 3, name="m")
    with serving(whole) as other, pytest.raises(RemoteError, match="expected was"):
        connect(pointer, pool=other.address)


@pytest.mark.parametrize(("placements", "message"), [(("pool", "client"), "is to stay in the application")])
def test_a_cut_that_cannot_be(tmp_path: Path, placements: tuple[str, str], message: str) -> None:
    path = write_headed(tmp_path / "m.infc", 3, placements=placements)
    assert message in codegen(path, tmp_path / "model.pt", code=5)


FACTORY = """
import torch

class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embeddings = torch.nn.Embedding(1000, 16)
        self.body = torch.nn.Linear(16, 16)
        self.head = torch.nn.Linear(16, 3)

    def forward(self, ids, mask):
        vectors = self.embeddings(ids)
        hidden = torch.tanh(self.body(vectors))
        return self.head((hidden + (1 - mask[:, :, None].float()) * -8).amax(1)), vectors

def model():
    ids = torch.arange(100, 900, 100).reshape(1, 8)
    return Model().eval(), (ids, torch.ones_like(ids))
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("source") / "factory.py"
    path.write_text(FACTORY)
    return path


DIMS = ("--dynamic", "ids:0=batch[1..4],1=seq[2..9]", "--dynamic", "mask:0=batch,1=seq")


def compile_split(source: Path, out: Path, split: str, *options: str, code: int = 0) -> str:
    result = CliRunner().invoke(
        main, ["compile", f"{source}:model", "-o", str(out), "--name", "text", "--split", split, *options]
    )
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture(scope="module")
def text(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Pool]]:
    """A pointer, with a client package beside it, and the pool that serves the rest of a model whose dims vary."""
    folder = tmp_path_factory.mktemp("text")
    compile_split(source, folder / "text.infc", "embeddings:client;*:pool", *DIMS)
    codegen(folder / "text.infc", folder / "model.pt")
    with serving(folder / "text.infc") as pool:
        yield folder / "model.pt", pool


def test_from_pytorch_to_the_application(source: Path, text: tuple[Path, Pool]) -> None:
    pointer, pool = text
    module, (ids, _) = runpy.run_path(str(source))["model"]()
    program = (
        "import asyncio, sys, numpy as np\n"
        "from text_client import AsyncText\n"
        "async def main():\n"
        "    async with AsyncText(sys.argv[1]) as model:\n"
        "        return await model.forward(*(np.array(eval(each)) for each in sys.argv[2:]))\n"
        "print([each.tolist() for each in asyncio.run(main())])\n"
    )
    with tapped(pool.address) as tap:
        loaded = load_pointer(pointer, pool=tap.address)
        for batch, seq in ((1, 8), (4, 2), (3, 9)):
            some = ids[0, :1].expand(batch, seq) + torch.arange(batch * seq).reshape(batch, seq)
            shown = torch.ones_like(some)
            shown[0, seq - 1 :] = 0
            with torch.inference_mode():
                expected = module(some, shown)
            torch.testing.assert_close(loaded(some, shown), expected, rtol=1e-5, atol=1e-5)
        command = [sys.executable, "-c", program, tap.address, str(some.tolist()), str(shown.tolist())]
        done = subprocess.run(command, capture_output=True, text=True, cwd=pointer.parent / "client")
        sent = bytes(tap.sent)
    # The generated client too gives what the application computes itself.
    assert done.returncode == 0, done.stderr
    for one, other in zip(json.loads(done.stdout), expected, strict=True):
        torch.testing.assert_close(torch.tensor(one), other, rtol=1e-5, atol=1e-5)
    # The mask is computed with in the application too, though no rule names it; and no size is sent as a number.
    shapes = sorted(tuple(tensor.shape) for tensor in pool.call("ModelMetadata", name="text").inputs)
    assert shapes == [(-1, -1, 1), (-1, -1, 16)]
    assert all(each.numpy().tobytes() not in sent for each in some.flatten())
    assert shown.numpy().tobytes() not in sent


def test_the_pool_checks_the_sizes_of_what_it_is_sent(text: tuple[Path, Pool]) -> None:
    """By the dims' names: who sends something else than the first stage gives cannot reach behind a tensor."""
    _, pool = text
    inputs = pool.call("ModelMetadata", name="text").inputs
    names = {tensor.shape[2]: tensor.name for tensor in inputs}
    for vectors, mask, said in (
        ((2, 3, 16), (2, 9, 1), "dim 'seq' is 3 in input"),
        ((5, 3, 16), (5, 3, 1), "batch = 5, expected 1 to 4"),
        ((2, 3, 17), (2, 3, 1), "16"),
    ):
        arrays = {names[16]: np.zeros(vectors, np.float32), names[1]: np.zeros(mask, np.float32)}
        with pytest.raises(grpc.RpcError) as caught:
            pool.infer("text", **arrays)
        code, message, _ = status(caught.value)
        assert code == grpc.StatusCode.INVALID_ARGUMENT
        assert said in message


def test_a_split_whose_client_comes_last_is_refused_when_it_is_compiled(source: Path, tmp_path: Path) -> None:
    message = compile_split(source, tmp_path / "text.infc", "head:client;*:pool", code=4)
    assert "rpc-insert-calls" in message
    assert "the client's modules must be the first ones" in message or "what the application is given" in message
    assert not (tmp_path / "text.infc").exists()
