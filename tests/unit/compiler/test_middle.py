"""What the options about passes and storage mean, and what they refuse."""

import pytest

from infc.compiler.middle import parse_middle, storage_passes
from infc.errors import UsageError
from infc.passes import named, pipeline


@pytest.mark.parametrize(
    ("pipeline", "quantize", "cast", "passes", "tolerance"),
    [
        ("default", None, None, "", None),
        ("default", "8", None, "infer-quantize-weights", 0.1),
        ("default", "4", None, "infer-quantize-weights{bits=4 group=64}", 0.25),
        ("default", "8, group=32,asymmetric", None, "infer-quantize-weights{group=32 scheme=asym}", 0.1),
        ("default", "4,group=0", "f16", "infer-quantize-weights{bits=4},infer-cast-weights", 0.25),
        ("size", None, None, "infer-quantize-weights,infer-cast-weights{dtype=bf16}", 0.1),
        ("size", "4,group=32", "f16", "infer-quantize-weights{bits=4 group=32},infer-cast-weights", 0.25),
        ("latency", None, "bf16", "infer-fold-weight-transforms,infer-cast-weights{dtype=bf16}", 0.05),
        ("latency", None, None, "canonicalize,cse,infer-join-products,infer-fold-weight-transforms", None),
    ],
)
def test_options_become_passes_and_a_bound(
    pipeline: str, quantize: str | None, cast: str | None, passes: str, tolerance: float | None
) -> None:
    middle = parse_middle(pipeline, quantize, cast, None)
    assert storage_passes(middle) == passes
    assert middle.tolerance == tolerance


def test_further_passes_stand_behind_the_name_of_a_pipeline_and_may_cost_an_error() -> None:
    middle = parse_middle("latency, infer-cast-weights{dtype=bf16 at-least=8},cse", tolerance=0.1)
    assert (middle.pipeline, middle.passes) == ("latency", ("infer-cast-weights{dtype=bf16 at-least=8}", "cse"))
    assert (middle.tolerance, middle.plugins) == (0.1, ())
    with_them = named.whole("latency", middle.passes)
    assert pipeline.elements("latency,infer-cast-weights{dtype=bf16 at-least=8},cse") == pipeline.elements(with_them)
    assert with_them.index("at-least") < with_them.index("infer-guard-gathers")


@pytest.mark.parametrize(
    ("pipeline", "quantize", "tolerance", "message"),
    [
        ("latancy", None, None, "there is no pipeline 'latancy'"),
        ("default", "3", None, "'3' is no quantization, expected 8 or 4"),
        ("default", "", None, "'' is no quantization"),
        ("default", "4,group=x", None, "'4,group=x' is no quantization"),
        ("default", "4,group=2", None, "groups of 2 are too small, expected 8 or more"),
        ("default", "8,group=16,group=32", None, "is no quantization"),
        ("default", "8,asymmetric,asymmetric", None, "is no quantization"),
        ("default", None, 0.1, "the weights are stored as they are"),
        ("default,cse{", None, None, "'default,cse{' cannot be read: a parenthesis or brace is not closed"),
        ("default,,cse", None, None, "has nothing between two commas"),
        ("infer-cast-weights", None, None, "there is no pipeline 'infer-cast-weights'"),
        ("default,infer-partition{stages=2}", None, None, "infer-partition is not for adding"),
        ("default,infer-own-results", None, None, "infer-own-results is not for adding"),
    ],
)
def test_what_makes_no_sense_is_refused_by_value(
    pipeline: str, quantize: str | None, tolerance: float | None, message: str
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        parse_middle(pipeline, quantize, None, tolerance)
    assert caught.value.hint
