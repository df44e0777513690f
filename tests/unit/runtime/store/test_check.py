"""Killed at any moment, damaged anywhere: what the check finds, and what repairing makes of it."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import pytest

from infc.errors import ArtifactError
from infc.runtime.store import Store, check

from support.stores import blob_files, damage, fine_tune

_STEPS = frozenset({"open", "os.rename", "os.remove", "os.mkdir", "shutil.rmtree"})


@pytest.fixture(scope="module")
def tunes(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("tunes")
    return [fine_tune(folder / f"{number}.infc", number, chunks=1) for number in range(2)]


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder in memory, where there is one: to wait for the disk at each of some hundred steps takes a minute."""
    shared = Path("/dev/shm")
    with TemporaryDirectory(dir=shared if os.access(shared, os.W_OK) else None) as folder:
        yield Path(folder)


def killed_at(step: int, work: Callable[[], object]) -> bool:
    """Whether a child that does the work was killed before its step-th call to the file system."""
    child = os.fork()
    if not child:
        left = step

        def count() -> None:
            nonlocal left
            left -= 1
            if left < 0:
                os.kill(os.getpid(), 9)

        def hook(event: str, arguments: object) -> None:
            if event in _STEPS:
                count()

        def halved(fd: int, data: bytes, write: Callable[[int, bytes], int] = os.write) -> int:
            count()
            return write(fd, data[: max(len(data) // 2, 1 << 20)])  # it may take less than it is given

        def synced(fd: int, sync: Callable[[int], None] = os.fsync) -> None:
            count()
            sync(fd)

        sys.addaudithook(hook)
        # What Python's audit does not tell. The rest of a write is the next one: it ends in the middle of a blob, too.
        os.write, os.fsync = cast(Any, halved), cast(Any, synced)
        work()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status in (0, 9), status
    return status == 9


def test_adding_may_be_killed_anywhere(memory: Path, tunes: list[Path]) -> None:
    step = 0
    while True:
        path = memory / str(step)
        killed = killed_at(step, lambda path=path: Store(path).add(tunes[0]))
        if not killed:
            break
        step += 1
        if not (path / "blobs" / "sha256").is_dir():  # killed before there was a store
            Store(path).add(tunes[0])
            continue
        found = check(path)
        assert found.problems == ()
        assert found.models in (0, 1)
        Store(path).add(tunes[0])
        Store(path).collect()
        found = check(path)
        assert (found.models, found.garbage, found.problems) == (1, 0, ())
        shutil.rmtree(path)
    assert step > 30


@pytest.mark.parametrize("work", ["add", "replace", "remove", "collect"])
def test_a_store_with_models_may_be_changed_and_killed_anywhere(memory: Path, tunes: list[Path], work: str) -> None:
    store = Store(memory / "store")
    store.add(tunes[0], name="kept")
    works = {
        "add": lambda: store.add(tunes[1], name="other"),
        "replace": lambda: store.add(tunes[1], name="kept", replace=True),
        "remove": lambda: store.remove("other"),
        "collect": store.collect,
    }
    step = 0
    killed = True
    while killed:
        if work in ("remove", "collect"):
            store.add(tunes[1], name="other")
        if work == "collect":
            store.remove("other")
        killed = killed_at(step, works[work])
        step += 1
        found = check(store.path)
        assert found.problems == ()
        with store.open("kept", check=True):
            pass
        names = {model.name for model in store.models()}
        assert {"kept"} <= names <= {"kept", "other"}
        if work == "replace":
            store.add(tunes[0], name="kept", replace=True)
        if work in ("add", "replace"):
            if "other" in names:
                store.remove("other")
            store.collect()
    assert step > 3


@pytest.fixture
def store(tmp_path: Path, tunes: list[Path]) -> Store:
    made = Store(tmp_path / "store")
    for each in tunes:
        made.add(each)
    return made


def largest(store: Store) -> Path:
    return max(store.folder.blobs.iterdir(), key=lambda path: (path.stat().st_size, path.name))


def test_a_damaged_chunk_is_found_set_aside_and_made_good(store: Store, tunes: list[Path]) -> None:
    chunk = largest(store)
    damage(chunk)
    with pytest.raises(ArtifactError, match=f"blob sha256:{chunk.name}"):
        store.open("tune0", check=True)
    store.add(tunes[0])
    damage(chunk)
    found = check(store.path)
    assert not found.sound
    assert f"blob sha256:{chunk.name} is not what its name says" in found.problems[0].what
    assert [each.what.split()[1] for each in found.problems[1:]] == ["'tune0'", "'tune1'"]
    repaired = check(store.path, repair=True)
    assert not repaired.sound
    assert len(list(store.folder.quarantine.iterdir())) == 2
    with pytest.raises(ArtifactError, match="is missing"):
        store.open("tune0")
    store.add(tunes[0])
    found = check(store.path)
    assert (found.problems, found.garbage) == ((), 2)
    assert store.collect().files == 2


@pytest.mark.parametrize("change", ["truncated", "removed", "linked"])
def test_a_chunk_that_is_not_whole_is_written_again(store: Store, tunes: list[Path], change: str) -> None:
    chunk = largest(store)
    whole = chunk.read_bytes()
    chunk.unlink()
    if change == "truncated":
        chunk.write_bytes(whole[:1000])
    if change == "linked":
        chunk.symlink_to("/dev/zero")
    assert not check(store.path).sound
    assert store.add(tunes[0]).written == len(whole)
    assert check(store.path).problems == ()
    assert not chunk.is_symlink()


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff", b'{"schemaVersion":2,"manifests":[{"mediaType":"x","digest":"../../x","size":1}]}'],
)
def test_an_index_that_is_none_is_made_anew(store: Store, content: bytes) -> None:
    models = store.models()
    store.folder.index.write_bytes(content)
    found = check(store.path)
    assert not found.sound
    assert "not valid" in found.problems[0].what
    assert check(store.path, repair=True).sound
    assert store.models() == models


def test_two_models_of_one_name_are_both_found_again(store: Store, tmp_path: Path) -> None:
    store.add(fine_tune(tmp_path / "x.infc", 5, name="tune0"), name="other")
    store.folder.index.unlink()
    assert check(store.path, repair=True).sound
    names = [model.name for model in store.models()]
    assert len(names) == 3
    assert {name.partition("@")[0] for name in names} == {"tune0", "tune1"}


def test_a_damaged_manifest_stops_the_collection(store: Store) -> None:
    manifest = store.folder.blob(store.models()[0].digest)
    before = blob_files(store.path)
    damage(manifest)
    with pytest.raises(ArtifactError, match="was changed"):
        store.collect()
    assert blob_files(store.path) == before
    found = check(store.path)
    assert any("is not what its name says" in each.what for each in found.problems)


def test_a_strange_file_among_the_blobs_is_a_problem(store: Store) -> None:
    (store.folder.blobs / "notes.txt").touch()
    found = check(store.path)
    assert [each.what for each in found.problems] == ["blob sha256:notes.txt is not what its name says"]
    (store.folder.blobs / "folder").mkdir()
    (store.folder.blobs / "folder" / "file").touch()
    assert check(store.path, repair=True).sound
    assert check(store.path).problems == ()
    assert store.collect().files == 2


def test_an_upstream_that_is_none_is_a_problem_of_its_model_only(store: Store) -> None:
    index = store.folder.index.read_bytes()
    name = b'"org.opencontainers.image.ref.name":"tune0"'
    store.folder.index.write_bytes(index.replace(name, name + b',"dev.infc.upstream":"zip::/x"'))
    found = check(store.path, repair=True)
    assert [each.what for each in found.problems] == [
        "model 'tune0' comes from nowhere: 'zip::/x' is no URL of a store"
    ]
    with store.open("tune1", check=True):
        pass
