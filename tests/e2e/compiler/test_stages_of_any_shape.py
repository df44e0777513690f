"""One model of two methods and a batch that varies, cut by names; what crosses are tensors of every kind."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from infc.compiler.cutting_options import Cutting
from infc.compiler.doors.request import Request
from infc.compiler.driver import CompileOptions, compile_model
from infc.compiler.dynamic import Dynamic, parse_dynamic
from infc.compiler.toolchain import iree
from infc.errors import CompileError, UsageError
from infc.runtime.artifact import Artifact
from infc.runtime.pipeline import Pipeline
from infc.runtime.session import Session

from support.pool import serving


class First(nn.Module):
    """A tensor of floats, one number, booleans, integers, and doubles, which IREE computes as floats."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 8)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        h = self.linear(x)
        return h, h.sum(), h > 0, h.argmax(-1), h.double() / 3


class Odd(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = First()
        self.second = nn.Linear(8, 8)
        self.third = nn.Linear(8, 8)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        h, total, above, place, third = self.first(x)
        g = self.second(h)
        y = self.third(g + h) * total + above.to(torch.float32) + place[:, None] + (third * third).float()
        return y, h, x, self.third.bias  # the last, what an early stage gives, an input, a weight

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        return self.first(x)[0]


class Apart(nn.Module):
    """Two methods with weights of their own, of 1088 bytes a layer."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.left = nn.Sequential(nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 16))
        self.right = nn.Sequential(nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 16))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.left(x)

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        return self.right(x)


def apart() -> tuple[nn.Module, Any]:
    x = torch.randn(1, 16)
    return Apart().eval(), {"forward": (x,), "encode": (x,)}


def odd() -> tuple[nn.Module, Any]:
    x = torch.randn(2, 8)
    return Odd().eval(), {"forward": (x,), "encode": (x,)}


OPTIONS = CompileOptions(
    name="odd",
    cutting=Cutting(split="first:a;second:b;*:c"),
    request=Request(methods=("forward", "encode")),
    dynamic=parse_dynamic(["x:0=batch[1..5]"]),
    trials=3,
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("odd")
    options = replace(OPTIONS, cache=folder / "cache", temps=folder / "temps")
    return compile_model(f"{__file__}:odd", folder / "odd.infc", options).path


def check(outputs: dict[str, np.ndarray], x: np.ndarray) -> None:
    with torch.no_grad():
        expected = [each.numpy() for each in Odd()(torch.from_numpy(x))]
    assert len(outputs) == len(expected)
    for given, wanted in zip(outputs.values(), expected, strict=True):
        np.testing.assert_allclose(given, wanted, rtol=1e-5, atol=1e-5 * np.abs(wanted).max())


def test_values_of_every_kind_cross_at_every_size(path: Path) -> None:
    with Artifact.open(path) as artifact, Session.attach(artifact) as session:
        forward = next(each for each in artifact.config.wiring if each.method == "forward")
        kinds = {(edge.dtype, len(edge.shape)) for edge in forward.steps[0].outputs}
        assert kinds >= {("f32", 2), ("f32", 0), ("bool", 2), ("i64", 1)}
        assert len([edge for edge in forward.steps[0].outputs if len(edge.shape) == 2]) == 3  # h, above, third
        assert "f64" not in {edge.dtype for step in forward.steps for edge in step.outputs}
        readers = [step.stage for step in forward.steps for ref in step.inputs if ref == forward.outputs[1]]
        assert readers == ["stage1", "stage2"]  # h, which is an output too
        with Pipeline(session) as pipeline:
            for batch in (1, 2, 5):
                x = np.random.default_rng(batch).standard_normal((batch, 8), dtype=np.float32)
                check(pipeline.submit({"x": x}, "forward").result(), x)


def test_contract_2_is_checked_with_dims_that_vary(path: Path) -> None:
    """What was checked is there, with the dims in its interface."""
    texts = [each.read_text(encoding="utf-8") for each in sorted((path.parent / "temps").glob("scheduled*.mlir"))]
    assert len(texts) == 2
    assert all('dims = ["batch[1..5]"]' in text and '"mem.require"' in text for text in texts)


def test_what_both_methods_compute_is_one_stage(path: Path) -> None:
    with Artifact.open(path) as artifact:
        build = artifact.build()
        assert [stage.placement for stage in artifact.config.stages] == ["a", "b", "c"]
        assert [[module.method for module in stage.modules] for stage in build.stages] == [
            ["forward", "encode"], ["forward"], ["forward"],
        ]  # fmt: skip
        keys = [weight.key.partition("@")[0] for weight in build.stages[0].slab.weights]
        assert len(keys) == len(set(keys)) == 2
        assert build.verify is not None
        assert {check.output.partition(":")[0] for check in build.verify.outputs} == {"forward", "encode"}


def test_a_pool_serves_it(path: Path) -> None:
    with serving(path) as pool:
        for batch in (1, 4):
            x = np.random.default_rng(batch).standard_normal((batch, 8), dtype=np.float32)
            check(pool.infer("odd", x=x), x)
            with torch.no_grad():
                h = Odd().encode(torch.from_numpy(x)).numpy()
            (given,) = pool.infer("odd:encode", x=x).values()
            np.testing.assert_allclose(given, h, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("changed", "error", "said"),
    [
        ({"cutting": Cutting(split="frist:a;*:b")}, CompileError, "there is no module 'frist'"),
        ({"cutting": Cutting(split="first:client;*:b")}, CompileError, "nothing to cut"),  # of `encode`
        ({"dynamic": parse_dynamic(["x:0=batch[1..5]"], ["batch=4"])}, UsageError, "--bucket is for models that"),
        ({"cutting": Cutting(memory="300B")}, CompileError, "has 300 bytes and lacks "),  # one weight has 256
    ],
)  # fmt: skip
def test_what_cannot_be_cut_is_said(
    path: Path, changed: dict[str, Any], error: type[Exception], said: str, tmp_path: Path
) -> None:
    options = replace(OPTIONS, cache=path.parent / "cache", **changed)
    with pytest.raises(error) as caught:
        compile_model(f"{__file__}:odd", tmp_path / "out.infc", options)
    assert said in str(caught.value)
    assert "frist" not in said or "did you mean first" in caught.value.hint  # type: ignore[attr-defined]


def test_methods_that_fit_alone_have_to_fit_together(path: Path, tmp_path: Path) -> None:
    cutting = Cutting(stages=2, memory="1600B")
    options = replace(OPTIONS, cache=path.parent / "cache", cutting=cutting, dynamic=Dynamic())
    with pytest.raises(CompileError) as caught:
        compile_model(f"{__file__}:apart", tmp_path / "out.infc", options)
    said = "stage 'stage0' does not fit: device0 has 1600 bytes and lacks 576 for the weights of 2 methods"
    assert said in str(caught.value)


def test_what_iree_refuses_is_told_with_the_stage(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = iree.compile_text

    def fails(text: str, *arguments: Any, **named: Any) -> iree.Module:
        if "second.weight" in text:
            raise CompileError(
                "iree-compile failed", hint="smaller", stage="iree-compile", command=("iree-compile", "x")
            )
        return real(text, *arguments, **named)

    monkeypatch.setattr(iree, "compile_text", fails)
    with pytest.raises(CompileError, match=r"stage 'stage1' \(placement 'b', for cpu\): iree-compile failed") as caught:
        options = replace(OPTIONS, cache=path.parent / "cache", name="other")
        compile_model(f"{__file__}:odd", tmp_path / "out.infc", options)
    assert caught.value.hint == "smaller"
    assert caught.value.command == ("iree-compile", "x")
