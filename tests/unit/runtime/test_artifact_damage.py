"""Damaged, edited and made-up artifacts: always an ArtifactError that names the file, never anything else."""

import io
import json
import os
import tarfile
from collections.abc import Callable, Generator
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infc.errors import ArtifactError
from infc.runtime.artifact import Artifact, Form
from infc.runtime.artifact.layout import pieces

from support.artifacts import LINEAR, linear_weights, weight, write_artifact
from support.pool import PATIENCE
from support.stores import damage, fine_tune

MODULE = bytes(range(256)) * 20
Json = dict[str, Any]


def write(path: Path, form: Form = "tar") -> Path:
    return write_artifact(path, "m", LINEAR, MODULE, [weight(k, a) for k, a in linear_weights().items()], form=form)


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write(tmp_path_factory.mktemp("intact") / "m.infc").read_bytes()


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scratch") / "m.infc"


def refused(path: Path) -> ArtifactError:
    with pytest.raises(ArtifactError) as caught:
        Artifact.open(path, check=True)
    assert str(path) in caught.value.message
    return caught.value


# Truncation and flipped bytes


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_truncated_anywhere(intact: bytes, scratch: Path, data: st.DataObject) -> None:
    end = max(at + size for at, size in offsets_of(intact).values())
    scratch.write_bytes(intact[: data.draw(st.integers(0, end - 1))])
    refused(scratch)


def offsets_of(tar: bytes) -> dict[str, tuple[int, int]]:
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        return {member.name: (member.offset_data, member.size) for member in archive}


@given(st.data(), st.integers(1, 255))
@settings(max_examples=400)
def test_a_flipped_byte_is_refused_or_changes_nothing(
    intact: bytes, scratch: Path, data: st.DataObject, flip: int
) -> None:
    # Half of the time in a blob, where it must be noticed; else anywhere, where it may hit padding.
    places = offsets_of(intact)
    start, size = data.draw(st.sampled_from([(0, len(intact)), *places.values()]))
    at = start + data.draw(st.integers(0, size - 1))
    damaged = bytearray(intact)
    damaged[at] ^= flip
    scratch.write_bytes(damaged)
    in_blob = any(begin <= at < begin + length for name, (begin, length) in places.items() if name.startswith("blobs/"))
    if in_blob:
        refused(scratch)
        return
    try:
        with Artifact.open(scratch, check=True) as artifact:
            assert artifact.digest == digest_of_index(intact)
    except ArtifactError as error:
        assert str(scratch) in error.message


def digest_of_index(tar: bytes) -> str:
    begin, length = offsets_of(tar)["index.json"]
    return json.loads(tar[begin : begin + length])["manifests"][0]["digest"]


@pytest.mark.parametrize("form", ["tar", "dir"])
def test_an_edited_module_is_noticed_by_check_only(tmp_path: Path, form: Form) -> None:
    path = write(tmp_path / "m.infc", form)
    with Artifact.open(path) as artifact:
        module = artifact.build().stages[0].modules[0].module
        blob = artifact.blob(module)
    with blob.path.open("r+b") as file:
        file.seek(blob.offset + 7)
        file.write(b"!")
    Artifact.open(path).close()
    error = refused(path)
    assert module in error.message
    assert "vmfb" in error.message


def test_of_several_damaged_chunks_the_first_is_named(tmp_path: Path) -> None:
    path = fine_tune(tmp_path / "m", 0, chunks=4, form="dir")
    with Artifact.open(path) as artifact:
        chunks = artifact.build().stages[0].slab.chunks
        for chunk in (chunks[0], chunks[-1]):  # the last one is small, and found out first
            damage(artifact.blob(chunk).path)
    assert chunks[0] in refused(path).message


def test_several_blobs_are_hashed_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    together = Barrier(2)

    def waiting(*arguments: Any) -> Generator[bytes, None, None]:
        together.wait(PATIENCE)  # for another one that is being hashed
        yield from pieces(*arguments)

    monkeypatch.setattr("infc.runtime.artifact.reader.pieces", waiting)
    with Artifact.open(fine_tune(tmp_path / "m.infc", 0, chunks=4)) as artifact:
        assert artifact.blob_count % 2 == 0
        artifact.check()


def test_swapped_blobs(tmp_path: Path) -> None:
    path = write(tmp_path / "m", "dir")
    with Artifact.open(path) as artifact:
        stage = artifact.build().stages[0]
        one, other = artifact.blob(stage.modules[0].module).path, artifact.blob(stage.slab.chunks[0]).path
    one.rename(path / "aside")
    other.rename(one)
    (path / "aside").rename(other)
    assert "bytes, expected" in refused(path).message


@given(st.binary(max_size=5000))
def test_not_a_tar(scratch: Path, content: bytes) -> None:
    scratch.write_bytes(content)
    assert "not an infc artifact" in refused(scratch).message


# Tars made to do harm


def repacked(tar: bytes, path: Path, change: Callable[[tarfile.TarFile, dict[str, bytes]], None]) -> Path:
    """A tar of the same files after `change` has edited the files or added members by itself."""
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        files = {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        change(archive, files)
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def test_repacking_alone_is_no_damage(intact: bytes, tmp_path: Path) -> None:
    path = repacked(intact, tmp_path / "m.infc", lambda _archive, _files: None)
    with Artifact.open(path, check=True) as artifact:
        assert artifact.digest == digest_of_index(intact)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "blobs/sha256/../../../x", "blobs/sha256/short"])
def test_a_name_that_leads_elsewhere(intact: bytes, tmp_path: Path, name: str) -> None:
    def add(archive: tarfile.TarFile, _: dict[str, bytes]) -> None:
        archive.addfile(tarfile.TarInfo(name))

    assert f"unexpected member {name!r}" in refused(repacked(intact, tmp_path / "m.infc", add)).message


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_a_member_that_is_no_file(intact: bytes, tmp_path: Path, kind: bytes) -> None:
    def swap(archive: tarfile.TarFile, files: dict[str, bytes]) -> None:
        name = next(name for name in files if name.startswith("blobs/"))
        del files[name]
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, "/etc/passwd"
        archive.addfile(member)

    assert "unexpected member" in refused(repacked(intact, tmp_path / "m.infc", swap)).message


def test_a_file_with_holes(intact: bytes, tmp_path: Path) -> None:
    def sparse(archive: tarfile.TarFile, files: dict[str, bytes]) -> None:
        member = tarfile.TarInfo("index.json")
        member.pax_headers = {"GNU.sparse.size": "1024", "GNU.sparse.map": "0,1024"}
        member.size = len(files["index.json"])
        archive.addfile(member, io.BytesIO(files.pop("index.json")))

    assert "unexpected member 'index.json'" in refused(repacked(intact, tmp_path / "m.infc", sparse)).message


def test_a_member_twice(intact: bytes, tmp_path: Path) -> None:
    def double(archive: tarfile.TarFile, _: dict[str, bytes]) -> None:
        archive.addfile(tarfile.TarInfo("index.json"))

    assert "'index.json' occurs twice" in refused(repacked(intact, tmp_path / "m.infc", double)).message


@pytest.mark.parametrize("size", [1 << 20, 1 << 40, 8**11 - 1, 1 << 70, -512, -(1 << 40)])
@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_SPARSE])
def test_a_size_that_the_file_does_not_have(tmp_path: Path, size: int, kind: bytes) -> None:
    member = tarfile.TarInfo("oci-layout")
    member.type, member.size = kind, size
    path = tmp_path / "m.infc"
    path.write_bytes(member.tobuf(tarfile.GNU_FORMAT) + bytes(4096))
    refused(path)


def test_a_thousand_extended_headers(tmp_path: Path) -> None:
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 512
    path = tmp_path / "m.infc"
    path.write_bytes((header.tobuf(tarfile.USTAR_FORMAT) + b"12 a=bcdefg\n".ljust(512, b"\0")) * 3000)
    refused(path)


# Directories


@pytest.mark.parametrize("name", ["oci-layout", "index.json"])
def test_a_directory_without(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "m", "dir")
    (path / name).unlink()
    assert f"{name} is missing" in refused(path).message


def test_a_link_among_the_blobs(tmp_path: Path) -> None:
    path = write(tmp_path / "m", "dir")
    with Artifact.open(path) as artifact:
        module = artifact.blob(artifact.build().stages[0].modules[0].module).path
    module.rename(tmp_path / "elsewhere")
    module.symlink_to(tmp_path / "elsewhere")
    assert "a link or special file" in refused(path).message


def test_things_that_are_neither_file_nor_directory(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "neither a directory nor a regular file" in refused(tmp_path / "pipe").message
    assert "No such file" in refused(tmp_path / "nothing").message
    assert "too long" in refused(tmp_path / ("x" * 300)).message
