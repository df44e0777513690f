"""The store: what it shares, what it refuses, what stays readable, and what collecting deletes."""

import json
import multiprocessing
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from infc import cli
from infc.errors import ArtifactError, InfcError, UsageError
from infc.runtime.artifact import Artifact
from infc.runtime.session import Session
from infc.runtime.store import Store, check

from support.artifacts import linear_reference
from support.stores import CHUNK, blob_files, damage, fine_tune


@pytest.fixture(scope="module")
def tunes(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("tunes")
    return [fine_tune(folder / f"{number}.infc", number) for number in range(3)]


@pytest.fixture
def store(tmp_path: Path, tunes: list[Path]) -> Store:
    made = Store(tmp_path / "store")
    for each in tunes:
        made.add(each)
    return made


def answers(artifact: Artifact, number: int) -> None:
    x = np.random.default_rng(5).standard_normal((2, 8), dtype=np.float32)
    with Session.attach(artifact) as session:
        assert np.allclose(session.run({"x": x})["output_0"], linear_reference(x, number), atol=1e-5)


def test_fine_tunes_share_their_chunks(store: Store, tunes: list[Path]) -> None:
    sizes = blob_files(store.path)
    assert list(sizes.values()).count(CHUNK) == 3
    models = store.models()
    assert [model.name for model in models] == ["tune0", "tune1", "tune2"]
    assert all(model.here == model.size for model in models)
    assert all(model.size > 3 * CHUNK and model.own < 100_000 for model in models)
    with Artifact.open(tunes[1]) as artifact:
        assert models[1].digest == artifact.digest


def test_a_model_of_the_store_answers_as_the_artifact_does(store: Store) -> None:
    for number in range(3):
        with store.open(f"tune{number}", check=True) as artifact:
            assert artifact.config.name == f"tune{number}"
            answers(artifact, number)
    assert not list(store.folder.leases.iterdir())


def test_adding_again_writes_nothing(store: Store, tunes: list[Path]) -> None:
    before = {path: path.stat().st_mtime_ns for path in store.folder.blobs.iterdir()}
    added = store.add(tunes[0])
    assert (added.name, added.written) == ("tune0", 0)
    assert {path: path.stat().st_mtime_ns for path in store.folder.blobs.iterdir()} == before


def test_a_directory_is_added_like_a_tar(store: Store, tmp_path: Path) -> None:
    assert store.add(fine_tune(tmp_path / "dir", 1, form="dir"), name="other").written == 0


def test_a_name_that_is_taken(store: Store, tunes: list[Path]) -> None:
    with pytest.raises(ArtifactError, match="another model of the name 'tune0'"):
        store.add(tunes[1], name="tune0")
    digest = store.add(tunes[1], name="tune0", replace=True).digest
    assert store.models()[0].digest == digest


@pytest.mark.parametrize("name", ["", "a b", "a\nb", "x" * 257, "\x1b[31m"])
def test_what_is_no_name(store: Store, tunes: list[Path], name: str) -> None:
    with pytest.raises(UsageError, match="is no name"):
        store.add(tunes[0], name=name)


def test_removing_and_collecting(store: Store) -> None:
    before = blob_files(store.path)
    store.remove("tune1")
    assert blob_files(store.path) == before
    dry = store.collect(dry_run=True)
    assert blob_files(store.path) == before
    assert store.collect() == dry
    after = blob_files(store.path)
    assert len(before) - len(after) == dry.files == 5  # manifest, config, rpc module, descriptor, the chunk of its own
    assert sum(before.values()) - sum(after.values()) == dry.bytes
    assert check(store.path).problems == ()
    with pytest.raises(ArtifactError, match="no model 'tune1'") as caught:
        store.remove("tune1")
    assert caught.value.hint == "it has tune0, tune2"
    store.remove("tune0")
    store.remove("tune2")
    store.collect()
    assert blob_files(store.path) == {}
    assert store.models() == []


def test_an_open_model_outlives_its_removal(store: Store) -> None:
    artifact = store.open("tune1")
    store.remove("tune1")
    assert store.collect().files == 0
    answers(artifact, 1)
    artifact.close()
    assert store.collect().files == 5


def _open_and_die(path: Path) -> None:
    Store(path).open("tune1")
    import os

    os._exit(1)


def test_the_lease_of_a_process_that_died_holds_nothing(store: Store) -> None:
    child = multiprocessing.get_context("fork").Process(target=_open_and_die, args=(store.path,))
    child.start()
    child.join()
    assert list(store.folder.leases.iterdir())
    store.remove("tune1")
    assert store.collect().files == 5
    assert not list(store.folder.leases.iterdir())


def _add_and_remove(path: Path, source: Path, number: int, rounds: int) -> None:
    store = Store(path)
    for _ in range(rounds):
        store.add(source, name=f"mine{number}")
        with store.open(f"mine{number}", check=True):
            pass
        store.remove(f"mine{number}")
        store.collect()
    store.add(source, name=f"mine{number}")


def test_processes_add_remove_and_collect_at_once(tmp_path: Path, tunes: list[Path]) -> None:
    context = multiprocessing.get_context("fork")
    children = [
        context.Process(target=_add_and_remove, args=(tmp_path / "store", tunes[number % 3], number, 4))
        for number in range(4)
    ]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0] * 4
    found = check(tmp_path / "store")
    assert (found.models, found.problems) == (4, ())
    for number in range(4):
        with Store(tmp_path / "store").open(f"mine{number}") as artifact:
            answers(artifact, number % 3)


def test_what_is_no_store(tmp_path: Path, tunes: list[Path]) -> None:
    with pytest.raises(ArtifactError, match=r"is no store: index\.json is missing"):
        Store(tmp_path / "none").models()
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").touch()
    with pytest.raises(ArtifactError, match=r"is no store: the directory holds 'letter\.txt'"):
        Store(tmp_path / "home").add(tunes[0])
    with pytest.raises(ArtifactError, match="is no store: it is a file"):
        Store(tunes[0]).add(tunes[0])
    with pytest.raises(ArtifactError):
        check(tmp_path / "none")


def test_a_changed_artifact_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    source = fine_tune(tmp_path / "dir", 0, form="dir")
    chunk = next(path for path in (source / "blobs" / "sha256").iterdir() if path.stat().st_size == CHUNK)
    damage(chunk)
    store = Store(tmp_path / "store")
    with pytest.raises(ArtifactError, match=f"blob sha256:{chunk.name} of {CHUNK} bytes came as {CHUNK} bytes"):
        store.add(source)
    assert chunk.name not in blob_files(store.path)
    assert not list(store.folder.incoming.iterdir())
    assert store.models() == []


def test_a_full_disk_is_said(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    def full(fd: int, data: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(ArtifactError, match=r"cannot write .*No space left") as caught:
        store.add(fine_tune(tmp_path / "n.infc", 9))
    monkeypatch.undo()
    assert caught.value.hint.startswith("free some space on the file system at /")
    assert check(store.path).problems == ()


def infc(*arguments: object) -> Result:
    return CliRunner().invoke(cli.main, ["store", *map(str, arguments)])


def test_the_commands(tmp_path: Path, tunes: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFC_STORE", str(tmp_path / "store"))
    result = infc("add", *tunes[:2])
    assert (result.exit_code, result.stderr) == (0, "")
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["tune0", "tune1"]
    (added,) = json.loads(infc("add", tunes[2], "--name", "third", "--json").stdout)
    assert added["name"] == "third"
    assert 0 < added["written"] < added["size"] / 2
    listed = infc("list").stdout
    assert all(name in listed for name in ("tune0", "tune1", "third"))
    assert [each["name"] for each in json.loads(infc("list", "--json").stdout)] == ["third", "tune0", "tune1"]
    assert infc("remove", "third").exit_code == 0
    assert json.loads(infc("gc", "--dry-run", "--json").stdout)["files"] == 5
    assert infc("gc").stdout.startswith("deleted 5 files")
    assert "2 models" in infc("check").stdout
    assert json.loads(infc("check", "--json").stdout)["sound"] is True


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("list",), 5, "is no store"),
        (("remove", "x"), 5, "is no store"),
        (("gc",), 5, "is no store"),
        (("check",), 5, "is no store"),
        (("add", "missing.infc"), 5, "missing.infc: No such file"),
        (("add", "a", "b", "--name", "x"), 2, "--name is for one artifact"),
        (("fetch", "nowhere"), 2, "is no URL"),
        (("fetch", "file://"), 2, "is no URL"),
        (("fetch", "https://user:secret@host/x"), 2, "holds a password"),
        (("fetch", "simplecache::https://host/x"), 2, "is no URL"),
        (("fetch", "nothing://host/x"), 5, "Protocol not known"),
    ],
)
def test_commands_that_fail(tmp_path: Path, arguments: tuple[str, ...], code: int, message: str) -> None:
    result = infc(*arguments, "--store", tmp_path / "store")
    assert result.exit_code == code, result.output
    assert message in result.stderr
    assert "secret" not in result.stderr
    assert result.stdout == ""


def test_no_store_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INFC_STORE", raising=False)
    assert infc("list").exit_code == 2


def test_every_error_is_one_of_infc(store: Store) -> None:
    store.folder.index.write_bytes(b"{}")
    for attempt in (store.models, store.collect, lambda: store.open("tune0"), lambda: store.remove("tune0")):
        with pytest.raises(InfcError, match="not valid"):
            attempt()
