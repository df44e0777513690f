"""What `--input` and `--method` make of a factory's example call."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from infc.compiler.doors import Request, parse_inputs, read_source, read_sources
from infc.compiler.doors.methods import parse_methods
from infc.compiler.frontend.export import export
from infc.errors import InfcError, SourceError, UsageError
from infc.runtime.artifact import Method

from support import models


def methods(factory: str, inputs: Sequence[str] = (), names: Sequence[str] = ()) -> list[Method]:
    request = Request(inputs=parse_inputs(inputs), methods=tuple(names))
    return [export(each).method for each in read_sources(f"{models.__file__}:{factory}", request)]


def shapes(method: Method) -> dict[str, str]:
    return {spec.name: f"{spec.dtype}{list(spec.shape)}" for spec in method.inputs}


@pytest.mark.parametrize(
    ("factory", "inputs", "found"),
    [
        ("mlp", ["input=5x10xf32"], {"input": "f32[5, 10]"}),
        ("tagger", ["ids=2x9xi64", "mask=2x9xbool"], {"ids": "i64[2, 9]", "mask": "bool[2, 9]"}),
        ("unscaled", ["scale=4xf32"], {"x": "f32[4]", "scale": "f32[4]", "shift": "f32[4]"}),
        ("unscaled", ["x=2x4xf64"], {"x": "f64[2, 4]", "shift": "f32[4]"}),
        (
            "stepper",
            ["batch_x=1x4xf32", "cache_0_k=1x4xf32", "cache_0_v=1x4xf32"],
            {"batch_x": "f32[1, 4]", "cache_0_k": "f32[1, 4]", "cache_0_v": "f32[1, 4]"},
        ),
    ],
)
def test_a_shape_replaces_or_adds_an_example_input(factory: str, inputs: list[str], found: dict[str, str]) -> None:
    (method,) = methods(factory, inputs)
    assert shapes(method) == found


def test_new_examples_stay_within_the_range_of_the_old() -> None:
    source = read_source(f"{models.__file__}:tagger", Request(inputs=parse_inputs(["ids=40x50xi32"])))
    ids, _ = source.kwargs.values()
    assert ids.dtype == torch.int32 and int(ids.min()) >= 0 and int(ids.max()) < 50
    assert ids.unique().numel() > 5


def test_methods_share_their_weights_and_keep_their_signatures() -> None:
    sources = read_sources(f"{models.__file__}:coder", Request(methods=("encode", "decode")))
    encode, decode = (export(each) for each in sources)
    assert (encode.method.name, decode.method.name) == ("encode", "decode")
    assert (shapes(encode.method), shapes(decode.method)) == ({"ids": "i64[1, 7]"}, {"hidden": "f32[1, 7, 64]"})
    assert [each.name for each in decode.method.takes] == ["hidden", "bias"]
    places = [
        {name: tensor.data_ptr() for name, tensor in each.exported.state_dict.items()}  # type: ignore[union-attr]
        for each in (encode, decode)
    ]
    assert places[0] == places[1] and set(places[0]) == {"embed.weight", "mix.weight", "mix.bias"}
    original, _ = models.coder()
    ids = torch.arange(7).reshape(1, 7)
    torch.testing.assert_close(sources[0].module(ids), original.encode(ids))  # type: ignore[operator]


@pytest.mark.parametrize(
    ("factory", "inputs", "names", "error", "said", "hint"),
    [
        ("tagger", ["idz=2x9xi64"], [], SourceError, "takes no input 'idz'", "ids, mask"),
        ("coder", ["mask=1xi64"], ["encode", "decode"], SourceError, "takes no input 'mask'", "ids, hidden, bias"),
        ("coder", [], ["encode", "sing"], SourceError, "no example inputs for --method sing", "encode, decode"),
        ("tagger", [], ["ids"], SourceError, "Tagger has no method 'ids'", "forward"),
        ("mlp", [], ["forward"], SourceError, "returned tuple as inputs, expected a dict", "'forward': "),
        ("mlp", [], ["a b"], UsageError, "'a b' is no name of a method", ""),
        ("mlp", [], ["__call__"], UsageError, "'__call__' is no name of a method", ""),
        ("mlp", [], ["a", "a"], UsageError, "'a' is given twice", ""),
        ("mlp", ["=1xi64"], [], UsageError, "is no NAME=SHAPE", ""),
    ],
)
def test_a_call_that_the_model_does_not_have_is_refused(
    factory: str, inputs: list[str], names: list[str], error: type[InfcError], said: str, hint: str
) -> None:
    with pytest.raises(error) as refused:
        methods(factory, inputs, names)
    assert said in refused.value.message
    assert hint in refused.value.hint


def test_other_sources_have_no_methods(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="takes no --method"):
        read_sources(str(tmp_path), Request(methods=("encode",)))


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["encode="], "--method encode= names no file"),
        (["=x.pt2"], "'' is no name of a method"),
        (["encode=x.pt2"], "x.pt2 is one method, none would be called so"),
        (["a", "b", "c=y.pt2"], "x.pt2 is one method, a, b would be called so"),
        (["a", "b=y.py:make"], "--method b: 'y.py:make' is no .pt2 or .onnx"),
        (["a", "a=y.pt2"], "'a' is given twice"),
    ],
)
def test_files_as_methods_are_named_one_by_one(texts: list[str], said: str) -> None:
    with pytest.raises(UsageError) as refused:
        names, files = parse_methods(texts)
        read_sources("x.pt2", Request(methods=names, files=files))
    assert said in refused.value.message
    assert refused.value.hint
