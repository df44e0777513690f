"""torch's dtypes by infc's names, and the MLIR element types that the torch dialect gives them."""

import torch

from ...runtime.artifact import DType

TORCH_DTYPES: dict[torch.dtype, DType] = {
    torch.float64: "f64",
    torch.float32: "f32",
    torch.float16: "f16",
    torch.bfloat16: "bf16",
    torch.int64: "i64",
    torch.int32: "i32",
    torch.int16: "i16",
    torch.int8: "i8",
    torch.uint8: "u8",
    torch.bool: "bool",
}

# The torch dialect writes signedness out.
TORCH_ELEMENT_TYPES: dict[DType, str] = {
    "f64": "f64",
    "f32": "f32",
    "f16": "f16",
    "bf16": "bf16",
    "i64": "si64",
    "i32": "si32",
    "i16": "si16",
    "i8": "si8",
    "u8": "ui8",
    "bool": "i1",
}
