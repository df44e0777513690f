"""What a pool believes of the descriptor that an artifact brings along."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infc.errors import ArtifactError
from infc.remote.pool.model import Model
from infc.remote.pool.typed import TypedService
from infc.remote.pool.typed_names import reflected, typed_services
from infc.runtime.artifact import Artifact


@pytest.fixture(scope="module")
def model(embed_artifact: Path) -> Model:
    with Artifact.open(embed_artifact) as artifact:
        return Model.of(artifact)


def edited(model: Model, edit: Callable[[FileDescriptorProto], object]) -> Model:
    files = FileDescriptorSet.FromString(model.descriptor)
    edit(files.file[0])
    return replace(model, descriptor=files.SerializeToString())


def second_service(file: FileDescriptorProto) -> None:
    file.service.add(name="Other")


def swapped(file: FileDescriptorProto) -> None:
    file.message_type[0].field[0].type_name, file.message_type[0].field[1].type_name = (
        file.message_type[0].field[1].type_name,
        file.message_type[0].field[0].type_name,
    )


def texts(file: FileDescriptorProto) -> None:
    for tensor in file.message_type[2:]:
        tensor.field[1].type = FieldDescriptorProto.TYPE_STRING


EDITS: dict[str, tuple[Callable[[FileDescriptorProto], object], str]] = {
    "the protocol's package": (
        lambda file: setattr(file, "package", "inference"),
        "package 'inference', expected infc",
    ),
    "two services": (second_service, "expected one file with one service"),
    "a method more": (lambda file: file.service[0].method.add().CopyFrom(file.service[0].method[0]), "method"),
    "no method": (lambda file: file.service[0].ClearField("method"), "0 methods, expected 1"),
    "a stream": (lambda file: setattr(file.service[0].method[0], "server_streaming", True), "Forward streams"),
    "another dtype": (swapped, "expected ['Int64Tensor', 'BoolTensor']"),
    "a field less": (lambda file: file.message_type[0].field.pop(), "expected ['Int64Tensor', 'BoolTensor']"),
    "a list of tensors": (
        lambda file: setattr(file.message_type[0].field[0], "label", FieldDescriptorProto.LABEL_REPEATED),
        "ids, which is no tensor",
    ),
    "text for bytes": (
        texts,
        "another ",
    ),
    "an import": (lambda file: file.dependency.append("google/protobuf/any.proto"), "that needs no other"),
    "a type that is not there": (lambda file: file.message_type.pop(), "does not fit its interface"),
    "a number twice": (lambda file: setattr(file.message_type[0].field[1], "number", 1), "does not fit its interface"),
}


def test_its_own_is_taken(model: Model) -> None:
    (service,) = typed_services([model])
    assert service.name == "infc.models.embed.Embed"
    assert typed_services([replace(model, descriptor=b"")]) == []


def test_messages_of_two_models_are_not_in_reflection_under_one_name(model: Model) -> None:
    same, shouted = replace(model, name="again"), edited(model, lambda file: setattr(file.service[0], "name", "EMBED"))
    assert list(reflected(typed_services([model, same]))) == ["infc.models.embed.Embed"]
    both = typed_services([model, shouted])
    assert [each.name for each in both] == ["infc.models.embed.Embed", "infc.models.embed.EMBED"]
    assert reflected(both) == {}


@pytest.mark.parametrize("case", EDITS)
def test_what_does_not_fit_is_refused(model: Model, case: str) -> None:
    edit, said = EDITS[case]
    with pytest.raises(ArtifactError) as refused:
        TypedService.of(edited(model, edit))
    assert said in refused.value.message
    assert refused.value.hint


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_descriptor_is_an_error_or_another_service_of_this_kind(model: Model, data: st.DataObject) -> None:
    damaged = bytearray(model.descriptor)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        service = TypedService.of(replace(model, descriptor=bytes(damaged)))
    except ArtifactError as error:
        assert error.hint
    else:
        assert service is not None
        assert service.name.startswith("infc.models.")


def test_one_that_is_too_large_is_not_read(model: Model) -> None:
    with pytest.raises(ArtifactError, match="at most are 4194304"):
        TypedService.of(replace(model, descriptor=bytes((4 << 20) + 1)))
