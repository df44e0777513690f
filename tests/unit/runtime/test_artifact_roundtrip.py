"""What is written is what is read, in both forms, and the same input gives the same bytes."""

import hashlib
import json
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest

from infc.errors import ArtifactError
from infc.runtime.artifact import (
    CHUNK_SIZE,
    DESCRIPTOR_MEDIA_TYPE,
    PAGE_SIZE,
    RPC_MEDIA_TYPE,
    Artifact,
    Blob,
    Form,
    TensorSpec,
    interface_digest,
)
from infc.runtime.artifact.tar_index import predicted_members

from support.artifacts import EMBED, LINEAR, weight, write_artifact
from support.signatures import returns

MODULE = b"not really a module" * 100
FORMS: list[Form] = ["tar", "dir"]


def arrays() -> dict[str, np.ndarray]:
    """Large and small weights, three chunks together, one of them twice."""
    rng = np.random.default_rng(7)
    zeros = np.zeros(CHUNK_SIZE * 2 // 4, dtype=np.float32)
    return {
        "zeros": zeros,
        "bias": rng.standard_normal(100, dtype=np.float32),
        "large": rng.standard_normal((300, 700), dtype=np.float32),
        "scale": rng.standard_normal((3, 5), dtype=np.float32),
        "scalar": np.array(3.5, dtype=np.float32),
        "empty": np.zeros((0, 4), dtype=np.float32),
    }


def write(path: Path, form: Form) -> Path:
    return write_artifact(path, "m", LINEAR, MODULE, [weight(k, a) for k, a in arrays().items()], form=form)


def content(artifact: Artifact, blob: Blob) -> bytes:
    with blob.path.open("rb") as file:
        file.seek(blob.offset)
        return file.read(blob.length)


@pytest.mark.parametrize("form", FORMS)
def test_every_weight_comes_back(tmp_path: Path, form: Form) -> None:
    with Artifact.open(write(tmp_path / "m.infc", form), check=True) as artifact:
        stage = artifact.build("cpu").stages[0]
        slab = b"".join(content(artifact, artifact.blob(chunk)) for chunk in stage.slab.chunks)
        assert len(slab) == stage.slab.length
        assert content(artifact, artifact.blob(stage.modules[0].module)) == MODULE
        assert [placed.key for placed in stage.slab.weights] == list(arrays())
        for placed in stage.slab.weights:
            lies = slab[placed.offset : placed.offset + placed.length]
            assert lies == arrays()[placed.key].tobytes(), placed.key


@pytest.mark.parametrize("form", FORMS)
def test_equal_chunks_are_stored_once_and_blobs_lie_on_pages(tmp_path: Path, form: Form) -> None:
    with Artifact.open(write(tmp_path / "m.infc", form)) as artifact:
        chunks = artifact.build().stages[0].slab.chunks
        assert chunks[0] == chunks[1]
        interface = [each for each in artifact.layers if each.media_type in (RPC_MEDIA_TYPE, DESCRIPTOR_MEDIA_TYPE)]
        assert len(interface) == 2
        assert artifact.blob_count - 2 == 1 + len(set(chunks)) == len(chunks)
        assert all(artifact.blob(chunk).offset % PAGE_SIZE == 0 for chunk in chunks)
        others = len(MODULE) + sum(each.size for each in interface)
        assert artifact.size == others + sum(artifact.blob(chunk).length for chunk in set(chunks))


def test_both_forms_have_the_same_identity_and_are_read_back(tmp_path: Path) -> None:
    tar, folder = write(tmp_path / "a.infc", "tar"), write(tmp_path / "b.infc", "dir")
    with Artifact.open(tar) as one, Artifact.open(folder) as other:
        assert one.digest == other.digest
        assert one.config == other.config


@pytest.mark.parametrize("form", FORMS)
def test_same_input_gives_the_same_bytes_in_another_directory(tmp_path: Path, form: Form) -> None:
    (tmp_path / "elsewhere").mkdir()
    one, other = write(tmp_path / "one.infc", form), write(tmp_path / "elsewhere" / "other.infc", form)
    assert tree(one) == tree(other)


def tree(path: Path) -> dict[str, str]:
    files = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file())
    return {str(each.relative_to(path)): hashlib.sha256(each.read_bytes()).hexdigest() for each in files}


def test_plain_tar_reads_it_and_what_it_unpacks_is_an_artifact(tmp_path: Path) -> None:
    path = write(tmp_path / "m.infc", "tar")
    (tmp_path / "out").mkdir()
    listed = subprocess.run(["tar", "tf", path], capture_output=True, text=True, check=True)
    assert listed.stderr == ""
    assert listed.stdout.splitlines()[:2] == ["oci-layout", "index.json"]
    subprocess.run(["tar", "xf", path, "-C", tmp_path / "out"], check=True, capture_output=True)
    with Artifact.open(path) as packed, Artifact.open(tmp_path / "out", check=True) as unpacked:
        assert packed.digest == unpacked.digest


def test_a_tar_made_of_the_directory_opens_too(tmp_path: Path) -> None:
    folder = write(tmp_path / "d", "dir")
    subprocess.run(["tar", "cf", tmp_path / "again.infc", "-C", folder, "."], check=True)
    with Artifact.open(folder) as one, Artifact.open(tmp_path / "again.infc", check=True) as other:
        assert one.digest == other.digest


def test_the_tar_says_nothing_about_who_made_it_and_when(tmp_path: Path) -> None:
    with tarfile.open(write(tmp_path / "m.infc", "tar")) as archive:
        for member in archive:
            assert (member.mtime, member.uid, member.gid, member.uname, member.gname) == (0, 0, 0, "", "")
            assert member.mode == 0o644


def test_places_are_predicted_without_listing_the_tar(tmp_path: Path) -> None:
    path = write(tmp_path / "m.infc", "tar")
    with path.open("rb") as file:
        predicted = predicted_members(path, file.fileno(), path.stat().st_size)
    with tarfile.open(path) as archive:
        listed = {member.name: Blob(path, member.offset_data, member.size) for member in archive}
    assert predicted == listed


def test_documents_are_oci(tmp_path: Path) -> None:
    path = write(tmp_path / "d", "dir")
    index = json.loads((path / "index.json").read_text())
    (entry,) = index["manifests"]
    manifest = json.loads((path / "blobs" / entry["digest"].replace(":", "/")).read_text())
    assert json.loads((path / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    assert (index["schemaVersion"], manifest["schemaVersion"]) == (2, 2)
    assert entry["mediaType"] == manifest["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
    assert manifest["artifactType"] == entry["artifactType"] == "application/vnd.cncf.model.manifest.v1+json"
    for descriptor in (manifest["config"], *manifest["layers"]):
        blob = (path / "blobs" / descriptor["digest"].replace(":", "/")).read_bytes()
        assert len(blob) == descriptor["size"]
        assert hashlib.sha256(blob).hexdigest() == descriptor["digest"].removeprefix("sha256:")


def test_lookups_name_what_there_is(tmp_path: Path) -> None:
    with Artifact.open(write(tmp_path / "m.infc", "tar")) as artifact:
        assert artifact.method() == artifact.method("main") == LINEAR
        with pytest.raises(ArtifactError, match="no method 'train'") as no_method:
            artifact.method("train")
        assert "main" in no_method.value.hint
        with pytest.raises(ArtifactError, match="not compiled for target 'cuda'") as no_target:
            artifact.build("cuda")
        assert "it has cpu" in no_target.value.hint
        with pytest.raises(ArtifactError, match=r"blob sha256:\.\./\.\./etc/passwd is missing"):
            artifact.blob("sha256:../../etc/passwd")
    with (
        Artifact.open(write(tmp_path / "m", "dir")) as artifact,
        pytest.raises(ArtifactError, match=r"'sha256:\.\./\.\./etc/passwd' is no digest"),
    ):
        artifact.blob("sha256:../../etc/passwd")


def test_interface_digest_changes_with_every_field_a_client_depends_on() -> None:
    from msgspec.structs import replace

    from infc.runtime.artifact import Interface

    renamed = replace(LINEAR, inputs=(TensorSpec(name="y", dtype="f32", shape=(2, 8)),))
    reshaped = replace(LINEAR, inputs=(TensorSpec(name="x", dtype="f32", shape=(8, 2)),))
    methods = (LINEAR, EMBED, renamed, reshaped, replace(LINEAR, returns=returns("tuple", ["output_0"])))
    digests = {interface_digest(Interface(methods=(method,))) for method in methods}
    assert len(digests) == len(methods)
    assert interface_digest(Interface(methods=(LINEAR,))) == interface_digest(Interface(methods=(replace(LINEAR),)))
