"""From an artifact's `rpc` module, which codegen reads and nothing else of the artifact, to a `Service`."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec
from torch_mlir import ir

from infc.errors import ArtifactError

from ..dialects import load
from ..dialects.plain import from_attribute
from ..dialects.rpc import Method as MethodOp
from ..dialects.rpc import Service as ServiceOp
from ..dialects.rpc_method import DIM
from ..runtime.artifact import Dim, Method, TensorSpec, check_interface
from ..runtime.artifact.signature import Parameter, Tree
from .rpc_text import checked
from .service import Fields, Service, ServiceMethod, Side

_DTYPES = {
    "f64": "f64", "f32": "f32", "f16": "f16", "bf16": "bf16", "i64": "i64", "i32": "i32", "i16": "i16", "i8": "i8",
    "ui8": "u8", "i1": "bool",
}  # fmt: skip
_FIELD = re.compile(r"[a-z][a-z0-9_]*")
_AGAIN = "compile the model again with this infc"


def read_service(data: bytes, where: str) -> Service:
    """The service that the module `data` declares. `where` names the artifact in errors.

    Raises:
        ArtifactError: it is no module with one `rpc.service`, or what it says does not fit together.
    """
    text = checked(data, where)
    with ir.Context() as context, ir.Location.unknown():
        load(context)
        try:
            module = ir.Module.parse(text)
            service = _service(module)
        except ir.MLIRError as error:
            raise ArtifactError(f"{where}: the rpc module does not parse: {_first(error)}", hint=_AGAIN) from error
        except (msgspec.ValidationError, ValueError, KeyError) as error:
            raise ArtifactError(f"{where}: the rpc module is not valid: {error}", hint=_AGAIN) from error
    check_interface(where, service.interface)
    return service


def _service(module: Any) -> Service:
    found = list(module.body.operations)
    if len(found) != 1 or found[0].operation.name != ServiceOp.OPERATION_NAME:
        names = ", ".join(op.operation.name for op in found[:3]) or "nothing"
        raise ValueError(f"it holds {names}, expected one rpc.service")
    methods = [op for block in found[0].regions[0].blocks for op in block.operations]
    return Service(found[0].attributes["sym_name"].value, tuple(_method(op) for op in methods))


def _method(op: Any) -> ServiceMethod:
    if op.operation.name != MethodOp.OPERATION_NAME:
        raise ValueError(f"its service holds {op.operation.name}")
    said = {
        name: op.attributes[name] for name in ("takes", "returns", "dims", "buckets", "doc") if name in op.attributes
    }
    plain: dict[str, Any] = {name: from_attribute(each) for name, each in said.items()}
    method = Method(
        name=op.attributes["sym_name"].value,
        inputs=tuple(_tensor(each) for each in op.attributes["inputs"]),
        outputs=tuple(_tensor(each) for each in op.attributes["outputs"]),
        takes=msgspec.convert(plain.get("takes", []), tuple[Parameter, ...]),
        returns=msgspec.convert(plain["returns"], Tree),
        dims=tuple(_dim(text) for text in plain.get("dims", [])),
    )
    return ServiceMethod(
        method,
        _fields(op, "inputs"),
        _fields(op, "outputs"),
        doc=plain.get("doc", ""),
        buckets=tuple(_bucket(each) for each in plain.get("buckets", [])),
    )


def _tensor(entry: Any) -> TensorSpec:
    kind = ir.RankedTensorType(entry["type"].value)
    dims = iter(text.value.partition("[")[0] for text in entry["dims"]) if "dims" in entry else iter(())
    shape = tuple(next(dims) if kind.is_dynamic_dim(axis) else kind.get_dim_size(axis) for axis in range(kind.rank))
    element = str(kind.element_type)
    if element not in _DTYPES or kind.encoding is not None:
        raise ValueError(f"{entry['name'].value!r} is a {kind}, expected elements of {', '.join(_DTYPES)}")
    low, high = (from_attribute(entry[key]) if key in entry else None for key in ("low", "high"))
    return TensorSpec(name=entry["name"].value, dtype=_DTYPES[element], shape=shape, low=low, high=high)  # pyright: ignore[reportArgumentType]  # the verifier of rpc.method has seen to it


def _dim(text: Any) -> Dim:
    match = DIM.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no dim")
    return Dim(name=match[1], low=int(match[2]), high=int(match[3]))


def _bucket(items: Any) -> dict[str, int]:
    pairs = [item.partition("=") for item in msgspec.convert(items, list[str])]
    return {name: int(size) for name, _, size in pairs}


def _fields(op: Any, side: Side) -> Fields:
    entries = list(op.attributes[side])
    numbers = tuple(
        int(from_attribute(entry["number"])) if "number" in entry else place  # pyright: ignore[reportArgumentType]
        for place, entry in enumerate(entries, 1)
    )
    if len(set(numbers)) < len(numbers):
        raise ValueError(f"some {side} have numbers and others have not")
    key = f"reserved_{side}"
    reserved: Any = from_attribute(op.attributes[key]) if key in op.attributes else []
    found = msgspec.convert(reserved, tuple[tuple[int, str], ...])
    if wrong := [name for _, name in found if not _FIELD.fullmatch(name)]:
        raise ValueError(f"{wrong[0]!r} is no name of a field")
    return Fields(numbers, found)


def _first(error: ir.MLIRError) -> str:
    lines: Sequence[str] = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[1] if len(lines) > 1 else lines[0])[:300]
