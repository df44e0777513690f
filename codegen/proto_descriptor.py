"""The descriptor of a model's typed service: what protoc would make of its `.proto`, without a process for it.

A test compares the two.
"""

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet

from .proto_view import MessageView, ProtoView

SHAPE, DATA = 1, 2  # numbers of the fields of every tensor message


def descriptor_of(view: ProtoView) -> bytes:
    """The serialized `FileDescriptorSet` with the one file; messages and fields are in the interface's order."""
    file = FileDescriptorProto(name=view.file, package=view.package, syntax="proto3")
    service = file.service.add(name=view.service)
    for method in view.methods:
        service.method.add(
            name=method.name,
            input_type=f".{view.package}.{method.request.name}",
            output_type=f".{view.package}.{method.response.name}",
        )
        for message in (method.request, method.response):
            _fill(file.message_type.add(), message, view.package)
    for kind in view.kinds:
        tensor = file.message_type.add(name=kind.name)
        _field(tensor, "shape", SHAPE, FieldDescriptorProto.TYPE_INT64).label = FieldDescriptorProto.LABEL_REPEATED
        _field(tensor, "data", DATA, FieldDescriptorProto.TYPE_BYTES)
    return FileDescriptorSet(file=[file]).SerializeToString(deterministic=True)


def _fill(target: DescriptorProto, message: MessageView, package: str) -> None:
    target.name = message.name
    for field in message.fields:
        made = _field(target, field.name, field.number, FieldDescriptorProto.TYPE_MESSAGE)
        made.type_name = f".{package}.{field.kind}"
    for number, name in message.reserved:
        target.reserved_range.add(start=number, end=number + 1)
        target.reserved_name.append(name)


def _field(
    target: DescriptorProto, name: str, number: int, kind: "FieldDescriptorProto.Type.ValueType"
) -> FieldDescriptorProto:
    first, *others = name.split("_")
    camel = first + "".join(word[:1].upper() + word[1:] for word in others)
    return target.field.add(
        name=name, number=number, type=kind, label=FieldDescriptorProto.LABEL_OPTIONAL, json_name=camel
    )
