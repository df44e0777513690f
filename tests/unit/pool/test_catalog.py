"""An arena where the kernel has none to give."""

import logging

import pytest

from infc.errors import InfcError
from infc.remote.pool import catalog
from infc.runtime.memory import kernel, paged


def test_without_userfaultfd_files_have_to_do_and_the_log_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused() -> int:
        raise InfcError("userfaultfd is not allowed here: Operation not permitted", hint="none")

    monkeypatch.setattr(paged.kernel, "new_faults", refused)
    assert kernel.new_faults is refused
    with caplog.at_level(logging.WARNING):
        assert catalog.open_arena(None) is None
    assert "no arena, weights are mapped from their files: userfaultfd is not allowed here" in caplog.text
