"""What the benchmarks share: how a figure is judged, how sides take turns, and the page that is made of the results."""

import json
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
BENCH = ROOT / "bench"


@pytest.fixture
def harness(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(BENCH)
    import harness

    yield harness
    del sys.modules["harness"]


def test_the_performance_page_is_made_of_the_committed_results() -> None:
    page = runpy.run_path(str(BENCH / "report.py"))["page"]()
    assert (ROOT / "docs" / "reference" / "performance.md").read_text() == page
    assert "`--quick` run" not in page


def test_sides_take_turns_and_the_first_turn_does_not_count(harness: Any) -> None:
    order: list[str] = []
    values = iter([100.0, 200.0, 1.0, 10.0, 3.0, 30.0, 2.0, 20.0])

    def side(name: str) -> Any:
        return lambda: (order.append(name), next(values))[1]

    sides = harness.interleave({"a": side("a"), "b": side("b")}, 3)
    assert order == ["a", "b"] * 4
    assert sides == {"a": harness.Side(2.0, 1.0, 3.0, 3), "b": harness.Side(20.0, 10.0, 30.0, 3)}


@pytest.mark.parametrize(
    ("value", "goal", "met"),
    [
        (2.0, (">=", 2), True),
        (1.9, (">=", 2), False),
        (5.1, ("<=", 5), False),
        (None, (">=", 2), None),
        (1.0, None, None),
    ],
)
def test_a_goal_is_judged(harness: Any, value: float | None, goal: Any, met: bool | None) -> None:
    assert harness.row("figure", "×", value, goal=goal).met is met


def test_results_are_written_and_a_quick_run_judges_nothing(harness: Any, tmp_path: Path) -> None:
    rows = [harness.row("speed", "×", 1.0, {"a": harness.Side.of([1.0]), "b": harness.Side.of([2.0])}, (">=", 2))]
    options = SimpleNamespace(quick=False, json=tmp_path / "out" / "x.json", plot=tmp_path / "out" / "x.png")
    harness.finish("x", rows, options, {"infc": "0"})
    document = json.loads(options.json.read_text())
    assert document["rows"][0]["met"] is False
    assert document["rows"][0]["sides"]["b"] == {"median": 2.0, "min": 2.0, "max": 2.0, "count": 1}
    assert document["machine"]["cores"] >= 1
    assert options.plot.read_bytes().startswith(b"\x89PNG")
    harness.finish("x", rows, SimpleNamespace(quick=True, json=options.json, plot=None), {})
    assert json.loads(options.json.read_text())["rows"][0]["met"] is None
