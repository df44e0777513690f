"""Weights that come in while a model runs: in the slab's order, only what is missing, and no result depends on it."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from infc.runtime.artifact import Artifact
from infc.runtime.memory import Mapping, kernel
from infc.runtime.memory.loading import LoadedSlab, Loading, absent
from infc.runtime.session import Session

from support.artifacts import linear_reference
from support.stores import CHUNK, fine_tune

CHUNKS = 4


@pytest.fixture(params=["tar", "dir"])
def artifact(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Artifact]:
    with Artifact.open(fine_tune(tmp_path / "model", 0, chunks=CHUNKS, form=request.param)) as opened:
        yield opened


@pytest.fixture
def cold(artifact: Artifact) -> LoadedSlab:
    """The slab, mapped, and on the disk only."""
    slab = artifact.build().stages[0].slab
    blobs = [artifact.blob(chunk) for chunk in slab.chunks]
    mapping = Mapping(slab.length, where="the test")
    for blob in blobs:
        with artifact.descriptor(blob) as fd:
            mapping.append(fd, (blob.offset, blob.length))
    for blob in blobs:
        fd = os.open(blob.path, os.O_RDONLY)
        os.fsync(fd)
        kernel.drop(fd, blob.offset, blob.length)
        left = kernel.cached(fd, blob.offset, blob.length)
        os.close(fd)
        if left is None or left:
            pytest.skip("this file system, or this kernel, lets nothing leave the page cache")
    return LoadedSlab(blobs, lambda: range(len(blobs)), mapping.address, mapping.view())


def test_what_is_missing_comes_in_and_in_the_slabs_order(cold: LoadedSlab) -> None:
    assert [address for address, _ in absent(cold)] == [cold.address + n * CHUNK for n in range(CHUNKS + 1)]
    Loading(cold).start().wait()
    assert list(absent(cold)) == []


def test_what_is_there_is_left_alone(cold: LoadedSlab) -> None:
    kernel.bring(cold.address + CHUNK, CHUNK)
    missing = [address for address, _ in absent(cold)]
    assert cold.address + CHUNK not in missing
    assert missing == sorted(missing)
    assert missing


def test_a_loading_that_was_stopped_brings_nothing_in(cold: LoadedSlab) -> None:
    loading = Loading(cold)
    loading.stop()
    loading.start().wait()
    assert len(list(absent(cold))) == len(cold.chunks)


def test_several_read_no_more_than_there_is_memory_for(cold: LoadedSlab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infc.runtime.memory.loading.available", lambda: len(cold.pages))
    kernel.bring(cold.address, len(cold.pages))
    first = Loading(cold).start()  # holds the room that there is, though it found nothing to do
    first.wait()
    for blob in cold.chunks:
        fd = os.open(blob.path, os.O_RDONLY)
        kernel.forget(cold.address, len(cold.pages))
        kernel.drop(fd, blob.offset, blob.length)
        os.close(fd)
    second = Loading(cold).start()
    second.wait()
    assert len(list(absent(cold))) == len(cold.chunks)
    first.stop()
    second.stop()
    Loading(cold).start().wait()
    assert list(absent(cold)) == []


def test_a_file_that_ends_early_ends_no_process(cold: LoadedSlab) -> None:
    last = max(cold.chunks, key=lambda blob: blob.offset)
    os.truncate(last.path, last.offset)
    Loading(cold).start().wait()
    assert not kernel.bring(cold.address, len(cold.pages))


def test_a_file_that_is_gone_is_still_read(cold: LoadedSlab) -> None:
    for path in {blob.path for blob in cold.chunks}:
        path.unlink()
    Loading(cold).start().wait()
    assert bytes(cold.pages[:8])  # the mapping has it


def test_a_cold_model_answers_right_and_may_be_closed_at_once(artifact: Artifact, cold: LoadedSlab) -> None:
    x = np.random.default_rng(0).standard_normal((2, 8), np.float32)
    with Session.attach(artifact) as session:
        answer = session.run({"x": x})["output_0"]
    np.testing.assert_allclose(answer, linear_reference(x, 0), rtol=1e-5, atol=1e-5)
    Session.attach(artifact).close()
