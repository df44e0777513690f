"""What every backend has to do: no call ever sees another byte than the artifact has."""

import os
import resource
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from infc.errors import InfcError
from infc.runtime.artifact import Artifact
from infc.runtime.memory import Mapping, kernel
from infc.runtime.memory.arena_backend import ArenaBacked
from infc.runtime.memory.arena_mapping import ArenaMapping
from infc.runtime.memory.backend import Backend, FileBacked
from infc.runtime.memory.paged import PagedArena
from infc.runtime.memory.pages import map_files
from infc.runtime.session import Session

from support.stores import CHUNK, fine_tune

CHUNKS = 4


@pytest.fixture(scope="module", params=["tar", "dir"])
def artifact(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Artifact]:
    path = fine_tune(tmp_path_factory.mktemp("backend") / "model", 0, chunks=CHUNKS, form=request.param)
    with Artifact.open(path) as opened:
        yield opened


@pytest.fixture(scope="module", params=["files", "arena of huge pages", "arena of small pages"])
def paged(request: pytest.FixtureRequest) -> Iterator[PagedArena | None]:
    """The arena that the backend uses, if it does."""
    if request.param == "files":
        yield None
        return
    try:
        made = PagedArena(huge=request.param == "arena of huge pages")
    except InfcError as error:
        pytest.skip(str(error))
    if request.param == "arena of huge pages" and not made.arena.huge:
        made.close()
        pytest.skip("huge pages for an arena need CAP_SYS_ADMIN")
    yield made
    made.close()


@pytest.fixture
def session(artifact: Artifact, paged: PagedArena | None) -> Iterator[Session]:
    joined: list[int] = []

    def from_arena(artifact: Artifact, chunks: Sequence[str]) -> ArenaMapping:
        assert paged is not None
        slots = paged.slots(artifact, chunks)
        length = sum(artifact.blob(chunk).length for chunk in chunks)
        mapping = ArenaMapping(paged.arena.fd, slots, length, where="test")
        joined.append(paged.join(os.dup(mapping.faults), mapping.address, slots))
        return mapping

    with Session.attach(artifact, map_slab=from_arena if paged else map_files, load=not paged) as made:
        if not paged:
            made.loading.wait()  # else it may bring in what a test has just let go
        yield made
    if paged:
        for number in joined:
            paged.leave(number)


@pytest.fixture
def backend(artifact: Artifact, session: Session, paged: PagedArena | None) -> Iterator[Backend]:
    chunks = chunks_of(artifact)
    if paged is None:
        made: Backend = FileBacked(artifact, chunks, session.stages["main"].weights)
    else:
        made = ArenaBacked(paged, artifact, chunks)
    yield made
    made.close()


def chunks_of(artifact: Artifact) -> tuple[str, ...]:
    return artifact.build().stages[0].slab.chunks


def leaves(backend: Backend, chunk: str) -> bool:
    """Whether this file system lets a chunk leave the page cache: a RAM disk does not."""
    backend.promote(chunk)
    backend.demote(chunk)
    return backend.resident(chunk) == 0


def body(session: Session) -> bytes:
    return bytes(session.stages["main"].weights.view())


def test_promoted_and_demoted(artifact: Artifact, backend: Backend, session: Session) -> None:
    before = body(session)
    chunk = chunks_of(artifact)[0]
    if backend.resident(chunk) is None or not leaves(backend, chunk):
        pytest.skip("the kernel has no cachestat, or the file system is a RAM disk")
    backend.promote(chunk)
    assert backend.resident(chunk) == CHUNK
    for each in chunks_of(artifact):
        backend.demote(each)
    assert [backend.resident(each) for each in chunks_of(artifact)] == [0] * len(chunks_of(artifact))
    assert body(session) == before
    assert backend.resident(chunk) == CHUNK


def test_pinned_chunks_stay(artifact: Artifact, backend: Backend, session: Session) -> None:
    limit, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    if limit != resource.RLIM_INFINITY and limit < CHUNK:
        pytest.skip("this process may not lock a chunk: ulimit -l")
    chunk = chunks_of(artifact)[1]
    backend.pin(chunk)
    with pytest.raises(InfcError, match="cannot unmap"):
        backend.demote(chunk)
    assert backend.resident(chunk) in (CHUNK, None)
    backend.unpin(chunk)
    backend.demote(chunk)


def test_a_chunk_of_another_model(backend: Backend) -> None:
    for act in (backend.promote, backend.demote, backend.pin, backend.unpin, backend.resident):
        with pytest.raises(InfcError, match="is not one of this backend's"):
            act("sha256:" + "0" * 64)


def test_the_kernel_s_refusals_are_errors() -> None:
    page = Mapping(4096, where="nothing")
    page.close()
    with pytest.raises(InfcError, match="cannot unmap"):
        kernel.forget(4096 * 16 + 1, 4096)
    with pytest.raises(InfcError, match="cannot lock"):
        kernel.lock(4096, 4096)


def test_shared_pages_count_by_share(tmp_path: Path) -> None:
    assert 0 < kernel.proportional_bytes() < 64 << 30
    with pytest.raises(OSError):
        kernel.proportional_bytes(2**22 + 1)
