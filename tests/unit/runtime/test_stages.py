"""Models of several stages: which values go where, who owns them, and several calls under way."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from infc.errors import ArtifactError, ExecutorFailed, InvalidInput, UsageError
from infc.runtime.artifact import Artifact, Edge, Ref, Step, Wiring, stage_digest
from infc.runtime.loaded import LoadedStage, Way
from infc.runtime.pipeline import Pipeline
from infc.runtime.session import Session

from support.stages import FLOATS, WIRING, Gate, check, write_staged_artifact

X = np.array([1, 2, 3, 4], np.float32)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_staged_artifact(tmp_path_factory.mktemp("staged") / "m.infc")


@pytest.fixture
def session(path: Path) -> Iterator[Session]:
    with Artifact.open(path) as artifact, Session.attach(artifact) as session:
        yield session


@pytest.mark.parametrize("device", [None, "local-sync", {"p1": "local-sync"}])
def test_a_value_that_others_read_is_not_written_by_the_stage_that_takes_it(
    path: Path, device: str | dict[str, str] | None
) -> None:
    with Artifact.open(path) as artifact, Session.attach(artifact, device=device) as session:
        for scale in (1, 5):
            check(session.run({"x": X * scale}), X * scale)


@pytest.mark.parametrize("device", [None, {"p2": "local-sync"}])
def test_a_value_goes_to_its_last_reader_as_the_buffer_that_it_is(
    path: Path, device: dict[str, str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On one device, and between a CPU's devices; who reads it before others gets a copy."""
    taken: dict[str, list[Any]] = {}
    given: dict[str, list[Any]] = {}
    call = LoadedStage.call

    def watched(stage: LoadedStage, way: Way, arguments: Sequence[Any], count: int) -> list[Any]:
        taken[stage.name] = list(arguments)
        given[stage.name] = call(stage, way, arguments, count)
        return given[stage.name]

    monkeypatch.setattr(LoadedStage, "call", watched)
    with Artifact.open(path) as artifact, Session.attach(artifact, device=device) as session:
        check(session.run({"x": X}), X)
    assert taken["sum"][1] is given["poke"][0]
    assert taken["poke"][0] is not given["double"][0]
    assert taken["sum"][0] is not given["double"][0]


def test_a_device_for_a_placement_that_is_not_there(path: Path) -> None:
    with Artifact.open(path) as artifact, pytest.raises(UsageError, match="placement 'p9'") as caught:
        Session.attach(artifact, device={"p9": "local-sync"})
    assert "p0, p1, p2" in caught.value.hint


def test_outputs_that_are_one_value_are_arrays_of_their_own(tmp_path: Path) -> None:
    path = write_staged_artifact(tmp_path / "m.infc", replace(WIRING, outputs=(ref("sum"), ref("sum"))))
    with Artifact.open(path) as artifact, Session.attach(artifact) as session:
        outputs = session.run({"x": X})
    before = outputs["z"].copy()
    outputs["y"] += 1
    assert np.array_equal(outputs["z"], before)


def test_an_error_names_the_stage_and_poisons_nothing(session: Session) -> None:
    with pytest.raises(ExecutorFailed, match=r"stage 'double' of main failed: .*the first is negative"):
        session.run({"x": -X})
    check(session.run({"x": X}), X)


class Alone:
    """A module's context that notices when a call comes while another is in it."""

    def __init__(self, context: Any) -> None:
        self._context = context
        self._inside = Lock()
        self.met = 0

    def invoke(self, *arguments: Any) -> None:
        alone = self._inside.acquire(blocking=False)
        self.met += not alone
        try:
            self._context.invoke(*arguments)
        finally:
            if alone:
                self._inside.release()


def test_threads_share_a_session_and_a_stage_has_one_call_at_a_time(session: Session) -> None:
    session.run({"x": X})  # every module is loaded
    (way,) = session.stages["sum"].ways("main")
    watched = way.context = Alone(way.context)
    inputs = [X * scale for scale in range(1, 200)]
    with ThreadPoolExecutor(4) as pool:
        for x, outputs in zip(inputs, pool.map(lambda x: session.run({"x": x}), inputs), strict=True):
            check(outputs, x)
    assert not watched.met


def test_calls_in_a_pipeline_end_in_their_order_each_with_its_own(session: Session) -> None:
    ended: list[int] = []
    with Pipeline(session) as pipeline:
        futures = [pipeline.submit({"x": X * scale}) for scale in range(1, 40)]
        for number, future in enumerate(futures):
            future.add_done_callback(lambda _, number=number: ended.append(number))
    for scale, future in enumerate(futures, 1):
        check(future.result(), X * scale)
    assert ended == list(range(39))


def test_a_call_that_fails_in_a_pipeline_leaves_the_others(session: Session) -> None:
    with Pipeline(session) as pipeline:
        with pytest.raises(InvalidInput, match="dtype f64"):
            pipeline.submit({"x": X.astype(np.float64)})
        futures = [pipeline.submit({"x": X * sign}) for sign in (1, -1, 2)]
    check(futures[0].result(), X)
    with pytest.raises(ExecutorFailed, match="stage 'double' of main failed"):
        futures[1].result()
    check(futures[2].result(), 2 * X)
    with pytest.raises(ValueError, match="closed"):
        pipeline.submit({"x": X})


def test_a_call_is_in_the_first_stage_while_another_is_in_the_second(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And one that is cancelled meanwhile goes no further."""
    gate = Gate.closed(monkeypatch)
    with Pipeline(session) as pipeline:
        first = pipeline.submit({"x": X})
        gate.inside.wait()
        second, third = (pipeline.submit({"x": X * scale}) for scale in (2, 3))
        for _ in range(3):  # all of them reach the first stage, while the first is held in the second
            gate.doubled.acquire()
        assert second.cancel()
        gate.go.set()
        check(first.result(), X)
        check(third.result(), 3 * X)
    with pytest.raises(CancelledError):
        second.result()
    assert gate.seen.count("poke") == 2


def edited(step: int, **fields: object) -> Wiring:
    steps = list(WIRING.steps)
    steps[step] = replace(steps[step], **fields)
    return replace(WIRING, steps=tuple(steps))


def ref(stage: str, number: int = 0) -> Ref:
    return Ref(stage=stage, number=number)


@pytest.mark.parametrize(
    ("wiring", "said"),
    [
        (edited(0, inputs=(ref("sum"),)), "'double' reads a value of stage 'sum', which does not run before it"),
        (edited(1, inputs=(ref("poke"),)), "'poke' reads a value of stage 'poke', which does not run before it"),
        (edited(1, inputs=(ref("other"),)), "'poke' reads a value of stage 'other', which does not run"),
        (edited(1, inputs=(ref("double", 1),)), "value 1 of stage 'double', of which there are 1"),
        (edited(1, inputs=(ref("double", -1),)), "value -1 of stage 'double', of which there are 1"),
        (edited(0, inputs=(ref("", 1),)), "value 1 of the method's inputs, of which there are 1"),
        (edited(1, stage="double"), "stage 'poke' is in no method's wiring"),
        (edited(1, stage="other"), "runs stage 'other', which does not exist"),
        (edited(2, outputs=(Edge(dtype="f64", shape=(4,)),)), "output 'z' is given as f64[4], the interface says f32"),
        (edited(2, outputs=(Edge(dtype="f32", shape=(5,)),)), "output 'z' is given as f32[5], the interface says f32"),
        (edited(0, outputs=(FLOATS, Edge(dtype="f32", shape=("n",)))), "1 of stage 'double' has the shape ['n']"),
        (edited(0, outputs=(FLOATS, Edge(dtype="f32", shape=(-4,)))), "1 of stage 'double' has the shape [-4]"),
        (replace(WIRING, outputs=WIRING.outputs[:1]), "it has 1 outputs, the method 2"),
        (replace(WIRING, outputs=(ref("x"), ref("sum"))), "output 'y' is a value of stage 'x', which does not run"),
        (replace(WIRING, steps=(*WIRING.steps, WIRING.steps[0])), "stage 'double' runs twice"),
        (replace(WIRING, method="other"), "wiring is of ['other'], the methods are ['main']"),
        (replace(WIRING, steps=()), "stage 'double' is in no method's wiring"),
    ],
)  # fmt: skip
def test_a_wiring_that_cannot_be_is_refused(wiring: Wiring, said: str, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as caught:
        write_staged_artifact(tmp_path / "m.infc", wiring)
    assert said in caught.value.message
    assert not list(tmp_path.iterdir())


def test_a_wiring_that_a_module_does_not_take_is_an_error_of_that_stage(tmp_path: Path) -> None:
    """What goes from stage to stage is the wiring's claim: the modules look at what they get."""
    step = Step(stage="sum", inputs=(ref("double"),), outputs=(FLOATS,))
    path = write_staged_artifact(tmp_path / "m.infc", replace(WIRING, steps=(*WIRING.steps[:2], step)))
    with Artifact.open(path) as artifact, Session.attach(artifact) as session:
        with pytest.raises(ExecutorFailed, match="stage 'sum' of main failed"):
            session.run({"x": X})
        with pytest.raises(ExecutorFailed, match="stage 'sum' of main failed"):
            session.run({"x": X})


def test_inspect_shows_the_stages_and_what_goes_between_them(path: Path) -> None:
    command = [sys.executable, "-m", "infc", "inspect", str(path)]
    wide = {**os.environ, "COLUMNS": "200"}
    text = subprocess.run(command, capture_output=True, text=True, check=True, env=wide).stdout
    rows = [" ".join(line.split("│")).split() for line in text.splitlines()]
    assert ["main", "sum", "poke,", "0", "f32[4]"] in rows
    assert ["main", "output", "y", "double,", "0", "f32[4]"] in rows
    with Artifact.open(path) as artifact:
        digest = stage_digest(artifact.build().stages[1], artifact.config.toolchain)
    assert ["cpu", "poke", "cpu", "local-task", digest] in rows


def test_a_stages_digest_is_of_what_it_computes(path: Path) -> None:
    with Artifact.open(path) as artifact:
        toolchain = artifact.config.toolchain
        double, poke, _ = artifact.build().stages
    assert stage_digest(double, toolchain) == stage_digest(replace(double, stage="another"), toolchain)
    assert stage_digest(double, toolchain) != stage_digest(poke, toolchain)
    assert stage_digest(double, toolchain) != stage_digest(double, replace(toolchain, iree="3.14"))
