"""Passes as values, and pipelines as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch_mlir import ir

from infc.errors import CompileError
from infc.passes import named, pipeline, registry
from infc.passes.weights.pack_weights import PackWeights


@given(m0=st.integers(1, 64), n0=st.integers(1, 64), k0=st.integers(1, 8))
def test_a_pass_prints_as_text_that_parses_back_to_it(m0: int, n0: int, k0: int) -> None:
    one = PackWeights(m0=m0, n0=n0, k0=k0)
    name, _, options = str(one).partition("{")
    assert name == PackWeights.name
    assert PackWeights.parse_options(options.removesuffix("}")) == one


@pytest.mark.parametrize("name", registry.names())
def test_every_pass_is_registered_under_its_own_name_and_shows_the_ir(name: str) -> None:
    one = registry.lookup(name)
    assert one.name == name
    assert "```mlir" in (one.__doc__ or "")
    assert "efore" in (one.__doc__ or "")


def test_a_name_that_is_nearly_right_is_suggested() -> None:
    with pytest.raises(CompileError) as caught:
        registry.lookup("infer-pack-weight")
    assert "infer-pack-weights" in caught.value.hint


def test_a_pass_that_fails_says_which_and_why() -> None:
    constant = "%0 = arith.constant dense_resource<w> : tensor<4xf32>"
    text = f"func.func @f() -> tensor<4xf32> {{ {constant} return %0 : tensor<4xf32> }}"
    module = ir.Module.parse(text, ir.Context())
    with pytest.raises(CompileError, match="infer-raise-weights: resource 'w' has no entry") as caught:
        pipeline.run(module.operation, "canonicalize,infer-raise-weights")
    assert caught.value.stage == "infer-raise-weights"
    assert "\n" not in caught.value.message


def test_the_default_pipeline_parses() -> None:
    pipeline.parse(named.whole("default"), ir.Context())
