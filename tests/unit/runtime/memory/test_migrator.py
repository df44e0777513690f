"""What is in memory follows the policy, and no call ever sees another byte than the artifact has."""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from threading import Thread

import numpy as np
import pytest

from infc.errors import ArtifactError, InfcError
from infc.runtime.artifact import Artifact
from infc.runtime.memory.access import Access
from infc.runtime.memory.migrator import Migrator, Ticket
from infc.runtime.memory.policies import make_policy
from infc.runtime.memory.promotion import Promotion
from infc.runtime.memory.residency import Residency
from infc.runtime.session import Session
from infc.runtime.store import Store

from support.artifacts import linear_reference
from support.stores import CHUNK, damage, fine_tune

BODY = 4
X = np.random.default_rng(0).standard_normal((2, 8), dtype=np.float32)


@pytest.fixture(scope="module")
def tunes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two models that share their body and differ in their head."""
    folder = tmp_path_factory.mktemp("tunes")
    return fine_tune(folder / "a", 0, chunks=BODY), fine_tune(folder / "b", 1, chunks=BODY)


@pytest.fixture
def opened(tunes: tuple[Path, Path]) -> Iterator[list[Artifact]]:
    artifacts = [Artifact.open(path) for path in tunes]
    yield artifacts
    for artifact in artifacts:
        artifact.close()


def chunks_of(artifact: Artifact) -> tuple[str, ...]:
    return artifact.build().stages[0].slab.chunks


def migrator_of(
    opened: list[Artifact], capacity: int | None, *, policy: str = "balanced", checked: bool = True
) -> Migrator:
    migrator = Migrator(Residency(capacity, make_policy(policy)))
    for name, artifact in zip("ab", opened, strict=False):
        migrator.add(name, Promotion(artifact, chunks_of(artifact), checked=checked), checked=checked)
    return migrator


def there(artifact: Artifact) -> list[int]:
    """Bytes of each chunk in memory; skips where the kernel does not say, or the file system is a RAM disk."""
    source = Promotion(artifact, chunks_of(artifact), checked=True)
    probe = chunks_of(artifact)[0]
    was = source.resident(probe)
    source.demote(probe)
    if was is None or source.resident(probe):
        pytest.skip("the kernel has no cachestat, or the file system is a RAM disk")
    if was:
        source.promote(probe)
    return [source.resident(chunk) or 0 for chunk in chunks_of(artifact)]


def test_what_does_not_fit_leaves_the_memory(opened: list[Artifact]) -> None:
    migrator = migrator_of(opened[:1], 2 * CHUNK)
    assert there(opened[0])[:4] == [CHUNK, CHUNK, 0, 0]
    for _ in range(3):
        with migrator.call("a"):
            assert all(there(opened[0])[:BODY])
        assert there(opened[0])[:4] == [CHUNK, CHUNK, 0, 0]
    seen = migrator.snapshot()
    assert (seen.used, seen.capacity, seen.models["a"].calls) == (2 * CHUNK, 2 * CHUNK, 3)
    assert seen.models["a"].hits == 3 * 2 and seen.models["a"].misses == 3 * (BODY - 1)
    assert seen.promotions == 3 * (BODY - 1)
    assert seen.models["a"].resident == 2 * CHUNK


@pytest.mark.parametrize("policy", ["balanced", "lru", "lfu", "gdsf", "pin-prefix"])
def test_a_call_that_finds_all_there_is_told_before_the_next_decision(opened: list[Artifact], policy: str) -> None:
    def counted(name: str) -> Ticket:
        ticket = migrator.begin(name)
        assert ticket.late is (name == "a")
        migrator.end(ticket)
        return ticket

    room = sum(opened[0].blob(chunk).length for chunk in chunks_of(opened[0]))  # for all of one, not the other's head
    migrator = migrator_of(opened, room, policy=policy)
    told: list[Access] = []
    touched = migrator._residency._policy.touched
    migrator._residency._policy.touched = lambda access: (told.append(access), touched(access))[1]
    for _ in range(1000):
        counted("a")
    assert not told
    counted("b")
    assert [(access.chunk, access.weight) for access in told[: BODY + 1]] == [
        (chunk, 1000) for chunk in chunks_of(opened[0])
    ]
    assert {access.weight for access in told[BODY + 1 :]} == {1}
    migrator.close()


def test_a_chunk_that_another_call_uses_stays(opened: list[Artifact]) -> None:
    migrator = migrator_of(opened, 0)
    with migrator.call("a"):
        with migrator.call("b"):
            pass
        assert all(there(opened[0])[:BODY])
    assert not any(there(opened[0]))


def test_fine_tunes_hold_what_they_share_once(opened: list[Artifact]) -> None:
    migrator = migrator_of(opened, None, checked=False)
    for name in "ab":
        with migrator.call(name):
            pass
    seen = migrator.snapshot()
    own = sum(seen.models["b"].size - BODY * CHUNK for _ in "ab")
    assert seen.used == BODY * CHUNK + own
    assert seen.models["b"].hits == BODY


def test_a_chunk_that_cannot_be_read_is_not_resident(opened: list[Artifact], tmp_path: Path) -> None:
    migrator = migrator_of(opened[:1], None, checked=False)
    bad = chunks_of(opened[0])[1]
    model = migrator._models["a"].source
    promote = model.promote_all
    model.promote_all = lambda chunks: {bad: InfcError("cannot read")} if bad in chunks else promote(chunks)
    with pytest.raises(InfcError, match="cannot read"), migrator.call("a"):
        raise AssertionError
    assert bad not in migrator._residency and chunks_of(opened[0])[0] in migrator._residency
    model.promote_all = promote
    with migrator.call("a"):
        assert bad in migrator._residency


def test_a_damaged_chunk_of_a_store_is_fetched_again_or_refused(tunes: tuple[Path, Path], tmp_path: Path) -> None:
    origin = Store(tmp_path / "origin")
    origin.add(tunes[0], name="a")
    store = Store(tmp_path / "store")
    store.fetch(f"file://{tmp_path / 'origin'}", "a")
    with store.open("a") as artifact:
        chunks = chunks_of(artifact)
        for round_ in ("mended", "refused"):
            damage(store.folder.blob(chunks[2]))
            migrator = Migrator(Residency(None, make_policy("lru")))
            source = Promotion(artifact, chunks, checked=False, mend=lambda chunk: store.mend("a", chunk))
            migrator.add("a", source, checked=False)
            if round_ == "mended":
                with migrator.call("a"), Session.attach(artifact) as session:
                    assert np.allclose(session.run({"x": X})["output_0"], linear_reference(X), atol=1e-5)
                assert len(list(store.folder.quarantine.iterdir())) == 1
                (origin.folder.blob(chunks[2])).unlink()
            else:
                with pytest.raises(ArtifactError), migrator.call("a"):
                    raise AssertionError
                assert migrator.snapshot().damaged == 1
                assert not store.folder.blob(chunks[2]).exists()
            migrator.close()


def test_calls_are_right_while_chunks_come_and_go(opened: list[Artifact]) -> None:
    migrator = migrator_of(opened, 2 * CHUNK, policy="lru")
    wrong: list[object] = []

    def call(name: str, session: Session) -> None:
        expected = session.run({"x": X})["output_0"]
        before = bytes(session.stages["main"].weights.view())
        for _ in range(30):
            with migrator.call(name):
                if not np.array_equal(session.run({"x": X})["output_0"], expected):
                    wrong.append("other numbers")
        if bytes(session.stages["main"].weights.view()) != before:
            wrong.append("other bytes")

    def shake(sessions: list[Session]) -> None:
        random = Random(1)
        for _ in range(200):
            number = random.randrange(2)
            chunk = random.choice(chunks_of(opened[number]))
            sessions[number].release({chunk})
            migrator.drop([chunk])

    sessions = [Session.attach(artifact) for artifact in opened]
    threads = [Thread(target=call, args=pair) for pair in zip("aab", [*sessions[:1], *sessions], strict=True)]
    threads.append(Thread(target=shake, args=(sessions,)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    for session in sessions:
        session.close()
