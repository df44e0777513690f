"""A short run of `make soak`."""

from pathlib import Path

import pytest

from infc.errors import InfcError
from infc.runtime.memory.paged import PagedArena

from support.soak import model, soak


@pytest.mark.parametrize("backend", ["files", "arena"])
def test_no_answer_is_wrong_while_weights_come_and_go(tmp_path: Path, backend: str) -> None:
    if backend == "arena":
        try:
            PagedArena().close()
        except InfcError as error:
            pytest.skip(str(error))
    counts = soak(model(tmp_path / "soak.infc"), seconds=2.0, processes=3, backend=backend)
    assert (counts["wrong"], counts["hung"]) == (0, 0)
    assert counts["calls"] and counts["evictions"] and counts["promotions"]
    assert bool(counts["pagers killed"]) == (backend == "arena")
