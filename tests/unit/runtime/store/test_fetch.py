"""Models from another store: over file and HTTP, whole or chunk by chunk, from servers that behave and that do not."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from infc.errors import ArtifactError, UsageError
from infc.runtime.session import Session
from infc.runtime.store import Store, check

from support.artifacts import linear_reference
from support.http_store import Server
from support.stores import CHUNK, blob_files, damage, fine_tune

pytest.importorskip("aiohttp", reason="fsspec reads HTTP with aiohttp, which is not installed")


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("origin")
    store = Store(folder / "store")
    for number in range(2):
        store.add(fine_tune(folder / f"{number}.infc", number, chunks=2))
    return store


@pytest.fixture
def server(origin: Store) -> Iterator[Server]:
    with Server(origin.path).running() as made:
        yield made


def answers(store: Store, name: str, number: int, *, verify: bool = False) -> None:
    x = np.random.default_rng(5).standard_normal((2, 8), dtype=np.float32)
    with store.open(name, check=verify) as artifact, Session.attach(artifact) as session:
        assert np.allclose(session.run({"x": x})["output_0"], linear_reference(x, number), atol=1e-5)


@pytest.mark.parametrize("over", ["file", "http"])
def test_a_model_is_fetched_whole(tmp_path: Path, origin: Store, server: Server, over: str) -> None:
    store = Store(tmp_path / "store")
    url = server.url if over == "http" else origin.path.as_uri()
    added = store.fetch(url, "tune0")
    assert added.written == added.size
    answers(store, "tune0", 0, verify=True)
    second = store.fetch(url + "/", "tune1", name="mine")
    assert second.written < second.size / 10
    answers(store, "mine", 1)
    assert check(store.path).problems == ()


def test_chunks_are_fetched_when_they_are_used(tmp_path: Path, server: Server) -> None:
    store = Store(tmp_path / "store")
    added = store.fetch(server.url, "tune0", lazy=True)
    assert added.written < CHUNK
    assert CHUNK not in blob_files(store.path).values()
    found = check(store.path)
    assert (found.absent, found.sound) == (3, True)  # nothing is wrong: they are where they can be fetched from
    (model,) = store.models()
    assert model.here < model.size
    before = len(server.requests)
    answers(store, "tune0", 0)
    assert len(server.requests) == before + 3
    assert (check(store.path).problems, store.models()[0].here) == ((), model.size)
    answers(store, "tune0", 0)
    assert len(server.requests) == before + 3


def test_a_lazy_model_of_a_server_that_went_away(tmp_path: Path, server: Server) -> None:
    store = Store(tmp_path / "store")
    store.fetch(server.url, "tune0", lazy=True)
    server.server.socket.close()
    with pytest.raises(ArtifactError, match="cannot read http"):
        answers(store, "tune0", 0)


def test_a_server_that_sends_garbage_once(tmp_path: Path, server: Server) -> None:
    spoiled: set[str] = set()

    def once(path: str, data: bytes) -> tuple[bytes, int]:
        if len(data) == CHUNK and path not in spoiled:
            spoiled.add(path)
            data = b"x" + data[1:]
        return data, len(data)

    server.spoil = once
    store = Store(tmp_path / "store")
    store.fetch(server.url, "tune0")
    assert len(spoiled) == len(list(store.folder.quarantine.iterdir())) == 2
    answers(store, "tune0", 0, verify=True)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda data: (b"x" + data[1:], len(data)), "came as"),
        (lambda data: (data + b"x", len(data) + 1), "came as more than"),
        (lambda data: (data[:-1], len(data) - 1), "came as"),
        (lambda data: (data[:1000], len(data)), "cannot read http"),
        (lambda data: (b"", 0), "came as 0 bytes"),
    ],
)
def test_a_server_that_goes_on_sending_something_else(
    tmp_path: Path, server: Server, spoil: Callable[[bytes], tuple[bytes, int]], message: str
) -> None:
    server.spoil = lambda path, data: spoil(data) if len(data) == CHUNK else (data, len(data))
    store = Store(tmp_path / "store")
    with pytest.raises(ArtifactError, match=message):
        store.fetch(server.url, "tune0")
    assert store.models() == []
    assert CHUNK not in blob_files(store.path).values()
    store.fetch(server.url, "tune0", lazy=True)
    with pytest.raises(ArtifactError, match=message):
        answers(store, "tune0", 0)
    assert CHUNK not in blob_files(store.path).values()
    server.spoil = lambda path, data: (data, len(data))
    answers(store, "tune0", 0, verify=True)


@pytest.mark.parametrize("document", ["index.json", "manifest", "config"])
def test_documents_that_were_changed(tmp_path: Path, origin: Store, server: Server, document: str) -> None:
    def change(path: str, data: bytes) -> tuple[bytes, int]:
        is_manifest, is_config = b'"layers"' in data, b'"interface"' in data
        changed = {"index.json": "index" in path, "manifest": is_manifest, "config": is_config}[document]
        return (data.replace(b"sha256:", b"sha255:") if changed else data), len(data)

    server.spoil = change
    store = Store(tmp_path / "store")
    with pytest.raises(ArtifactError):
        store.fetch(server.url, "tune0")
    if store.path.exists():
        assert store.models() == []


def test_a_damaged_chunk_is_fetched_again(tmp_path: Path, server: Server) -> None:
    store = Store(tmp_path / "store")
    store.fetch(server.url, "tune0")
    damage(max(store.folder.blobs.iterdir(), key=lambda path: path.stat().st_size))
    answers(store, "tune0", 0, verify=True)
    damage(max(store.folder.blobs.iterdir(), key=lambda path: path.stat().st_size))
    found = check(store.path, repair=True)
    assert found.sound
    assert [bool(each.repaired) for each in found.problems] == [True, True]
    assert check(store.path).problems == ()


def test_which_model(tmp_path: Path, origin: Store, server: Server) -> None:
    store = Store(tmp_path / "store")
    with pytest.raises(UsageError, match="has 2 models"):
        store.fetch(server.url)
    with pytest.raises(ArtifactError, match="has no model 'tune9'"):
        store.fetch(server.url, "tune9")
    with pytest.raises(ArtifactError, match=r"cannot read .*nothing/index\.json: FileNotFoundError"):
        store.fetch(f"{server.url}/nothing")
    assert not store.path.exists()


def test_an_artifact_s_directory_is_a_store_of_one(tmp_path: Path) -> None:
    source = fine_tune(tmp_path / "one", 1, chunks=1, form="dir")
    store = Store(tmp_path / "store")
    assert store.fetch(source.as_uri()).name == "tune1"
    answers(store, "tune1", 1)
