"""Memory that native code is not done with when its user closes it ends on a thread of Python's all the same."""

import weakref
from pathlib import Path
from threading import Thread, get_ident
from typing import Any

import numpy as np
import pytest

from infc.runtime import loaded
from infc.runtime.artifact import Artifact
from infc.runtime.memory.leaving import leave, sweep
from infc.runtime.session import Session


class Lent:
    """A view as native code holds one, and on which thread its memory ended."""

    def __init__(self) -> None:
        memory = np.zeros(8, np.uint8)
        self.ended_on: list[int] = []
        weakref.finalize(memory, lambda: self.ended_on.append(get_ident()))
        self.lent = [memory.data]
        self.held = [self.lent[0]]

    def give_back_elsewhere(self) -> None:
        thread = Thread(target=self.held.clear)
        thread.start()
        thread.join()


def test_what_nobody_holds_goes_at_once() -> None:
    lent = Lent()
    lent.held.clear()
    leave(lent.lent)
    assert lent.ended_on == [get_ident()]
    assert not lent.lent


def test_what_is_given_back_elsewhere_goes_here() -> None:
    first, second = Lent(), Lent()
    leave(first.lent)
    leave(second.lent)
    first.give_back_elsewhere()
    assert not first.ended_on
    sweep()
    assert first.ended_on == [get_ident()]
    assert not second.ended_on
    second.give_back_elsewhere()
    sweep()
    assert second.ended_on == [get_ident()]


def test_the_weights_of_a_stage_are_lent_so(linear_artifact: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[Any] = []

    def watched(lent: list[memoryview]) -> None:
        left.extend(map(len, lent))
        leave(lent)

    monkeypatch.setattr(loaded, "leave", watched)
    with Artifact.open(linear_artifact) as artifact:
        session = Session.attach(artifact)
        size = artifact.build().stages[0].slab.length
    session.close()
    assert left == [size]
