"""The `rpc` module of an artifact: its interface as MLIR, made by the pass `rpc-interface`; all that codegen reads."""

from typing import Any

import msgspec
from torch_mlir import ir
from torch_mlir.dialects import func

from infc.errors import SourceError

from ..codegen.proto_descriptor import descriptor_of
from ..codegen.proto_view import proto_view
from ..codegen.service import Fields, Service, ServiceMethod, Side
from ..dialects import load
from ..dialects.plain import Plain, to_attribute
from ..passes.stages.rpc_interface import PROTOTYPE, RpcInterface
from ..runtime.artifact import (
    DESCRIPTOR_MEDIA_TYPE,
    POOL_RPC_MEDIA_TYPE,
    RPC_MEDIA_TYPE,
    UNKNOWN,
    ArtifactWriter,
    Method,
    TensorSpec,
)

# infc's dtype: MLIR's
_ELEMENTS = {
    "f64": "f64", "f32": "f32", "f16": "f16", "bf16": "bf16", "i64": "i64", "i32": "i32", "i16": "i16", "i8": "i8",
    "u8": "ui8", "bool": "i1",
}  # fmt: skip


def add_service(writer: ArtifactWriter, service: Service) -> None:
    """Store the service in an artifact: as an `rpc` module for codegen, and as a descriptor of what a pool serves.

    Raises as `rpc_module`, and ArtifactError where the file system refuses.
    """
    writer.add_blob(rpc_module(service), RPC_MEDIA_TYPE)
    if service.pool:
        writer.add_blob(rpc_module(service.pool), POOL_RPC_MEDIA_TYPE)
    writer.add_blob(descriptor_of(proto_view(service.served)), DESCRIPTOR_MEDIA_TYPE)


def rpc_module(service: Service) -> bytes:
    """The module's text: one `rpc.service` with a method for each of the model's.

    Raises:
        SourceError: a constant among the arguments or results is an integer of more than 64 bits.
    """
    with ir.Context() as context, ir.Location.unknown():
        load(context)
        module = ir.Module.create()
        with ir.InsertionPoint(module.body):
            for each in service.methods:
                _prototype(each)
        RpcInterface(service=service.name).run(module.operation)
        module.operation.verify()
        return f"{module}".encode()


def _prototype(described: ServiceMethod) -> None:
    """A declaration of the method's function, with attributes that say what its types do not."""
    method = described.method
    try:
        said: dict[str, Plain] = {
            "takes": msgspec.to_builtins(method.takes),
            "returns": msgspec.to_builtins(method.returns),
            "dims": [f"{dim.name}[{dim.low}..{dim.high}]" for dim in method.dims],
            "doc": described.doc,
            "buckets": [[f"{name}={size}" for name, size in bucket.items()] for bucket in described.buckets],
            "reserved_inputs": [list(each) for each in described.inputs.reserved],
            "reserved_outputs": [list(each) for each in described.outputs.reserved],
        }
        attributes = {f"rpc.{name}": to_attribute(value) for name, value in said.items() if value}
    except ValueError as error:
        raise SourceError(
            f"method {method.name!r} takes or returns a constant that no interface holds: {error}",
            hint="make it a tensor, or leave it out of what forward takes and returns",
        ) from error
    function: Any = func.FuncOp(method.name, (_types(method.inputs), _types(method.outputs)), visibility="private")
    function.arg_attrs = _extras(method, "inputs", described.inputs)
    function.operation.attributes["res_attrs"] = ir.ArrayAttr.get(_extras(method, "outputs", described.outputs))
    for name, value in attributes.items():
        function.operation.attributes[name] = value
    function.operation.attributes[PROTOTYPE] = ir.UnitAttr.get()


def _types(specs: tuple[TensorSpec, ...]) -> list[ir.Type]:
    dynamic = ir.ShapedType.get_dynamic_size()
    return [
        ir.RankedTensorType.get(
            [size if isinstance(size, int) else dynamic for size in spec.shape], ir.Type.parse(_ELEMENTS[spec.dtype])
        )
        for spec in specs
    ]


def _extras(method: Method, side: Side, fields: Fields) -> list[ir.DictAttr]:
    ranges = {dim.name: f"{dim.name}[{dim.low}..{dim.high}]" for dim in method.dims} | {UNKNOWN: UNKNOWN}
    specs = method.inputs if side == "inputs" else method.outputs
    entries: list[ir.DictAttr] = []
    for spec, number in zip(specs, fields.numbers, strict=True):
        said: dict[str, Plain | None] = {
            "name": spec.name,
            "dims": [ranges[size] for size in spec.shape if isinstance(size, str)] or None,
            "low": spec.low,
            "high": spec.high,
            "number": number,
        }
        entry = {f"rpc.{key}": to_attribute(value) for key, value in said.items() if value is not None}
        entries.append(ir.DictAttr.get(entry))
    return entries
