"""Models as services of their own, each with typed messages, beside the Open Inference Protocol.

The artifact brings the descriptor along; message classes are made of it in a descriptor pool of its own, and no code is
generated. Its messages and fields are in the order of the interface.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from google.protobuf import message_factory, unknown_fields
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError

from infc.errors import ArtifactError, InvalidInput

from ...runtime.artifact import TensorSpec
from ...runtime.artifact.dtypes import numpy_dtype
from ...runtime.inputs import check_inputs
from .answering import Context, digests
from .controller import Pool
from .model import Model
from .tensors import oip_dtype
from .work import Answer

PACKAGE = "infc.models."
_LARGEST = 4 << 20  # bytes; a descriptor of 4096 fields has less than one tenth of it


@dataclass(frozen=True)
class TypedService:
    """One model's service. `file` is for reflection."""

    name: str
    file: FileDescriptorProto
    methods: tuple[tuple[MethodDescriptor, type[Any], type[Any]], ...]
    model: Model

    @staticmethod
    def of(model: Model) -> "TypedService | None":
        """The service that the model's artifact describes; None where it was compiled before there were any.

        Raises:
            ArtifactError: the descriptor is broken, or not that of this model's interface.
        """
        if not model.descriptor:
            return None
        try:
            return _read(model)
        except (DecodeError, TypeError, KeyError, ValueError) as error:
            raise ArtifactError(
                f"{model.path}: its typed service does not fit its interface: {error}",
                hint="compile the model again with this infc",
            ) from error

    def calls(self, pool: Pool) -> "dict[str, Call]":
        """What answers its methods, by their names."""
        return {
            method.name: Call(pool, model, request, response)
            for (method, request, response), model in zip(self.methods, self.model.entries(), strict=True)
        }


@dataclass(frozen=True)
class Call:
    """Answers one method of `model`; its messages are of the classes `request` and `response`."""

    pool: Pool
    model: Model
    request: type[Any]
    response: type[Any]

    async def __call__(self, message: Any, context: Context) -> Any:
        inputs = self._inputs(message)
        outputs = await self.pool.infer(self.model, inputs, context.time_remaining())
        context.set_trailing_metadata(digests(self.model))
        return self._message(outputs)

    def _inputs(self, message: Any) -> list[np.ndarray]:
        _refuse_unknown(message)
        arrays: dict[str, np.ndarray] = {}
        for field, spec in zip(self.request.DESCRIPTOR.fields, self.model.method.inputs, strict=True):
            if message.HasField(field.name):
                arrays[spec.name] = _array(getattr(message, field.name), field.name, spec)
        return check_inputs(self.model.method, arrays)

    def _message(self, outputs: Sequence[Answer]) -> Any:
        response = self.response()
        for field, answer in zip(self.response.DESCRIPTOR.fields, outputs, strict=True):
            tensor = getattr(response, field.name)
            tensor.shape.extend(answer.tensor.shape)
            tensor.data = bytes(answer.data)
            tensor.SetInParent()  # also where it has neither sizes nor elements
        return response


def _array(tensor: Any, field: str, spec: TensorSpec) -> np.ndarray:
    """A view on the message's bytes."""
    _refuse_unknown(tensor)
    dtype, shape = numpy_dtype(spec.dtype), tuple(tensor.shape)
    expected = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or len(shape) > 32 or len(tensor.data) != expected:
        sizes = list(shape[:8]) if len(shape) <= 8 else f"{list(shape[:8])}…"
        raise InvalidInput(
            f"field {field!r} has {len(tensor.data)} bytes of data for the shape {sizes} of {spec.dtype}",
            hint="data holds the elements in row-major order, little-endian, without gaps; shape their sizes, of which "
            "a single number has none",
        )
    return np.frombuffer(tensor.data, dtype).reshape(shape)


def _refuse_unknown(message: Any) -> None:
    """What a message says in fields that are not known was meant for another version of the model."""
    unknown = unknown_fields.UnknownFieldSet(message)
    if len(unknown):
        raise InvalidInput(
            f"{message.DESCRIPTOR.full_name} has no field {unknown[0].field_number}",
            hint="generate the client again from what is served; gRPC reflection gives its messages",
        )


def _read(model: Model) -> TypedService:
    if len(model.descriptor) > _LARGEST:
        raise ValueError(f"{len(model.descriptor)} bytes, at most are {_LARGEST}")
    files = FileDescriptorSet.FromString(model.descriptor).file
    if len(files) != 1 or len(files[0].service) != 1 or files[0].dependency or files[0].extension:
        raise ValueError("expected one file with one service that needs no other")
    file = files[0]
    # It shares a server with other models and with the protocol itself.
    if not file.package.startswith(PACKAGE):
        raise ValueError(f"package {file.package!r}, expected {PACKAGE}…")
    own = DescriptorPool()
    own.Add(file)  # pyright: ignore[reportAttributeAccessIssue]
    classes = message_factory.GetMessageClassesForFiles([file.name], own)
    service = own.FindServiceByName(f"{file.package}.{file.service[0].name}")
    if len(service.methods) != len(model.methods):
        raise ValueError(f"{len(service.methods)} methods, expected {len(model.methods)}")
    messages = {f".{file.package}.{each.name}": each for each in file.message_type}
    for described, method in zip(file.service[0].method, model.methods, strict=True):
        if described.client_streaming or described.server_streaming:
            raise ValueError(f"{described.name} streams")
        _compare(described.input_type, messages, method.inputs)
        _compare(described.output_type, messages, method.outputs)
    methods = tuple(
        (method, classes[method.input_type.full_name], classes[method.output_type.full_name])
        for method in service.methods
    )
    return TypedService(service.full_name, file, methods, model)


def _compare(name: str, messages: Mapping[str, DescriptorProto], specs: Sequence[TensorSpec]) -> None:
    """A request or a response against the inputs or outputs that it is to carry."""
    kinds = [_kind(field, messages) for field in messages[name].field]
    wanted = [f"{oip_dtype(spec.dtype).capitalize()}Tensor" for spec in specs]
    if kinds != wanted:
        raise ValueError(f"{name[1:]} holds {kinds}, expected {wanted}")


def _kind(field: FieldDescriptorProto, messages: Mapping[str, DescriptorProto]) -> str:
    tensor = messages.get(field.type_name)
    if tensor is None or (field.type, field.label) != (field.TYPE_MESSAGE, field.LABEL_OPTIONAL):
        return f"{field.name}, which is no tensor"
    parts = {(each.name, each.number, each.type, each.label) for each in tensor.field}
    expected = {
        ("shape", 1, field.TYPE_INT64, field.LABEL_REPEATED),
        ("data", 2, field.TYPE_BYTES, field.LABEL_OPTIONAL),
    }
    return tensor.name if parts == expected else f"another {tensor.name}"
