"""What a writer that was killed left behind goes with the next; what a living one writes stays."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from infc.errors import ArtifactError
from infc.runtime.artifact import MODULE_MEDIA_TYPE, ArtifactWriter, TarCopy
from infc.runtime.artifact.temporary import new_file, new_folder, sweep

KILLED = """
import os, signal, sys
from infc.runtime.artifact import ArtifactWriter
writer = ArtifactWriter(sys.argv[1], form=sys.argv[2])
writer.add_blob(b"code", "application/vnd.infc.module")
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("form", ["tar", "dir"])
def test_what_a_killed_writer_left_goes_with_the_next(form: str, tmp_path: Path) -> None:
    out = tmp_path / "a.infc"
    done = subprocess.run([sys.executable, "-c", KILLED, out, form], check=False)
    assert done.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    with ArtifactWriter(tmp_path / "another.infc"):
        assert left.exists()
    with ArtifactWriter(out):
        assert not left.exists()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", ["tar", "dir"])
def test_what_a_living_writer_writes_stays(form: str, tmp_path: Path) -> None:
    out = tmp_path / "a.infc"
    with ArtifactWriter(out, form=form) as first:
        first.add_blob(b"code", MODULE_MEDIA_TYPE)
        (mine,) = tmp_path.iterdir()
        with ArtifactWriter(out, form=form):
            assert mine.exists()
        assert list(tmp_path.iterdir()) == [mine]


def test_only_the_names_of_this_destination_are_looked_at(tmp_path: Path) -> None:
    others = [".b.infc.0123456789ab.tmp", ".a.infc.0123456789ab.tmp.txt", ".a.infc.tmp", ".axinfc.0123456789ab.tmp"]
    for name in others:
        (tmp_path / name).touch()
    (tmp_path / ".a.infc.0123456789ab.tmp").symlink_to(tmp_path / others[0])
    (tmp_path / ".a.infc.ba9876543210.tmp").touch()
    os.mkfifo(tmp_path / ".a.infc.000000000000.tmp")
    sweep(tmp_path / "a.infc")
    assert {path.name for path in tmp_path.iterdir()} == {*others, ".a.infc.0123456789ab.tmp"}


def test_a_file_and_a_folder_are_locked_until_they_are_closed(tmp_path: Path) -> None:
    for make in (new_file, new_folder):
        temporary, fd = make(tmp_path / "a.infc")
        sweep(tmp_path / "a.infc")
        assert temporary.exists()
        os.close(fd)
        sweep(tmp_path / "a.infc")
        assert not temporary.exists()


def test_a_copy_is_whole_or_not_there(linear_artifact: Path, tmp_path: Path) -> None:
    out = tmp_path / "copy.infc"
    out.write_bytes(b"what was there before")
    copied(linear_artifact, out)
    assert out.read_bytes() == linear_artifact.read_bytes()
    with pytest.raises(ArtifactError, match="cannot write"):
        copied(tmp_path / "nothing.infc", tmp_path / "other.infc")
    with pytest.raises(ArtifactError, match="no/folder"):
        copied(linear_artifact, tmp_path / "no" / "folder" / "a.infc")
    dropped = TarCopy(linear_artifact, tmp_path / "dropped.infc")
    dropped.run()
    dropped.discard()
    assert list(tmp_path.iterdir()) == [out]


def copied(path: Path, out: Path) -> None:
    copy = TarCopy(path, out)
    try:
        copy.run()
        copy.publish()
    finally:
        copy.discard()
