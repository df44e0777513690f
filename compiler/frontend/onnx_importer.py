"""From an ONNX graph to the torch dialect, through torch-mlir, with every weight left outside."""

import re
from typing import Any

import onnx
import torch
from onnx import numpy_helper
from torch_mlir import ir
from torch_mlir.extras import onnx_importer

from infc.errors import CompileError

from ...passes.running.diagnostics import Diagnostics
from ...passes.walk import operations
from ..doors.onnx_tensors import to_tensor
from ..slab.weights import WeightTable
from .dtypes import TORCH_DTYPES, TORCH_ELEMENT_TYPES

_INLINE = 1024  # bytes: the largest literal of contract 1
# Their small float operands say what to compute, and have to be known when it is lowered.
_WITH_SETTINGS = {"Resize", "Upsample"}


def import_onnx(model: Any, name: str, context: ir.Context, weights: WeightTable) -> ir.Module:
    """The module of `model`, its operators still ONNX's, its function called `name`; its weights go into `weights`.

    Raises:
        CompileError: an operator that torch-mlir does not import, by its name.
    """
    own = onnx.ModelProto()
    own.CopyFrom(model)
    own.graph.name = name
    info = onnx_importer.ModelInfo(own)
    module: Any = info.create_module(context=context)
    with context, Diagnostics(context) as diagnostics:
        try:
            constants: Any = _Constants(context, weights, _settings(own))
            node_importer = onnx_importer.NodeImporter.define_function(
                info.main_graph, module.operation, context_cache=constants
            )
            node_importer.import_all()
            _raise_literals(module.operation)
        except ir.MLIRError as error:
            diagnostics.take(error)
            raise CompileError(diagnostics.summary(), hint=_HINT, stage="import") from error
        except (onnx_importer.OnnxImportError, LookupError, TypeError, ValueError, AssertionError) as error:
            raise CompileError(f"torch-mlir does not import the model: {error}", hint=_HINT, stage="import") from error
    return module


_HINT = "torch-mlir does not lower this operator of ONNX; export that part of the model with others"


class _Constants(onnx_importer.ContextCache):
    """Makes resources without data of the weights, and literals of what the lowering has to know."""

    def __init__(self, context: ir.Context, weights: WeightTable, settings: set[str]) -> None:
        super().__init__(context)
        self._weights, self._settings = weights, settings
        self._resources: dict[str, ir.Attribute] = {}

    def tensor_proto_to_attr(self, tp: Any) -> ir.Attribute:
        """The value of an initializer or of a constant."""
        tensor = to_tensor(numpy_helper.to_array(tp))
        known = not tensor.dtype.is_floating_point or tp.name in self._settings
        if tensor.numel() <= 1 or (known and tensor.nbytes <= _INLINE):
            return self._literal(tensor)
        key = tp.name if re.fullmatch(r"[\w.]+", tp.name) else f"weight_{len(self._weights.tensors)}"
        key = self._weights.add(key, tensor)
        if key not in self._resources:  # one that is parsed twice gets another name
            text = f'dense_resource<"{key}"> : {self.tensor_proto_to_builtin_type(tp)}'
            self._resources[key] = ir.Attribute.parse(text, context=self._c)
        return self._resources[key]

    def _literal(self, tensor: torch.Tensor) -> ir.Attribute:
        kind = TORCH_ELEMENT_TYPES[TORCH_DTYPES[tensor.dtype]]
        dims = "".join(f"{dim}x" for dim in tensor.shape)
        # Floats by their bits: text would round them.
        bits = tensor.view(_BITS[tensor.dtype]) if tensor.dtype.is_floating_point else tensor
        value = _nested(bits.tolist(), hexadecimal=tensor.dtype.is_floating_point, width=2 * tensor.element_size())
        return ir.Attribute.parse(f"dense<{value}> : tensor<{dims}{kind}>", context=self._c)


_BITS = {
    torch.float16: torch.int16,
    torch.bfloat16: torch.int16,
    torch.float32: torch.int32,
    torch.float64: torch.int64,
}


def _nested(value: Any, *, hexadecimal: bool, width: int) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_nested(each, hexadecimal=hexadecimal, width=width) for each in value)}]"
    if hexadecimal:
        return f"0x{value % (1 << 4 * width):0{width}X}"
    return str(value).lower()  # MLIR's true and false are lower-case


def _settings(model: Any) -> set[str]:
    return {name for node in model.graph.node if node.op_type in _WITH_SETTINGS for name in node.input[1:]}


def _raise_literals(module: ir.Operation) -> None:
    """Give weights the form that they have when they come from PyTorch; ONNX's would lose their names."""
    for op in operations(module, "torch.operator"):
        if "torch.onnx.value" not in op.attributes or not str(op.attributes["torch.onnx.value"]).startswith(
            "dense_resource<"
        ):
            continue
        with op.location, ir.InsertionPoint(op):
            literal = ir.Operation.create(
                "torch.vtensor.literal",
                results=[op.results[0].type],
                attributes={"value": op.attributes["torch.onnx.value"]},
            )
        op.results[0].replace_all_uses_with(literal.results[0])
        op.erase()
