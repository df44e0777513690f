"""Dims that vary: how they are asked for, exported and tried, before anything is compiled."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from infc.compiler.doors.pt2 import read_pt2
from infc.compiler.dynamic import parse_dynamic
from infc.compiler.dynamic.buckets import choose, cover, trial_sizes
from infc.compiler.dynamic.candidates import plan
from infc.compiler.dynamic.request import check_largest
from infc.compiler.frontend.export import Program, axes_of_each, export
from infc.compiler.frontend.source import Source
from infc.errors import InfcError, SourceError, UsageError
from infc.runtime.artifact import Dim

BATCH = Dim(name="batch", low=1, high=9)
SEQ = Dim(name="seq", low=2, high=24)


class Mean(torch.nn.Module):
    """Over what the mask keeps, where it is used: then zeros behind the inputs change nothing."""

    def __init__(self, masked: bool) -> None:
        super().__init__()
        self.masked = masked
        self.linear = torch.nn.Linear(4, 6)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> dict[str, torch.Tensor]:
        batch, seq, width = x.shape
        y = self.linear(x.reshape(batch * seq, width)).view(batch, seq, 2, 3)
        keep = mask.float()[:, :, None, None] if self.masked else torch.ones(1)
        return {"mean": (y * keep).sum(1).flatten(1) / keep.sum(1).flatten(1).clamp(min=1) if self.masked
                else y.mean(1).flatten(1), "tokens": y}  # fmt: skip


def mean(*, masked: bool) -> Source:
    torch.manual_seed(0)
    return Source("mean", Mean(masked).eval(), (torch.randn(2, 5, 4), torch.ones(2, 5, dtype=torch.int64)))


AXES = parse_dynamic(["x:0=batch[1..9],1=seq[2..24]", "mask:0=batch,1=seq"]).axes


@pytest.mark.parametrize(
    ("texts", "buckets", "message"),
    [
        (["ids"], [], "'ids' names no input"),
        ([":0=b[1..2]"], [], "names no input"),
        (["ids:0=b[1..2],mask:0=b"], [], "is about several inputs"),
        (["ids:x=b[1..2]"], [], "'x=b[1..2]' is no AXIS=NAME[LOW..HIGH]"),
        (["ids:0=b[1..2"], [], "is no AXIS=NAME[LOW..HIGH]"),
        (["ids:0=b[4..2]"], [], "b is from 4 to 2"),
        (["ids:0=b[0..2]"], [], "b is from 0 to 2"),
        (["ids:0=b[1..99999999999999999999999]"], [], "b is from 1 to 9999"),
        (["ids:0=b[1..2],0=c[1..2]"], [], "axis 0 of input 'ids' is given twice"),
        (["ids:0=b[1..2]", "mask:0=b[1..3]"], [], "dim 'b' is from 1 to 3 here and from 1 to 2 elsewhere"),
        (["ids:0=b"], [], "nothing says the range of 'b'"),
        (["ids:0=b[]"], [], "is no AXIS=NAME[LOW..HIGH]"),
        ([], ["batch"], "'batch' is no NAME=SIZES"),
        ([], ["b=1", "b=2"], "names 'b' twice"),
    ],
)
def test_what_cannot_be_parsed(texts: list[str], buckets: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_dynamic(texts, buckets)
    assert message in caught.value.message


@pytest.mark.parametrize("texts", [["x:0=b[1..9]", "mask:0=b"], ["mask:0=b", "x:0=b[1..9]"]])
def test_a_range_is_said_once(texts: list[str]) -> None:
    both = {"x": {0: Dim(name="b", low=1, high=9)}, "mask": {0: Dim(name="b", low=1, high=9)}}
    assert parse_dynamic(texts).axes == both


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ("ids:0=b[1..9]", "--dynamic ids: there is no such input"),
        ("x:3=b[1..9]", "the input has 3 dims, 0 to 2"),
        ("x:0=b[3..9]", "the example input has 2 there"),
        ("x:2=width[1..9]", "the model does not export"),  # the weight's rows are fixed
        ("x:0=batch[1..9]", "the model does not export"),  # the mask's batch is fixed
    ],
)
def test_what_does_not_fit_the_model(texts: str, message: str) -> None:
    with pytest.raises(InfcError) as caught:
        export(mean(masked=True), parse_dynamic([texts]).axes)
    assert message in caught.value.message
    assert caught.value.hint or "dims" in message


def test_each_method_has_the_dims_of_its_own_inputs() -> None:
    first, second = mean(masked=True), Source("linear", torch.nn.Linear(4, 2), (torch.randn(2, 4),), method="second")
    asked = parse_dynamic(["x:0=b[1..9]", "input:0=b"]).axes
    assert [list(each) for each in axes_of_each([first, second], asked)] == [["x"], ["input"]]
    with pytest.raises(UsageError, match="--dynamic ids: there is no such input") as caught:
        axes_of_each([first, second], parse_dynamic(["ids:0=b[1..9]"]).axes)
    assert caught.value.hint == "inputs of main: x, mask; second: input"


def test_a_call_that_no_memory_holds_is_refused() -> None:
    asked = parse_dynamic(["x:0=batch[1..2000000000],1=seq[2..24]", "mask:0=batch,1=seq"]).axes
    with pytest.raises(UsageError, match=r"the largest call, batch=2000000000, seq=24, takes \S+ GB") as caught:
        export(mean(masked=True), asked)
    assert "narrower" in caught.value.hint


def test_an_output_that_no_memory_holds_is_refused() -> None:
    square = Source("square", Square(), (torch.randn(2, 1),))
    program = export(square, parse_dynamic(["x:0=n[1..1000000]"]).axes)
    with pytest.raises(UsageError, match=r"the largest call, n=1000000, takes \S+ GB"):
        check_largest(program.method)


class Square(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ x.T


def test_the_interface_names_its_dims() -> None:
    method = export(mean(masked=True), AXES).method
    assert [spec.shape for spec in method.inputs] == [("batch", "seq", 4), ("batch", "seq")]
    assert [spec.shape for spec in method.outputs] == [("batch", 6), ("batch", "seq", 2, 3)]
    assert method.dims == (BATCH, SEQ)


def test_views_are_flattened_and_unflattened() -> None:
    program = export(mean(masked=True), AXES)
    exported: Any = program.exported
    targets = {str(node.target) for node in exported.graph.nodes}
    assert {"aten.flatten.using_ints", "aten.unflatten.int"} <= targets
    assert "aten.view.default" not in targets
    x, mask = torch.randn(3, 7, 4), torch.ones(3, 7, dtype=torch.int64)
    expected, found = program.source.module(x, mask), exported.module()(x, mask)
    torch.testing.assert_close(found["tokens"], expected["tokens"])


def test_a_saved_program_keeps_its_dims(tmp_path: Path) -> None:
    rows = torch.export.Dim("rows", max=7)
    saved = torch.export.export(torch.nn.Linear(4, 2), (torch.zeros(3, 4),), dynamic_shapes=({0: rows},))
    torch.export.save(saved, tmp_path / "m.pt2")
    source = read_pt2(tmp_path / "m.pt2")
    method = export(source).method
    assert [(dim.low, dim.high) for dim in method.dims] == [(1, 7)]
    assert method.inputs[0].shape[0] == method.outputs[0].shape[0] == method.dims[0].name
    with pytest.raises(UsageError, match="a graph already"):
        export(source, AXES)


def test_a_saved_dim_without_an_end(tmp_path: Path) -> None:
    rows = torch.export.Dim("rows")
    saved = torch.export.export(torch.nn.Linear(4, 2), (torch.zeros(3, 4),), dynamic_shapes=({0: rows},))
    torch.export.save(saved, tmp_path / "m.pt2")
    with pytest.raises(SourceError, match="has no upper bound"):
        export(read_pt2(tmp_path / "m.pt2"))


def test_zeros_that_a_mask_hides_do_no_harm() -> None:
    assert not plan(export(mean(masked=True), AXES), {}, 0).padding.harm


class Attended(torch.nn.Module):
    """What an encoder's attention does with a mask, causally where it is asked to."""

    def __init__(self, causal: bool) -> None:
        super().__init__()
        self.causal = causal

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        keep = mask[:, None, :].bool().expand(-1, x.shape[1], -1)
        keep = keep.tril() if self.causal else keep
        scores = (x @ x.transpose(1, 2)).masked_fill(~keep, torch.finfo(torch.float32).min)
        return scores.softmax(-1) @ x


def attended(*, causal: bool) -> Source:
    return Source("attended", Attended(causal), (torch.randn(2, 5, 4), torch.ones(2, 5, dtype=torch.int64)))


def test_zeros_do_no_harm_where_a_mask_shows_something() -> None:
    found = plan(export(attended(causal=False), AXES), {}, 0).padding
    assert (found.harm, found.visible) == ("", ("mask",))
    assert not plan(export(mean(masked=True), AXES), {}, 0).padding.visible


def test_a_row_that_causality_hides_the_rest_of_is_no_exception() -> None:
    """A mask that shows a later place only hides all that the first query sees: no call can be told by its rows."""
    assert "changes the numbers" in plan(export(attended(causal=True), AXES), {}, 0).padding.harm


def test_zeros_that_are_averaged_do() -> None:
    found = plan(export(mean(masked=False), AXES), {}, 0).padding.harm
    assert "changes the numbers" in found
    assert "output 'mean'" in found


@pytest.mark.parametrize(("asked", "message"), [({"rows": (1,)}, "no such dynamic dim"), ({"seq": (1,)}, "2 to 24")])
def test_buckets_that_the_model_has_not(asked: dict[str, tuple[int, ...]], message: str) -> None:
    program: Callable[[], Program] = lambda: export(mean(masked=True), AXES)  # noqa: E731
    with pytest.raises(UsageError, match=message):
        plan(program(), asked, 0)


def test_buckets_are_few_and_cover_everything() -> None:
    for dims in ([BATCH], [BATCH, SEQ], [Dim(name="n", low=1, high=4096)]):
        buckets = choose(dims, {})
        assert len(buckets) <= 4
        assert cover(dims, buckets)
    assert not cover([BATCH], choose([BATCH], {"batch": (2, 4)}))


def test_sizes_that_are_tried() -> None:
    buckets = choose([BATCH, SEQ], {})
    found = trial_sizes([BATCH, SEQ], buckets, 0)
    assert found == trial_sizes([BATCH, SEQ], buckets, 0)
    assert {"batch": 1, "seq": 2} in found
    assert {"batch": 9, "seq": 24} in found
    assert all(bucket in found for bucket in buckets)
    assert all(1 <= sizes["batch"] <= 9 and 2 <= sizes["seq"] <= 24 for sizes in found)
