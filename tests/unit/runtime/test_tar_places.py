"""Where blobs lie in a tar, and that a tar which is not as it was written is not guessed at."""

import io
import tarfile
from pathlib import Path

import pytest

from infc.errors import ArtifactError
from infc.runtime.artifact import PAGE_SIZE, Artifact
from infc.runtime.artifact.tar_index import predicted_members
from infc.runtime.artifact.tar_places import BLOCK, data_offset, padding, stored


@pytest.mark.parametrize("position", range(0, 2 * PAGE_SIZE, BLOCK))
def test_headers_reach_to_the_next_page_that_has_room(position: int) -> None:
    member = tarfile.TarInfo("blobs/sha256/" + "0" * 64)
    if comment := padding(position):
        member.pax_headers = {"comment": comment}
    headers = len(member.tobuf(tarfile.PAX_FORMAT))
    assert position + headers == data_offset(position)
    assert data_offset(position) % PAGE_SIZE == 0
    assert headers <= PAGE_SIZE + 2 * BLOCK


def predicted(path: Path) -> object:
    with path.open("rb") as file:
        return predicted_members(path, file.fileno(), path.stat().st_size)


def places(path: Path) -> dict[str, tuple[int, int]]:
    with tarfile.open(path) as archive:
        return {member.name: (member.offset_data, member.size) for member in archive}


def test_an_unchanged_tar_is_predicted(linear_artifact: Path) -> None:
    assert predicted(linear_artifact)


def test_a_changed_name_or_manifest_is_not(linear_artifact: Path, tmp_path: Path) -> None:
    blobs = [place for name, place in places(linear_artifact).items() if name.startswith("blobs/")]
    manifest_at = blobs[-1][0]
    for at in (*(start - BLOCK for start, _ in blobs), manifest_at + 50):
        data = bytearray(linear_artifact.read_bytes())
        data[at] ^= 1
        changed = tmp_path / "changed.infc"
        changed.write_bytes(data)
        assert predicted(changed) is None
        with pytest.raises(ArtifactError):
            Artifact.open(changed)


def test_blobs_in_another_order_are_found_where_they_are(linear_artifact: Path, tmp_path: Path) -> None:
    path = tmp_path / "sorted.infc"
    with tarfile.open(linear_artifact) as source, tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as target:
        for member in sorted(source, key=lambda member: (-member.size, member.name)):
            content = source.extractfile(member)
            assert content
            target.addfile(member, io.BytesIO(content.read()))
    assert predicted(path) is None
    with Artifact.open(path, check=True) as artifact, Artifact.open(linear_artifact) as original:
        assert artifact.digest == original.digest


def test_stored_is_whole_blocks() -> None:
    assert [stored(size) for size in (0, 1, 512, 513)] == [0, 512, 512, 1024]
