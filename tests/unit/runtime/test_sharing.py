"""Stages that models have in common: loaded once, counted, and gone with their last model only."""

from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from infc.runtime.artifact import Artifact, stage_digest
from infc.runtime.session import Session
from infc.runtime.sharing import SharedStages

from support.heads import CHUNKS, headed_reference, write_headed

CHUNK = 2 << 20
HEADS = 5


@pytest.fixture(scope="module")
def heads(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("heads")
    return [write_headed(folder / f"head{number}.infc", number) for number in range(HEADS)]


def attach(path: Path, shared: SharedStages | None) -> Session:
    with Artifact.open(path, check=True) as artifact:
        return Session.attach(artifact, shared=shared)


def mapped(heads: list[Path]) -> int:
    """Bytes of the artifacts that are mapped into this process."""
    names = {str(path) for path in heads}
    lines = [line.split() for line in Path("/proc/self/maps").read_text().splitlines()]
    ranges = [line[0].split("-") for line in lines if line[-1] in names]
    return sum(int(end, 16) - int(start, 16) for start, end in ranges)


def test_stages_of_one_body_have_one_digest(heads: list[Path]) -> None:
    digests: list[list[str]] = []
    for path in heads:
        with Artifact.open(path) as artifact:
            stages = artifact.config.targets[0].stages
            digests.append([stage_digest(stage, artifact.config.toolchain) for stage in stages])
    assert len({body for body, _ in digests}) == 1
    assert len({head for _, head in digests}) == HEADS


def test_one_body_for_all_heads(heads: list[Path]) -> None:
    before = mapped(heads)
    shared = SharedStages()
    sessions = [attach(path, shared) for path in heads]
    assert len(shared) == 1 + HEADS
    assert CHUNKS * CHUNK < mapped(heads) - before < (CHUNKS + 1) * CHUNK
    alone = attach(heads[0], None)
    assert mapped(heads) - before > 2 * CHUNKS * CHUNK
    alone.close()
    x = np.random.default_rng(1).standard_normal((2, 8), np.float32)
    for number, session in enumerate(sessions):
        answer = session.run({"x": x})["z"]
        np.testing.assert_allclose(answer, headed_reference(x, number), rtol=1e-5, atol=1e-5)
        del answer
    for session in sessions:
        session.close()
    assert len(shared) == 0
    assert mapped(heads) == before


def test_a_head_that_goes_leaves_the_others(heads: list[Path]) -> None:
    shared = SharedStages()
    first, second = (attach(path, shared) for path in heads[:2])
    first.close()
    first.close()  # counts once
    assert len(shared) == 2
    x = np.ones((2, 8), np.float32)
    np.testing.assert_allclose(second.run({"x": x})["z"], headed_reference(x, 1), rtol=1e-5, atol=1e-5)
    second.close()
    with attach(heads[0], shared) as again:
        np.testing.assert_allclose(again.run({"x": x})["z"], headed_reference(x, 0), rtol=1e-5, atol=1e-5)


def test_calls_of_two_heads_at_once(heads: list[Path]) -> None:
    shared = SharedStages()
    sessions = [attach(path, shared) for path in heads[:2]]
    wrong: list[int] = []

    def work(number: int) -> None:
        rng = np.random.default_rng(number)
        for _ in range(20):
            x = rng.standard_normal((2, 8), np.float32)
            if not np.allclose(sessions[number].run({"x": x})["z"], headed_reference(x, number), rtol=1e-4, atol=1e-4):
                wrong.append(number)

    threads = [Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    for session in sessions:
        session.close()
