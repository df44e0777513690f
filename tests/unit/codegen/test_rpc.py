"""The `rpc` module: made from an interface, read back, and what is refused before or after MLIR reads it."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from infc.codegen.artifact import service_of
from infc.codegen.rpc_reader import read_service
from infc.codegen.service import Fields, Service, ServiceMethod, numbered
from infc.compiler.rpc_module import add_service, rpc_module
from infc.errors import ArtifactError, SourceError
from infc.runtime.artifact import RPC_MEDIA_TYPE, Artifact, ArtifactWriter, Interface, interface_digest
from infc.runtime.artifact import signature as sig

from support.configs import DECODE, MODELS, NESTED, service, write_config_artifact

PLAIN = rpc_module(service("tensor")).decode()


@pytest.mark.parametrize("case", MODELS)
def test_what_is_written_is_read(case: str) -> None:
    assert read_service(rpc_module(service(case)), "m.infc") == service(case)


def test_docstrings_buckets_numbers_and_reserved_fields_are_read() -> None:
    method = MODELS["dynamic"].interface.methods[0]
    fields = Fields((3, 18999), ((1, "gone"), (536870911, "ids_2")))
    rich = Service(
        'a "name"\n模型',
        (ServiceMethod(method, fields, Fields((2, 1)), 'Says "so".\n\\', ({"batch": 8, "seq": 128}, {"batch": 1})),),
    )
    assert read_service(rpc_module(rich), "m.infc") == rich


@given(st.text(min_size=1), st.text(min_size=1), st.text())
@settings(max_examples=30, deadline=None)
def test_any_text_is_a_name(model: str, name: str, doc: str) -> None:
    method = replace(
        DECODE,
        inputs=(replace(DECODE.inputs[0], name=name),),
        takes=(sig.Parameter(name, "either", True, sig.Tensor(name)),),
    )
    one = numbered(model, Interface(methods=(method,))).methods[0]
    described = Service(model, (ServiceMethod(one.method, one.inputs, one.outputs, doc),))
    assert read_service(rpc_module(described), "m.infc") == described


def test_a_constant_that_fits_nowhere_is_refused() -> None:
    huge = replace(NESTED, returns=sig.Tuple((*NESTED.returns.items, sig.Fixed(1 << 63))))  # type: ignore[union-attr]
    with pytest.raises(SourceError, match=str(1 << 63)):
        rpc_module(numbered("m", Interface(methods=(huge,))))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds nothing, expected one rpc.service"),
        ("module {", "does not parse"),
        ("module { func.func @f() { return } }", "it holds func.func, expected one"),
        ('module { "func.func"() ({}) : () -> () }', "does not parse"),
        (PLAIN * 2, "it holds builtin.module, builtin.module, expected"),
        (PLAIN.replace("rpc.method", "rpc.call"), "does not parse"),
        (PLAIN.replace("tensor<2x8xf32>", "tensor<2x8xi7>"), "'x' is a tensor<2x8xi7>"),
        (PLAIN.replace("tensor<2x8xf32>", "tensor<?x8xf32>"), "needs dims for its 1 dynamic dimensions"),
        (PLAIN.replace("tensor<2x8xf32>", "tensor<*xf32>"), "has '*xf32>"),
        (PLAIN.replace("number = 1", "number = 19000"), "has the number 19000"),
        (PLAIN.replace("number = 1", 'number = "1"'), "number must be an integer"),
        (PLAIN.replace('["tensor", "x"]', '["tensor", "y"]'), "the tensor 'y', which does not exist"),
        (PLAIN.replace('["tensor", "x"]', '["pickle", "x"]'), "Invalid value 'pickle'"),
        (PLAIN.replace('["tensor", "x"]', '["tensor"]'), "Expected `array` of at least length 2"),
        (PLAIN.replace('"either"', '"\\FF"'), "is no UTF-8 text"),
        (PLAIN.replace("true", "unit"), "takes must be a list"),
        (PLAIN.replace('["tensor", "x"]', "[" * 300 + "]" * 300), "more than 200 brackets deep"),
        (PLAIN.replace('["tensor", "x"]', "affine_map<() -> (" + "-" * 9 + "1)>"), "which no interface needs"),
        (f"!a = i1\n{PLAIN}", "has '!a = i1"),
        (f"#a = [1]\n{PLAIN}", "has '#a = [1]"),
    ],
)  # fmt: skip
def test_what_is_no_interface_is_refused(text: str, said: str) -> None:
    with pytest.raises(ArtifactError) as refused:
        read_service(text.encode(), "m.infc")
    assert "m.infc: " in refused.value.message
    assert said in refused.value.message
    assert refused.value.hint


@pytest.mark.parametrize("open_bracket", ["[", "{a = ", "(", "tuple<", "() -> ("])
def test_depth_does_not_end_the_process(open_bracket: str) -> None:
    text = PLAIN.replace('["tensor", "x"]', open_bracket * 100_000)
    with pytest.raises(ArtifactError, match="brackets deep"):
        read_service(text.encode(), "m.infc")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_module_is_an_error_or_another_interface(data: st.DataObject) -> None:
    written = bytearray(rpc_module(service("methods")))
    for _ in range(data.draw(st.integers(1, 3))):
        written[data.draw(st.integers(0, len(written) - 1))] = data.draw(st.integers(0, 255))
    try:
        read_service(bytes(written), "m.infc")
    except ArtifactError as error:
        assert error.hint


def test_an_artifact_has_one_that_fits_its_config(tmp_path: Path) -> None:
    write_config_artifact(str(tmp_path / "m.infc"), MODELS["methods"])
    with Artifact.open(tmp_path / "m.infc") as artifact:
        assert interface_digest(service_of(artifact).interface) == interface_digest(artifact.config.interface)


@pytest.mark.parametrize(
    ("cases", "said"),
    [
        ((), "has 0 blobs of 'application/vnd.infc.rpc.v1.mlir', expected one"),
        (("tensor", "mapping"), "has 2 blobs"),
        (("mapping",), "describes 'all-minilm-l6.v2' with the interface sha256:"),
    ],
)
def test_an_artifact_without_its_own_is_refused(tmp_path: Path, cases: tuple[str, ...], said: str) -> None:
    with ArtifactWriter(tmp_path / "m.infc") as writer:
        for case in cases:
            add_service(writer, service(case))
        writer.finish(MODELS["tensor"])
    with Artifact.open(tmp_path / "m.infc") as artifact, pytest.raises(ArtifactError) as refused:
        service_of(artifact)
    assert said in refused.value.message


def test_a_module_that_was_changed_in_the_file_is_refused(tmp_path: Path) -> None:
    write_config_artifact(str(tmp_path / "m.infc"), MODELS["tensor"])
    data = (tmp_path / "m.infc").read_bytes()
    (tmp_path / "m.infc").write_bytes(data.replace(b"tensor<2x8xf32>", b"tensor<2x9xf32>"))
    with Artifact.open(tmp_path / "m.infc") as artifact, pytest.raises(ArtifactError, match="was changed"):
        artifact.only(RPC_MEDIA_TYPE, "the rpc module")
