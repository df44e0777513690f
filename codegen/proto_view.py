"""A model's typed service as protobuf has it: what its `.proto` is written from, and its descriptor."""

from dataclasses import dataclass

from ..runtime.artifact import Dim
from .proto_names import field_names, pascal, rpc_names, snake
from .service import Fields, Service
from .tensor_view import TensorView, tensor_views

PACKAGE = "infc.models"  # before the model's own name
UNKNOWN = "?"


@dataclass(frozen=True)
class FieldView:
    """One field of a request or a response: a tensor. `kind` is its message type."""

    name: str
    number: int
    kind: str
    tensor: TensorView


@dataclass(frozen=True)
class MessageView:
    """A request or a response. `reserved` are the numbers and names of fields that an earlier version had."""

    name: str
    fields: tuple[FieldView, ...]
    reserved: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class RpcView:
    """One method of the service."""

    name: str
    method: str
    doc: str
    request: MessageView
    response: MessageView
    dims: tuple[Dim, ...]


@dataclass(frozen=True)
class TensorKind:
    """The message that carries tensors of one dtype: `Fp32Tensor` for `FP32`."""

    name: str
    datatype: str


@dataclass(frozen=True)
class ProtoView:
    """One `.proto`: `file` is its name, `model` what a pool calls the model.

    With a `front` it is that of a pool's part: the model's first stages run in the application.
    """

    model: str
    file: str
    package: str
    service: str
    methods: tuple[RpcView, ...]
    kinds: tuple[TensorKind, ...]
    front: bool = False


def proto_view(service: Service, *, front: bool = False) -> ProtoView:
    """The typed service of a model, or with a `front` of the part of it that a pool serves."""
    plain = snake(service.name, fallback="model")
    names = rpc_names("forward" if each.method.name == "main" else each.method.name for each in service.methods)
    methods: list[RpcView] = []
    for name, each in zip(names, service.methods, strict=True):
        request = _message(f"{name}Request", tensor_views(each.method.inputs, "input"), each.inputs, "input")
        response = _message(f"{name}Response", tensor_views(each.method.outputs, "output"), each.outputs, "output")
        methods.append(RpcView(name, each.method.name, each.doc, request, response, each.method.dims))
    messages = [message for each in methods for message in (each.request, each.response)]
    kinds = {field.kind: field.tensor.datatype for message in messages for field in message.fields}
    stem = pascal(service.name, fallback="Model")
    taken = {message.name for message in messages} | set(kinds)
    return ProtoView(
        model=service.name,
        # Not over the protocol's own file, which lies beside it.
        file=f"{plain}_model.proto" if plain == "open_inference" else f"{plain}.proto",
        package=f"{PACKAGE}.{plain}",
        service=f"{stem}Service" if stem in taken else stem,
        methods=tuple(methods),
        kinds=tuple(TensorKind(*each) for each in sorted(kinds.items())),
        front=front,
    )


def _message(name: str, tensors: tuple[TensorView, ...], fields: Fields, fallback: str) -> MessageView:
    # A name that once was is not given to another tensor.
    gone = [text for _, text in fields.reserved]
    names = field_names((tensor.name for tensor in tensors), fallback, gone)
    views = tuple(
        FieldView(field, number, f"{tensor.datatype.capitalize()}Tensor", tensor)
        for field, number, tensor in zip(names, fields.numbers, tensors, strict=True)
    )
    return MessageView(name, views, fields.reserved)
