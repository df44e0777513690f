"""Inference requests to arrays, with every claim checked before anything is queued, and outputs to responses."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from infc.errors import InvalidInput

from ...runtime.artifact import DType
from ...runtime.artifact.dtypes import numpy_dtype
from ...runtime.inputs import check_inputs
from ..oip import DTYPES, DTypeInfo, by_name, by_oip, messages
from .controller import VERSION
from .model import Model
from .work import Answer

# Parameters of Triton's protocol extensions that change what an answer means. Ignoring them would answer wrongly.
_REFUSED = ("shared_memory_region", "classification")


def read_request(request: Any, model: Model) -> list[np.ndarray]:
    """The inputs of a `ModelInferRequest` in the order of the model's method.

    Raises:
        InvalidInput: names the input, what was found and what was expected.
    """
    raw = request.raw_input_contents
    if raw and len(raw) != len(request.inputs):
        raise InvalidInput(
            f"{len(raw)} raw_input_contents for {len(request.inputs)} inputs",
            hint="send one entry for each input, in the same order, or typed contents for all of them",
        )
    arrays: dict[str, np.ndarray] = {}
    for number, entry in enumerate(request.inputs):
        if entry.name in arrays:
            raise InvalidInput(f"input {entry.name!r} was sent twice", hint="send each input once")
        _refuse_extensions(entry)
        if raw and entry.HasField("contents"):
            raise InvalidInput(
                f"input {entry.name!r} has typed contents in a request with raw_input_contents",
                hint="send all inputs in one of the two forms",
            )
        info = _dtype(entry)
        arrays[entry.name] = _shaped(entry, _from_raw(entry, info, raw[number]) if raw else _from_typed(entry, info))
    return check_inputs(model.method, arrays)


def requested(request: Any, model: Model) -> list[int]:
    """Which outputs the caller wants, as places in the method's outputs: those it lists, in its order, or all.

    Raises:
        InvalidInput: it lists one that the model has not, or one twice.
    """
    names = [output.name for output in model.outputs]
    if not request.outputs:
        return list(range(len(names)))
    wanted: list[int] = []
    for entry in request.outputs:
        _refuse_extensions(entry)
        if entry.name not in names:
            raise InvalidInput(
                f"model {model.name!r} has no output {entry.name!r}", hint=f"its outputs are {', '.join(names)}"
            )
        place = names.index(entry.name)
        if place in wanted:
            raise InvalidInput(f"output {entry.name!r} was requested twice", hint="request each output once")
        wanted.append(place)
    return wanted


def write_response(model: Model, outputs: Sequence[Answer], wanted: Sequence[int], identifier: str) -> Any:
    """The `ModelInferResponse` with the wanted outputs as raw contents."""
    response = messages().ModelInferResponse(model_name=model.name, model_version=VERSION, id=identifier)
    for place in wanted:
        output = outputs[place].tensor
        response.outputs.add(name=output.name, datatype=oip_dtype(output.dtype), shape=output.shape)
        response.raw_output_contents.append(outputs[place].data)
    return response


def oip_dtype(dtype: str) -> str:
    """The protocol's name of one of infc's dtypes."""
    info = by_name(dtype)
    if info is None:
        raise ValueError(f"no such dtype: {dtype!r}")
    return info.oip


def _refuse_extensions(entry: Any) -> None:
    for name in _REFUSED:
        if name in entry.parameters:
            raise InvalidInput(
                f"{entry.name!r} asks for {name!r}, which this pool does not do",
                hint="send and receive tensors in the messages themselves",
            )


def _dtype(entry: Any) -> DTypeInfo:
    info = by_oip(entry.datatype)
    if info is None:
        raise InvalidInput(
            f"input {entry.name!r} has datatype {entry.datatype!r}, which this pool does not know",
            hint=f"datatypes are {', '.join(info.oip for info in DTYPES)}",
        )
    return info


def _shaped(entry: Any, flat: np.ndarray) -> np.ndarray:
    shape = tuple(entry.shape)
    if min(shape, default=0) < 0 or math.prod(shape) != flat.size:
        raise InvalidInput(
            f"input {entry.name!r} has {flat.size} elements, its shape {list(shape)} says otherwise",
            hint="the elements must fill the shape exactly",
        )
    try:
        return flat.reshape(shape)
    except ValueError as error:
        raise InvalidInput(
            f"input {entry.name!r} has shape {list(shape)[:8]}…: {error}",
            hint="sizes are 0 or more, and the shape has as many elements as are sent",
        ) from error


def _from_raw(entry: Any, info: DTypeInfo, data: bytes) -> np.ndarray:
    expected = max(math.prod(entry.shape), 0) * info.size
    if len(data) != expected:
        raise InvalidInput(
            f"input {entry.name!r} has {len(data)} bytes, expected {expected} for {info.oip} {list(entry.shape)}",
            hint="raw contents are the elements in row-major order, little-endian, without padding",
        )
    return np.frombuffer(data, numpy_dtype(_name(info)))


def _from_typed(entry: Any, info: DTypeInfo) -> np.ndarray:
    filled = [field.name for field, _ in entry.contents.ListFields()]
    if not info.contents:
        raise InvalidInput(
            f"input {entry.name!r} is {info.oip}, which has no typed contents", hint="send it in raw_input_contents"
        )
    if filled not in ([], [info.contents]):
        raise InvalidInput(
            f"input {entry.name!r} is {info.oip} and has {', '.join(filled)}, expected {info.contents}",
            hint="fill the contents that belong to the datatype, and no other",
        )
    dtype = numpy_dtype(_name(info))
    values = np.array(getattr(entry.contents, info.contents))
    if dtype.kind in "iu" and values.size:
        limits = np.iinfo(dtype)
        lowest, highest = int(values.min()), int(values.max())
        if lowest < limits.min or highest > limits.max:
            raise InvalidInput(
                f"input {entry.name!r} has values from {lowest} to {highest}, expected {limits.min} to {limits.max} "
                f"for {info.oip}"
            )
    return values.astype(dtype)


def _name(info: DTypeInfo) -> DType:
    return info.name  # pyright: ignore[reportReturnType]  # the table of the protocol has the format's dtypes only
