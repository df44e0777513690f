"""Passes in the driver's place for layouts, through the whole compiler: what results is compared with PyTorch."""

from dataclasses import replace
from pathlib import Path

import pytest

from infc.compiler import CompileOptions, CompileResult, compile_model, targets

from support import models


def compile_with(passes: str, factory: str, out: Path, monkeypatch: pytest.MonkeyPatch) -> CompileResult:
    """Compile a factory of `support.models` with `passes` in the place where weights get their layout."""
    target = replace(targets.TARGETS["cpu"], packing=passes)
    monkeypatch.setitem(targets.TARGETS, "cpu", target)
    return compile_model(f"{models.__file__}:{factory}", out, CompileOptions())


@pytest.mark.parametrize("cut", ["memory=9KiB", "split=conv:gpu0;*:cpu0"], ids=["memory", "split"])
def test_a_partitioned_model_computes_what_the_whole_does(
    cut: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes = f"infer-pack-weights,infer-partition{{{cut}}},infer-outline-stages,infer-lower-transfers"
    result = compile_with(passes, "tagger", tmp_path / "out.infc", monkeypatch)
    (report,) = [each.verify for each in result.config.targets]
    assert report is not None


def test_folded_batch_norms_and_reshapes_compute_what_the_model_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = compile_with("infer-fold-weight-transforms", "normed", tmp_path / "out.infc", monkeypatch)
    (build,) = result.config.targets
    assert build.verify is not None
    (stage,) = build.stages
    keys = {weight.key for weight in stage.slab.weights}
    assert "0.weight|bn_scale[0,1e-05,1.weight,1.running_var]" in keys  # equal gammas are one weight
    assert "5.weight|bn_scale[0,1e-05,6.weight,6.running_var]|reshape[4,2,4,3,3]" in keys
    assert "6.bias|bn_shift[1e-05,6.weight,6.running_mean,6.running_var,5.bias]|reshape[4,2]" in keys
    assert "7.weight|bn_scale[0,1e-05,6.weight,8.running_var]|reshape[8,3,3]" in keys  # depthwise
    assert not [key for key in keys if key.endswith(("running_mean", "running_var"))]
