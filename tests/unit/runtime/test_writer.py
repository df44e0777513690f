"""Nothing half-written ever has the artifact's name, and nothing that is not an artifact is replaced."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from infc.errors import ArtifactError
from infc.runtime.artifact import MODULE_MEDIA_TYPE, Artifact, ArtifactWriter, Config, Form

from support.artifacts import LINEAR, linear_weights, weight, write_artifact

FORMS: list[Form] = ["tar", "dir"]


def write(path: Path, form: Form, module: bytes = b"module") -> Path:
    return write_artifact(path, "m", LINEAR, module, [weight(k, a) for k, a in linear_weights().items()], form=form)


def config_for(writer: ArtifactWriter, tmp_path: Path) -> Config:
    """Fills the writer with the blobs of `write` and gives the config that belongs to them."""
    writer.add_blob(b"module", MODULE_MEDIA_TYPE)
    writer.add_slab(weight(k, a) for k, a in linear_weights().items())
    with Artifact.open(write(tmp_path / "model-of-config.infc", "tar")) as artifact:
        return artifact.config


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("failure", [KeyboardInterrupt, RuntimeError])
def test_a_failure_leaves_nothing(tmp_path: Path, form: Form, failure: type[BaseException]) -> None:
    with pytest.raises(failure), ArtifactWriter(tmp_path / "m.infc", form=form) as writer:
        writer.add_blob(b"x" * 10000, MODULE_MEDIA_TYPE)
        raise failure
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", FORMS)
def test_a_failure_keeps_the_old_artifact(tmp_path: Path, form: Form) -> None:
    path = write(tmp_path / "m.infc", form)
    with Artifact.open(path) as before, pytest.raises(KeyboardInterrupt), ArtifactWriter(path, form=form) as writer:
        writer.add_blob(b"x", MODULE_MEDIA_TYPE)
        raise KeyboardInterrupt
    with Artifact.open(path, check=True) as after:
        assert after.digest == before.digest
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("form", FORMS)
def test_overwriting_replaces_and_an_open_reader_keeps_the_old(tmp_path: Path, form: Form) -> None:
    path = write(tmp_path / "m.infc", form)
    with Artifact.open(path) as old:
        write(path, form, b"another module")
        with Artifact.open(path, check=True) as new:
            assert new.digest != old.digest
        if form == "tar":
            old.check()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("form", FORMS)
def test_staged_artifact_is_whole_before_it_is_published(tmp_path: Path, form: Form) -> None:
    path = tmp_path / "out" / "m.infc"
    path.parent.mkdir()
    with ArtifactWriter(path, form=form) as writer:
        config = config_for(writer, tmp_path)
        with writer.stage(config) as staged:
            staged.check()
            assert staged.config == config
            digest = staged.digest
        assert not path.exists()
        assert writer.finish(config) == digest
    with Artifact.open(path, check=True) as published:
        assert published.digest == digest
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("form", FORMS)
def test_a_full_disk_is_an_artifact_error(tmp_path: Path, form: Form, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ArtifactError, match=r"cannot write .*m\.infc: No space left on device") as caught:
        write(tmp_path / "m.infc", form)
    assert "free some space" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_config_that_does_not_fit_its_blobs_is_not_published(tmp_path: Path) -> None:
    path = tmp_path / "out.infc"
    with ArtifactWriter(tmp_path / "other.infc") as other:
        config = config_for(other, tmp_path)
    with (
        pytest.raises(ArtifactError, match=r"out\.infc: inconsistent config: .*not among the manifest's layers"),
        ArtifactWriter(path) as writer,
    ):
        writer.finish(config)
    assert not path.exists()


def test_a_directory_with_other_things_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "thesis.tex").write_text("ten years")
    with pytest.raises(ArtifactError, match=r"holds 'thesis\.tex', which is no part of an artifact"):
        write(tmp_path / "work", "dir")
    with pytest.raises(ArtifactError, match="exists and is not a regular file"):
        write(tmp_path / "work", "tar")
    assert (tmp_path / "work" / "thesis.tex").read_text() == "ten years"
    assert list(tmp_path.iterdir()) == [tmp_path / "work"]


def test_a_device_is_not_replaced() -> None:
    with pytest.raises(ArtifactError, match="/dev/null: it exists and is not a regular file"):
        ArtifactWriter("/dev/null")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"cannot write .*: .*nowhere is not a directory"):
        ArtifactWriter(tmp_path / "nowhere" / "m.infc")


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    link = tmp_path / "current.infc"
    link.symlink_to(tmp_path / "store" / "m.infc")
    write(link, "tar")
    assert link.is_symlink()
    Artifact.open(tmp_path / "store" / "m.infc", check=True).close()


def test_the_mode_is_what_the_umask_asks_for(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.touch()
    assert write(tmp_path / "m.infc", "tar").stat().st_mode == plain.stat().st_mode


def test_weights_may_be_freed_as_they_are_taken(tmp_path: Path) -> None:
    alive = 0

    class Tracked(np.ndarray):
        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    most = 0
    with ArtifactWriter(tmp_path / "m.infc") as writer:

        def weights():
            nonlocal alive, most
            for number in range(8):
                alive += 1
                most = max(most, alive)
                base = np.full(100_000, number, dtype=np.float32)
                yield weight(f"w{number}", np.ndarray.__new__(Tracked, base.shape, base.dtype, base))

        writer.add_slab(weights())
    assert most <= 2
